"""Reading answers fast: `ListModelInvocationJobs` straight into what is used of it, and times without dateutil.

botocore reads a page of 1000 jobs in a fifth of a second, most of it in dateutil, and gives up the whole page for one
malformed member. docs/design/0004-decoding.md tells what stands here instead, and why it may.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from botocore.session import Session
from botocore.utils import parse_timestamp

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Summary(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A `ModelInvocationJobSummary`, as far as it is read: `job_arn` is its `jobArn`, and so on. Any may be missing."""

    job_arn: str | None = None
    job_name: str | None = None
    model_id: str | None = None
    status: str | None = None
    submit_time: Time | None = None
    last_modified_time: Time | None = None
    end_time: Time | None = None
    timeout_duration_in_hours: Count | None = None
    job_expiration_time: Time | None = None
    model_invocation_type: str | None = None
    total_record_count: Count | None = None
    processed_record_count: Count | None = None
    success_record_count: Count | None = None
    error_record_count: Count | None = None


class _Page(msgspec.Struct):
    """The answer, its members named as Bedrock names them."""

    invocationJobSummaries: list[Summary | None] | None = None  # noqa: N815
    nextToken: str | None = None  # noqa: N815


_decode = msgspec.json.Decoder(_Page).decode


def install(session: Session) -> None:
    """Let the clients of a session read answers fast."""
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=time_from)
    session.register("before-parse.bedrock.ListModelInvocationJobs", _before_parse)


def time_from(value: Any) -> datetime:
    """Return the time that a member tells, as botocore does. Raises ValueError and its kin where it tells none."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None:
                return moment
    moment = parse_timestamp(value)
    # A time without a zone is UTC, whatever the zone of this machine.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def summary_from(members: Any) -> Summary:
    """Return what can be read of a summary, raw or parsed by botocore; what is of a wrong type is left out."""
    if not isinstance(members, Mapping):
        return Summary()
    return Summary(**{name: read(members.get(member)) for name, member, read in _READERS})


def _before_parse(**event: Any) -> None:
    """Answer botocore's event `before-parse`, which is not documented: should it change, botocore parses as ever."""
    response, customized = event.get("response_dict"), event.get("customized_response_dict")
    if response is None or customized is None or response.get("status_code") != 200:  # noqa: PLR2004 - OK
        return
    page = _page_from(response.get("body"))
    if page is None:
        return
    # botocore goes on with the status and the headers, and finds nothing more to parse.
    response["body"] = b"{}"
    customized.update((name, value) for name, value in msgspec.structs.asdict(page).items() if value is not None)


def _page_from(body: Any) -> _Page | None:
    """Return the page that an answer is, None where botocore should look at it."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        pass
    # Something in it is unusual. The rest is read all the same: one odd job must not hide a thousand others.
    try:
        answer = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return _Page()
    summaries, token = answer.get("invocationJobSummaries"), _text(answer.get("nextToken"))
    if not isinstance(summaries, list):
        return _Page(nextToken=token)
    return _Page([summary_from(summary) for summary in summaries if summary is not None], token)


def _text(value: Any) -> str | None:
    # JSON can hold half of a surrogate pair, which no UTF-8 can.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return time_from(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _count(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**63 else None


_READERS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = tuple(
    (
        field.name,
        field.encode_name,
        _time if field.name.endswith("_time") else _count if field.name.endswith(("_count", "_hours")) else _text,
    )
    for field in msgspec.structs.fields(Summary)
)
