"""The demo's AWS: a fleet behind the API, and what an exporter is given to watch it."""

import time

import boto3
import pytest
import yaml
from botocore.config import Config

from exporter.demo.bedrock import STATUSES
from exporter.demo.fleet import DEFAULT_REGIONS
from exporter.demo.run import config_text, environment, start


@pytest.fixture(scope="module")
def demo():
    simulation = start(speed=600)
    yield simulation
    simulation.stop()


def listed(demo, account_id, region) -> list:
    """All jobs of an account in a region, by its role or the hub's own credentials."""
    sts = client(demo, "sts", DEFAULT_REGIONS[0], demo.credentials)
    holder = demo.credentials
    if account_id != demo.hub_id:
        role_arn = demo.accounts[account_id].role_arn()
        key = sts.assume_role(RoleArn=role_arn, RoleSessionName="test", ExternalId="example")["Credentials"]
        holder = demo.keyring.find(key["AccessKeyId"])
    pages = client(demo, "bedrock", region, holder).get_paginator("list_model_invocation_jobs").paginate(maxResults=100)
    return [job for page in pages for job in page["invocationJobSummaries"]]


def client(demo, service, region, holder):
    session = boto3.Session(holder.access_key, holder.secret_key, holder.session_token)
    config = Config(auth_scheme_preference="sigv4")  # type: ignore[call-arg]
    return session.client(service, region, endpoint_url=demo.url, config=config)


def test_every_account_and_region_answers_with_a_living_fleet(demo):
    statuses = {
        job["status"]
        for account in demo.accounts
        for region in DEFAULT_REGIONS
        for job in listed(demo, account, region)
    }
    assert statuses == set(STATUSES)


def test_the_fleet_moves_when_it_is_looked_at(demo):
    busiest = next(iter(demo.accounts)), "us-east-1"
    before = {job["jobArn"]: job for job in listed(demo, *busiest)}
    time.sleep(1)
    after = {job["jobArn"]: job for job in listed(demo, *busiest)}
    assert after != before


def test_an_exporter_is_told_all_it_needs(demo):
    config = yaml.safe_load(config_text(demo, poll_interval="1s"))
    assert config["endpoint_url"] == demo.url
    assert config["regions"] == list(DEFAULT_REGIONS)
    assert [account["name"] for account in config["accounts"]] == ["production", "research", "sandbox"]
    assert [account.get("role_arn") for account in config["accounts"]][-1] is None
    assert environment(demo)["AWS_ACCESS_KEY_ID"] == demo.credentials.access_key
