"""The exporter as its own process, and a scrape of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.run import environment
from exporter.demo.simulation import Simulation

PATIENCE_SECONDS = 20.0
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def config_text(simulation: Simulation, **settings: Any) -> str:
    """Return a configuration of all the simulation's accounts in three regions; settings go over it."""
    accounts = [
        {"name": account.name}
        | ({} if account.id == simulation.hub_id else {"role_arn": account.role_arn(), "external_id": "example"})
        for account in simulation.accounts.values()
    ]
    facts = {
        "poll_interval": "500ms",
        "poll_timeout": "2s",
        "stale_after": "3s",
        "endpoint_url": simulation.url,
        "regions": list(REGIONS),
        "accounts": accounts,
    }
    return json.dumps(facts | settings, indent=1)  # JSON is YAML


class Process:
    """`bedrock-batch-exporter` under test: ready between enter and exit."""

    def __init__(
        self, simulation: Simulation, folder: Path, *flags: str, env: Mapping[str, str] | None = None, **settings: Any
    ):
        self.config = folder / "config.yaml"
        self.config.write_text(config_text(simulation, **settings))
        self.log_path = folder / "log.txt"
        self._environment = {"PATH": os.environ["PATH"], **environment(simulation), **(env or {})}
        self._flags = flags

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "exporter", f"--config.file={self.config}", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that ends by itself."""
        return subprocess.run(
            self.command(*arguments), env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )

    def __enter__(self) -> Self:
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                self.command("--web.listen-address=127.0.0.1:0", *self._flags), env=self._environment, stderr=log
            )
        try:
            self.url = "http://" + self.wait_for_log(r"event=listening addresses=(\S+)")
            self.wait_until(lambda: self.status("/-/ready") == 200)
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def wait_for_log(self, pattern: str) -> str:
        self.wait_until(lambda: re.search(pattern, self.log))
        found = re.search(pattern, self.log)
        assert found
        return found[1] if found.groups() else found[0]

    def wait_until(self, is_so: Any) -> None:
        """Wait for what comes in its own time; a failed assertion counts as not yet."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self.process.poll() is None, f"the exporter ended: {self.log}"
            late = time.monotonic() > deadline
            try:
                if is_so():
                    return
                assert not late, f"not so within {PATIENCE_SECONDS} s: {self.log}"
            except AssertionError:
                if late:
                    raise
            time.sleep(0.05)

    def get(self, path: str, **headers: str) -> bytes:
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=5) as response:
            body: bytes = response.read()
            return body

    def status(self, path: str) -> int:
        try:
            self.get(path)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        return 200

    def text(self) -> str:
        return self.get("/metrics").decode()

    def samples(self, *names: str) -> Samples:
        """Scrape (no names: everything), and return every sample by name and labels."""
        query = urllib.parse.urlencode([("name[]", name) for name in names])
        return samples_of(self.get(f"/metrics?{query}").decode())

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Stop by a signal; return the exit code and how many seconds it took."""
        start = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(timeout=15), time.monotonic() - start


def samples_of(text: str) -> Samples:
    """Return the samples of an exposition; none is there twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def one(samples: Samples, name: str, **labels: str) -> float | None:
    """Return the one sample of that name with at least these labels, or None."""
    found = [value for (key, have), value in samples.items() if key == name and labels.items() <= dict(have).items()]
    assert len(found) <= 1, f"{name} {labels}: {found}"
    return found[0] if found else None
