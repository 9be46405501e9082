"""A big fleet: is every target polled at its interval, and what does that cost? `python -m tests.bench.fleet --help`.

The simulated AWS runs in a process of its own; processor time and memory are those of the exporter alone.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SCRAPE_SECONDS = 15.0
LAST_SUCCESS = re.compile(r"^bedrock_batch_last_success_timestamp_seconds\{[^}]*\} (\S+)$", re.MULTILINE)
FAILURES = re.compile(r"^bedrock_batch_exporter_poll_failures_total\{[^}]*\} (\S+)$", re.MULTILINE)


def main() -> None:
    """Run the fleet and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--regions", type=int, default=17, help="(%(default)s)")
    parser.add_argument("--interval", type=float, default=60.0, help="poll_interval in seconds (%(default)s)")
    parser.add_argument("--latency", type=float, default=0.05, help="of every call, in seconds (%(default)s)")
    parser.add_argument("--workers", type=int, default=16, help="(%(default)s)")
    parser.add_argument("--warm-up", type=float, default=120.0, help="seconds before the measure begins (%(default)s)")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the measure (%(default)s)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _simulated_aws(options) as aws,
        _exporter(options, aws, folder) as run,
    ):
        process, url = run
        start = time.monotonic()
        _wait_until_ready(process, url)
        print(f"ready after {time.monotonic() - start:.1f} s")
        time.sleep(max(0.0, options.warm_up - (time.monotonic() - start)))
        _measure(options, aws["url"], process.pid, url)


def _measure(options: argparse.Namespace, aws: str, pid: int, url: str) -> None:
    before, cpu, start = _listings(aws), _cpu_seconds(pid), time.monotonic()
    ages, resident, scrapes, size, failures = [0.0], [0], [0.0], 0, 0.0
    while time.monotonic() - start < options.seconds:
        time.sleep(min(SCRAPE_SECONDS, max(0.0, options.seconds - (time.monotonic() - start))))
        began = time.monotonic()
        text = _get(f"{url}/metrics").decode()
        scrapes.append(time.monotonic() - began)
        size, now = len(text), time.time()
        ages.append(now - min(map(float, LAST_SUCCESS.findall(text))))
        failures = sum(map(float, FAILURES.findall(text)))
        resident.append(_resident_mib(pid))
    seconds, used, after = time.monotonic() - start, _cpu_seconds(pid) - cpu, _listings(aws)
    polls = [after[target] - before.get(target, 0) for target in after]
    figures = {
        "targets": len(polls),
        "measured for, s": round(seconds),
        "polls a second": round(sum(polls) / seconds, 1),
        "polls a target, fewest and most": f"{min(polls)} and {max(polls)} (expected {seconds / options.interval:.1f})",
        "oldest success at any scrape, s": round(max(ages), 1),
        "failed polls": int(failures),
        "processor, cores": round(used / seconds, 3),
        "processor a poll, ms": round(1000 * used / sum(polls), 2),
        "resident memory, MiB": max(resident),
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "open files and sockets": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "scrape, slowest, s, and size, MB": f"{max(scrapes):.2f} and {size / 1e6:.1f}",
        "AssumeRole in all": sum(row["count"] for row in _requests(aws) if row["operation"] == "AssumeRole"),
    }
    for name, value in figures.items():
        print(f"{name:<34}{value}")


@contextmanager
def _simulated_aws(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    size = [f"--accounts={options.accounts}", f"--regions={options.regions}", "--finished=5", "--active=2"]
    command = [sys.executable, "-m", "exporter.demo", *size, f"--latency-seconds={options.latency}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            started: dict[str, Any] = json.loads(process.stdout.readline())
            yield started
        finally:
            process.kill()


@contextmanager
def _exporter(
    options: argparse.Namespace, aws: dict[str, Any], folder: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    config = {
        "poll_interval": f"{options.interval:g}s",
        "workers": options.workers,
        "endpoint_url": aws["url"],
        "regions": "all",
        "organization": {"role_name": "bedrock-batch-exporter", "external_id": "example"},
    }
    file, log = Path(folder, "config.yaml"), Path(folder, "log.txt")
    file.write_text(json.dumps(config))
    command = [sys.executable, "-m", "exporter", f"--config.file={file}", "--web.listen-address=127.0.0.1:0"]
    environment = {"PATH": os.environ["PATH"], **aws["environment"]}
    with log.open("wb") as stderr, subprocess.Popen(command, env=environment, stderr=stderr) as process:
        try:
            while not (found := re.search(r"event=listening addresses=(\S+)", log.read_text())):
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            yield process, f"http://{found[1]}"
        finally:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    while process.poll() is None:
        try:
            _get(f"{url}/-/ready")
        except OSError:
            time.sleep(0.5)
        else:
            return


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        body: bytes = response.read()
        return body


def _requests(aws: str) -> list[dict[str, Any]]:
    targets: list[dict[str, Any]] = json.loads(_get(f"{aws}/_simulation/requests"))["targets"]
    return targets


def _listings(aws: str) -> dict[tuple[str, str], int]:
    """Return how many listings were asked for, by account and region: with so few jobs, one a poll."""
    return {
        (row["account_id"], row["region"]): row["count"]
        for row in _requests(aws)
        if row["operation"] == "ListModelInvocationJobs"
    }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _resident_mib(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main()
