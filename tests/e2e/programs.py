"""Programs that are not of the package: found in `.tools/bin` (`make tools`) or on the PATH."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"


def program(name: str, how: str) -> str:
    """Return the path of a program; where there is none the test is skipped, or fails if `REQUIRE_E2E=1`."""
    found = shutil.which(name, path=os.pathsep.join((str(TOOLS / "bin"), os.environ.get("PATH", ""))))
    return found or missing(f"{name} is not on this machine: {how}")


def missing(what: str) -> str:
    """Skip the test, or fail it if `REQUIRE_E2E=1`, with a line that says what to do."""
    if os.environ.get("REQUIRE_E2E") == "1":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
