"""Which jobs a poll knows of, given any pages."""

from dataclasses import replace

import pytest

from exporter.listing import REMEMBERED_SECONDS, Query, list_jobs
from exporter.model import Listing, Status, Window
from tests.unit.conftest import NOW_SECONDS, listing

DAY = 86_400.0
WINDOW = Window(lookback_seconds=8 * DAY, retention_seconds=3600.0)


class Bedrock:
    """Answers queries as the API documents it, from a list of jobs."""

    def __init__(self, *jobs, page_size=1000):
        self.jobs = jobs
        self.page_size = page_size
        self.queries = []

    def __call__(self, query: Query):
        self.queries.append(query)
        after = query.submitted_after_seconds
        before = query.submitted_before_seconds
        found = [
            job
            for job in self.jobs
            if (query.status is None or job.status is query.status)
            and (after is None or job.submit_seconds is None or job.submit_seconds >= after)
            and (before is None or job.submit_seconds is None or job.submit_seconds <= before)
        ]
        found.sort(key=lambda job: job.submit_seconds or 0.0, reverse=query.newest_first)
        for start in range(0, max(1, len(found)), self.page_size):
            yield tuple(found[start : start + self.page_size])


def poll(bedrock, window=WINDOW, previous: Listing | None = None, at_seconds=NOW_SECONDS) -> Listing:
    return list_jobs(bedrock, window, previous, at_seconds)


def test_every_active_job_is_known_by_name_and_every_finished_one_counted(make_job):
    active = [make_job() for _ in range(30)]
    finished = [make_job(status=Status.COMPLETED, end_seconds=NOW_SECONDS - 7200) for _ in range(50)]

    newest = make_job(submit_seconds=NOW_SECONDS)

    known = poll(Bedrock(newest, *active, *finished, page_size=7))

    assert set(known.jobs) == {newest.arn, *(job.arn for job in active)}
    assert known.finished_counts == {(active[0].model_id, Status.COMPLETED): 50}


def test_a_small_fleet_costs_one_call(make_job):
    bedrock = Bedrock(*[make_job() for _ in range(30)])

    poll(bedrock)

    assert len(bedrock.queries) == 1


@pytest.mark.parametrize("days", [1, 7])
def test_active_jobs_older_than_a_short_lookback_are_not_lost(make_job, days):
    old = make_job(submit_seconds=NOW_SECONDS - 7.5 * DAY)
    ended = make_job(submit_seconds=NOW_SECONDS - 7.5 * DAY, status=Status.FAILED, end_seconds=NOW_SECONDS - DAY)

    known = poll(Bedrock(old, ended), replace(WINDOW, lookback_seconds=days * DAY))

    assert set(known.jobs) == {old.arn}
    assert known.finished_counts == {}


def test_a_job_on_two_pages_is_one_and_has_its_latest_status(make_job):
    first = make_job(status=Status.SUBMITTED)
    later = replace(first, status=Status.IN_PROGRESS)

    for pages in ([(first,), (later,)], [(later,), (first,)]):
        known = poll(lambda _query, pages=pages: pages)
        assert known.jobs == {first.arn: later}


def test_a_job_without_a_submit_time_is_known(make_job):
    job = make_job(submit_seconds=None)

    assert poll(Bedrock(job)).jobs == {job.arn: job}


def test_what_is_left_out_by_name_is_left_out_of_everything(make_job):
    scratch = [make_job(name="scratch-1"), make_job(name="scratch-2", status=Status.FAILED, end_seconds=NOW_SECONDS)]
    window = replace(WINDOW, is_wanted=lambda name: not name.startswith("scratch-"))

    known = poll(Bedrock(*scratch), window)

    assert known == listing()


