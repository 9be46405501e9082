"""The rules as files: generated ones are up to date, every alert is complete, documented and tested both ways."""

import json
import re
from pathlib import Path

import pytest
import yaml

from prometheus import build

ROOT = Path(__file__).parents[2]
RULES = {name: yaml.safe_load((ROOT / "prometheus/rules" / name).read_text()) for name in build.RULE_FILES}
ALERTS = [rule for group in RULES["alerts.yml"]["groups"] for rule in group["rules"]]
RECORDINGS = [rule for group in RULES["recording.yml"]["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("path", build.build())
def test_a_generated_file_is_what_its_sources_say(path):
    assert (ROOT / "prometheus" / path).read_text() == build.build()[path], "run `make rules`"


def test_the_operators_object_holds_the_same_groups():
    rule = yaml.safe_load((ROOT / "prometheus/prometheusrule.yaml").read_text())

    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"]["groups"] == [*RULES["recording.yml"]["groups"], *RULES["alerts.yml"]["groups"]]


def test_every_threshold_is_used():
    sources = "".join((ROOT / "prometheus/templates" / name).read_text() for name in build.RULE_FILES)
    used = set(re.findall(r"\$\{(\w+)", sources + str(build.thresholds())))

    assert used == set(build.thresholds())


def test_recordings_are_named_level_metric_operations():
    for rule in RECORDINGS:
        assert re.fullmatch(r"(account|job|model|target):bedrock_batch_[a-z_]+:[a-z0-9_]+", rule["record"])


def test_the_readme_lists_every_recording():
    text = (ROOT / "prometheus/README.md").read_text()

    assert [rule["record"] for rule in RECORDINGS if f"`{rule['record']}`" not in text] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels']['severity']}")
def test_an_alert_says_what_where_how_much_and_what_next(alert):
    assert re.fullmatch(r"BedrockBatch[A-Za-z]+", alert["alert"])
    assert re.fullmatch(r"[1-9]\d*m", alert["for"])
    assert alert["labels"] == {"severity": alert["labels"]["severity"]}
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert alert["annotations"]["runbook_url"].endswith(f"#{alert['alert'].lower()}")
    if alert["alert"].startswith("BedrockBatchJob"):
        for label in ("job_name", "job_id", "model_id", "account_name", "aws_account_id", "aws_region"):
            assert f"$labels.{label}" in alert["annotations"]["description"]
        assert "var-job_id={{ $labels.job_id }}" in alert["annotations"]["dashboard_url"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels']['severity']}")
def test_an_alert_leads_to_a_dashboard_that_has_its_variables(alert):
    files = (json.loads(path.read_text()) for path in (ROOT / "grafana/dashboards").glob("*.json"))
    variables = {file["uid"]: {variable["name"] for variable in file["templating"]["list"]} for file in files}
    path, _, query = alert["annotations"]["dashboard_url"].partition("?")

    assert set(re.findall(r"var-(\w+)=", query)) <= variables[path.rpartition("/d/")[2]]


def test_a_scale_shortens_every_duration_and_changes_nothing_else():
    plain, scaled = build.build()["rules/alerts.yml"], build.build(scale=60)["rules/alerts.yml"]

    assert "for: 15m" in plain
    assert "for: 15000ms" in scaled
    assert "< 45 * 60\n" in plain
    assert "< 45 * 60 / 60\n" in scaled
    masked = [
        re.sub(r"\b\d+ \* \d+( / 60)?|(?<=[\[ ])\d+(m|h|d|ms)(?=[\]\n])", "D", text).split() for text in (plain, scaled)
    ]
    assert masked[0] == masked[1]


def test_a_placeholder_that_no_threshold_defines_is_named():
    with pytest.raises(KeyError, match=re.escape("${nonsense}")):
        build.render("> ${nonsense}", build.thresholds())


def test_the_runbooks_have_one_heading_for_each_alert():
    text = (ROOT / "docs/runbooks.md").read_text()
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)

    assert sorted(headings) == sorted({rule["alert"] for rule in ALERTS})
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["Means", "See", "Do", "Silence"], section[:40]


@pytest.mark.parametrize("alert", sorted({(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS}))
def test_an_alert_is_tested_by_what_fires_it_and_by_what_nearly_does(alert):
    name, severity = alert
    cases = [
        (test["name"], case["exp_alerts"])
        for path in (ROOT / "prometheus/tests").glob("*.yml")
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]
    firing = [expected for _, alerts in cases for expected in alerts if expected["exp_labels"]["severity"] == severity]
    never = {test for test, _ in cases} - {test for test, alerts in cases if alerts}

    assert firing
    assert all(expected["exp_annotations"]["summary"] for expected in firing)
    assert never, "no series that nearly fires it"
    for trouble in ("missed scrape", "restart", "replica"):
        assert any(trouble in test for test, _ in cases), trouble
