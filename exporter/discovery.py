"""Finds out what to poll and follows its changes: the accounts of the organization, the regions enabled in each.

Knows no AWS: it is given what to ask. One thread (`Discovery.run`) asks; polls and scrapes never wait for it, and what
it once knew stands until it is told otherwise.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog

from exporter.clock import Clock
from exporter.concurrently import Answer, SideBySide, tried
from exporter.config import Scope
from exporter.model import Account, Failure, FailureReason, Target
from exporter.questions import ORGANIZATION, REGIONS, REGIONS_INTERVAL_SECONDS, Ask, Concurrently, Wanted

log = structlog.get_logger()

FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 300.0
PUBLISH_SECONDS = 1.0
"""While accounts are asked for their regions, how often those that have answered are let go."""
_SHUT = frozenset({FailureReason.ASSUME_ROLE, FailureReason.ACCESS_DENIED, FailureReason.REGION_DISABLED})
"""Accounts that let nobody in: their targets tell it, and asking again soon changes nothing."""

NAMES_TOLD = 10
"""Names of accounts that one line of the log holds."""

REGIONS_DEADLINE_SECONDS = 60.0
MEMBERS_DEADLINE_SECONDS = 180.0
"""How long a question may take: an account has a page of regions, an organization may have hundreds."""


class Discovery:
    """What is known of where to look. `run` belongs to one thread; everything else may be called from any."""

    def __init__(
        self,
        wanted: Wanted,
        ask: Ask,
        clock: Clock,
        on_targets: Callable[[tuple[Target, ...]], None],
        on_outcome: Callable[[str, bool], None],
        *,
        concurrently: Concurrently | None = None,
    ) -> None:
        """Set it up. `on_targets` is given all targets whenever they change, `on_outcome` a source and its success."""
        self._wanted, self._ask, self._clock = wanted, ask, clock
        self._on_targets, self._on_outcome = on_targets, on_outcome
        self._concurrently = concurrently or SideBySide(clock.monotonic)
        self._inbox: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._stopping = self._has_ended = False
        self._members: tuple[Account, ...] = ()
        self._members_due = clock.monotonic()
        self._regions: dict[str, tuple[str, ...]] = {}
        """What to poll by the account's key."""
        self._regions_due: dict[str, float] = {}
        self._unanswered: set[str] = set()
        """The keys of accounts whose regions could not be asked for."""
        self._failures_in_a_row: Counter[str] = Counter()
        self._has_told_refusal = False
        self._published: tuple[Target, ...] | None = None
        self.was_attempted = not wanted.sources
        """Whether everything was asked once, in vain or not."""
        self.failures: Mapping[str, Failure] = {}
        """Why the last attempt failed, by source."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """All that is known to be polled: what the configuration names, at once; the rest as it is found."""
        with self._lock:
            return tuple(
                Target(scope.account, region)
                for scope in self._scopes()
                for region in (self._regions.get(scope.account.key, ()) if scope.regions == "all" else scope.regions)
            )

    @property
    def accounts(self) -> frozenset[Account]:
        """All accounts that are known, those whose regions are still being asked for included."""
        with self._lock:
            return frozenset(scope.account for scope in self._scopes())

    def follow(self, wanted: Wanted, ask: Ask) -> None:
        """Follow another configuration: what it names at once, the rest as soon as it was asked again."""
        with self._lock:
            self._wanted, self._ask = wanted, ask
            self._members_due = self._clock.monotonic()
            self._regions_due = {}
            self._failures_in_a_row.clear()
            self.failures = {}
            self._published = None
            self._publish()
        self._inbox.put(None)

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping = True
        self._inbox.put(None)

    def run(self) -> None:
        """Ask again and again until stopped."""
        try:
            while not self._stopping:
                self.step()
        finally:
            self._has_ended = True

    def why_unhealthy(self) -> str | None:
        """Return what is wrong with the thread that asks, if anything; a long question is not."""
        return "discovery has died" if self._has_ended and not self._stopping else None

    def step(self) -> None:
        """Ask what is due, then wait."""
        self.refresh()
        self._clock.wait(self._inbox, self._seconds_to_next())

    def refresh(self) -> None:
        """Ask what is due, and tell of the targets that come of it."""
        wanted, ask = self._wanted, self._ask
        if ORGANIZATION in wanted.sources and self._members_due <= self._clock.monotonic():
            self._refresh_members(wanted, ask)
        if REGIONS in wanted.sources:
            self._refresh_regions(wanted, ask)
        with self._lock:
            self._publish()
            self.was_attempted = self.was_attempted or wanted is self._wanted

    def _refresh_members(self, wanted: Wanted, ask: Ask) -> None:
        answers = self._concurrently(_answer_of, [ask.members], MEMBERS_DEADLINE_SECONDS)
        answer = next(answered[1] for answered in answers if answered)
        with self._lock:
            if wanted is not self._wanted:  # a reload came between
                return
            if isinstance(answer, Exception):
                retry_seconds = self._failed(ORGANIZATION, ask.classify(answer, Account()), wanted.refresh_seconds)
            else:
                self._tell_members(answer)
                self._members = answer
                self._succeeded(ORGANIZATION)
                retry_seconds = wanted.refresh_seconds
            self._members_due = self._clock.monotonic() + retry_seconds

    def _refresh_regions(self, wanted: Wanted, ask: Ask) -> None:
        now = self._clock.monotonic()
        with self._lock:
            accounts = {scope.account.key: scope.account for scope in self._scopes() if scope.regions == "all"}
            self._regions = {key: regions for key, regions in self._regions.items() if key in accounts}
            self._regions_due = {key: due for key, due in self._regions_due.items() if key in accounts}
            self._unanswered &= accounts.keys()
        asked = [account for key, account in accounts.items() if self._regions_due.get(key, now) <= now]
        if not asked:
            return
        refused: list[str] = []
        failure: Failure | None = None
        publish_at = now + PUBLISH_SECONDS
        for answered in self._concurrently(ask.enabled_regions, asked, REGIONS_DEADLINE_SECONDS):
            with self._lock:
                if wanted is not self._wanted:
                    return
                if answered:
                    account, answer = answered
                    failure = self._learn_regions(ask, account, answer) or failure
                    refused += [account.shown] if answer is None else []
                if self._clock.monotonic() >= publish_at:
                    self._publish()
                    publish_at = self._clock.monotonic() + PUBLISH_SECONDS
        with self._lock:
            if failure:
                retry = self._clock.monotonic() + self._failed(REGIONS, failure, REGIONS_INTERVAL_SECONDS)
                self._regions_due |= dict.fromkeys(self._unanswered, retry)
            elif not self._unanswered:
                self._succeeded(REGIONS)
        self._tell_refusal(refused)

    def _learn_regions(self, ask: Ask, account: Account, answer: tuple[str, ...] | Exception | None) -> Failure | None:
        """Keep an account's answer, or what stands for it, and return why there is none."""
        self._regions_due[account.key] = self._clock.monotonic() + REGIONS_INTERVAL_SECONDS
        self._unanswered.discard(account.key)
        if isinstance(answer, tuple):
            self._regions[account.key] = answer
            return None
        if answer is None or account.key not in self._regions:
            every = tried(ask.every_region, account)
            if isinstance(every, tuple):
                self._regions[account.key] = every
            else:
                answer = answer or every
        failure = ask.classify(answer, account) if answer else None
        if failure is None or failure.reason in _SHUT:
            return None
        self._unanswered.add(account.key)
        return failure

    def _scopes(self) -> tuple[Scope, ...]:
        regions = self._wanted.organization_regions
        found = () if regions is None else tuple(Scope(account, regions) for account in self._members)
        return self._wanted.scopes + found

    def _publish(self) -> None:
        targets = self.targets
        if targets != self._published:
            self._published = targets
            self._on_targets(targets)

    def _succeeded(self, source: str) -> None:
        self._failures_in_a_row[source] = 0
        self.failures = {other: failure for other, failure in self.failures.items() if other != source}
        self._on_outcome(source, True)

    def _failed(self, source: str, failure: Failure, interval_seconds: float) -> float:
        """Tell of a failure and return the seconds until the next attempt."""
        doubled: float = FIRST_RETRY_SECONDS * 2 ** min(self._failures_in_a_row[source], 10)
        retry_seconds = min(doubled, LONGEST_RETRY_SECONDS, interval_seconds)
        self._failures_in_a_row[source] += 1
        self.failures = {**self.failures, source: failure}
        self._on_outcome(source, False)
        log.warning(
            "discovery failed",
            source=source,
            reason=failure.reason.value,
            error=failure.error,
            hint=failure.hint,
            retry_seconds=retry_seconds,
        )
        return retry_seconds

    def _tell_members(self, members: tuple[Account, ...]) -> None:
        before, after = ({account.key: account for account in known} for known in (self._members, members))
        joined, left = after.keys() - before.keys(), before.keys() - after.keys()
        if joined or left:
            names = {"joined": [after[key].name for key in joined], "left": [before[key].name for key in left]}
            told = {change: ", ".join(sorted(map(str, who))[:NAMES_TOLD]) for change, who in names.items() if who}
            log.info("the organization changed", accounts=len(after), **told)

    def _tell_refusal(self, refused: Sequence[str]) -> None:
        if refused and not self._has_told_refusal:
            self._has_told_refusal = True
            log.warning(
                "enabled regions not told: every region with Bedrock is polled, and rarely where it is not enabled",
                accounts=len(refused),
                such_as=refused[0],
                hint="allow account:ListRegions: run `bedrock-batch-exporter iam-policy member`, or list the regions",
            )

    def _seconds_to_next(self) -> float | None:
        sources = self._wanted.sources
        dues = [self._members_due] if ORGANIZATION in sources else []
        dues += self._regions_due.values() if REGIONS in sources else []
        return max(0.0, min(dues) - self._clock.monotonic()) if dues else None


def _answer_of(question: Callable[[], Answer]) -> Answer:
    return question()
