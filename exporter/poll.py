"""The schedule: every target on its own clock, so many polls at once, outcomes folded as they arrive.

There are no rounds. One thread (`Poller.run`) decides and folds; each poll has a thread of its own that only returns an
outcome, so that a poll that hangs holds up nothing but its own target, and there is no pool whose workers could die.
"""

import heapq
import itertools
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import structlog

from exporter.clock import Clock
from exporter.journal import Journal
from exporter.model import Failed, Failure, FailureReason, Listing, Outcome, Polled, Target
from exporter.pace import next_due, slowness_after
from exporter.state import Snapshot, TargetState
from exporter.underway import Key, Poll, PollsUnderWay

log = structlog.get_logger()

LOST_POLLS = 2
"""Threads of one target that may be stuck while it is polled anew."""
SUSPECT_SECONDS = 1.0
"""How long a target that hung waits for a place: such targets hold a quarter of the workers at most."""
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 60.0
FIRST_POLLS_PER_SECOND = 50.0
"""How fast the first polls follow each other: soon enough to be useful, apart enough not to stampede."""


Fetch: TypeAlias = Callable[[Poll], tuple[str, Listing]]
"""Lists a target's jobs: the account's id and the listing, or any exception."""
Classify: TypeAlias = Callable[[Exception, Target], Failure]
Spawn: TypeAlias = Callable[[Callable[[], None]], None]
Tell: TypeAlias = Callable[[Target, TargetState], None]
"""Is told the new state of a target after each poll, before the snapshot has it, on the thread that decides."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the schedule follows. A reload may change all of it."""

    targets: tuple[Target, ...]
    interval_seconds: float
    timeout_seconds: float
    workers: int


