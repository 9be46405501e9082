"""A real Prometheus scrapes a real exporter."""

import subprocess
from collections import Counter

import pytest

from exporter.demo.run import inhabit
from exporter.demo.simulation import Simulation
from tests.e2e.programs import program
from tests.e2e.prometheus import Prometheus
from tests.integration.process import REGIONS, Process

APT = "apt-get install prometheus"


@pytest.fixture
def fleet():
    """A fleet in three accounts and three regions that stands still."""
    with Simulation() as simulation:
        inhabit(simulation)
        simulation.on_call = None
        yield simulation


def test_prometheus_stores_what_the_api_says(fleet, tmp_path):
    prometheus = Prometheus(tmp_path, program("prometheus", APT))
    with Process(fleet, tmp_path) as exporter, prometheus.scraping(exporter.url):
        truth = Counter(
            job["status"]
            for account_id in fleet.accounts
            for region in REGIONS
            for job in fleet.jobs(account_id, region)
        )
        prometheus.wait_until(lambda: prometheus.query("sum by (status) (bedrock_batch_jobs)"))

        told = {
            row["metric"]["status"]: float(row["value"][1])
            for row in prometheus.query("sum by (status) (bedrock_batch_jobs)")
        }
        (target,) = prometheus.targets()
        metadata = prometheus.api("metadata")
        log = prometheus.log

    assert {status: count for status, count in told.items() if count} == dict(truth)
    assert told["Unknown"] == 0
    assert target["health"] == "up"
    assert target["lastError"] == ""
    assert metadata["bedrock_batch_jobs"][0]["type"] == "gauge"
    assert "level=warn" not in log
    assert "level=error" not in log


def test_promtool_finds_nothing_to_mend(fleet, tmp_path):
    promtool = program("promtool", APT)
    with Process(fleet, tmp_path) as exporter:
        exposition = exporter.get("/metrics")

    done = subprocess.run([promtool, "check", "metrics"], input=exposition, capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
