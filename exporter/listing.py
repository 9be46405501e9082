"""Which questions to ask of `ListModelInvocationJobs`, and what the answers amount to.

Knows no AWS: it is given the pages.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from exporter.model import ACTIVE_STATUSES, Job, Listing, Status

LIFE_CYCLE = {status: place for place, status in enumerate(Status)}
LONGEST_TIMEOUT_SECONDS = 168 * 3600.0
REMEMBERED_SECONDS = 600.0
"""A finished job is remembered at least so long, so that it is never counted twice."""


@dataclass(frozen=True, slots=True)
class Query:
    """One listing: the filters and the order of `ListModelInvocationJobs`. Times are Unix seconds."""

    status: Status | None = None
    submitted_after_seconds: float | None = None
    submitted_before_seconds: float | None = None
    newest_first: bool = True


Pages: TypeAlias = Callable[[Query], Iterable[Sequence[Job]]]
"""Runs a query: pages of jobs, which may overlap."""


@dataclass(frozen=True, slots=True)
class Window:
    """What of the history counts."""

    lookback_seconds: float
    retention_seconds: float
    """How long a finished job is kept by name."""
    is_wanted: Callable[[str], bool] = lambda _name: True
    """Whether a job of this name is looked at at all."""


def list_jobs(pages: Pages, window: Window, previous: Listing | None, at_seconds: float) -> Listing:
    """Return all jobs that are active, whatever their age, and all that were submitted within the lookback."""
    edge_seconds = at_seconds - window.lookback_seconds
    queries = [Query(submitted_after_seconds=edge_seconds)]
    if window.lookback_seconds <= LONGEST_TIMEOUT_SECONDS:
        # In the order of life: a job that moves on while we look is seen again, not missed.
        queries += [
            Query(status, submitted_before_seconds=edge_seconds, newest_first=False) for status in ACTIVE_STATUSES
        ]
    seen: dict[str, Job] = {}
    for query in queries:
        for page in pages(query):
            for job in page:
                if window.is_wanted(job.name):
                    known = seen.get(job.arn)
                    if known is None or LIFE_CYCLE[job.status] >= LIFE_CYCLE[known.status]:
                        seen[job.arn] = job
    return Listing(
        at_seconds=at_seconds,
        jobs={arn: job for arn, job in seen.items() if _is_kept(job, window, previous, at_seconds)},
        finished_counts=Counter((job.model_id, job.status) for job in seen.values() if job.is_finished),
    )


def _is_kept(job: Job, window: Window, previous: Listing | None, at_seconds: float) -> bool:
    """Whether a job stays known by name: until it finished, was counted as finished, and was named long enough."""
    if not job.is_finished or job.finished_seconds is None:
        return True
    if at_seconds - job.finished_seconds <= max(window.retention_seconds, REMEMBERED_SECONDS):
        return True
    if previous is None:
        return False
    known: Mapping[str, Job] = previous.jobs
    return job.finished_seconds >= previous.at_seconds - REMEMBERED_SECONDS or (
        job.arn in known and not known[job.arn].is_finished
    )
