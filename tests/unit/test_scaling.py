"""The arithmetic of docs/scaling.md: as many series as the exposition has."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.exposition import render
from exporter.model import Account, Status, Target
from exporter.state import Snapshot
from exporter.summary import Limits
from tests.unit.conftest import NOW_SECONDS, polled

DOCUMENT = (Path(__file__).parents[2] / "docs/scaling.md").read_text()

LIMITS = Limits(max_jobs=1000, retention_seconds=3600.0, stale_after_seconds=600.0)


@pytest.fixture
def told():
    """Return how many series the document counts for the row that begins so."""

    def find(row):
        [count] = re.findall(rf"(?m)^\| {re.escape(row)}.* \| (\d+)\b.*\|$", DOCUMENT)
        return int(count)

    return find


def series(*targets_and_outcomes, prefix=""):
    snapshot = Snapshot()
    for target, outcome in targets_and_outcomes:
        snapshot = snapshot.after(target, outcome)
    lines = render(snapshot, LIMITS, NOW_SECONDS, openmetrics=False).splitlines()
    return sum(line.startswith(prefix) for line in lines if not line.startswith("#"))


@pytest.fixture
def make_full(make_job):
    """Make a job of which nothing is left out."""

    def make(**members):
        facts = {"last_modified_seconds": NOW_SECONDS, "total_records": 10, "processed_records": 5}
        return make_job(**facts | {"succeeded_records": 5, "failed_records": 0} | members)

    return make


def test_a_target_costs_what_is_told(target, told):
    other = Target(target.account, "eu-west-1")

    one, two = series((target, polled())), series((target, polled()), (other, polled()))
    assert two - one == told("target (an account in a region)")


def test_an_account_costs_what_is_told(target, told):
    other = Target(Account(name="other", role_arn="arn:aws:iam::444455556666:role/x"), "us-east-1")
    elsewhere = replace(polled(), account_id="444455556666")
    names = series((target, polled()), (other, elsewhere), prefix="bedrock_batch_account_info")

    assert names == 2 * told("account")


def test_a_job_costs_what_is_told(target, told, make_full):
    active = [make_full() for _ in range(3)]
    finished = [make_full(status=Status.FAILED, end_seconds=NOW_SECONDS) for _ in range(3)]

    assert series((target, polled(*active))) - series((target, polled(*active[:2]))) == told("active job")
    three, two = series((target, polled(*finished))), series((target, polled(*finished[:2])))
    assert three - two == told("finished job")


def test_a_histogram_costs_what_is_told(target, told, make_full):
    waiting = make_full(status=Status.SCHEDULED)
    running = make_full(arn=waiting.arn)
    done = make_full(arn=waiting.arn, status=Status.COMPLETED, end_seconds=NOW_SECONDS)
    history = [(target, polled(job)) for job in (waiting, running, done)]

    assert series(*history, prefix="bedrock_batch_job_queue_duration") == told("region and model seen to begin")
    assert series(*history, prefix="bedrock_batch_job_completion_duration") == told("region, model and last status")


def test_the_example_is_worked_out_right(told):
    def numbers(pattern):
        [found] = re.findall(pattern, DOCUMENT.replace("\n", " "))
        return tuple(int(number.replace(",", "")) for number in found)

    targets, series_of_targets = numbers(r"100 accounts in 17 regions are ([\d,]+) targets, so ([\d,]+) series")
    active, series_of_active = numbers(r"([\d,]+) active jobs add ([\d,]+)")
    finished, series_of_finished = numbers(r"and ([\d,]+) that finish within an hour ([\d,]+)")

    assert targets == 100 * 17
    assert series_of_targets == targets * told("target (an account in a region)") + 100 * told("account")
    assert series_of_active == active * told("active job")
    assert series_of_finished == finished * told("finished job")
