"""The kinds of metric: what a row of the tables in `metrics.py` says, and of what it is read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from exporter.model import Job
from exporter.state import Histogram as Distribution
from exporter.state import Snapshot, TargetState
from exporter.summary import Summary

TARGET_LABELS = ("aws_account_id", "aws_region")
JOB_LABELS = (*TARGET_LABELS, "job_id", "job_name")

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""The values of a family's own labels, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """What every row has. `labels` are all of the family's labels, in their order."""

    name: str
    help: str
    labels: tuple[str, ...]
    type: str = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFamily(Family):
    """A sample a job: `read` returns its value, None for no sample; `own` the labels after the job's."""

    read: Callable[[Job], float | None]
    own: Callable[[Job], tuple[str, ...]] = lambda _job: ()
    labels: tuple[str, ...] = JOB_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFamily(Family):
    """A sample an active job that moves with the clock: the time since `moment`, or until it. None for no sample."""

    moment: Callable[[Job], float | None]
    is_countdown: bool
    labels: tuple[str, ...] = JOB_LABELS

    def moment_of(self, job: Job) -> float | None:
        """Return the moment of an active job, None for any other."""
        return self.moment(job) if job.is_active else None

    def read(self, job: Job, now_seconds: float) -> float | None:
        """Return the seconds since or until the moment, to the millisecond."""
        moment = self.moment_of(job)
        if moment is None:
            return None
        return round(moment - now_seconds if self.is_countdown else now_seconds - moment, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsFamily(Family):
    """Samples of what a target's jobs amount to; withdrawn when they are stale."""

    read: Callable[[Summary], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFamily(Family):
    """Samples of a target, fresh or stale, once it was attempted."""

    read: Callable[[TargetState], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFamily(Family):
    """Samples of the whole."""

    read: Callable[[Snapshot], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramFamily(Family):
    """Distributions of the whole."""

    read: Callable[[Snapshot], Iterable[tuple[tuple[str, ...], Distribution]]]
    type: str = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Family):
    """An ordinary prometheus_client instrument, for what the exporter does itself."""

    buckets: tuple[float, ...] = ()
