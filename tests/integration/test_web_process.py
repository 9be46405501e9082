"""The web side of the real exporter: the end under load, a polling loop that dies, names that mean harm."""

import http.client
import json
import queue
import signal
import time
from typing import Any, TypeVar

import pytest

from exporter.clock import SystemClock
from exporter.config import Config, load
from exporter.roof import Exporter
from tests.integration.process import Process
from tests.integration.serving import serving

T = TypeVar("T")
NAME = '"><script>alert(1)</script>'
HOSTILE = NAME + "\n\\"


def test_a_stop_amid_sixteen_scrapers_gives_each_a_whole_answer(simulation, tmp_path):
    for number in range(3000):
        simulation.put_job(simulation.hub_id, "us-east-1", jobName=f"job-{number}", submitTime=time.time() - number)
    with Process(
        simulation, tmp_path, max_jobs_per_target=10_000, poll_interval="60s", poll_timeout="30s", stale_after="2m"
    ) as exporter:
        whole = exporter.text().count("\n")
        connections = [http.client.HTTPConnection(exporter.url.removeprefix("http://"), timeout=20) for _ in range(16)]
        for connection in connections:
            connection.request("GET", "/metrics")
        began = time.monotonic()
        exporter.process.send_signal(signal.SIGTERM)

        responses = [connection.getresponse() for connection in connections]
        answers = [response.read() for response in responses]
        code = exporter.process.wait(10)
        took = time.monotonic() - began

    assert code == 0
    assert took < 5
    assert [response.status for response in responses] == [200] * 16
    assert whole > 10_000
    assert all(abs(answer.count(b"\n") - whole) < 20 for answer in answers)
    assert "Traceback" not in exporter.log
    for connection in connections:
        connection.close()


class DyingClock(SystemClock):
    """A clock that ends the thread that waits by it."""

    @staticmethod
    def wait(_inbox: "queue.SimpleQueue[T]", _timeout_seconds: float | None) -> T | None:
        raise SystemExit


def test_a_dead_polling_loop_is_told_by_the_probe():
    def read() -> Config:
        return load("regions: [us-east-1]\nendpoint_url: http://127.0.0.1:1\n", "test", {})

    exporter = Exporter(read, None, DyingClock(), "revision", is_daemon=True)
    with serving(exporter.site("/metrics", lifecycle=False)) as running:
        assert running.get("/-/healthy")[0] == 200

        with pytest.raises(SystemExit):
            exporter.poller.run()

        assert running.get("/-/healthy") == (503, b"not healthy: the polling loop has died\n")
        assert running.get("/metrics")[0] == 200


@pytest.fixture
def hostile(simulation, tmp_path):
    simulation.put_job(simulation.hub_id, "us-east-1", jobName=HOSTILE, modelId=HOSTILE)
    config: Any = {"accounts": [{"name": NAME}], "regions": ["us-east-1"]}
    with Process(simulation, tmp_path, "--log.level=debug", **config) as exporter:
        yield exporter


def test_hostile_names_are_only_text_everywhere(hostile):
    names = {dict(labels).get("job_name") for (_, labels) in hostile.samples()}
    accounts = {dict(labels).get("account_name") for (_, labels) in hostile.samples()}
    assert HOSTILE in names
    assert NAME in accounts

    (target,) = json.loads(hostile.get("/targets"))
    assert target["account_name"] == NAME

    page = hostile.get("/").decode()
    assert page.count("<script>") == 1
    assert "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page

    assert hostile.get("/config").decode().count("\n") > 3
    for line in hostile.log.splitlines():
        assert line.startswith("ts="), line
