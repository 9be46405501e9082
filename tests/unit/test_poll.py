"""The schedule, on a clock that the test holds: no thread, no wait."""

import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.model import Account, Failed, Failure, FailureReason, Listing, Polled, Target
from exporter.pace import SLOWEST
from exporter.poll import FIRST_POLLS_PER_SECOND, LOST_POLLS, STALLED_SECONDS, Poller, Settings
from exporter.underway import Poll

INTERVAL = 60.0
TIMEOUT = 30.0


class World:
    """Targets that answer as a test wants them to, each after so long."""

    def __init__(self, clock, count: int, workers: int = 16) -> None:
        self.clock = clock
        self.targets = tuple(Target(Account(profile=f"team-{number}"), "us-east-1") for number in range(count))
        self.takes: dict[str, float] = defaultdict(lambda: 0.2)
        self.raises: dict[str, Exception] = {}
        self.polls: dict[str, list[float]] = defaultdict(list)
        self.under_way: dict[str, int] = defaultdict(int)
        self.most_at_once = 0
        self.settings = Settings(self.targets, INTERVAL, TIMEOUT, workers)
        self.poller = Poller(self.fetch, self.classify, clock, self.settings, self.spawn)

    def spawn(self, run: Callable[[], None]) -> None:
        poll: Poll = run.args[0]  # type: ignore[attr-defined]
        name = poll.target.account.profile or ""
        self.polls[name].append(self.clock.seconds)
        self.under_way[name] += 1
        longest = max(self.polls[name][-1] - moment for moment in self.polls[name])
        assert self.under_way[name] == 1 or longest >= TIMEOUT, f"{name} is polled twice at once"
        self.most_at_once = max(self.most_at_once, sum(self.under_way.values()))

        def end() -> None:
            self.under_way[name] -= 1
            run()

        self.clock.at(self.takes[name], end)

    def fetch(self, poll: Poll) -> tuple[str, Listing]:
        name = poll.target.account.profile or ""
        if name in self.raises:
            raise self.raises[name]
        return "111122223333", Listing(poll.at_seconds, {}, {})

    @staticmethod
    def classify(error: Exception, _target: Target) -> Failure:
        reason = error.args[0] if isinstance(error.args[0], FailureReason) else FailureReason.OTHER
        return Failure(reason, str(error), "hint", retry_after_seconds=getattr(error, "retry_after_seconds", None))

    def run(self, seconds: float) -> None:
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.poller.step()

    def gaps(self, name: str) -> list[float]:
        polls = self.polls[name]
        return [after - before for before, after in itertools.pairwise(polls)]

    def state(self, index: int):
        return self.poller.snapshot.states[self.targets[index]]


def test_every_target_is_polled_once_an_interval(clock):
    world = World(clock, 20)

    world.run(10 * INTERVAL)

    for polls in map(world.polls.get, (f"team-{number}" for number in range(20))):
        assert polls
        assert 9 <= len(polls) <= 11
        assert [after - before for before, after in itertools.pairwise(polls[1:])] == pytest.approx(
            [INTERVAL] * (len(polls) - 2), abs=0.3
        )


def test_first_polls_come_soon_but_not_together(clock):
    world = World(clock, 100)

    world.run(3)

    firsts = sorted(polls[0] for polls in world.polls.values())
    assert len(firsts) == 100
    assert firsts[-1] <= 100 / FIRST_POLLS_PER_SECOND + 0.5
    assert world.most_at_once <= 16


def test_later_polls_are_spread_over_the_interval(clock):
    world = World(clock, 100)

    world.run(4 * INTERVAL)

    seconds = [polls[-1] % INTERVAL for polls in world.polls.values()]
    quarters = [sum(quarter * 15 <= second < (quarter + 1) * 15 for second in seconds) for quarter in range(4)]
    assert all(10 <= number <= 40 for number in quarters), quarters


def test_no_more_polls_are_under_way_than_workers(clock):
    world = World(clock, 50, workers=4)
    world.takes = defaultdict(lambda: 5.0)

    world.run(5 * INTERVAL)

    assert world.most_at_once == 4
    assert all(world.state(index).polls for index in range(50))


def test_targets_that_hang_delay_nobody_else(clock):
    world = World(clock, 40)
    for number in range(16):
        world.takes[f"team-{number}"] = 10_000.0

    world.run(20 * INTERVAL)

    for number in range(16, 40):
        gaps = world.gaps(f"team-{number}")[1:]
        assert gaps == pytest.approx([INTERVAL] * len(gaps), abs=0.5)
    for number in range(16):
        state = world.state(number)
        assert isinstance(state.last, Failed)
        assert state.last.failure.reason is FailureReason.TIMEOUT


