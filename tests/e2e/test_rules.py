"""promtool and amtool read the rules and the examples."""

import re
import subprocess
from pathlib import Path

import pytest

from prometheus import build
from tests.e2e.programs import ROOT, program

FOLDER = ROOT / "prometheus"
EXAMPLE = "alertmanager.example.yml"


def run(name: str, *arguments: str, folder: Path = FOLDER) -> str:
    package = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}[name]
    command = [program(name, f"apt-get install {package}"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_in_the_rules():
    for name in build.RULE_FILES:
        assert "SUCCESS" in run("promtool", "check", "rules", "--lint=all", "--lint-fatal", f"rules/{name}")


@pytest.mark.parametrize("path", sorted((FOLDER / "tests").glob("*.yml")), ids=lambda path: path.stem)
def test_the_alerts_fire_when_they_should_and_not_when_they_nearly_should(path):
    run("promtool", "test", "rules", f"tests/{path.name}")


def test_rules_of_other_limits_and_links_are_valid(tmp_path):
    settings = ["--set=dashboards=https://grafana.corp.example", "--set=expires_soon=90m", "--set=throttled_share=0.5"]

    build.main([f"--out={tmp_path}", "--scale=120", *settings])

    run("promtool", "check", "rules", "rules/recording.yml", "rules/alerts.yml", folder=tmp_path)
    text = (tmp_path / "rules/alerts.yml").read_text()
    assert "dashboard_url: https://grafana.corp.example/d/bedrock-batch-job?" in text
    assert "less than 90 minutes" in text
    assert "< 90 * 60 / 120\n" in text
    assert "the limit is 50%" in text


def test_prometheus_takes_the_example():
    assert "2 rule files found" in run("promtool", "check", "config", "prometheus.example.yml")


def test_alertmanager_takes_the_example():
    assert "6 inhibit rules" in run("amtool", "check-config", EXAMPLE)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=BedrockBatchJobFailed", "severity=warning", "aws_account_id=111122223333"), "chat"),
        (("alertname=BedrockBatchJobWillMissDeadline", "severity=critical", "aws_account_id=111122223333"), "pager"),
        (("alertname=BedrockBatchExporterDown", "severity=critical"), "pager"),
        (("alertname=SomethingElse",), "chat"),
    ],
)
def test_the_example_routes_by_severity(labels, receiver):
    answer = run(
        "amtool", "config", "routes", "test", f"--config.file={EXAMPLE}", f"--verify.receivers={receiver}", *labels
    )

    assert re.search(rf"^{receiver}$", answer, re.MULTILINE)
