"""The schedule: every target on its own clock, so many polls at once, outcomes folded as they arrive.

There are no rounds. One thread (`Poller.run`) decides and folds; each poll has a thread of its own that only returns an
outcome, so that a poll that hangs holds up nothing but its own target, and there is no pool whose workers could die.
"""

import heapq
import itertools
import queue
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeAlias

import structlog

from exporter.clock import Clock
from exporter.journal import Journal
from exporter.model import Failed, Failure, FailureReason, Listing, Outcome, Polled, Target
from exporter.state import Snapshot, TargetState

log = structlog.get_logger()

BACKOFF_INTERVALS = (1, 1, 2, 4)
"""Intervals until the next poll after so many failures in a row; the last stands for all further ones."""
DISABLED_INTERVALS = 15
"""Intervals until a region that is not enabled is asked again: people enable regions rarely."""
LONGEST_RETRY_AFTER_SECONDS = 900.0
LOST_POLLS = 2
"""Threads of one target that may be stuck while it is polled anew."""
SUSPECT_SECONDS = 1.0
"""How long a target that hung waits for a place: such targets hold a quarter of the workers at most."""
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 60.0
FIRST_POLLS_PER_SECOND = 50.0
"""How fast the first polls follow each other: soon enough to be useful, apart enough not to stampede."""


class Poll(Protocol):
    """A poll under way, as its fetch sees it."""

    target: Target
    at_seconds: float
    previous: Listing | None
    """What the last successful poll knew."""
    account_id: str | None

    @property
    def is_abandoned(self) -> bool:
        """Whether the answer is no longer wanted; asked between pages."""


Fetch: TypeAlias = Callable[[Poll], tuple[str, Listing]]
"""Lists a target's jobs: the account's id and the listing, or any exception."""
Classify: TypeAlias = Callable[[Exception, Target], Failure]
Spawn: TypeAlias = Callable[[Callable[[], None]], None]
Tell: TypeAlias = Callable[[Target, TargetState], None]
"""Is told the new state of a target after each poll, on the thread that decides."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the schedule follows. A reload may change all of it."""

    targets: tuple[Target, ...]
    interval_seconds: float
    timeout_seconds: float
    workers: int


@dataclass(eq=False, slots=True)
class _Poll:
    target: Target
    at_seconds: float
    started_monotonic: float
    previous: Listing | None
    account_id: str | None
    is_suspect: bool = False
    is_abandoned: bool = False


def _thread(function: Callable[[], None]) -> None:
    threading.Thread(target=function, name="poll", daemon=True).start()


def intervals_until_next(state: TargetState) -> int:
    """Return how many intervals a target waits: one, or more where it keeps failing."""
    if not isinstance(state.last, Failed):
        return 1
    if state.last.failure.reason is FailureReason.REGION_DISABLED:
        return DISABLED_INTERVALS
    return BACKOFF_INTERVALS[min(state.failures_in_a_row, len(BACKOFF_INTERVALS)) - 1]


