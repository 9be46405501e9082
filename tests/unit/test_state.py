"""The fold: what is remembered of a history of polls."""

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import (
    ACTIVE_STATUSES,
    FINISHED_STATUSES,
    Account,
    Failed,
    Failure,
    FailureReason,
    Job,
    Polled,
    Status,
    Target,
)
from exporter.state import DURATION_BUCKETS_SECONDS, Histogram, Snapshot, TargetState
from tests.unit.conftest import NOW_SECONDS, listing, polled

FAILURE = Failure(FailureReason.TIMEOUT, "error", "hint")
TARGET = Target(Account(), "us-east-1")


def failed(at_seconds: float = NOW_SECONDS, reason: FailureReason = FailureReason.TIMEOUT) -> Failed:
    return Failed(replace(FAILURE, reason=reason), at_seconds, 30.0)


jobs = st.builds(
    Job,
    arn=st.sampled_from([f"arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/{n}" for n in range(6)]),
    name=st.just("name"),
    model_id=st.just("model"),
    status=st.sampled_from(list(Status)),
    submit_seconds=st.none() | st.just(NOW_SECONDS),
    end_seconds=st.none() | st.just(NOW_SECONDS + 60),
)
outcomes = st.builds(
    Polled,
    account_id=st.just("111122223333"),
    listing=st.lists(jobs, unique_by=lambda job: job.arn, max_size=5).map(lambda found: listing(*found)),
    duration_seconds=st.just(0.1),
) | st.sampled_from([failed(reason=reason) for reason in FailureReason])


@given(st.lists(outcomes, max_size=12))
def test_the_jobs_are_those_of_the_last_success(history):
    state = reduce(TargetState.after, history, TargetState())

    successes = [outcome for outcome in history if isinstance(outcome, Polled)]
    assert state.success is (successes[-1] if successes else None)
    assert state.last is (history[-1] if history else None)
    assert state.polls == len(history)
    assert sum(state.failures.values()) == len(history) - len(successes)


@given(st.lists(outcomes, max_size=12))
def test_counters_never_go_back(history):
    state = TargetState()
    for outcome in history:
        after = state.after(outcome)
        assert all(after.finished[status] >= state.finished[status] for status in FINISHED_STATUSES)
        assert all(after.failures[reason] >= state.failures[reason] for reason in FailureReason)
        state = after


def test_what_had_finished_before_the_first_poll_is_not_counted(make_job):
    state = TargetState().after(polled(make_job(status=Status.FAILED, end_seconds=NOW_SECONDS - 10)))

    assert state.finished == dict.fromkeys(FINISHED_STATUSES, 0)


@pytest.mark.parametrize("before", ACTIVE_STATUSES)
@pytest.mark.parametrize("after", FINISHED_STATUSES)
def test_a_job_seen_to_finish_is_counted_once(make_job, before, after):
    job = make_job(status=before)
    ended = replace(job, status=after, end_seconds=NOW_SECONDS + 30)
    state = TargetState().after(polled(job))

    for poll in range(1, 4):
        state = state.after(polled(ended, at_seconds=NOW_SECONDS + 60 * poll))

    assert state.finished == {status: int(status is after) for status in FINISHED_STATUSES}


def test_a_job_that_came_and_ended_between_two_polls_is_counted(make_job):
    state = TargetState().after(polled())
    brief = make_job(status=Status.FAILED, submit_seconds=NOW_SECONDS + 5, end_seconds=NOW_SECONDS + 20)

    state = state.after(polled(brief, at_seconds=NOW_SECONDS + 60))

    assert state.finished[Status.FAILED] == 1


def test_an_old_job_that_comes_back_into_view_is_not_counted(make_job):
    state = TargetState().after(polled())
    old = make_job(status=Status.FAILED, end_seconds=NOW_SECONDS - 3600)

    state = state.after(polled(old, at_seconds=NOW_SECONDS + 60))

    assert state.finished[Status.FAILED] == 0


def test_jobs_that_ended_while_aws_was_out_of_reach_are_counted(make_job):
    job = make_job()
    state = TargetState().after(polled(job))
    for poll in range(1, 60):
        state = state.after(failed(NOW_SECONDS + 60 * poll))
    ended = replace(job, status=Status.EXPIRED, end_seconds=NOW_SECONDS + 600)

    state = state.after(polled(ended, at_seconds=NOW_SECONDS + 7200))

    assert state.finished[Status.EXPIRED] == 1


def test_durations_are_of_jobs_seen_to_start_and_to_end(make_job):
    waiting = make_job(status=Status.SCHEDULED, submit_seconds=NOW_SECONDS - 1000)
    running = replace(waiting, status=Status.IN_PROGRESS)
    ended = replace(waiting, status=Status.COMPLETED, end_seconds=NOW_SECONDS + 200)
    seen_running = make_job(status=Status.IN_PROGRESS)
    snapshot = Snapshot({TARGET: TargetState()})

    for outcome in (
        polled(waiting, seen_running),
        polled(running, seen_running, at_seconds=NOW_SECONDS + 60),
        polled(running, seen_running, at_seconds=NOW_SECONDS + 120),
        polled(ended, seen_running, at_seconds=NOW_SECONDS + 260),
    ):
        snapshot = snapshot.after(TARGET, outcome)

    assert snapshot.queues == {("us-east-1", waiting.model_id): Histogram().observe(1060.0)}
    assert snapshot.completions == {("us-east-1", waiting.model_id, Status.COMPLETED): Histogram().observe(1200.0)}


@given(st.lists(st.floats(0, 1e6), max_size=30))
def test_a_histogram_counts_each_duration_in_one_bucket(durations):
    histogram = reduce(Histogram.observe, durations, Histogram())

    assert sum(histogram.counts) == len(durations)
    assert histogram.sum_seconds == pytest.approx(sum(durations))
    for place, bound in enumerate(DURATION_BUCKETS_SECONDS):
        assert sum(histogram.counts[: place + 1]) == sum(seconds <= bound for seconds in durations)


def test_jobs_are_stale_by_the_age_of_the_last_success(make_job):
    state = TargetState().after(polled(make_job())).after(failed(NOW_SECONDS + 599))

    assert not state.is_stale(NOW_SECONDS + 600, 600)
    assert state.is_stale(NOW_SECONDS + 601, 600)
    assert TargetState().is_stale(NOW_SECONDS, 600)