def test_a_target_that_hangs_for_ever_takes_no_more_than_a_few_threads(clock):
    world = World(clock, 1)
    world.takes["team-0"] = 1e9

    world.run(100 * INTERVAL)

    assert len(world.polls["team-0"]) == 1 + LOST_POLLS
    assert world.poller.snapshot.workers_busy == 1 + LOST_POLLS


def test_a_target_is_polled_again_while_a_thread_of_its_is_stuck(clock):
    world = World(clock, 1)
    world.takes["team-0"] = 5000.0
    world.run(TIMEOUT / 2)
    world.takes["team-0"] = 0.2

    world.run(5 * INTERVAL)

    assert isinstance(world.state(0).last, Polled)
    assert world.gaps("team-0")[0] >= 2 * TIMEOUT
    assert world.poller.snapshot.workers_busy == 1
    world.run(5000)
    assert world.poller.snapshot.workers_busy == 0


def test_a_poll_that_comes_back_too_late_changes_nothing_and_the_target_goes_on(clock):
    world = World(clock, 1)
    world.takes["team-0"] = TIMEOUT + 10

    world.run(TIMEOUT + 5)
    assert world.state(0).failures[FailureReason.TIMEOUT] == 1
    world.run(10)
    assert world.state(0).polls == 1
    assert world.state(0).success is None

    world.takes["team-0"] = 0.2
    world.run(2 * INTERVAL)
    assert isinstance(world.state(0).last, Polled)


def test_a_failing_target_backs_off_and_recovers_at_once(clock):
    world = World(clock, 2)
    world.raises["team-0"] = ConnectionError(FailureReason.CONNECTION)

    world.run(30 * INTERVAL)

    assert world.gaps("team-0")[1:6] == pytest.approx(
        [INTERVAL, 2 * INTERVAL, 4 * INTERVAL, 4 * INTERVAL, 4 * INTERVAL]
    )
    del world.raises["team-0"]
    world.run(4 * INTERVAL)
    before = len(world.polls["team-0"])
    world.run(5 * INTERVAL)
    assert len(world.polls["team-0"]) == before + 5
    assert max(world.gaps("team-1")[1:]) == pytest.approx(INTERVAL)


def test_a_region_that_is_not_enabled_is_asked_rarely(clock):
    world = World(clock, 1)
    world.raises["team-0"] = ConnectionError(FailureReason.REGION_DISABLED)

    world.run(60 * INTERVAL)

    assert len(world.polls["team-0"]) == 5


def test_one_doubtful_word_about_a_region_that_answered_before_is_not_believed(clock):
    world = World(clock, 1)
    world.run(2 * INTERVAL)
    world.raises["team-0"] = ConnectionError(FailureReason.REGION_DISABLED)
    world.run(INTERVAL)
    del world.raises["team-0"]

    world.run(1.5 * INTERVAL)

    assert isinstance(world.state(0).last, Polled)


def test_a_target_that_is_throttled_is_asked_less_often_and_then_more_often_by_and_by(clock):
    world = World(clock, 2)
    world.raises["team-0"] = ConnectionError(FailureReason.THROTTLED)
    world.run(20 * INTERVAL)
    throttled = world.gaps("team-0")[-2:]
    del world.raises["team-0"]
    world.run(60 * INTERVAL)

    recovery = [round(gap / INTERVAL) for gap in world.gaps("team-0")]
    assert throttled == pytest.approx([SLOWEST * INTERVAL] * 2)
    assert recovery[-20:] == [1] * 20
    slow = [gap for gap in recovery if gap > 1]
    assert {2, 3, 4} <= set(slow), "it goes back step by step"
    assert slow[2:] == sorted(slow[2:], reverse=True)
    assert max(world.gaps("team-1")[1:]) == pytest.approx(INTERVAL)


def test_a_shorter_interval_holds_at_once(clock):
    world = World(clock, 3)
    world.poller.apply(replace(world.settings, interval_seconds=3600.0), world.fetch)
    world.run(2 * 3600)
    start = clock.seconds

    world.poller.apply(replace(world.settings, interval_seconds=60.0), world.fetch)
    world.run(90)

    assert all(any(moment >= start for moment in polls) for polls in world.polls.values())