class Poller:
    """Polls targets for ever. `run` belongs to one thread; everything else may be called from any."""

    def __init__(
        self,
        fetch: Fetch,
        classify: Classify,
        clock: Clock,
        settings: Settings,
        spawn: Spawn = _thread,
        *,
        tell: Tell = lambda _target, _state: None,
    ) -> None:
        self._fetch = fetch
        self._classify = classify
        self._clock = clock
        self._spawn = spawn
        self._journal = Journal()
        self._tell = tell
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._targets: dict[tuple[str, str], Target] = {}
        self._due: list[tuple[float, int, Target]] = []
        self._deadlines: list[tuple[float, int, _Poll]] = []
        self._under_way: dict[tuple[str, str], _Poll] = {}
        """By the target's key: one poll a target at once, even where a reload removes it and another brings it back."""
        self._sequence = itertools.count()
        self._lost: Counter[tuple[str, str]] = Counter()
        """Threads by target that were given up and have yet to return."""
        self._beat_monotonic = clock.monotonic()
        self._stopping = False
        self._has_ended = False
        self.snapshot = Snapshot()
        """Replaced whole by each outcome; read it once and use what you read."""
        self._apply(settings, fetch)

    def apply(self, settings: Settings, fetch: Fetch) -> threading.Event:
        """Follow new settings: known targets keep their state and schedule, the others go. Set once it is done."""
        applied = threading.Event()

        def follow() -> None:
            self._apply(settings, fetch)
            applied.set()

        self._inbox.put(follow)
        return applied

    def stop(self) -> None:
        """Make `run` return. Polls under way are abandoned."""
        self._inbox.put(self._stop)

    def why_unhealthy(self) -> str | None:
        """Return what is wrong with the polling loop itself, if anything."""
        if self._has_ended and not self._stopping:
            return "the polling loop has died"
        silent_seconds = self._clock.monotonic() - self._beat_monotonic
        if silent_seconds > STALLED_SECONDS:
            return f"the polling loop has not moved for {silent_seconds:.0f} s"
        return None

    def waiting_for(self) -> int:
        """Return how many targets were not yet attempted."""
        snapshot = self.snapshot
        return sum(state.polls == 0 for state in snapshot.states.values())

    def run(self) -> None:
        """Poll until stopped."""
        try:
            while not self._stopping:
                self.step()
        finally:
            self._has_ended = True

    def step(self) -> None:
        """Start what is due, give up what is overdue, then fold what arrives next."""
        self._beat_monotonic = self._clock.monotonic()
        self._give_up_overdue()
        self._start_due()
        message = self._clock.wait(self._inbox, self._seconds_to_next())
        if message:
            message()

    def _stop(self) -> None:
        self._stopping = True
        for poll in self._under_way.values():
            poll.is_abandoned = True

    def _seconds_to_next(self) -> float:
        now = self._clock.monotonic()
        moments = [now + HEARTBEAT_SECONDS]
        if self._deadlines:
            moments.append(self._deadlines[0][0])
        if self._due and self._has_free_worker():
            moments.append(self._due[0][0])
        return max(0.0, min(moments) - now)

    def _has_free_worker(self) -> bool:
        # A poll that was given up still has its thread, but no longer anyone's place.
        return sum(not poll.is_abandoned for poll in self._under_way.values()) < self._settings.workers

    def _suspects_under_way(self) -> int:
        return sum(poll.is_suspect and not poll.is_abandoned for poll in self._under_way.values())

    def _apply(self, settings: Settings, fetch: Fetch) -> None:
        """Adopt settings. A target that is only renamed takes its state along."""
        now, unix = self._clock.monotonic(), self._clock.now()
        before = {target.key: target for target in self._targets.values()}
        dues = {target.key: due for due, _, target in self._due}
        latest = now + settings.interval_seconds * DISABLED_INTERVALS
        self._settings, self._fetch, self._due = settings, fetch, []
        self._targets = {target.key: target for target in settings.targets}
        states, next_polls, new = {}, {}, 0
        for key, target in self._targets.items():
            known = before.get(key)
            states[target] = self.snapshot.states[known] if known else TargetState()
            if key in dues:
                due = min(dues[key], latest)
            else:
                due, new = now + new / FIRST_POLLS_PER_SECOND, new + 1
            next_polls[target] = unix + due - now
            if key not in self._under_way:
                heapq.heappush(self._due, (due, next(self._sequence), target))
        for key, poll in self._under_way.items():
            poll.is_abandoned = poll.is_abandoned or key not in self._targets
        self.snapshot = replace(
            self.snapshot,
            states=states,
            next_polls=next_polls,
            workers=settings.workers,
            poll_interval_seconds=settings.interval_seconds,
        )

    def _start_due(self) -> None:
        while self._due and self._due[0][0] <= self._clock.monotonic() and self._has_free_worker():
            _, _, target = heapq.heappop(self._due)
            now = self._clock.monotonic()
            state = self.snapshot.states[target]
            is_suspect = isinstance(state.last, Failed) and state.last.failure.reason is FailureReason.TIMEOUT
            if is_suspect and self._suspects_under_way() >= max(1, self._settings.workers // 4):
                heapq.heappush(self._due, (now + SUSPECT_SECONDS, next(self._sequence), target))
                continue
            poll = _Poll(
                target=target,
                at_seconds=self._clock.now(),
                started_monotonic=now,
                previous=state.success.listing if state.success else None,
                account_id=state.account_id,
                is_suspect=is_suspect,
            )
            self._under_way[target.key] = poll
            heapq.heappush(self._deadlines, (now + self._settings.timeout_seconds, next(self._sequence), poll))
            try:
                self._spawn(partial(self._poll, poll, self._fetch))
            except RuntimeError as error:  # no thread to be had: as good a failure as any
                failure = Failure(
                    FailureReason.OTHER, str(error), "raise the limit of threads of this machine or container"
                )
                self._arrived(poll, Failed(failure, poll.at_seconds, 0.0))
        self.snapshot = replace(self.snapshot, workers_busy=len(self._under_way) + self._lost.total())

    def _poll(self, poll: _Poll, fetch: Fetch) -> None:
        """Run in a thread of its own: whatever happens, one outcome arrives."""
        try:
            account_id, listing = fetch(poll)
            outcome: Outcome = Polled(account_id, listing, self._clock.monotonic() - poll.started_monotonic)
        except Exception as error:  # noqa: BLE001 - one target's failure is that target's alone
            duration_seconds = self._clock.monotonic() - poll.started_monotonic
            outcome = Failed(self._classify(error, poll.target), poll.at_seconds, duration_seconds)
        self._inbox.put(lambda: self._arrived(poll, outcome))

    def _arrived(self, poll: _Poll, outcome: Outcome) -> None:
        key = poll.target.key
        if self._under_way.get(key) is not poll:
            self._lost[key] -= 1
            return
        del self._under_way[key]
        target = self._targets.get(key)
        if target:
            if not poll.is_abandoned:
                self._fold(target, outcome)
            self._schedule(target, poll.started_monotonic)

    def _give_up_overdue(self) -> None:
        now = self._clock.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, poll = heapq.heappop(self._deadlines)
            if self._under_way.get(poll.target.key) is poll:
                self._give_up(poll, now)

    def _give_up(self, poll: _Poll, now: float) -> None:
        """Fail a poll that takes too long, and in the end go on without its thread.

        Sockets have timeouts, so that the thread ends soon, too; fed a byte now and then it can last for hours.
        """
        key, target = poll.target.key, self._targets.get(poll.target.key)
        if not poll.is_abandoned and target:
            waited = now - poll.started_monotonic
            failure = Failure(
                FailureReason.TIMEOUT,
                f"no complete answer within {waited:.0f} s",
                "AWS answers slowly or not at all: check the network path and proxies, "
                "or raise poll_timeout if the account has very many jobs",
            )
            self._fold(target, Failed(failure, poll.at_seconds, waited))
        elif self._lost[key] < LOST_POLLS:
            self._lost[key] += 1
            del self._under_way[key]
            if target:
                self._schedule(target, poll.started_monotonic)
            return
        poll.is_abandoned = True
        heapq.heappush(self._deadlines, (now + self._settings.timeout_seconds, next(self._sequence), poll))

    def _fold(self, target: Target, outcome: Outcome) -> None:
        before = self.snapshot.states[target]
        self.snapshot = self.snapshot.after(target, outcome)
        state = self.snapshot.states[target]
        self._journal.tell(target, before, state, outcome)
        self._tell(target, state)

    def _schedule(self, target: Target, started_monotonic: float) -> None:
        state = self.snapshot.states[target]
        interval = self._settings.interval_seconds
        now = self._clock.monotonic()
        # Each target has its own phase in the interval, the same after every restart.
        phase = zlib.crc32("\0".join(target.key).encode()) / 2**32 * interval
        earliest = started_monotonic + interval * (intervals_until_next(state) - 0.5)
        due = phase + -(-(earliest - phase) // interval) * interval
        if isinstance(state.last, Failed) and state.last.failure.retry_after_seconds is not None:
            due = max(due, now + min(state.last.failure.retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS))
        due = max(due, now)
        heapq.heappush(self._due, (due, next(self._sequence), target))
        self.snapshot = replace(
            self.snapshot, next_polls={**self.snapshot.next_polls, target: self._clock.now() + due - now}
        )
