"""Listing batch inference jobs: from Bedrock's summaries to jobs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from botocore.exceptions import ClientError

from exporter.aws.decoding import Summary, summary_from
from exporter.aws.errors import BadResponseError, code_of, is_throttle, retry_after_seconds
from exporter.listing import PAGE_JOBS, Query
from exporter.model import Job, Status

PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""How long a listing waits where AWS throttles it on its way: to begin anew would ask for all its pages again."""
LONGEST_PAUSE_SECONDS = 10.0
"""The longest `Retry-After` that a listing waits for; beyond it the poll fails, and the next one comes later."""


def pages(
    client: Any,
    query: Query,
    is_abandoned: Callable[[], bool],
    known: Mapping[str, Job] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[Job, ...]]:
    """Return the pages of one listing. Jobs that are known, by ARN, and have not changed are the known objects.

    Source: `ListModelInvocationJobs`. Tokens can repeat: one that was seen is followed once more, and if it leads
    nowhere else a page with room left is the last. Raises what boto3 raises, TimeoutError once the poll is abandoned,
    and BadResponseError for an answer without `invocationJobSummaries` and for a full or empty page that leads to
    itself: what follows it cannot be seen, and must not be taken for gone.
    """
    arguments = _arguments(query)
    seen: set[str] = set()
    repeats, pauses = False, iter(PAUSES_SECONDS)
    while True:
        if is_abandoned():
            raise TimeoutError("the poll was given up")
        try:
            response: Mapping[str, Any] = client.list_model_invocation_jobs(**arguments)
        except ClientError as error:
            pause_seconds = _pause_seconds(error, pauses) if seen else None
            if pause_seconds is None:
                raise
            wait(pause_seconds)
            continue
        summaries = _summaries(response)
        yield tuple([job_from(summary, known) for summary in summaries if summary is not None])
        token = response.get("nextToken")
        if not token:
            return
        if token in seen and repeats:
            if 0 < len(summaries) < PAGE_JOBS:
                return
            raise BadResponseError("ListModelInvocationJobs: a nextToken that leads to where it came from")
        repeats = token in seen
        seen.add(token)
        arguments["nextToken"] = token


def probe(client: Any) -> None:
    """Ask for as little as can be asked for: whether a listing is answered at all. Raises as `pages` does."""
    _summaries(client.list_model_invocation_jobs(maxResults=1))


def _arguments(query: Query) -> dict[str, Any]:
    # The default page size and order are not documented: always ask for both.
    arguments: dict[str, Any] = {
        "maxResults": PAGE_JOBS,
        "sortBy": "CreationTime",
        "sortOrder": "Descending" if query.newest_first else "Ascending",
    }
    if query.status:
        arguments["statusEquals"] = query.status.value
    if query.submitted_after_seconds is not None:
        arguments["submitTimeAfter"] = datetime.fromtimestamp(query.submitted_after_seconds, UTC)
    if query.submitted_before_seconds is not None:
        arguments["submitTimeBefore"] = datetime.fromtimestamp(query.submitted_before_seconds, UTC)
    return arguments


def _summaries(response: Mapping[str, Any]) -> Sequence[Any]:
    summaries: Sequence[Any] | None = response.get("invocationJobSummaries")
    if summaries is None:
        # boto3 returns {} for a 200 that is not JSON: never "no jobs".
        raise BadResponseError("ListModelInvocationJobs: an answer without invocationJobSummaries")
    return summaries


def _pause_seconds(error: ClientError, pauses: Iterator[float]) -> float | None:
    """Return how long to wait until the page is asked for again, None where that is in vain."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    if not is_throttle(code_of(error.response), metadata.get("HTTPStatusCode")):
        return None
    pause_seconds = next(pauses, None)
    asked_seconds = retry_after_seconds(metadata) or 0.0
    return None if pause_seconds is None or asked_seconds > LONGEST_PAUSE_SECONDS else max(pause_seconds, asked_seconds)


def job_from(summary: Summary | Mapping[str, Any], known: Mapping[str, Job] | None = None) -> Job:
    """Return the job of a `ModelInvocationJobSummary`, decoded or as botocore parsed it. Any member may be missing.

    Where the job is known and has not changed, it is the known object, which is also quicker had than a new one.
    """
    if not isinstance(summary, Summary):
        summary = summary_from(summary)
    submit_seconds = _seconds(summary.submit_time)
    expiration_seconds = _seconds(summary.job_expiration_time)
    timeout_hours = summary.timeout_duration_in_hours
    if expiration_seconds is None and submit_seconds is not None and timeout_hours is not None:
        expiration_seconds = submit_seconds + timeout_hours * 3600.0
    name = summary.job_name or ""
    # Without an ARN the name and time must do, so that the job is counted all the same.
    arn = summary.job_arn or f"unidentified/{name}@{submit_seconds}"
    facts = (
        arn,
        name,
        readable_model_id(summary.model_id or ""),
        _STATUSES.get(summary.status or "", Status.UNKNOWN),
        summary.model_invocation_type,
        submit_seconds,
        _seconds(summary.last_modified_time),
        _seconds(summary.end_time),
        expiration_seconds,
        summary.total_record_count,
        summary.processed_record_count,
        summary.success_record_count,
        summary.error_record_count,
    )
    job = known.get(arn) if known else None
    return job if job is not None and _facts(job) == facts else Job(*facts)


_facts = attrgetter(*(field.name for field in fields(Job)))


@lru_cache(maxsize=4096)
def readable_model_id(model_id: str) -> str:
    """Return the tail of a model's ARN that a person reads, different for different models.

    A foundation model and a system-defined inference profile are named as their ids are, whether given by id or ARN;
    any other ARN keeps the kind of resource: `application-inference-profile/abc`, `custom-model/name/id`.
    """
    parts = model_id.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:  # noqa: PLR2004 - arn:partition:service:region:account:resource
        return model_id
    tail = parts[5]
    kind, _, rest = tail.partition("/")
    return rest if kind in {"foundation-model", "inference-profile"} and rest else tail


_STATUSES = {status.value: status for status in Status}


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
