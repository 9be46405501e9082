"""Where the exporter's own region and credentials come from."""

import os

import pytest

from exporter.aws.regions import default_region, default_region_place, known_regions
from exporter.aws.sessions import Sessions

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
