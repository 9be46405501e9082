"""A contender: an exporter in a process of its own, ordered about and scraped."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GO = "go, stdlib"
OURS, GAUGES, COLLECTOR = "this exporter", "naive", "custom collector"


class Contender:
    """One process, by its orders and its port."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._read()["port"])

    def order(self, **order: float) -> float:
        """Give an order and return the seconds of CPU that it is answered with."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return float(self._read()["cpu"])

    def scrape(self, *, gzip: bool = True) -> bytes:
        """Return the body of `/metrics`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip" if gzip else "identity"})
            response = connection.getresponse()
            assert response.status == 200
            return response.read()
        finally:
            connection.close()

    def memory_mebibytes(self) -> float:
        """Return the resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"{self.process.args!r} has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


class World(Contender):
    """The fake Bedrock, which is no contender but is held likewise."""

    def __init__(self, history: int, active: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.world", str(history), str(active)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()

    def tick(self) -> float:
        """Let a minute pass there, and return the time."""
        return float(self._ask("POST", "/tick"))

    def calls(self) -> int:
        """Return how often anything was listed."""
        return int(self._ask("GET", "/calls"))

    def _ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        finally:
            connection.close()


def build_go() -> str | None:
    """Build the exporter in Go and return its program, None without a compiler."""
    go = which("go") or which("go", path="/usr/local/go/bin")
    if go is None:
        return None
    program = Path(tempfile.gettempdir()) / f"bedrock-batch-exporter-bench-{os.getuid()}"
    subprocess.run([go, "build", "-o", program, "."], cwd=HERE / "go", check=True)
    return str(program)


@contextlib.contextmanager
def contenders(world: World, names: list[str], go: str | None) -> Iterator[dict[str, Contender]]:
    """Start contenders at a world; those that this machine cannot run are left out."""
    port = str(world.port)
    commands = {
        OURS: [sys.executable, "-m", "tests.bench.ours", port],
        GAUGES: [sys.executable, "-m", "tests.bench.naive", port, "gauges"],
        COLLECTOR: [sys.executable, "-m", "tests.bench.naive", port, "collector"],
    } | ({GO: [go, port]} if go else {})
    started: dict[str, Contender] = {}
    try:
        for name in names:
            if name in commands:
                started[name] = Contender(commands[name])
        yield started
    finally:
        for contender in started.values():
            contender.close()
