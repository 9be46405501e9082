"""The 17 rules of grafana/dashboard-linter, and its `.lint` file of exceptions. They hold for all kinds of panel."""

import re

import pytest
import yaml

from tests.unit.dashboard_files import DASHBOARDS, FOLDER, panels, targets
from tests.unit.promql_text import selectors

LINT = yaml.safe_load((FOLDER / ".lint").read_text())["exclusions"]
UNITS = {"bytes", "m", "percentunit", "reqps", "s", "short", "string"}
"""Of the linter's list, those that are in use."""
EXCEPTED_UNITS = {"recps", "suffix:h"}

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
every_panel = pytest.mark.parametrize("place", panels(), ids=str)
every_target = pytest.mark.parametrize("place", targets(), ids=str)


def variable(dashboard, name):
    return next(variable for variable in dashboard["templating"]["list"] if variable["name"] == name)


@every_dashboard
def test_template_datasource_rule(dashboard):
    found = [v for v in dashboard["templating"]["list"] if v["type"] == "datasource"]

    assert [(v["name"], v["label"], v["query"]) for v in found] == [("datasource", "Data source", "prometheus")]


@every_dashboard
@pytest.mark.parametrize(("name", "label"), [("job", "Job"), ("instance", "Instance")])
def test_template_job_rule_and_template_instance_rule(dashboard, name, label):
    found = variable(dashboard, name)

    assert found["datasource"]["uid"] == "${datasource}"
    assert (found["type"], found["label"], found["multi"], found["allValue"]) == ("query", label, True, ".+")


@every_dashboard
def test_every_variable_is_as_the_linter_wants_job_and_instance(dashboard):
    for found in dashboard["templating"]["list"][1:]:
        assert (found["type"], found["multi"], found["includeAll"], found["allValue"]) == ("query", True, True, ".+")
        assert found["datasource"]["uid"] == "${datasource}"


@every_dashboard
def test_template_label_promql_rule(dashboard):
    for found in dashboard["templating"]["list"][1:]:
        query = re.fullmatch(r"(label_values|query_result)\((.+)\)", found["query"], re.DOTALL)
        assert query, found["query"]
        assert query[2].count("(") == query[2].count(")")


@every_dashboard
def test_template_on_time_change_reload_rule(dashboard):
    assert {found["refresh"] for found in dashboard["templating"]["list"][1:]} == {2}


@every_panel
def test_panel_datasource_rule(place):
    assert place.panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_panel
def test_panel_title_description_rule(place):
    assert place.panel["title"]
    assert place.panel["description"]


@every_panel
def test_panel_units_rule(place):
    units = {place.panel["fieldConfig"]["defaults"]["unit"]}
    entry = {"dashboard": place.dashboard["title"], "panel": place.panel["title"]}
    excepted = EXCEPTED_UNITS if entry in LINT["panel-units-rule"]["entries"] else set()

    assert units <= UNITS | excepted


def test_no_exception_is_left_from_a_panel_that_is_gone_or_good():
    used = {
        place.panel["title"] for place in panels() if place.panel["fieldConfig"]["defaults"]["unit"] in EXCEPTED_UNITS
    }

    assert set(LINT) == {"panel-units-rule"}
    assert {entry["panel"] for entry in LINT["panel-units-rule"]["entries"]} == used


@every_panel
def test_panel_no_targets_rule(place):
    assert place.panel["targets"]


@every_target
def test_target_logql_rule_and_target_logql_auto_rule(place):
    # Both are about Loki, which nothing here asks.
    assert place.target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_target
def test_target_promql_rule(place):
    # Prometheus itself parses and answers each in tests/e2e/test_dashboards.py.
    assert place.target["expr"].strip()
    for opening, closing in ("()", "{}", "[]"):
        assert place.target["expr"].count(opening) == place.target["expr"].count(closing)


@every_target
def test_target_rate_interval_rule(place):
    for selector in selectors(place.target["expr"]):
        if selector.function in {"rate", "irate"}:
            assert selector.window == "[$__rate_interval]"


@every_target
@pytest.mark.parametrize("label", ["job", "instance"])
def test_target_job_rule_and_target_instance_rule(place, label):
    found = list(selectors(place.target["expr"]))

    assert found
    for selector in found:
        assert selector.matchers.get(label) == [("=~", f"${label}")], selector
    bare = re.sub(r"\{[^}]*\}", "", re.sub(r"\w+\{", "{", place.target["expr"]))
    assert not re.search(r"\b(bedrock_batch|process|scrape)_\w+|\bup\b", bare), "a metric without matchers"


@every_target
def test_target_counter_agg_rule(place):
    for selector in selectors(place.target["expr"]):
        if selector.name.endswith("_total"):
            assert selector.function in {"rate", "irate", "increase"}, selector


@every_dashboard
def test_uneditable_dashboard(dashboard):
    assert dashboard["editable"] is False
