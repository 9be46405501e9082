"""What is remembered of finished jobs by number: counts by the time of submission, as pure functions."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Self, TypeAlias

from exporter.model import Bucket, History, Job, ModelStatus

Buckets: TypeAlias = Mapping[int | None, Bucket]

_NONE = Bucket()


def with_finished(buckets: Buckets, jobs: Iterable[Job], bucket_seconds: float) -> Buckets:
    """Return the buckets with more jobs that have finished."""
    more: dict[int | None, dict[ModelStatus, int]] = {}
    for job in jobs:
        bucket = None if job.submit_seconds is None else int(job.submit_seconds // bucket_seconds)
        if bucket not in more:
            more[bucket] = dict(buckets.get(bucket, _NONE).counts)
        counts, key = more[bucket], (job.model_id, job.status)
        counts[key] = counts.get(key, 0) + 1
    if not more:
        return buckets
    return {**buckets, **{bucket: Bucket(sum(counts.values()), counts) for bucket, counts in more.items()}}


def since(buckets: Buckets, first: int) -> Buckets:
    """Return the buckets without those before the first."""
    if all(bucket is None or bucket >= first for bucket in buckets):
        return buckets
    return {bucket: kept for bucket, kept in buckets.items() if bucket is None or bucket >= first}


def total(buckets: Buckets) -> Mapping[ModelStatus, int]:
    """Return the counts of all buckets together."""
    sums: Counter[ModelStatus] = Counter()
    for bucket in buckets.values():
        sums.update(bucket.counts)
    return dict(sums)


@dataclass(frozen=True, slots=True)
class Density:
    """How many jobs were submitted when: an estimate, as if evenly over each bucket, and evenly before all of them."""

    bucket_seconds: float
    edge_seconds: float
    per_second: float
    buckets: list[int]
    """Those that hold any, in order."""
    sums: list[int]
    """The jobs in all buckets before each, and at last in all."""

    @classmethod
    def of(cls, history: History, unfinished: Iterable[float], edge_seconds: float) -> Self:
        """Return the density of all that is known: what is counted, and when the unfinished jobs were submitted."""
        width = history.window.bucket_seconds
        numbers = {bucket: kept.size for bucket, kept in history.buckets.items() if bucket is not None}
        for submit_seconds in unfinished:
            if submit_seconds >= edge_seconds:
                bucket = int(submit_seconds // width)
                numbers[bucket] = numbers.get(bucket, 0) + 1
        buckets = sorted(numbers)
        sums = list(accumulate((numbers[bucket] for bucket in buckets), initial=0))
        return cls(width, edge_seconds, sums[-1] / history.window.lookback_seconds, buckets, sums)

    def all(self) -> int:
        """Return how many jobs there are within the lookback."""
        return self.sums[-1]

    def since(self, seconds: float) -> float:
        """Return how many jobs were submitted since a moment."""
        if seconds < self.edge_seconds:
            return self.sums[-1] + (self.edge_seconds - seconds) * self.per_second
        moment = seconds / self.bucket_seconds
        place = bisect_left(self.buckets, int(moment))
        part = 0.0
        if place < len(self.buckets) and self.buckets[place] == int(moment):
            part = moment % 1 * (self.sums[place + 1] - self.sums[place])
        return self.sums[-1] - self.sums[place] - part


def ranges(moments: Iterable[float], density: Density, room: float) -> Iterator[tuple[float, float]]:
    """Return ranges of time, as few as can be, that hold all the moments, and each no more jobs than there is room."""
    first = last = None
    for moment in sorted(moments):
        if first is None or last is None:
            first = moment
        elif density.since(first) - density.since(moment) > room:
            yield first, last
            first = moment
        last = moment
    if first is not None and last is not None:
        yield first, last
