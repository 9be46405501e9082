"""Where the commands write to, when it is not there, full or gone, and when they are interrupted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporter.demo.faults import FaultKind
from tests.integration.process import PATIENCE_SECONDS, Process


def test_once_leaves_nothing_behind_where_it_cannot_write(simulation, tmp_path):
    output = tmp_path / "bedrock.prom"
    output.mkdir()

    done = Process(simulation, tmp_path).run("once", f"--output={output}")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"bedrock-batch-exporter: --output: {output}: Is a directory"
    assert {path.name for path in tmp_path.iterdir()} == {"bedrock.prom", "config.yaml"}


def test_once_looks_for_the_directory_before_it_polls(simulation, tmp_path):
    done = Process(simulation, tmp_path).run("once", f"--output={tmp_path}/nowhere/bedrock.prom")

    assert done.returncode == 2
    assert "nowhere/bedrock.prom: expected a file in a directory that can be written to" in done.stderr
    assert not simulation.requests


@pytest.mark.parametrize("command", ["once", "check"])
def test_ctrl_c_is_130_and_no_traceback(simulation, tmp_path, command):
    simulation.faults.add(FaultKind.HANG)
    exporter = Process(simulation, tmp_path)
    # Tests that run in the background ignore it, and the child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(exporter.command(command), env=exporter._environment, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not simulation.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)

    try:
        _, told = process.communicate(timeout=15)
    finally:
        process.kill()

    assert process.returncode == 130
    assert b"Traceback" not in told


def test_a_full_disk_is_told_in_a_line(simulation, tmp_path):
    exporter = Process(simulation, tmp_path)
    for command in ("once", "check", "--config.check"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                exporter.command("--log.level=error", command),
                env=exporter._environment,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (1, "bedrock-batch-exporter: stdout: No space left on device\n")


def test_a_reader_that_goes_away_is_no_news(simulation, tmp_path):
    for program in ("-m exporter", "-c 'import sys, exporter.__main__ as m; sys.exit(m.main())'"):
        exporter = f"{sys.executable} {program} iam-policy hub"
        done = subprocess.run(
            ["bash", "-c", f"({exporter}; echo $? >&2) | true"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == "1\n"
