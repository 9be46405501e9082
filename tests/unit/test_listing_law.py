"""The law of incremental polling: it knows what a full listing would tell at the same instant, whatever happens."""

from bisect import bisect_right
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import listing as room
from exporter.listing import Query, list_jobs
from exporter.model import FINISHED_STATUSES, Job, Listing, Polled, Status, Window
from exporter.state import TargetState, seen_to_finish
from tests.unit.conftest import NOW_SECONDS

HOUR = 3600.0
DAY = 24 * HOUR
LATEST_SECONDS = 120.0
"""How late a job may come into sight."""
COURSE = (Status.SUBMITTED, Status.VALIDATING, Status.SCHEDULED, Status.IN_PROGRESS, Status.STOPPING)


class Life:
    """A job and how it moves: a moment and the status from then on."""

    def __init__(self, job: Job, visible_seconds: float, moves: list[tuple[float, Status]]) -> None:
        self.submit_seconds = job.submit_seconds or 0.0
        self.visible_seconds = visible_seconds
        self.moments = [moment for moment, _ in moves]
        self.jobs = [
            replace(
                job,
                status=status,
                last_modified_seconds=moment,
                end_seconds=moment if status in FINISHED_STATUSES else None,
            )
            for moment, status in moves
        ]

    def at(self, seconds: float) -> Job:
        return self.jobs[bisect_right(self.moments, seconds) - 1]

    @property
    def is_known_throughout(self) -> bool:
        return all(job.status is not Status.UNKNOWN for job in self.jobs)


class World:
    """Bedrock as it may behave: jobs come and move between calls, come into sight late, and pages overlap."""

    def __init__(self, seed: int, *, page_size: int = 10) -> None:
        self.random = Random(seed)
        self.seconds = NOW_SECONDS
        self.page_size = page_size
        self.lives: list[Life] = []
        self.seconds_a_call = 0.0
        self.calls = 0
        self.by_offset = self.random.random() < 0.5

    def submit(self, seconds: float) -> None:
        """Let a job be submitted, with its whole life before it; short or up to 168 hours."""
        random, number = self.random, len(self.lives)
        length = random.choice([20.0, 300.0, HOUR, DAY, 168 * HOUR]) * random.uniform(0.1, 1.0)
        course = [status for status in COURSE[1:] if random.random() < 0.6]
        if random.random() < 0.1:
            course.insert(random.randrange(len(course) + 1), Status.UNKNOWN)
        moments = sorted(random.uniform(0, length) for _ in course)
        end = (length, random.choice(FINISHED_STATUSES))
        moves = [(0.0, Status.SUBMITTED), *zip(moments, course, strict=True), end]
        job = Job(
            arn=f"arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/job{number:09}",
            name=f"job-{number}",
            model_id=random.choice(["nova", "haiku"]),
            status=Status.SUBMITTED,
            submit_seconds=round(seconds, 3),
        )
        delay = random.choice([0.0, random.uniform(0, LATEST_SECONDS)])
        self.lives.append(Life(job, seconds + delay, [(seconds + moment, status) for moment, status in moves]))

    def pass_time(self, seconds: float, jobs: int) -> None:
        for moment in sorted(self.random.uniform(0, seconds) for _ in range(jobs)):
            self.submit(self.seconds + moment)
        self.seconds += seconds

    def visible(self) -> list[Job]:
        return [life.at(self.seconds) for life in self.lives if life.visible_seconds <= self.seconds]

    def find(self, query: Query) -> list[Job]:
        """Return what a query finds now. Neither end of the range belongs to it: the harder reading."""
        after, before = query.submitted_after_seconds, query.submitted_before_seconds
        found = [
            job
            for job in self.visible()
            if job.submit_seconds is not None
            and (query.status is None or job.status is query.status)
            and (after is None or job.submit_seconds > after)
            and (before is None or job.submit_seconds < before)
        ]
        return sorted(found, key=_place, reverse=query.newest_first)

    def pages(self, query: Query):
        """Answer page by page; each call takes its time. A token is an offset, or the last job of its page."""
        offset, last, repeats = 0, None, self.seconds_a_call > 0
        while True:
            self.calls += 1
            self.seconds += self.random.uniform(0, self.seconds_a_call)
            found = self.find(query)
            if self.by_offset or last is None:
                start = offset
            else:
                sign = -1 if query.newest_first else 1
                start = sum(1 for job in found if (_place(job) > last) is (sign < 0) or _place(job) == last)
            if repeats:
                start = max(0, start - self.random.choice([0, 0, 3]))
            page = found[start : start + self.page_size]
            yield tuple(page)
            offset = start + self.page_size
            if offset >= len(found):
                return
            last = _place(page[-1])

    def still(self, query: Query):
        """Answer while the time stands still."""
        seconds_a_call, self.seconds_a_call = self.seconds_a_call, 0.0
        yield from self.pages(query)
        self.seconds_a_call = seconds_a_call


