"""The demo's AWS: a fleet behind the API, and what an exporter is given to watch it."""

import json
import subprocess
import sys
import time
from collections import Counter

import pytest
import yaml

from exporter.demo.ballast import Ballast
from exporter.demo.bedrock import STATUSES
from exporter.demo.fleet import DEFAULT_REGIONS
from exporter.demo.run import config_text, environment, start
from tests.integration.process import Process


@pytest.fixture(scope="module")
def demo():
    simulation = start(speed=600)
    yield simulation
    simulation.stop()


@pytest.fixture
def listed(demo, aws):
    """All jobs of an account in a region."""

    def listed(account_id, region) -> list:
        holder = demo.keyring.issue(
            account_id=account_id, role_name="test", session="test", expires_seconds=time.time() + 60
        )
        client = aws.client(
            "bedrock",
            region,
            endpoint_url=demo.url,
            aws_access_key_id=holder.access_key,
            aws_secret_access_key=holder.secret_key,
            aws_session_token=holder.session_token,
        )
        pages = client.get_paginator("list_model_invocation_jobs").paginate(maxResults=100)
        jobs = [job for page in pages for job in page["invocationJobSummaries"]]
        client.close()
        return jobs

    return listed


def test_every_account_and_region_answers_with_a_living_fleet(demo, listed):
    statuses = {
        job["status"] for account in demo.accounts for region in DEFAULT_REGIONS for job in listed(account, region)
    }
    assert statuses == set(STATUSES)


def test_the_fleet_moves_when_it_is_looked_at(demo, listed):
    busiest = next(iter(demo.accounts)), "us-east-1"
    before = {job["jobArn"]: job for job in listed(*busiest)}
    time.sleep(1)
    after = {job["jobArn"]: job for job in listed(*busiest)}
    assert after != before


def test_an_exporter_is_told_all_it_needs(demo):
    config = yaml.safe_load(config_text(demo, poll_interval="1s"))
    assert config["endpoint_url"] == demo.url
    assert config["regions"] == list(DEFAULT_REGIONS)
    assert [account["name"] for account in config["accounts"]] == ["production", "research", "sandbox"]
    assert [account.get("role_arn") for account in config["accounts"]][-1] is None
    assert environment(demo)["AWS_ACCESS_KEY_ID"] == demo.credentials.access_key


def test_an_exporter_asks_it_past_the_proxies_of_this_machine(demo, tmp_path):
    nobody = "http://127.0.0.1:9"
    exporter = Process(demo, tmp_path, env={"HTTP_PROXY": nobody, "http_proxy": nobody, "NO_PROXY": "example.com"})

    assert exporter.run("once").returncode == 0


def test_a_simulation_runs_in_a_process_of_its_own(aws):
    command = [sys.executable, "-m", "exporter.demo", "--accounts=2", "--regions=2", "--finished=7", "--active=3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        told = json.loads(process.stdout.readline())
        config = yaml.safe_load(told["config"])
        client = aws.client(
            "bedrock",
            config["regions"][1],
            endpoint_url=told["url"],
            aws_access_key_id=told["environment"]["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=told["environment"]["AWS_SECRET_ACCESS_KEY"],
        )
        jobs = client.list_model_invocation_jobs()["invocationJobSummaries"]
        client.close()
        process.stdin.close()
        assert process.wait(5) == 0
    assert len(config["accounts"]) == 2
    assert Counter("endTime" in job for job in jobs) == {True: 7, False: 3}


def test_ballast_churns(simulation):
    account_id = simulation.hub_id
    ballast = Ballast(simulation, account_id, "us-east-1", finished=50, active=20)
    before = Counter(job["status"] for job in simulation.jobs(account_id, "us-east-1"))
    ballast.churn(4)
    after = Counter(job["status"] for job in simulation.jobs(account_id, "us-east-1"))
    assert after.total() == before.total() + 4
    assert after["Completed"] == before["Completed"] + 4
