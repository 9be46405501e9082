"""What ships beside the package, as the programs that will read it judge it."""

import re
import subprocess

import pytest

from tests.e2e.programs import ROOT, program, tool

UNIT = ROOT / "deploy/systemd/bedrock-batch-exporter.service"


def output_of(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_hadolint_has_nothing_to_say_about_the_image():
    assert output_of(tool("hadolint"), "Dockerfile") == (0, "")


def test_actionlint_has_nothing_to_say_about_the_workflows():
    assert output_of(tool("actionlint"), *map(str, (ROOT / ".github/workflows").glob("*.yml"))) == (0, "")


@pytest.fixture
def systemd_analyze():
    return program("systemd-analyze", "apt-get install systemd")


def test_systemd_has_nothing_to_say_about_the_unit(systemd_analyze, tmp_path):
    installed = tmp_path / UNIT.name
    installed.write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text()))

    assert output_of(systemd_analyze, "verify", str(installed)) == (0, "")


def test_the_units_exposure_is_what_its_document_says(systemd_analyze):
    code, said = output_of(systemd_analyze, "security", "--offline=true", "--threshold=15", "--no-pager", str(UNIT))
    [exposure] = re.findall(r"exposure level for \S+: ([\d.]+)", said)

    assert code == 0, said
    assert float(exposure) <= 1.5, "newer versions of systemd weigh more settings"
    assert "at 1.1 of 10" in UNIT.with_name("README.md").read_text()