def _place(job: Job) -> tuple[float, str]:
    return (job.submit_seconds or 0.0, job.arn)


def truth(world: World, window: Window, previous: Listing) -> Listing:
    """What a full listing tells now."""
    assert previous.history
    overdue = replace(previous.history, listed_seconds=world.seconds - 2 * room.RELIST_SECONDS)
    return list_jobs(world.still, window, replace(previous, history=overdue), world.seconds)


def assert_same(known: Listing, true: Listing) -> None:
    assert known.jobs == true.jobs
    assert known.finished_counts == true.finished_counts
    assert known.history
    assert true.history
    assert known.history.newest_seconds == true.history.newest_seconds
    assert known.history.buckets == true.history.buckets


@pytest.fixture(scope="module", autouse=True)
def small_pages():
    """Ten jobs a page, so that few jobs make many pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "PAGE_JOBS", 10)
        patch.setattr(room, "ROOM_JOBS", 8)
        yield


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    lookback_days=st.sampled_from([8.0, 8.0, 7.0, 1.0, 0.1]),
    interval_seconds=st.sampled_from([15.0, 60.0, 300.0]),
    jobs_a_poll=st.sampled_from([0, 1, 3, 10]),
)
def test_a_poll_knows_what_a_full_listing_tells(seed, lookback_days, interval_seconds, jobs_a_poll):
    world = World(seed)
    window = Window(lookback_days * DAY, retention_seconds=world.random.choice([0.0, HOUR]))
    for _ in range(60):
        world.submit(world.seconds - world.random.uniform(0, 9 * DAY))
    known = list_jobs(world.still, window, None, world.seconds)
    had_finished = {life.at(world.seconds).arn for life in world.lives if life.at(world.seconds).is_finished}
    state = TargetState().after(Polled("111122223333", known, 0.1))
    finished: Counter[str] = Counter()

    for poll in range(13):
        if poll < 12:
            outage = world.random.choice([0.0] * 8 + [HOUR, 20 * HOUR])
            world.pass_time(interval_seconds + outage, jobs_a_poll)
        else:
            world.pass_time(LATEST_SECONDS, 0)
        # With the time standing still both must be the same, whatever happened before.
        after = list_jobs(world.still, window, known, world.seconds)
        assert_same(after, truth(world, window, known))
        # Then again, and jobs move between the calls, but for the last poll.
        if poll < 12:
            world.seconds_a_call = world.random.choice([0.0, 5.0, 40.0])
            after = list_jobs(world.pages, window, known, world.seconds)
        finished.update(job.arn for job in seen_to_finish(known, after))
        state = state.after(Polled("111122223333", after, 0.1))
        known = after

    assert not finished or max(finished.values()) == 1, "counted twice"
    assert sum(state.finished.values()) == len(finished)
    if lookback_days >= 1:  # shorter than an outage, and jobs may come and go unseen
        ended = {
            life.at(world.seconds).arn
            for life in world.lives
            if life.at(world.seconds).is_finished and (lookback_days > 1 or life.is_known_throughout)
        }
        assert ended - had_finished <= set(finished), "lost"
