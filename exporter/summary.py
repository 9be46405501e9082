"""What one target's jobs amount to: counts and extremes, and which jobs get series of their own."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model import ACTIVE_STATUSES, Job, Listing, ModelStatus, Status


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the jobs is shown."""

    max_jobs: int
    """Jobs with series of their own, a target."""
    retention_seconds: float
    """How long a finished job keeps its own series."""
    stale_after_seconds: float
    """How long jobs and counts are shown without a successful poll."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One target's jobs as the metrics tell them. Times are Unix seconds."""

    counts: Mapping[Status, int]
    """All statuses, zeros too."""
    model_counts: Mapping[ModelStatus, int]
    """What is not zero."""
    oldest_submit_seconds: Mapping[Status, float]
    """Of the active statuses that have jobs with a `submitTime`."""
    next_expiration_seconds: float | None
    """The soonest among active jobs."""
    jobs: tuple[Job, ...]
    """Those with series of their own."""
    dropped: int
    """How many more there are."""


def summarize(listing: Listing, limits: Limits) -> Summary:
    """Return what a listing amounts to. Where jobs exceed the cap, the soonest to expire have series of their own."""
    model_counts: Counter[ModelStatus] = Counter(listing.finished_counts)
    oldest: dict[Status, float] = {}
    expirations: list[float] = []
    shown: list[Job] = []
    for job in listing.jobs.values():
        if job.is_finished:
            ended = job.finished_seconds
            if ended is None or listing.at_seconds - ended <= limits.retention_seconds:
                shown.append(job)
            continue
        shown.append(job)
        model_counts[job.model_id, job.status] += 1
        if job.is_active:
            if job.submit_seconds is not None:
                oldest[job.status] = min(job.submit_seconds, oldest.get(job.status, job.submit_seconds))
            if job.expiration_seconds is not None:
                expirations.append(job.expiration_seconds)
    counts = dict.fromkeys(Status, 0)
    for (_, status), number in model_counts.items():
        counts[status] += number
    if len(shown) > limits.max_jobs:
        shown.sort(key=_urgency)
    return Summary(
        counts=counts,
        model_counts=model_counts,
        oldest_submit_seconds={status: oldest[status] for status in ACTIVE_STATUSES if status in oldest},
        next_expiration_seconds=min(expirations, default=None),
        jobs=tuple(shown[: limits.max_jobs]),
        dropped=max(0, len(shown) - limits.max_jobs),
    )


def _urgency(job: Job) -> tuple[bool, float]:
    """Order jobs: those that have yet to end by their expiration, then the finished ones, the latest first."""
    if job.is_finished:
        return (True, -(job.finished_seconds or 0.0))
    return (False, float("inf") if job.expiration_seconds is None else job.expiration_seconds)
