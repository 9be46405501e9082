"""Where the exporter's own region and credentials come from."""

import os

import pytest

from exporter.aws.sessions import default_region

BOTH = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({}, None),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        (BOTH, "eu-west-1"),
    ],
)
def test_the_region_of_the_environment_is_known_by_both_its_names(monkeypatch, environment, region):
    for name in (*BOTH, "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert default_region() == region
