"""What `check` tells: a table for people, JSON for programs."""

import json

import pytest

from exporter.check import document, results_of, table
from exporter.model import Account, Failed, Failure, FailureReason, Target
from exporter.state import Snapshot
from tests.unit.conftest import NOW_SECONDS, polled

ROLE = "arn:aws:iam::222233334444:role/bedrock-batch-exporter"
PRODUCTION = Account("production", profile="production")
RESEARCH = Account("research", ROLE)
DENIED = Failure(FailureReason.ACCESS_DENIED, "not authorized in {region}", "allow it in {region}")
SHUT = Failure(FailureReason.OTHER, "no organization", "list the accounts")


def failed(failure: Failure, region: str) -> Failed:
    told = Failure(failure.reason, failure.error.format(region=region), failure.hint.format(region=region))
    return Failed(told, NOW_SECONDS, 1.5)


def checked(*regions: str) -> Snapshot:
    snapshot = Snapshot().after(Target(PRODUCTION, "us-east-1"), polled())
    for region in regions:
        snapshot = snapshot.after(Target(RESEARCH, region), failed(DENIED, region))
    return snapshot


def test_every_target_has_a_line_and_those_that_failed_come_last():
    lines = table(results_of(checked("eu-west-1")), {}).splitlines()

    assert lines[0].split() == ["ACCOUNT", "NAME", "REGION", "RESULT", "TIME"]
    assert lines[1].split() == ["111122223333", "production", "us-east-1", "ok", "0.25", "s"]
    assert lines[2].split() == ["222233334444", "research", "eu-west-1", "access_denied", "1.50", "s"]
    assert lines[-1] == "2 targets: 1 ok, 1 failed"
    assert len({len(line) for line in lines[:3]}) == 1


def test_a_failure_is_explained_once_for_all_regions_that_share_it():
    text = table(results_of(checked("eu-west-1", "us-west-2", "ap-south-1")), {})

    assert text.count("hint: ") == 1
    assert "access_denied: research (222233334444) in ap-south-1, eu-west-1, us-west-2" in text


def test_accounts_that_could_not_be_asked_for_are_told_too():
    assert "other: discovery of organization\n  error: no organization\n  hint: list the accounts" in table(
        [], {"organization": SHUT}
    )


@pytest.mark.parametrize("is_coloured", [True, False])
def test_colours_are_for_terminals(is_coloured):
    text = table(results_of(checked("eu-west-1")), {}, is_coloured=is_coloured)

    assert ("\x1b[32mok" in text) == is_coloured
    assert ("\x1b[31maccess_denied" in text) == is_coloured
    assert ("\x1b" in text) == is_coloured


def test_hints_are_broken_to_the_width_of_a_terminal_and_to_none_else():
    long = Failed(Failure(FailureReason.OTHER, "e", "word " * 60), NOW_SECONDS, 1.0)
    results = results_of(Snapshot().after(Target(RESEARCH, "us-east-1"), long))

    assert max(map(len, table(results, {}, width=80).splitlines())) <= 80
    assert max(map(len, table(results, {}).splitlines())) > 300


def test_json_holds_the_same_for_programs():
    told = json.loads(document(results_of(checked("eu-west-1")), {"organization": SHUT}))

    assert [target["result"] for target in told["targets"]] == ["ok", "access_denied"]
    assert told["targets"][1] == {
        "aws_account_id": "222233334444",
        "account_name": "research",
        "aws_region": "eu-west-1",
        "result": "access_denied",
        "duration_seconds": 1.5,
        "error": "not authorized in eu-west-1",
        "hint": "allow it in eu-west-1",
    }
    assert told["discovery_failures"] == [
        {"source": "organization", "result": "other", "error": "no organization", "hint": "list the accounts"}
    ]
