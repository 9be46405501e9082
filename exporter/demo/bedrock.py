"""Bedrock's ListModelInvocationJobs, as botocore's model of it has it."""

from collections.abc import Mapping

from exporter.demo.jobs import BadTokenError, JobStore, ListQuery, parse_time
from exporter.demo.wire import Answer, Problem, Refused, request_id

STATUSES = (
    "Submitted", "Validating", "Scheduled", "InProgress", "Stopping",
    "Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired",
)  # fmt: skip
_PARAMETERS = frozenset(
    ("maxResults", "nextToken", "statusEquals", "submitTimeAfter", "submitTimeBefore", "nameContains", "sortBy",
     "sortOrder")
)  # fmt: skip
_MAX_RESULTS = 1000
_MAX_TOKEN_LENGTH = 2048


def list_jobs(
    store: JobStore, params: Mapping[str, str], *, now_seconds: float, overlap_jobs: int = 0, empty: bool = False
) -> Answer:
    """Answer with one page of the listing, validated as AWS does; an `empty` one only leads to itself."""
    query = _query(params)
    token = params.get("nextToken")
    if token is not None and not 1 <= len(token) <= _MAX_TOKEN_LENGTH:
        raise Refused(Problem.INVALID, "Member must have length less than or equal to 2048: nextToken")
    try:
        page, following = store.page(query, token, now_seconds=now_seconds, overlap_jobs=overlap_jobs)
    except BadTokenError:
        raise Refused(Problem.INVALID, "The nextToken is not valid for this request.") from None
    if empty:
        return page_answer([], token or store.token(query, None))
    return page_answer(page, following)


def page_answer(page: list[bytes], following: str | None) -> Answer:
    """Put a page into the response's shape; without a further page there is no `nextToken`."""
    tail = b',"nextToken":"%s"}' % following.encode() if following is not None else b"}"
    body = b'{"invocationJobSummaries":[' + b",".join(page) + b"]" + tail
    return Answer(body, headers=(("x-amzn-RequestId", request_id()),))


def _query(params: Mapping[str, str]) -> ListQuery:
    if unknown := params.keys() - _PARAMETERS:
        raise Refused(Problem.INVALID, f"Unknown parameter: {min(unknown)}")
    size = params.get("maxResults", "100")
    if not size.isdecimal() or not 1 <= int(size) <= _MAX_RESULTS:
        raise Refused(
            Problem.INVALID, f"Value '{size}' at 'maxResults' failed to satisfy constraint: 1 to {_MAX_RESULTS}"
        )
    _one_of(params, "statusEquals", STATUSES)
    _one_of(params, "sortBy", ("CreationTime",))
    _one_of(params, "sortOrder", ("Ascending", "Descending"))
    name = params.get("nameContains")
    if name == "":
        raise Refused(Problem.INVALID, "Value '' at 'nameContains' failed to satisfy constraint: length 1 to 63")
    unbounded = ListQuery()
    return ListQuery(
        max_results=int(size),
        status=params.get("statusEquals"),
        after_seconds=_time(params, "submitTimeAfter", unbounded.after_seconds),
        before_seconds=_time(params, "submitTimeBefore", unbounded.before_seconds),
        name_contains=name or "",
        descending=params.get("sortOrder", "Descending") == "Descending",
    )


def _one_of(params: Mapping[str, str], name: str, values: tuple[str, ...]) -> None:
    value = params.get(name)
    if value is not None and value not in values:
        allowed = ", ".join(values)
        raise Refused(
            Problem.INVALID,
            f"Value '{value}' at '{name}' failed to satisfy constraint: enum value set [{allowed}]",
        )


def _time(params: Mapping[str, str], name: str, otherwise: float) -> float:
    if name not in params:
        return otherwise
    seconds = parse_time(params[name])
    if seconds is None:
        raise Refused(Problem.INVALID, f"Value '{params[name]}' at '{name}' is not an ISO 8601 timestamp")
    return seconds