def test_a_finished_job_is_kept_by_name_for_its_retention(make_job):
    recent = make_job(status=Status.FAILED, end_seconds=NOW_SECONDS - 3599)
    older = make_job(status=Status.FAILED, end_seconds=NOW_SECONDS - 3601)

    newest = make_job(submit_seconds=NOW_SECONDS)

    known = poll(Bedrock(newest, recent, older))

    assert set(known.jobs) == {newest.arn, recent.arn}
    assert sum(known.finished_counts.values()) == 2


def test_a_finished_job_is_remembered_a_while_even_without_retention(make_job):
    recent = make_job(status=Status.FAILED, end_seconds=NOW_SECONDS - REMEMBERED_SECONDS)

    known = poll(Bedrock(recent), replace(WINDOW, retention_seconds=0.0))

    assert set(known.jobs) == {recent.arn}


def test_a_job_that_ended_long_ago_is_kept_if_it_was_active_at_the_last_poll(make_job):
    job = make_job(status=Status.IN_PROGRESS)
    ended = replace(job, status=Status.FAILED, end_seconds=NOW_SECONDS + 60)
    newest = make_job(submit_seconds=NOW_SECONDS)
    before = poll(Bedrock(job, newest))

    known = poll(Bedrock(ended, newest), previous=before, at_seconds=NOW_SECONDS + 3 * 3600)

    assert set(known.jobs) == {job.arn, newest.arn}
    again = poll(Bedrock(ended, newest), previous=known, at_seconds=NOW_SECONDS + 3 * 3600 + 60)
    assert set(again.jobs) == {newest.arn}


def later(before: Listing, bedrock: Bedrock, seconds: float = 60.0, window=WINDOW) -> Listing:
    bedrock.queries.clear()
    return poll(bedrock, window, before, before.at_seconds + seconds)


def finish(bedrock: Bedrock, *jobs, end_seconds: float) -> None:
    ended = {job.arn: replace(job, status=Status.COMPLETED, end_seconds=end_seconds) for job in jobs}
    bedrock.jobs = tuple(ended.get(job.arn, job) for job in bedrock.jobs)


def fleet(make_job, history: int) -> Bedrock:
    """460 jobs of the last 23 minutes, 40 that wait or run for days, and a history of a week."""
    young = [make_job(submit_seconds=NOW_SECONDS - 3.0 * number) for number in range(460)]
    old = [
        make_job(
            submit_seconds=NOW_SECONDS - 4 * 3600.0 * (number + 1),
            status=Status.SCHEDULED if number % 2 else Status.IN_PROGRESS,
        )
        for number in range(40)
    ]
    spacing = 7 * DAY / history
    ended = [
        make_job(
            submit_seconds=NOW_SECONDS - spacing * number,
            status=Status.COMPLETED,
            end_seconds=NOW_SECONDS - spacing * number + 60,
        )
        for number in range(1, history)
    ]
    return Bedrock(*young, *old, *ended)


@pytest.mark.parametrize("history", [1500, 6000])
def test_a_poll_costs_few_calls_however_long_the_history(make_job, history):
    bedrock = fleet(make_job, history)
    known = poll(bedrock)
    queries = []
    for minute in range(1, 11):
        now = NOW_SECONDS + 60.0 * minute
        active = [job for job in bedrock.jobs if job.is_active]
        new = [make_job(submit_seconds=now - number, status=Status.SUBMITTED) for number in range(20)]
        finish(bedrock, *active[-50:-31], active[-minute], end_seconds=now)  # of the young ones, and one of the old
        bedrock.jobs = (*new, *bedrock.jobs)
        known = later(known, bedrock)
        queries.append(len(bedrock.queries))
        assert {job.arn for job in known.jobs.values() if job.is_active} == {
            job.arn for job in bedrock.jobs if job.is_active
        }

    assert sum(queries) / len(queries) <= 5
    assert sum(known.finished_counts.values()) == sum(job.is_finished for job in bedrock.jobs)


