"""Discovery: what is known stands, whatever fails; on a clock that the test holds."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import structlog

from exporter.concurrently import AT_ONCE, SideBySide
from exporter.config import Scope
from exporter.discovery import Discovery
from exporter.model import Account, Failure, FailureReason, Target
from exporter.questions import ORGANIZATION, REGIONS, REGIONS_INTERVAL_SECONDS, Ask, Wanted

REFRESH_SECONDS = 600.0
EVERY = ("us-east-1", "eu-west-1", "ap-east-1")
ENABLED = EVERY[:2]


def member(number: int) -> Account:
    return Account(f"team-{number}", f"arn:aws:iam::{number:012}:role/r")


class World:
    """An organization and its accounts, which answer as a test wants them to."""

    def __init__(self, clock, wanted: Wanted) -> None:
        self.clock = clock
        self.members: tuple[Account, ...] | Exception = (member(1), member(2))
        self.regions: dict[str, tuple[str, ...] | Exception | None] = {}
        self.asked: Counter[str] = Counter()
        self.outcomes: list[tuple[str, bool]] = []
        self.told: list[tuple[Target, ...]] = []
        self.ask = Ask(self._members, self._enabled, lambda _account: EVERY, self._classify)
        self.discovery = Discovery(
            wanted, self.ask, clock, self.told.append, lambda *outcome: self.outcomes.append(outcome),
            concurrently=self._one_by_one,
        )  # fmt: skip

    def _members(self) -> tuple[Account, ...]:
        self.asked[ORGANIZATION] += 1
        if isinstance(self.members, Exception):
            raise self.members
        return self.members

    def _enabled(self, account: Account) -> tuple[str, ...] | None:
        self.asked[account.key] += 1
        answer = self.regions.get(account.key, ENABLED)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @staticmethod
    def _classify(error: Exception, _account: Account) -> Failure:
        reason = error.args[0] if isinstance(error.args[0], FailureReason) else FailureReason.OTHER
        return Failure(reason, str(error), "hint")

    @staticmethod
    def _one_by_one(function, items: Sequence[Any], deadline_seconds: float):
        assert deadline_seconds >= 60
        for item in items:
            try:
                yield item, function(item)
            except ConnectionError as error:
                yield item, error

    def run(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.clock.at(end - self.clock.seconds, lambda: self.discovery._inbox.put(None))
            self.discovery.step()

    def polled(self) -> set[tuple[str | None, str]]:
        return {(target.account.name, target.region) for target in self.discovery.targets}


OWN = Account("own")
ORGANIZED = Wanted((Scope(OWN, ("us-east-1",)),), ("us-east-1",), REFRESH_SECONDS)
EVERYWHERE = Wanted((Scope(OWN, "all"),))


@pytest.fixture
def organized(clock) -> World:
    return World(clock, ORGANIZED)


@pytest.fixture
def everywhere(clock) -> World:
    return World(clock, EVERYWHERE)


def test_what_the_file_names_is_known_at_once_and_the_rest_once_it_was_asked_for(organized):
    assert organized.polled() == {("own", "us-east-1")}
    assert not organized.discovery.was_attempted

    organized.discovery.refresh()

    assert organized.polled() == {("own", "us-east-1"), ("team-1", "us-east-1"), ("team-2", "us-east-1")}
    assert organized.told == [organized.discovery.targets]
    assert organized.discovery.was_attempted
    assert organized.outcomes == [(ORGANIZATION, True)]


def test_where_the_file_names_all_nothing_is_asked(clock):
    world = World(clock, Wanted((Scope(OWN, ("us-east-1",)),)))
    world.discovery.refresh()

    assert world.discovery.was_attempted
    assert world.discovery._seconds_to_next() is None
    assert not world.asked


def test_accounts_join_and_leave_within_one_refresh(organized):
    organized.run(1)
    organized.members = (member(2), member(3))
    organized.run(REFRESH_SECONDS)

    assert {name for name, _ in organized.polled()} == {"own", "team-2", "team-3"}
    assert organized.asked[ORGANIZATION] == 2


def test_a_refresh_that_fails_keeps_what_is_known_and_is_tried_again_soon_then_rarely(organized):
    organized.run(1)
    organized.members = ConnectionError("away")
    organized.run(REFRESH_SECONDS)
    known = organized.polled()
    assert len(known) == 3
    assert organized.outcomes[-1] == (ORGANIZATION, False)
    assert organized.discovery.failures[ORGANIZATION].error == "away"

    before = organized.asked[ORGANIZATION]
    organized.run(110)
    assert organized.asked[ORGANIZATION] - before == 3, "at 15, 45 and 105 s"
    organized.run(3000)
    assert organized.asked[ORGANIZATION] - before < 16
    assert organized.polled() == known

    organized.members = ()
    organized.run(300)
    assert organized.polled() == {("own", "us-east-1")}
    assert organized.discovery.failures == {}


def test_a_first_refresh_that_fails_holds_up_nothing_else(organized):
    organized.members = ConnectionError("away")
    organized.discovery.refresh()

    assert organized.polled() == {("own", "us-east-1")}
    assert organized.discovery.was_attempted


def test_only_enabled_regions_are_polled_and_they_are_asked_for_every_hour(everywhere):
    assert everywhere.polled() == set()
    everywhere.run(1)
    assert everywhere.polled() == {("own", region) for region in ENABLED}

    everywhere.regions[OWN.key] = EVERY
    everywhere.run(REGIONS_INTERVAL_SECONDS)

    assert everywhere.polled() == {("own", region) for region in EVERY}
    assert everywhere.asked[OWN.key] == 2


def test_an_account_that_does_not_tell_its_regions_is_polled_in_all_and_that_is_said_once(everywhere):
    everywhere.regions[OWN.key] = None
    with structlog.testing.capture_logs() as logs:
        everywhere.run(5 * REGIONS_INTERVAL_SECONDS)

    assert everywhere.polled() == {("own", region) for region in EVERY}
    assert len([line for line in logs if "account:ListRegions" in line.get("hint", "")]) == 1
    assert set(everywhere.outcomes) == {(REGIONS, True)}


def test_regions_that_cannot_be_asked_for_are_those_last_known(everywhere):
    everywhere.run(1)
    everywhere.regions[OWN.key] = ConnectionError("away")
    everywhere.run(REGIONS_INTERVAL_SECONDS)

    assert everywhere.polled() == {("own", region) for region in ENABLED}
    assert everywhere.outcomes[-1] == (REGIONS, False)
    asked = everywhere.asked[OWN.key]
    everywhere.run(20)
    assert everywhere.asked[OWN.key] == asked + 1


def test_an_account_that_cannot_be_asked_at_first_is_polled_in_all(everywhere):
    everywhere.regions[OWN.key] = ConnectionError("away")
    everywhere.run(1)

    assert everywhere.polled() == {("own", region) for region in EVERY}


@pytest.mark.parametrize("reason", [FailureReason.ASSUME_ROLE, FailureReason.ACCESS_DENIED])
def test_an_account_that_lets_nobody_in_fails_by_its_polls_and_not_the_discovery(everywhere, reason):
    everywhere.regions[OWN.key] = ConnectionError(reason)
    everywhere.run(1)

    assert everywhere.polled() == {("own", region) for region in EVERY}
    assert everywhere.outcomes == [(REGIONS, True)]


def test_one_account_that_fails_holds_up_no_other(clock):
    world = World(clock, Wanted((), "all", REFRESH_SECONDS))
    world.members = tuple(map(member, range(1, 6)))
    world.regions[member(3).key] = ConnectionError("away")
    world.run(1)

    assert {region for name, region in world.polled() if name == "team-1"} == set(ENABLED)
    assert {region for name, region in world.polled() if name == "team-3"} == set(EVERY)
    world.run(16)
    assert world.asked[member(3).key] == 2
    assert world.asked[member(1).key] == 1
    assert (REGIONS, True) not in world.outcomes

    world.regions.clear()
    world.run(60)
    assert world.outcomes[-1] == (REGIONS, True)
    assert {region for name, region in world.polled() if name == "team-3"} == set(ENABLED)


def test_those_that_have_answered_do_not_wait_for_one_that_hangs(clock):
    world = World(clock, Wanted((), "all", REFRESH_SECONDS))
    seen: list[int] = []

    def hangs(function, items, _deadline_seconds):
        yield items[0], function(items[0])
        if len(items) == 1:
            return
        for _ in range(5):
            clock.seconds += 1
            yield None
        seen.append(len(world.told[-1]))
        yield items[1], function(items[1])

    world.discovery._concurrently = hangs
    world.discovery.refresh()

    assert seen == [len(ENABLED)]
    assert len(world.told[-1]) == 2 * len(ENABLED)


def test_an_account_that_joins_is_asked_for_its_regions_at_once(clock):
    world = World(clock, Wanted((), "all", REFRESH_SECONDS))
    world.run(1)
    assert isinstance(world.members, tuple)
    world.members += (member(3),)
    world.run(REFRESH_SECONDS)

    assert {region for name, region in world.polled() if name == "team-3"} == set(ENABLED)
    assert world.asked[member(1).key] == 1


def test_while_one_account_has_not_answered_the_source_has_not_succeeded(clock):
    world = World(clock, Wanted((), "all", 40.0))
    world.members = (member(1),)
    world.regions[member(1).key] = ConnectionError("away")
    world.run(1)
    world.members = (member(1), member(2))
    world.run(41)

    assert {region for name, region in world.polled() if name == "team-2"} == set(ENABLED)
    assert (REGIONS, True) not in world.outcomes


def test_a_reload_takes_what_the_file_names_at_once_and_keeps_what_was_found(organized):
    organized.discovery.refresh()
    other = Account("other", profile="other")

    organized.discovery.follow(replace(ORGANIZED, scopes=(Scope(other, ("eu-west-1",)),)), organized.ask)

    assert organized.polled() == {("other", "eu-west-1"), ("team-1", "us-east-1"), ("team-2", "us-east-1")}
    assert organized.told[-1] == organized.discovery.targets
    organized.discovery.refresh()
    assert organized.asked[ORGANIZATION] == 2


def test_a_reload_without_the_organization_drops_its_accounts_at_once(organized):
    organized.discovery.refresh()
    organized.discovery.follow(Wanted(ORGANIZED.scopes), organized.ask)

    assert organized.polled() == {("own", "us-east-1")}


def test_an_answer_to_a_question_of_before_the_reload_is_not_used(clock):
    world = World(clock, ORGANIZED)

    def meanwhile() -> tuple[Account, ...]:
        world.discovery.follow(Wanted(ORGANIZED.scopes), world.ask)
        return (member(9),)

    world.discovery._ask = replace(world.ask, members=meanwhile)
    world.discovery.refresh()

    assert world.polled() == {("own", "us-east-1")}
    assert world.outcomes == []


def test_it_ends_when_told(organized):
    organized.clock.at(5, organized.discovery.stop)
    organized.discovery.run()

    assert organized.clock.seconds == 5


def test_a_thread_that_died_is_unhealthy_and_one_that_was_stopped_is_not(organized, clock):
    clock.at(5, organized.discovery.stop)
    organized.discovery.run()
    assert organized.discovery.why_unhealthy() is None

    def die(_targets: tuple[Target, ...]) -> None:
        raise ZeroDivisionError

    broken = Discovery(ORGANIZED, organized.ask, clock, die, lambda *_: None)
    assert broken.why_unhealthy() is None
    with pytest.raises(ZeroDivisionError):
        broken.run()
    assert broken.why_unhealthy() == "discovery has died"


def test_a_question_that_hangs_is_a_failure_like_any_other(clock):
    world = World(clock, Wanted((Scope(OWN, "all"),), ("us-east-1",), REFRESH_SECONDS))
    world.discovery._concurrently = lambda _function, items, _deadline: [(item, TimeoutError("late")) for item in items]
    world.discovery.refresh()

    assert world.outcomes == [(ORGANIZATION, False), (REGIONS, False)]
    assert world.polled() == {("own", region) for region in EVERY}
    assert world.discovery.was_attempted


@pytest.mark.parametrize("told", [None, ConnectionError("away")])
def test_an_account_in_a_region_of_no_partition_is_a_failure_and_no_crash(clock, told):
    world = World(clock, Wanted((Scope(OWN, "all"), Scope(member(1), "all"))))
    world.regions[OWN.key] = told

    def no_partition(_account: Account) -> tuple[str, ...]:
        raise ConnectionError("foo is in no partition")

    world.discovery.follow(world.discovery._wanted, replace(world.ask, every_region=no_partition))
    world.discovery.refresh()

    assert world.polled() == {("team-1", region) for region in ENABLED}
    assert world.outcomes == [(REGIONS, False)]
    assert world.discovery.was_attempted


def test_side_by_side_answers_all_in_whatever_order():
    def answer(number: int) -> int:
        return 100 // number

    side_by_side = SideBySide(lambda: 0.0)
    told = dict(filter(None, side_by_side(answer, range(20), 60.0)))

    assert len(told) == 20
    assert isinstance(told[0], ZeroDivisionError)
    assert told[4] == 25
    assert list(side_by_side(answer, [], 60.0)) == []


def test_what_hangs_is_given_up_and_holds_up_no_other_and_is_not_asked_again_until_it_has_ended():
    end, asked = threading.Event(), Counter[int]()

    def answer(number: int) -> int:
        asked[number] += 1
        if number < AT_ONCE:
            end.wait(20)
        return number

    side_by_side = SideBySide(time.monotonic)
    numbers = range(2 * AT_ONCE)
    for _ in range(2):
        told = dict(filter(None, side_by_side(answer, numbers, 0.2)))
        assert {number for number in numbers if isinstance(told[number], TimeoutError)} == set(range(AT_ONCE))
        assert told[AT_ONCE] == AT_ONCE
    assert asked[0] == 1
    assert asked[AT_ONCE] == 2

    end.set()
    for thread in side_by_side._lost.values():
        thread.join(20)
    assert dict(filter(None, side_by_side(answer, numbers, 20.0))) == dict(zip(numbers, numbers, strict=True))
