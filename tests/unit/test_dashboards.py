"""The dashboards as files: up to date, complete, and asking only for what the exporter serves."""

import json
import re
from itertools import combinations

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from exporter.metrics import FAMILIES
from exporter.model import FailureReason, Status
from grafana import build, exporter_graphs, frame, names, promql, style
from tests.unit.dashboard_files import DASHBOARDS, FOLDER, ROOT, expressions, panels
from tests.unit.promql_text import NAMES, metric_of, selectors, variables

UIDS = {"fleet": "bedrock-batch-fleet", "job": "bedrock-batch-job", "exporter": "bedrock-batch-exporter"}
EXPORTED = frozenset(family.name for family in FAMILIES)


@pytest.mark.parametrize("path", build.files(), ids=lambda path: path.stem)
def test_a_committed_dashboard_is_what_the_code_makes(path):
    assert path.read_text() == build.files()[path], "run `make dashboards`"


def test_there_are_these_dashboards_under_these_uids_and_no_others():
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == UIDS


@pytest.mark.parametrize("name", UIDS)
def test_the_sdk_reads_a_dashboard_and_writes_it_again_without_a_difference(name):
    register_default_plugins()
    committed = (FOLDER / f"{name}.json").read_text()

    assert frame.rendered(Dashboard.from_json(json.loads(committed))) == committed


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
class TestEveryDashboard:
    def test_is_of_the_classic_schema_and_needs_no_input(self, dashboard):
        assert dashboard["schemaVersion"] == 42
        assert not {"__inputs", "__requires", "id"} & dashboard.keys()

    def test_cannot_be_edited_by_accident_and_shares_its_crosshair_and_the_browsers_time(self, dashboard):
        assert (dashboard["editable"], dashboard["graphTooltip"], dashboard["timezone"]) == (False, 1, "browser")

    def test_leads_to_the_others_with_the_same_time_and_choice(self, dashboard):
        links = {link["url"]: (link["includeVars"], link["keepTime"]) for link in dashboard["links"]}

        assert links == {f"/d/{uid}": (True, True) for uid in UIDS.values() if uid != dashboard["uid"]}

    def test_shows_its_links_above_the_panels(self, dashboard):
        assert not any("placement" in link for link in dashboard["links"])

    def test_numbers_its_panels(self, dashboard):
        assert [panel["id"] for panel in dashboard["panels"]] == [*range(1, len(dashboard["panels"]) + 1)]

    def test_lays_its_panels_side_by_side_and_fills_every_row(self, dashboard):
        places = [panel["gridPos"] for panel in dashboard["panels"]]

        for one, other in combinations(places, 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert beside or below, (one, other)
        for top in {place["y"] for place in places}:
            assert sum(place["w"] for place in places if place["y"] <= top < place["y"] + place["h"]) == 24

    def test_asks_by_every_variable_it_shows_and_knows_every_one_it_asks_by(self, dashboard):
        shown = {variable["name"] for variable in dashboard["templating"]["list"]}
        asked = set().union(*(variables(expr) for expr in expressions(dashboard)))

        assert asked - {"__range", "__rate_interval"} == shown - {"datasource"}

    def test_chains_its_variables(self, dashboard):
        before = {"__range"}
        for variable in dashboard["templating"]["list"][1:]:
            assert variables(variable["query"]) <= before
            before.add(variable["name"])

    def test_shows_accounts_and_jobs_by_name_and_asks_by_id(self, dashboard):
        for variable in dashboard["templating"]["list"]:
            if variable["name"] in {"account", "job_id"}:
                result = (
                    '{account_name="production", aws_account_id="111122223333", job_id="abc", job_name="nightly"} 1 2'
                )
                found = [match.groupdict() for match in re.finditer(_pattern(variable["regex"]), result)]
                text, value = ("production", "111122223333") if variable["name"] == "account" else ("nightly", "abc")
                assert {"text": text, "value": None} in found
                assert {"text": None, "value": value} in found

    def test_marks_jobs_that_end_badly_and_alerts_that_fire(self, dashboard):
        annotations = {annotation["name"]: annotation for annotation in dashboard["annotations"]["list"]}

        assert set(annotations) == {"Jobs failed or expired", "Firing alerts"}
        assert annotations["Jobs failed or expired"]["useValueForTime"]
        assert all(annotation["enable"] for annotation in annotations.values())

    def test_takes_one_series_a_job_or_target_before_it_joins(self, dashboard):
        for expr in expressions(dashboard):
            for found in re.finditer(r"\* on \([^)]*\) group_left \([^)]*\)\s*(\S+ by)", expr):
                assert found[1] == "topk by", expr


def _pattern(regex: str) -> str:
    return regex.removeprefix("/").removesuffix("/g").replace("(?<", "(?P<")


@pytest.mark.parametrize("place", panels(), ids=str)
class TestEveryPanel:
    def test_says_what_it_shows_and_what_to_do_when_it_looks_bad(self, place):
        sentences = re.split(r"[.:;] ", place.panel["description"])

        assert len(sentences) >= 2, place.panel["description"]

    def test_has_a_unit_and_thresholds(self, place):
        defaults = place.panel["fieldConfig"]["defaults"]

        assert defaults["unit"]
        assert defaults["thresholds"]["steps"][0]["value"] is None

    def test_has_a_title_that_fits_above_it(self, place):
        # At 1600 pixels a column is 66 wide; a letter takes 8, and the mark of the description 40.
        assert len(place.panel["title"]) * 8 <= place.panel["gridPos"]["w"] * 66 - 50

    def test_is_of_a_kind_that_grafana_10_has(self, place):
        assert place.panel["type"] in {"stat", "timeseries", "table", "state-timeline"}
        used = {transformation["id"] for transformation in place.panel.get("transformations", [])}
        assert used <= {"merge", "organize", "filterByValue", "sortBy", "groupingToMatrix"}


def test_only_metrics_that_the_exporter_serves_are_asked_for():
    documented = set(NAMES.findall((ROOT / "docs/metrics.md").read_text()))
    known = frozenset(names.LABELS)
    for dashboard in DASHBOARDS.values():
        for expr in expressions(dashboard):
            for selector in selectors(expr):
                metric = metric_of(selector.name, known)
                assert metric in {*known, "ALERTS"}, expr
                assert metric in documented or metric in {*names.PROCESS, *names.SCRAPED, "ALERTS"}, expr
                for label in selector.matchers:
                    assert metric == "ALERTS" or label in {*names.LABELS[metric], "job", "instance"}, expr


def test_every_metric_of_the_exporter_is_shown_somewhere_or_left_out_for_a_reason():
    asked = {
        metric_of(selector.name, EXPORTED)
        for dashboard in DASHBOARDS.values()
        for expr in expressions(dashboard)
        for selector in selectors(expr)
    }

    assert EXPORTED - asked == set(names.LEFT_OUT)
    assert all(names.LEFT_OUT.values())


def test_a_metric_that_the_exporter_does_not_have_cannot_be_asked_for():
    with pytest.raises(ValueError, match="bedrock_batch_jbos: expected a metric"):
        promql.FLEET.select("bedrock_batch_jbos")


def test_a_label_that_a_metric_does_not_have_cannot_be_asked_for():
    with pytest.raises(ValueError, match="bedrock_batch_up: expected a matcher of one of its labels"):
        promql.FLEET.select("bedrock_batch_up", 'status="Failed"')


def test_every_status_has_a_colour_of_its_own():
    assert set(style.STATUS_COLOURS) == set(Status)
    assert len(set(style.STATUS_COLOURS.values())) == len(Status)
    assert style.STATUS_COLOURS[Status.FAILED] == style.RED
    assert style.STATUS_COLOURS[Status.COMPLETED] == style.GREEN


def test_every_reason_of_failure_has_a_colour_of_its_own():
    assert set(exporter_graphs.REASON_COLOURS) == set(FailureReason)
    assert len(set(exporter_graphs.REASON_COLOURS.values())) == len(FailureReason)


def test_every_status_is_shown_by_its_name_and_colour_wherever_it_is_a_number():
    for place in panels():
        for mappings in _mappings(place.panel):
            texts = {result["text"]: result.get("color") for mapping in mappings for result in _results(mapping)}
            if "InProgress" in texts:
                assert texts == {status.value: colour for status, colour in style.STATUS_COLOURS.items()}


def _mappings(panel):
    yield panel["fieldConfig"]["defaults"].get("mappings") or []
    for override in panel["fieldConfig"]["overrides"]:
        yield from (prop["value"] for prop in override["properties"] if prop["id"] == "mappings")


def _results(mapping):
    return mapping["options"].values() if mapping["type"] == "value" else [mapping["options"]["result"]]


def test_a_row_about_a_job_leads_to_its_dashboard_and_to_the_aws_console():
    place = next(place for place in panels() if place.panel["title"] == "Active jobs by slack")
    overrides = {
        override["matcher"]["options"]: override["properties"] for override in place.panel["fieldConfig"]["overrides"]
    }
    links = [prop["value"] for prop in overrides["job_name"] if prop["id"] == "links"]

    own, console = (link["url"] for link in links[0])
    assert own.startswith("/d/bedrock-batch-job?")
    assert "var-job_id=${__data.fields.job_id}" in own
    assert console.startswith("https://${__data.fields.aws_region}.console.aws.amazon.com/bedrock/home?region=")
    for field in set(re.findall(r"__data\.fields\.(\w+)", own + console)):
        assert field in overrides, f"the link needs the column {field}, shown or not"


def test_the_variables_that_alerts_fill_in_exist():
    rules = yaml.safe_load((ROOT / "prometheus/rules/alerts.yml").read_text())
    shown = {d["uid"]: {variable["name"] for variable in d["templating"]["list"]} for d in DASHBOARDS.values()}
    for group in rules["groups"]:
        for rule in group["rules"]:
            url = rule["annotations"]["dashboard_url"]
            uid = re.search(r"/d/([\w-]+)", url)
            assert uid
            assert set(re.findall(r"var-(\w+)=", url)) <= shown[uid[1]], url