def _thread(function: Callable[[], None]) -> None:
    threading.Thread(target=function, name="poll", daemon=True).start()


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
        self._targets: dict[Key, Target] = {}
        self._due: list[tuple[float, int, Target]] = []
        self._sequence = itertools.count()
        self._under_way = PollsUnderWay()
        self._slowness: dict[Key, float] = {}
        """Intervals between the polls of each target that AWS throttled."""
        self._unapplied: list[threading.Event] = []
        self._beat_monotonic = clock.monotonic()
        self._stopping = False
        self._has_ended = False
        self.snapshot = Snapshot()
        """Replaced whole by each outcome; read it once and use what you read."""
        self._apply(settings, fetch)

    def apply(self, settings: Settings, fetch: Fetch) -> threading.Event:
        """Follow new settings: known targets keep their state and schedule, the others go.

        Return an event that is set once that is done, or once there is nothing left that could do it.
        """
        applied = threading.Event()

        def follow() -> None:
            self._apply(settings, fetch)
            applied.set()

        self._unapplied = [event for event in self._unapplied if not event.is_set()] + [applied]
        self._inbox.put(follow)
        if self._has_ended:
            applied.set()
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

    def run(self) -> None:
        """Poll until stopped."""
        try:
            while not self._stopping:
                self.step()
        finally:
            self._has_ended = True
            for event in self._unapplied:
                event.set()

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
        for poll in self._under_way:
            poll.is_abandoned = True

    def _seconds_to_next(self) -> float:
        now = self._clock.monotonic()
        due = self._due[0][0] if self._due and self._has_free_worker() else float("inf")
        return max(0.0, min(now + HEARTBEAT_SECONDS, self._under_way.next_deadline, due) - now)

    def _has_free_worker(self) -> bool:
        return self._under_way.places < self._settings.workers

    def _apply(self, settings: Settings, fetch: Fetch) -> None:
        """Adopt settings. A target that is only renamed takes its state along."""
        now, unix = self._clock.monotonic(), self._clock.now()
        before = {target.key: target for target in self._targets.values()}
        dues = {target.key: due for due, _, target in self._due}
        self._settings, self._fetch, self._due = settings, fetch, []
        self._targets = {target.key: target for target in settings.targets}
        states, next_polls, new = {}, {}, 0
        for key, target in self._targets.items():
            known = before.get(key)
            state = states[target] = self.snapshot.states[known] if known else TargetState()
            if key in self._under_way:
                next_polls[target] = self.snapshot.next_polls[known] if known else unix
                continue
            if key in dues:
                due = min(dues[key], self._next_due(target, state, now))  # sooner, where the interval is shorter now
            else:
                due, new = now + new / FIRST_POLLS_PER_SECOND, new + 1
            next_polls[target] = unix + due - now
            heapq.heappush(self._due, (due, next(self._sequence), target))
        for poll in self._under_way:
            poll.is_abandoned = poll.is_abandoned or poll.target.key not in self._targets
        self._slowness = {key: slowness for key, slowness in self._slowness.items() if key in self._targets}
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
            if is_suspect and self._under_way.suspects >= max(1, self._settings.workers // 4):
                heapq.heappush(self._due, (now + SUSPECT_SECONDS, next(self._sequence), target))
                continue
            previous = state.success.listing if state.success else None
            poll = Poll(target, self._clock.now(), now, previous, is_suspect)
            self._under_way.add(poll, now + self._settings.timeout_seconds)
            try:
                self._spawn(partial(self._poll, poll, self._fetch))
            except RuntimeError as error:  # no thread to be had: as good a failure as any
                failure = Failure(
                    FailureReason.OTHER, str(error), "raise the limit of threads of this machine or container"
                )
                self._arrived(poll, Failed(failure, poll.at_seconds, 0.0))
        self.snapshot = replace(self.snapshot, workers_busy=self._under_way.threads)

    def _poll(self, poll: Poll, fetch: Fetch) -> None:
        """Run in a thread of its own: whatever happens, one outcome arrives."""
        try:
            account_id, listing = fetch(poll)
            outcome: Outcome = Polled(account_id, listing, self._clock.monotonic() - poll.started_monotonic)
        except Exception as error:  # noqa: BLE001 - one target's failure is that target's alone
            duration_seconds = self._clock.monotonic() - poll.started_monotonic
            outcome = Failed(self._explain(error, poll.target), poll.at_seconds, duration_seconds)
        self._inbox.put(lambda: self._arrived(poll, outcome))

    def _explain(self, error: Exception, target: Target) -> Failure:
        try:
            return self._classify(error, target)
        except Exception as fault:
            log.exception("a failure could not be explained", error=repr(error), aws_region=target.region)
            return Failure(FailureReason.OTHER, repr(fault), "a fault of the exporter itself: please report it")

    def _arrived(self, poll: Poll, outcome: Outcome) -> None:
        if not self._under_way.end(poll):
            return
        target = self._targets.get(poll.target.key)
        if target:
            if not poll.is_abandoned:
                self._fold(target, outcome)
            self._schedule(target, poll.started_monotonic)

    def _give_up_overdue(self) -> None:
        now = self._clock.monotonic()
        for poll in self._under_way.overdue(now):
            self._give_up(poll, now)

    def _give_up(self, poll: Poll, now: float) -> None:
        """Fail a poll that takes too long, and in the end go on without its thread.

        Sockets have timeouts, so that the thread ends soon, too; fed a byte now and then it can last for hours.
        """
        target = self._targets.get(poll.target.key)
        if not poll.is_abandoned and target:
            waited = now - poll.started_monotonic
            failure = Failure(
                FailureReason.TIMEOUT,
                f"no complete answer within {waited:.0f} s",
                "AWS answers slowly or not at all: check the network path and proxies, "
                "or raise poll_timeout if the account has very many jobs",
            )
            self._fold(target, Failed(failure, poll.at_seconds, waited))
        elif self._under_way.lose(poll, LOST_POLLS):
            if target:
                self._schedule(target, poll.started_monotonic)
            return
        poll.is_abandoned = True
        self._under_way.extend(poll, now + self._settings.timeout_seconds)

    def _fold(self, target: Target, outcome: Outcome) -> None:
        before = self.snapshot.states[target]
        snapshot = self.snapshot.after(target, outcome)
        state = snapshot.states[target]
        self._tell(target, state)
        self.snapshot = snapshot
        self._slowness[target.key] = slowness_after(self._slowness.get(target.key, 1.0), outcome)
        self._journal.tell(target, before, state, outcome)

    def _schedule(self, target: Target, started_monotonic: float) -> None:
        due = self._next_due(target, self.snapshot.states[target], started_monotonic)
        heapq.heappush(self._due, (due, next(self._sequence), target))
        self.snapshot = replace(
            self.snapshot,
            next_polls={**self.snapshot.next_polls, target: self._clock.now() + due - self._clock.monotonic()},
        )

    def _next_due(self, target: Target, state: TargetState, started_monotonic: float) -> float:
        return next_due(
            target,
            state,
            self._slowness.get(target.key, 1.0),
            started=started_monotonic,
            now=self._clock.monotonic(),
            interval_seconds=self._settings.interval_seconds,
        )
