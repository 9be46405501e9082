"""Which jobs a poll knows of, given any pages."""

from dataclasses import replace

import pytest

from exporter.listing import REMEMBERED_SECONDS, Query, Window, list_jobs
from exporter.model import Listing, Status
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

    known = poll(Bedrock(*active, *finished, page_size=7))

    assert set(known.jobs) == {job.arn for job in active}
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

    known = poll(Bedrock(recent, older))

    assert set(known.jobs) == {recent.arn}
    assert sum(known.finished_counts.values()) == 2


def test_a_finished_job_is_remembered_a_while_even_without_retention(make_job):
    recent = make_job(status=Status.FAILED, end_seconds=NOW_SECONDS - REMEMBERED_SECONDS)

    known = poll(Bedrock(recent), replace(WINDOW, retention_seconds=0.0))

    assert set(known.jobs) == {recent.arn}


def test_a_job_that_ended_long_ago_is_kept_if_it_was_active_at_the_last_poll(make_job):
    job = make_job(status=Status.IN_PROGRESS)
    ended = replace(job, status=Status.FAILED, end_seconds=NOW_SECONDS + 60)
    before = listing(job)

    known = poll(Bedrock(ended), previous=before, at_seconds=NOW_SECONDS + 3 * 3600)

    assert set(known.jobs) == {job.arn}
    again = poll(Bedrock(ended), previous=known, at_seconds=NOW_SECONDS + 3 * 3600 + 60)
    assert set(again.jobs) == set()
