"""Values of the domain, ready to be varied, and a clock that a test holds."""

import heapq
import itertools
import queue
from collections.abc import Callable
from typing import Any

import pytest

from exporter.model import Account, Job, Listing, Polled, Status, Target

NOW_SECONDS = 1_795_000_000.0


class FakeClock:
    """Time that passes only where something waits for it, and what happens at its moments."""

    def __init__(self, now_seconds: float = NOW_SECONDS) -> None:
        self.seconds = 0.0
        self._start_seconds = now_seconds
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()

    def now(self) -> float:
        return self._start_seconds + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def at(self, seconds: float, happening: Callable[[], None]) -> None:
        """Let something happen so many seconds from now."""
        heapq.heappush(self._happenings, (self.seconds + seconds, next(self._sequence), happening))

    def wait(self, inbox: "queue.SimpleQueue[Any]", timeout_seconds: float | None) -> Any:
        """Pass the time until something arrives in the inbox, or the timeout is over."""
        end = float("inf") if timeout_seconds is None else self.seconds + timeout_seconds
        while inbox.empty() and self._happenings and self._happenings[0][0] <= end:
            self.seconds, _, happening = heapq.heappop(self._happenings)
            happening()
        if not inbox.empty():
            return inbox.get()
        self.seconds = end
        return None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_job():
    numbers = itertools.count(1)

    def make(**members: Any) -> Job:
        number = next(numbers)
        facts: dict[str, Any] = {
            "arn": f"arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/job{number:09}",
            "name": f"nightly-{number}",
            "model_id": "amazon.nova-lite-v1:0",
            "status": Status.IN_PROGRESS,
            "submit_seconds": NOW_SECONDS - 3600,
            "expiration_seconds": NOW_SECONDS + 23 * 3600,
        }
        return Job(**facts | members)

    return make


@pytest.fixture
def target() -> Target:
    role_arn = "arn:aws:iam::111122223333:role/bedrock-batch-exporter"
    return Target(Account(name="production", role_arn=role_arn, external_id="example"), "us-east-1")


def listing(*jobs: Job, at_seconds: float = NOW_SECONDS) -> Listing:
    """Return a listing of these jobs, which are all that there are."""
    counts: dict[tuple[str, Status], int] = {}
    for job in jobs:
        if job.is_finished:
            key = (job.model_id, job.status)
            counts[key] = counts.get(key, 0) + 1
    return Listing(at_seconds, {job.arn: job for job in jobs}, counts)


def polled(*jobs: Job, at_seconds: float = NOW_SECONDS) -> Polled:
    """Return a poll that listed these jobs."""
    return Polled("111122223333", listing(*jobs, at_seconds=at_seconds), 0.25)
