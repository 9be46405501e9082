"""What is remembered of the polls: pure folds of their outcomes into frozen values."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from exporter.model import (
    FINISHED_STATUSES,
    LATE_SECONDS,
    Failed,
    FailureReason,
    Job,
    Listing,
    Outcome,
    Polled,
    Status,
    Target,
)

DURATION_BUCKETS_SECONDS = tuple(
    60.0 * minutes for minutes in (5, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 7200, 10080)
)
"""5 minutes to 7 days: the longest `timeoutDurationInHours` is 168."""

_WAITING = (Status.SUBMITTED, Status.VALIDATING, Status.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution of durations, in seconds, over `DURATION_BUCKETS_SECONDS` and one bucket above them."""

    counts: tuple[int, ...] = (0,) * (len(DURATION_BUCKETS_SECONDS) + 1)
    sum_seconds: float = 0.0

    def observe(self, seconds: float) -> Self:
        """Return the histogram with one more duration."""
        at = bisect_left(DURATION_BUCKETS_SECONDS, seconds)
        counts = (*self.counts[:at], self.counts[at] + 1, *self.counts[at + 1 :])
        return replace(self, counts=counts, sum_seconds=self.sum_seconds + seconds)


def seen_to_finish(before: Listing, after: Listing) -> Iterator[Job]:
    """Return the jobs that ended between two polls, those that also began between them included."""
    for known, job in _changed(before, after):
        if job.is_finished and (not known.is_finished if known else _is_new(job, before)):
            yield job


def seen_to_start(before: Listing, after: Listing) -> Iterator[Job]:
    """Return the jobs that are InProgress for the first time."""
    for known, job in _changed(before, after):
        if job.status is Status.IN_PROGRESS and (known.status in _WAITING if known else _is_new(job, before)):
            yield job


def _changed(before: Listing, after: Listing) -> list[tuple[Job | None, Job]]:
    """Return what each job was and is. One that has not changed is the same object."""
    known = before.jobs
    return [(known.get(arn), job) for arn, job in after.jobs.items() if known.get(arn) is not job]


def _is_new(job: Job, before: Listing) -> bool:
    """Tell a job that came since from one that an earlier poll had seen and forgotten."""
    at_seconds = job.finished_seconds if job.is_finished else job.submit_seconds
    return at_seconds is None or at_seconds >= before.at_seconds - LATE_SECONDS


@dataclass(frozen=True, slots=True)
class TargetState:
    """All that is remembered of one target."""

    account_id: str | None = None
    polls: int = 0
    failures: Mapping[FailureReason, int] = field(default_factory=lambda: dict.fromkeys(FailureReason, 0))
    failures_in_a_row: int = 0
    last: Outcome | None = None
    success: Polled | None = None
    """The last poll that succeeded; its jobs stand until `stale_after`."""
    finished: Mapping[Status, int] = field(default_factory=lambda: dict.fromkeys(FINISHED_STATUSES, 0))
    """Jobs seen to finish since the start."""

    def after(self, outcome: Outcome) -> Self:
        """Return the state that follows: a success replaces the jobs, a failure keeps them and counts its reason."""
        if isinstance(outcome, Failed):
            failure = outcome.failure
            return replace(
                self,
                account_id=failure.account_id or self.account_id,
                polls=self.polls + 1,
                failures={**self.failures, failure.reason: self.failures[failure.reason] + 1},
                failures_in_a_row=self.failures_in_a_row + 1,
                last=outcome,
            )
        finished = dict(self.finished)
        if self.success:
            for job in seen_to_finish(self.success.listing, outcome.listing):
                finished[job.status] += 1
        return replace(
            self,
            account_id=outcome.account_id,
            polls=self.polls + 1,
            failures_in_a_row=0,
            last=outcome,
            success=outcome,
            finished=finished,
        )

    def is_stale(self, now_seconds: float, stale_after_seconds: float) -> bool:
        """Whether there is no success, or the last one is too old for its jobs to be shown."""
        return self.success is None or now_seconds - self.success.at_seconds > stale_after_seconds


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a scrape reads: the state of every target, and what outlives targets."""

    states: Mapping[Target, TargetState] = field(default_factory=dict)
    next_polls: Mapping[Target, float] = field(default_factory=dict)
    """When each target is due, Unix seconds."""
    completions: Mapping[tuple[str, str, Status], Histogram] = field(default_factory=dict)
    """Submit to end by region, model and status, of the jobs seen to finish."""
    queues: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)
    """Submit to first seen InProgress by region and model."""
    workers: int = 0
    workers_busy: int = 0
    poll_interval_seconds: float = 0.0

    def after(self, target: Target, outcome: Outcome) -> Self:
        """Return the snapshot that follows one target's poll."""
        state = self.states.get(target, TargetState())
        completions, queues = self.completions, self.queues
        if isinstance(outcome, Polled) and state.success:
            completions, queues = self._observed(target.region, state.success.listing, outcome.listing)
        return replace(
            self,
            states={**self.states, target: state.after(outcome)},
            completions=completions,
            queues=queues,
        )

    def _observed(
        self, region: str, before: Listing, after: Listing
    ) -> tuple[Mapping[tuple[str, str, Status], Histogram], Mapping[tuple[str, str], Histogram]]:
        completions, queues = dict(self.completions), dict(self.queues)
        for job in seen_to_finish(before, after):
            if job.submit_seconds is not None and job.finished_seconds is not None:
                run = (region, job.model_id, job.status)
                seconds = max(0.0, job.finished_seconds - job.submit_seconds)
                completions[run] = completions.get(run, Histogram()).observe(seconds)
        for job in seen_to_start(before, after):
            if job.submit_seconds is not None:
                wait = (region, job.model_id)
                queues[wait] = queues.get(wait, Histogram()).observe(max(0.0, after.at_seconds - job.submit_seconds))
        return completions, queues
