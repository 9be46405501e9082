"""Where the exporter's own region and credentials come from."""

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

from exporter.aws.clients import Clients
from exporter.aws.regions import default_region, default_region_place, known_regions, open_session
from exporter.aws.sessions import OWN, Sessions
from exporter.model import Account

BOTH = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}


@pytest.mark.parametrize(
    ("environment", "region", "place"),
    [
        ({}, None, "region of profile default"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2", "AWS_DEFAULT_REGION"),
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1", "AWS_REGION"),
        (BOTH, "eu-west-1", "AWS_REGION"),
    ],
)
def test_the_region_of_the_environment_is_known_by_both_its_names(monkeypatch, environment, region, place):
    for name in (*BOTH, "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert default_region() == region
    assert default_region_place() == place


def test_a_profile_that_does_not_exist_is_left_for_the_polls_to_tell(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    assert default_region() == "eu-west-1"
    assert "us-east-1" in known_regions.__wrapped__()


@pytest.mark.parametrize(
    ("endpoint_url", "sts"),
    [
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
        ("https://vpce-0a1b.bedrock.eu-west-1.vpce.amazonaws.com", "https://sts.eu-west-1.amazonaws.com"),
        (None, "https://sts.eu-west-1.amazonaws.com"),
    ],
)
def test_an_address_of_aws_is_bedrocks_alone_and_any_other_everyones(endpoint_url, sts):
    sessions = Sessions(endpoint_url=endpoint_url, timeout_seconds=1, connections=1, on_request=lambda *_, **__: None)

    assert sessions.client("sts", "eu-west-1").meta.endpoint_url == sts
    bedrock = sessions.client("bedrock", "eu-west-1").meta.endpoint_url
    assert bedrock == (endpoint_url or "https://bedrock.eu-west-1.amazonaws.com")
    sessions.close()


class Client:
    """Counts how often its connections are closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_connections_in_use_are_closed_only_when_their_last_user_is_gone():
    clients = Clients(open_session(), endpoint_url=None, timeout_seconds=1, connections=1)
    client = Client()
    clients._clients[("bedrock", "us-east-1")] = client

    with clients.in_use():
        with clients.in_use():
            clients.close()
        assert client.closed == 0
    assert client.closed == 1

    with clients.in_use():  # a poll that comes late opens connections again
        assert client.closed == 1
    assert client.closed == 2


def write_keys(path, key: str) -> None:
    path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n")


def keys_in_use(sessions: Sessions, account: Account = OWN) -> str:
    return str(sessions._keychain(account).get_frozen_credentials().access_key)


@pytest.fixture
def key_file(monkeypatch, tmp_path):
    for name in (*BOTH, "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    write_keys(tmp_path / "credentials", "AKIAOLD")
    return tmp_path / "credentials"


class Sts(Sessions):
    """Sessions whose STS says that the credentials are good, or not."""

    refusal: str | None = None

    def client(self, _service: str, _region: str) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        if self.refusal:
            raise refused(self.refusal, "GetCallerIdentity")
        return {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/x"}


def refused(code: str, operation: str = "ListModelInvocationJobs") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


@pytest.fixture
def sts(key_file):
    return Sts(endpoint_url=None, timeout_seconds=1, connections=1, on_request=lambda *_, **__: None)


@pytest.mark.parametrize(
    ("code", "sts_says", "key"),
    [
        ("InvalidClientTokenId", None, "AKIANEW"),
        ("SignatureDoesNotMatch", None, "AKIANEW"),
        ("UnrecognizedClientException", "InvalidClientTokenId", "AKIANEW"),
        ("UnrecognizedClientException", None, "AKIAOLD"),
        ("AccessDeniedException", None, "AKIAOLD"),
    ],
)
def test_keys_that_aws_does_not_accept_are_read_from_their_file_anew(sts, key_file, code, sts_says, key):
    assert keys_in_use(sts) == "AKIAOLD"
    assert sts.account_id(OWN, "us-east-1") == "111122223333"
    write_keys(key_file, "AKIANEW")
    sts.refusal = sts_says

    with pytest.raises(ClientError), sts.acting_as(OWN):
        raise refused(code)

    assert keys_in_use(sts) == key
    assert (sts.known_id(OWN) is None) == (key == "AKIANEW"), "new keys may be of another account"


def test_a_reload_looks_for_credentials_anew_but_keeps_those_of_roles(sts, key_file):
    role = Account(role_arn="arn:aws:iam::111122223333:role/r")
    role_keychain = sts._keychain(role)
    assert keys_in_use(sts) == "AKIAOLD"
    assert sts.caller().account_id == "111122223333"
    write_keys(key_file, "AKIANEW")

    sts.look_anew()

    assert keys_in_use(sts) == "AKIANEW"
    assert sts.known_id(OWN) is None
    assert sts._keychain(role) is role_keychain
