"""Programs that are not of the package: found in `.tools/bin` (`make tools`) or on the PATH."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"


def program(name: str, how: str, *, required_by: str = "REQUIRE_E2E") -> str:
    """Return the path of a program; where there is none the test is skipped, or fails if `required_by` is set to 1."""
    found = shutil.which(name, path=os.pathsep.join((str(TOOLS / "bin"), os.environ.get("PATH", ""))))
    return found or missing(f"{name} is not on this machine: {how}", required_by=required_by)


@contextlib.contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[None]:
    """Run a program that serves; what it says goes to a file."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, stdout=file)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def tool(name: str) -> str:
    """Return the path of a program of `make tools`, which builds for minutes and so is asked for by itself."""
    return program(name, "make tools", required_by="REQUIRE_TOOLS")


def missing(what: str, *, required_by: str) -> str:
    """Skip the test, or fail it if the environment requires it, with a line that says what to do."""
    if os.environ.get(required_by) == "1":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
