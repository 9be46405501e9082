"""Reloads of a running exporter: what changes, what stays, and what a mistake does not touch."""

import http.client
import itertools
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Self

import pytest

from tests.integration.process import Process, config_text, one

LATENCY_SECONDS = 0.03
INVALID = "poll_interval: never\nworkrs: 3\n"


@pytest.fixture
def exporter(simulation, tmp_path):
    for account_id in simulation.accounts:
        simulation.put_job(account_id, "us-east-1", jobName="kept")
    with Process(simulation, tmp_path, "--web.enable-lifecycle") as exporter:
        yield exporter


def post(exporter: Process, method: str = "POST") -> tuple[int, str]:
    request = urllib.request.Request(exporter.url + "/-/reload", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def last_reload(exporter: Process) -> tuple[float | None, float | None]:
    names = [f"bedrock_batch_exporter_config_last_reload_success{what}" for what in ("ful", "_timestamp_seconds")]
    samples = exporter.samples(*names)
    return one(samples, names[0]), one(samples, names[1])


def targets(exporter: Process) -> set[tuple[str, str]]:
    """Return the targets that a scrape tells of."""
    return {
        (dict(labels)["aws_account_id"], dict(labels)["aws_region"])
        for (_, labels) in exporter.samples("bedrock_batch_up")
    }


def test_a_removed_target_is_gone_from_the_next_scrape_and_a_new_one_comes(exporter, simulation):
    assert len(targets(exporter)) == 9

    for removed, added in itertools.islice(
        itertools.cycle(itertools.permutations(["eu-west-1", "ap-northeast-1"])), 10
    ):
        exporter.config.write_text(config_text(simulation, regions=["us-east-1", "us-west-2", added]))
        assert post(exporter) == (200, "reloaded\n")

        assert {region for _, region in targets(exporter)} <= {"us-east-1", "us-west-2", added}, removed
    assert not any(removed in line for line in exporter.text().splitlines())
    exporter.wait_until(lambda: len(targets(exporter)) == 9)


def test_a_kept_target_keeps_its_jobs_and_counters(exporter, simulation):
    exporter.wait_until(lambda: (polls(exporter) or 0) >= 3)
    before, jobs = polls(exporter), exporter.samples("bedrock_batch_jobs")

    exporter.config.write_text(config_text(simulation, regions=["us-east-1"], poll_interval="1h", stale_after="2h"))
    assert post(exporter)[0] == 200

    kept = {key: value for key, value in jobs.items() if ("aws_region", "us-east-1") in key[1]}
    assert exporter.samples("bedrock_batch_jobs") == kept
    assert (polls(exporter) or 0) >= (before or 0)


def polls(exporter: Process) -> float | None:
    samples = exporter.samples("bedrock_batch_exporter_polls_total")
    return one(samples, "bedrock_batch_exporter_polls_total", aws_account_id="111122223333", aws_region="us-east-1")


@pytest.mark.parametrize("how", ["POST", "SIGHUP"])
def test_a_mistake_changes_nothing_and_says_why(exporter, simulation, how):
    _, successful_at = last_reload(exporter)
    running = exporter.get("/config")

    exporter.config.write_text(INVALID)
    if how == "POST":
        code, answer = post(exporter)
        assert code == 400
        assert answer.splitlines() == [
            f"{exporter.config}: poll_interval: expected a duration such as 60s, 10m or 8d, got 'never'",
            f"{exporter.config}: unknown key 'workrs', did you mean 'workers'?",
        ]
    else:
        exporter.process.send_signal(signal.SIGHUP)
        exporter.wait_for_log("level=error.*event=.reload failed.")

    exporter.wait_until(lambda: last_reload(exporter) == (0, successful_at))
    assert exporter.get("/config") == running
    assert len(targets(exporter)) == 9
    assert "did you mean" in exporter.log

    exporter.config.write_text(config_text(simulation))
    exporter.process.send_signal(signal.SIGHUP)
    exporter.wait_until(lambda: last_reload(exporter)[0] == 1)
    assert (last_reload(exporter)[1] or 0) > (successful_at or 0)


def test_a_reload_is_refused_unless_it_is_enabled(simulation, tmp_path):
    with Process(simulation, tmp_path) as exporter:
        assert post(exporter)[0] == 403


def test_a_reload_is_a_post(exporter):
    assert post(exporter, "GET")[0] == 405


class Scrapers:
    """Threads that scrape without a pause, each on a connection of its own."""

    def __init__(self, url: str, count: int) -> None:
        self.url = url.removeprefix("http://")
        self.bad: list[object] = []
        self.scrapes = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._scrape) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _scrape(self) -> None:
        connection = http.client.HTTPConnection(self.url, timeout=10)
        seen = 0.0
        while not self._stop.is_set():
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
            if response.status != 200:
                self.bad.append(response.status)
            polls = [
                float(line.rpartition(" ")[2])
                for line in text.splitlines()
                if line.startswith('bedrock_batch_exporter_polls_total{aws_account_id="111122223333"')
                and '"us-east-1"' in line
            ]
            if len(polls) != 1 or polls[0] < seen:
                self.bad.append((seen, polls))
            seen = polls[0] if polls else seen
            self.scrapes += 1
            self._stop.wait(0.2)
        connection.close()


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def resident_bytes(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def polled_twice_at_once(simulation) -> list[tuple[object, float]]:
    """Return the targets of which two listings arrived within the time that each takes at least."""
    arrivals = defaultdict(list)
    for request in simulation.requests:
        if request.operation == "ListModelInvocationJobs":
            arrivals[request.account_id, request.region].append(request.monotonic_seconds)
    return [
        (target, later - sooner)
        for target, moments in arrivals.items()
        for sooner, later in itertools.pairwise(sorted(moments))
        if later - sooner < LATENCY_SECONDS
    ]


def test_two_hundred_reloads_under_load(exporter, simulation):
    simulation.latency_seconds = LATENCY_SECONDS
    simulation.requests.clear()
    process = exporter.process.pid
    settings = {"stale_after": "60s", "poll_timeout": "5s", "poll_interval": "300ms"}
    valid = [
        config_text(simulation, **settings),
        config_text(simulation, **settings, regions=["us-east-1"]),
        config_text(simulation, **settings, regions=["us-west-2", "us-east-1"]),
        config_text(simulation, **settings | {"poll_timeout": "6s", "workers": 4}),  # clients are made anew
    ]
    files: list[int] = []
    with Scrapers(exporter.url, 3) as scrapers:
        for number in range(200):
            is_valid = number % 2 == 0
            exporter.config.write_text(valid[number // 2 % len(valid)] if is_valid else INVALID)
            code, answer = post(exporter)
            assert code == (200 if is_valid else 400), answer
            time.sleep(0.02)
            if number == 20:
                warm = resident_bytes(process)
            if number >= 20:
                files.append(open_files(process))
    exporter.config.write_text(valid[0])
    assert post(exporter)[0] == 200
    time.sleep(1)

    assert scrapers.bad == []
    assert scrapers.scrapes > 100
    assert polled_twice_at_once(simulation) == []
    assert threads(process) < 9 + 16 + 10
    assert max(files[-60:]) <= max(files[:60]) + 10
    assert resident_bytes(process) - warm < 60_000_000
    assert exporter.stop()[0] == 0
    assert "Traceback" not in exporter.log