def test_a_failure_that_cannot_be_explained_is_a_failure_all_the_same(clock):
    world = World(clock, 1)
    world.raises["team-0"] = ConnectionError()  # without the argument that `classify` looks for

    world.run(3 * INTERVAL)

    state = world.state(0)
    assert state.failures[FailureReason.OTHER] >= 2
    assert "IndexError" in state.last.failure.error


def test_who_waits_for_a_reload_is_let_go_when_it_stops(clock):
    world = World(clock, 1)
    world.poller.stop()
    before = world.poller.apply(world.settings, world.fetch)
    world.poller.run()

    assert before.is_set()
    assert world.poller.apply(world.settings, world.fetch).is_set()


def test_a_reload_does_not_move_the_next_poll_of_one_under_way(clock):
    world = World(clock, 1)
    world.takes["team-0"] = 20.0
    world.run(INTERVAL + 30)
    next_poll = world.poller.snapshot.next_polls[world.targets[0]]
    world.poller.apply(world.settings, world.fetch)
    world.poller.step()

    assert world.poller.snapshot.next_polls[world.targets[0]] == next_poll


def test_retry_after_is_honoured(clock):
    world = World(clock, 1)
    error = ConnectionError(FailureReason.THROTTLED)
    error.retry_after_seconds = 300.0  # type: ignore[attr-defined]
    world.raises["team-0"] = error

    world.run(6 * INTERVAL)

    assert world.gaps("team-0") == pytest.approx([300.0], abs=1)


def test_a_reload_keeps_state_and_schedule_of_the_targets_that_stay(clock):
    world = World(clock, 3)
    world.run(2.5 * INTERVAL)
    polls = world.state(0).polls
    last = world.polls["team-0"][-1]
    renamed = replace(world.targets[0], account=replace(world.targets[0].account, name="first"))
    newcomer = Target(Account(profile="team-9"), "eu-west-1")

    world.poller.apply(replace(world.settings, targets=(renamed, newcomer)), world.fetch)
    world.run(INTERVAL)

    states = world.poller.snapshot.states
    assert list(states) == [renamed, newcomer]
    assert states[renamed].polls == polls + 1
    assert world.polls["team-0"][-1] == pytest.approx(last + INTERVAL)
    assert states[newcomer].polls >= 1


def test_a_target_that_is_removed_and_comes_back_is_not_polled_twice_at_once(clock):
    world = World(clock, 1)
    world.takes["team-0"] = 20.0
    world.run(1)

    world.poller.apply(replace(world.settings, targets=()), world.fetch)
    world.run(1)
    assert not world.poller.snapshot.states
    world.poller.apply(world.settings, world.fetch)
    world.run(3 * INTERVAL)

    assert world.state(0).polls >= 1


def test_every_target_is_tried_soon_even_in_vain(clock):
    world = World(clock, 2)
    world.raises["team-0"] = ConnectionError(FailureReason.CONNECTION)
    assert not any(state.polls for state in world.poller.snapshot.states.values())

    world.run(5)

    assert all(state.polls for state in world.poller.snapshot.states.values())


def test_a_loop_that_stands_still_is_unhealthy(clock):
    world = World(clock, 1)
    world.run(5)
    assert world.poller.why_unhealthy() is None

    clock.seconds += STALLED_SECONDS + 1

    assert "has not moved" in (world.poller.why_unhealthy() or "")


def test_a_machine_out_of_threads_fails_the_poll_and_not_the_loop(clock):
    world = World(clock, 1)

    def refuse(_run: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    world.poller._spawn = refuse
    world.run(3 * INTERVAL)

    assert world.state(0).failures[FailureReason.OTHER] >= 2
    assert "can't start new thread" in world.state(0).last.failure.error
    world.poller._spawn = world.spawn
    world.run(3 * INTERVAL)
    assert isinstance(world.state(0).last, Polled)


def test_a_loop_that_died_is_unhealthy(clock):
    world = World(clock, 1)
    clock.at(5, lambda: world.poller._inbox.put(lambda: print(1 / 0)))

    with pytest.raises(ZeroDivisionError):
        world.poller.run()

    assert world.poller.why_unhealthy() == "the polling loop has died"


def test_it_stops_when_told(clock):
    world = World(clock, 1)
    clock.at(90, world.poller.stop)

    world.poller.run()

    assert world.poller.why_unhealthy() is None
    assert 90 <= clock.seconds < 100
