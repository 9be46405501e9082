"""Credentials: obtained once, renewed before they end, and not asked for in vain again and again."""

import threading
from datetime import UTC, datetime

import pytest
from botocore.credentials import ReadOnlyCredentials

from exporter.aws.credentials import Acting, ActingCredentials, Keychain, Keys, assumed
from tests.unit.conftest import NOW_SECONDS

MEMORY_SECONDS = 60.0


class Sts:
    """Hands out credentials that live for an hour, or fails as told."""

    def __init__(self) -> None:
        self.now_seconds = NOW_SECONDS
        self.calls = 0
        self.error: Exception | None = None
        self.lifetime_seconds = 3600.0
        self.keychain = Keychain("production", self.obtain, lambda: self.now_seconds, MEMORY_SECONDS)

    def obtain(self) -> Keys:
        self.calls += 1
        if self.error:
            raise self.error
        given = {
            "AccessKeyId": f"key-{self.calls}",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": datetime.fromtimestamp(self.now_seconds + self.lifetime_seconds, UTC),
        }
        return assumed({"Credentials": given}, self.now_seconds)

    def key(self) -> str:
        return str(self.keychain.get_frozen_credentials().access_key)


@pytest.fixture
def sts() -> Sts:
    return Sts()


def test_all_regions_of_an_account_share_one_attempt(sts):
    assert [sts.key() for _ in range(17)] == ["key-1"] * 17
    assert sts.calls == 1


def test_they_are_renewed_before_they_end(sts):
    sts.key()
    sts.now_seconds += 3600 - 901
    assert sts.key() == "key-1"

    sts.now_seconds += 2
    assert sts.key() == "key-2"


def test_those_that_live_shortly_are_used_all_the_same(sts):
    sts.lifetime_seconds = 60.0
    assert sts.key() == "key-1"
    sts.now_seconds += 29
    assert sts.key() == "key-1"
    sts.now_seconds += 2
    assert sts.key() == "key-2"


def test_a_renewal_that_fails_leaves_the_old_ones_in_use_and_is_tried_again_later(sts):
    sts.key()
    sts.now_seconds += 3000
    sts.error = ConnectionError("STS is away")

    assert [sts.key() for _ in range(17)] == ["key-1"] * 17
    assert sts.calls == 2
    sts.now_seconds += MEMORY_SECONDS + 1
    sts.error = None
    assert sts.key() == "key-3"


def test_a_role_that_cannot_be_assumed_is_asked_once_for_all_regions_of_the_account(sts):
    sts.error = PermissionError("not admitted")
    for _ in range(17):
        with pytest.raises(PermissionError, match="not admitted"):
            sts.key()
    assert sts.calls == 1

    sts.now_seconds += MEMORY_SECONDS + 1
    sts.error = None
    assert sts.key() == "key-2"


def test_a_failure_that_is_told_again_gathers_no_traceback(sts):
    sts.error = PermissionError("not admitted")
    depths = []
    for _ in range(5):
        with pytest.raises(PermissionError) as caught:
            sts.key()
        depths.append(len(caught.traceback))

    assert depths[1:] == [depths[1]] * 4


def test_when_they_have_ended_a_failure_is_one(sts):
    sts.key()
    sts.now_seconds += 3601
    sts.error = ConnectionError("STS is away")

    with pytest.raises(ConnectionError):
        sts.key()


def test_credentials_that_aws_refused_are_not_used_again(sts):
    used = sts.keychain.get_frozen_credentials()
    sts.keychain.forget(used)

    assert sts.key() == "key-2"
    sts.keychain.forget(used)
    assert sts.key() == "key-2", "newer ones were forgotten for the old ones' sake"


def test_credentials_in_doubt_are_obtained_anew_but_not_again_and_again(sts):
    sts.key()

    assert sts.keychain.doubt()
    assert sts.key() == "key-2"
    assert not sts.keychain.doubt()
    assert sts.key() == "key-2"
    sts.now_seconds += MEMORY_SECONDS
    assert sts.keychain.doubt()
    assert sts.key() == "key-3"


def test_own_credentials_that_cannot_be_renewed_are_looked_for_anew():
    renewed = ReadOnlyCredentials("renewed", "s", None)
    failures = iter([OSError("no file")])
    now = NOW_SECONDS

    def freeze() -> ReadOnlyCredentials:
        for failure in failures:
            raise failure
        return renewed

    keychain = Keychain("own", lambda: Keys(freeze), lambda: now, MEMORY_SECONDS)
    for _ in range(3):
        with pytest.raises(OSError, match="no file"):
            keychain.get_frozen_credentials()
    now += MEMORY_SECONDS + 1
    assert keychain.get_frozen_credentials().access_key == "renewed"


def slowed(sts) -> tuple[threading.Event, threading.Event]:
    """Hold up whoever obtains credentials; return the events of having come so far, and of being let go."""
    entered, leave = threading.Event(), threading.Event()
    obtain = sts.keychain._obtain

    def slowly() -> Keys:
        entered.set()
        assert leave.wait(10)
        keys: Keys = obtain()
        return keys

    sts.keychain._obtain = slowly
    return entered, leave


def test_one_thread_renews_and_the_others_go_on_with_what_there_is(sts):
    sts.key()
    sts.now_seconds += 3000
    entered, leave = slowed(sts)
    renewing = threading.Thread(target=sts.key)
    renewing.start()
    assert entered.wait(10)

    assert sts.key() == "key-1"
    leave.set()
    renewing.join()
    assert sts.key() == "key-2"


def test_those_who_come_while_credentials_are_obtained_wait_for_them(sts):
    entered, leave = slowed(sts)
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(sts.key())) for _ in range(17)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    leave.set()
    for thread in threads:
        thread.join()

    assert told == ["key-1"] * 17
    assert sts.calls == 1


def test_each_thread_signs_as_the_account_it_acts_as(sts):
    acting = Acting()
    shared = ActingCredentials(acting)
    acting.keychain = sts.keychain
    assert shared.get_frozen_credentials().access_key == "key-1"

    failed: list[BaseException] = []

    def other() -> None:
        try:
            shared.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert [type(error).__name__ for error in failed] == ["NoCredentialsError"]