def test_a_fleet_that_fits_a_page_costs_one_call_a_poll(make_job):
    jobs = [make_job(submit_seconds=NOW_SECONDS - 3600.0 * number) for number in range(150)]
    bedrock = Bedrock(*jobs)
    known = poll(bedrock)

    for minute in range(1, 20):
        finish(bedrock, jobs[minute * 7], end_seconds=known.at_seconds + 30)
        known = later(known, bedrock)
        assert len(bedrock.queries) == 1

    assert sum(known.finished_counts.values()) == 19


def test_nothing_new_and_nothing_active_costs_one_small_page(make_job):
    bedrock = Bedrock(
        *[
            make_job(
                status=Status.COMPLETED, submit_seconds=NOW_SECONDS - 600.0 * number, end_seconds=NOW_SECONDS - 3601
            )
            for number in range(7, 900)
        ]
    )

    later(poll(bedrock), bedrock)

    (query,) = bedrock.queries
    assert query.submitted_after_seconds > NOW_SECONDS - 2 * 3600


def test_a_job_that_did_not_change_is_the_same_object(make_job):
    bedrock = Bedrock(make_job(), make_job())
    known = poll(bedrock)
    bedrock.jobs = tuple(replace(job) for job in bedrock.jobs)

    again = later(known, bedrock)

    assert all(again.jobs[arn] is job for arn, job in known.jobs.items())


def test_all_is_listed_again_within_an_hour_and_when_the_window_changes(make_job):
    bedrock = Bedrock(make_job(submit_seconds=NOW_SECONDS - 60))
    known = poll(bedrock)
    edge = WINDOW.edge_seconds(NOW_SECONDS)
    listed = []
    for minute in range(1, 61):
        known = later(known, bedrock)
        if bedrock.queries[0].submitted_after_seconds < edge + DAY:
            listed.append(minute)

    assert len(listed) == 1
    assert listed[0] >= 45
    wider = replace(WINDOW, lookback_seconds=9 * DAY)
    later(known, bedrock, window=wider)
    assert bedrock.queries[0].submitted_after_seconds < edge


def test_a_job_that_is_gone_is_gone(make_job):
    bedrock = Bedrock(make_job(), make_job())
    known = poll(bedrock)
    bedrock.jobs = bedrock.jobs[:1]

    assert set(later(known, bedrock).jobs) == {bedrock.jobs[0].arn}


def test_a_job_of_unknown_status_is_settled(make_job):
    odd = make_job(status=Status.UNKNOWN, submit_seconds=NOW_SECONDS - 5 * DAY)
    ended = [
        make_job(
            status=Status.FAILED, submit_seconds=NOW_SECONDS - 200.0 * number, end_seconds=NOW_SECONDS - 100.0 * number
        )
        for number in range(1, 3000)
    ]
    bedrock = Bedrock(odd, *ended)
    known = poll(bedrock)

    known = later(known, bedrock)
    assert known.jobs[odd.arn].status is Status.UNKNOWN
    assert len(bedrock.queries) == 2
    finish(bedrock, odd, end_seconds=NOW_SECONDS + 70)
    assert later(known, bedrock).jobs[odd.arn].status is Status.COMPLETED


def test_a_job_without_a_submit_time_stays_until_all_is_listed_again(make_job):
    undated = make_job(submit_seconds=None)
    bedrock = Bedrock(undated, make_job())
    known = poll(bedrock)
    bedrock.jobs = bedrock.jobs[1:]

    assert undated.arn in later(known, bedrock).jobs
    assert undated.arn not in later(known, bedrock, seconds=3600).jobs


def test_what_has_finished_stays_finished_where_a_listing_lags_behind(make_job):
    job = make_job(submit_seconds=NOW_SECONDS - 60)
    bedrock = Bedrock(job)
    known = poll(bedrock)
    finish(bedrock, job, end_seconds=NOW_SECONDS + 30)
    known = later(known, bedrock)

    bedrock.jobs = (job,)
    known = later(known, bedrock)

    assert known.jobs[job.arn].is_finished
    assert sum(known.finished_counts.values()) == 1
