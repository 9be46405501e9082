"""The log of the polls: what changed, once."""

import pytest
import structlog

from exporter.journal import QUIET_SECONDS, Journal
from exporter.model import Account, Failed, Failure, FailureReason, Outcome, Target
from exporter.state import TargetState
from tests.unit.conftest import NOW_SECONDS, polled

ROLE = Account("research", "arn:aws:iam::222233334444:role/r")
OTHER = Account("sandbox", "arn:aws:iam::333344445555:role/r")
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")


class Told:
    """Targets and what the log said of them."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.states: dict[Target, TargetState] = {}

    def after(self, account: Account, outcome: Outcome, *regions: str) -> list[str]:
        with structlog.testing.capture_logs() as logs:
            for region in regions or REGIONS:
                target = Target(account, region)
                before = self.states.get(target, TargetState())
                self.states[target] = before.after(outcome)
                self.journal.tell(target, before, self.states[target], outcome)
        return [f"{line['log_level']} {line['event']} {line['aws_region']}" for line in logs]


@pytest.fixture
def told() -> Told:
    return Told()


def failed(reason: FailureReason, at_seconds: float = NOW_SECONDS, error: str = "error") -> Failed:
    return Failed(Failure(reason, error, "hint"), at_seconds, 0.1)


def above_debug(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("debug")]


def test_what_is_true_of_a_whole_account_is_told_once(told):
    assert above_debug(told.after(ROLE, failed(FailureReason.ASSUME_ROLE))) == ["warning poll failed us-east-1"]
    assert above_debug(told.after(OTHER, failed(FailureReason.ASSUME_ROLE))) == ["warning poll failed us-east-1"]


def test_different_errors_are_told_each(told):
    told.after(ROLE, failed(FailureReason.CONNECTION, error="us-east-1 is away"), "us-east-1")

    assert above_debug(told.after(ROLE, failed(FailureReason.CONNECTION, error="eu-west-1 is away"), "eu-west-1"))


def test_without_any_credentials_there_is_one_line_in_all(told):
    lines = told.after(ROLE, failed(FailureReason.CREDENTIALS)) + told.after(OTHER, failed(FailureReason.CREDENTIALS))

    assert above_debug(lines) == ["warning poll failed us-east-1"]


def test_what_goes_on_failing_the_same_way_is_not_told_again(told):
    told.after(ROLE, failed(FailureReason.THROTTLED), "us-east-1")

    assert not above_debug(told.after(ROLE, failed(FailureReason.THROTTLED, NOW_SECONDS + 1e6), "us-east-1"))
    assert above_debug(told.after(ROLE, failed(FailureReason.TIMEOUT), "us-east-1"))


def test_a_first_success_is_told_once_an_account(told):
    assert above_debug(told.after(ROLE, polled())) == ["info poll succeeded us-east-1"]
    assert not above_debug(told.after(ROLE, polled()))


def test_a_recovery_is_told_of_every_region(told):
    told.after(ROLE, polled())
    told.after(ROLE, failed(FailureReason.TIMEOUT), "eu-west-1", "ap-south-1")

    assert above_debug(told.after(ROLE, polled())) == [
        "info poll succeeded eu-west-1",
        "info poll succeeded ap-south-1",
    ]
    assert not above_debug(told.after(ROLE, polled()))


def test_the_same_trouble_later_is_news_again(told):
    told.after(ROLE, failed(FailureReason.THROTTLED), "us-east-1")
    told.after(ROLE, polled(), "us-east-1")

    later = NOW_SECONDS + QUIET_SECONDS + 1
    assert above_debug(told.after(ROLE, failed(FailureReason.THROTTLED, later), "us-east-1"))


def test_an_account_is_named_by_its_id_even_before_it_has_answered(told):
    with structlog.testing.capture_logs() as logs:
        target = Target(ROLE, "us-east-1")
        told.journal.tell(target, TargetState(), TargetState(), failed(FailureReason.TIMEOUT))

    assert logs[0]["aws_account_id"] == "222233334444"
    assert logs[0]["account"] == "research"
