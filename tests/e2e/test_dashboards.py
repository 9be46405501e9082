"""Every query of the dashboards, answered by a real Prometheus that holds back-filled hours of the demo.

Four fleets lie in one Prometheus, told apart by the label `job`: what Grafana fills in for `$job` chooses one.
"""

import re
import time
import urllib.error
from dataclasses import dataclass, replace

import pytest

from exporter.demo.accounts import PRODUCTION
from exporter.demo.workloads import FLEET
from grafana.sample.day import Day, back_fill
from tests.e2e.programs import program
from tests.e2e.prometheus import Prometheus
from tests.unit.dashboard_files import DASHBOARDS

HOUR_SECONDS = 3600
END_SECONDS = float(int(time.time()) // 60 * 60)
HOW = "apt-get install prometheus"
EVERYTHING = dict.fromkeys(("account", "region", "model", "status", "job_id", "instance"), ".+")
FLEETS = {
    "busy": Day(END_SECONDS, hours=1.6),
    "replicas": Day(END_SECONDS, hours=1.2, replicas=2, restarts=True, workloads=FLEET[:9], fails=False),
    "empty": Day(END_SECONDS, hours=0.6, workloads=()),
    "one-account": Day(END_SECONDS, hours=0.6, workloads=FLEET[:9], accounts=(PRODUCTION,), fails=False),
}
"""The replicas forget everything half-way and come back under the same names."""


@dataclass(frozen=True)
class Question:
    """A query of a dashboard, as Grafana puts it to Prometheus."""

    dashboard: str
    title: str
    kind: str
    """`instant`, `range`, or `values` of a label."""
    expr: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title}"

    def filled(self, **variables: str) -> str:
        """Return the expression with the variables filled in; all that are not given are on All."""
        values = {**EVERYTHING, "__range": f"{HOUR_SECONDS}s", "__rate_interval": "4m", **variables}
        return re.sub(r"\$(\w+)", lambda found: values[found[1]], self.expr)


def questions():
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                kind = "instant" if target.get("instant") else "range"
                yield Question(name, f"{panel['title']}/{target['refId']}", kind, target["expr"])
        for variable in dashboard["templating"]["list"][1:]:
            values = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            kind = f"values of {values[2]}" if values else "instant"
            expr = values[1] if values else variable["query"].removeprefix("query_result(").removesuffix(")")
            yield Question(name, f"variable {variable['name']}", kind, expr)
        for annotation in dashboard["annotations"]["list"]:
            yield Question(name, f"annotation {annotation['name']}", "range", annotation["expr"])


QUESTIONS = list(questions())
every_question = pytest.mark.parametrize("question", QUESTIONS, ids=str)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboards")
    prometheus = Prometheus(folder, program("prometheus", HOW))
    days = [replace(day, scrape_job=name) for name, day in FLEETS.items()]
    back_fill(program("promtool", HOW), folder / "blocks", *days)

    def ask(question, **variables):
        expr = question.filled(**variables)
        end, start = f"{END_SECONDS:.0f}", f"{END_SECONDS - HOUR_SECONDS:.0f}"
        try:
            if question.kind == "instant":
                return prometheus.api("query", query=expr, time=end)["result"]
            if question.kind == "range":
                return prometheus.api("query_range", query=expr, start=start, end=end, step="60")["result"]
            label = question.kind.removeprefix("values of ")
            return prometheus.api(f"label/{label}/values", **{"match[]": expr}, start=start, end=end)
        except urllib.error.HTTPError as error:
            pytest.fail(f"{error.read().decode()}\n{expr}", pytrace=False)

    with prometheus.holding(folder / "blocks"):
        prometheus.wait_until(lambda: prometheus.query("1"))
        yield ask


@every_question
def test_every_query_has_an_answer_from_a_busy_fleet(ask, question):
    assert ask(question, job="busy"), question.filled(job="busy")


@pytest.mark.parametrize("fleet", ["replicas", "empty", "one-account"])
@every_question
def test_no_query_fails_with_replicas_a_restart_no_jobs_or_one_account(ask, question, fleet):
    ask(question, job=fleet)


@pytest.mark.parametrize("question", [q for q in QUESTIONS if "$job" in q.expr], ids=str)
def test_where_no_exporter_is_no_query_fails_and_none_pretends_to_know(ask, question):
    assert ask(question, job="nobody") == []


@every_question
def test_no_query_fails_for_several_chosen_values(ask, question):
    ask(question, job="busy", account="(111122223333|222233334444)", region="(us-east-1)", status="(Failed|InProgress)")


def question(dashboard, title):
    return next(q for q in QUESTIONS if (q.dashboard, q.title) == (dashboard, title))


def number(answer):
    [sample] = answer
    value = sample["value"][1] if "value" in sample else sample["values"][-1][1]
    return float(value)


@pytest.mark.parametrize("title", ["Will miss deadline/A", "Failed or expired/A", "In progress/A", "Waiting/A"])
def test_a_fleet_without_jobs_counts_0_and_does_not_look_unknown(ask, title):
    assert number(ask(question("fleet", title), job="empty")) == 0


@pytest.mark.parametrize("title", ["In progress/A", "Waiting/A", "Record success/A", "Next expiration/A"])
def test_two_replicas_show_the_same_as_one(ask, title):
    both = number(ask(question("fleet", title), job="replicas"))
    one = number(ask(question("fleet", title), job="replicas", instance="exporter-0:10042"))

    assert both == pytest.approx(one, abs=1, rel=0.01)


def test_a_restart_is_not_counted_as_jobs_that_ended(ask):
    ended = ask(question("fleet", "Jobs ended/A"), job="replicas")
    most = max(float(value) for series in ended for _, value in series["values"])

    assert most < 6, "a window of 4 minutes sees a few jobs end, and not all that ever did"


def test_every_active_job_is_one_row_with_all_its_labels(ask):
    rows = [row["metric"] for row in ask(question("fleet", "Active jobs by slack/A"), job="replicas")]
    keys = [(row["aws_account_id"], row["aws_region"], row["job_id"]) for row in rows]

    assert len(keys) == len(set(keys)) > 10
    assert all(row["job_name"] and row["model_id"] and row["account_name"] for row in rows)


def test_the_fleet_shows_where_the_polls_fail(ask):
    cells = {
        (cell["metric"]["account_name"], cell["metric"]["aws_region"]): float(cell["value"][1])
        for cell in ask(question("fleet", "Trouble by account and region/A"), job="busy")
    }

    assert len(cells) == 9
    assert [place for place, value in cells.items() if value == -1] == [("sandbox", "eu-west-1")]


def test_jobs_too_slow_or_stalled_are_the_ones_that_will_miss_their_deadline(ask):
    names = {
        (row["metric"]["aws_account_id"], row["metric"]["aws_region"], row["metric"]["job_id"]): row["metric"][
            "job_name"
        ]
        for row in ask(question("fleet", "Active jobs by slack/A"), job="busy")
    }
    slack = ask(question("fleet", "Active jobs by slack/G"), job="busy")
    late = {names[tuple(row["metric"].values())] for row in slack if float(row["value"][1]) < 0}

    assert number(ask(question("fleet", "Will miss deadline/A"), job="busy")) == len(late)
    assert {name.rpartition("-2")[0] for name in late} <= {"archive-backfill", "contract-review"}
    assert late


def test_a_chosen_job_is_all_that_its_dashboard_shows(ask):
    running = ask(question("fleet", "Active jobs by slack/B"), job="busy")
    job_id = running[0]["metric"]["job_id"]
    for asked in QUESTIONS:
        if asked.dashboard == "job" and not asked.title.startswith(("annotation", "variable")):
            for series in ask(asked, job="busy", job_id=job_id):
                assert series["metric"].get("job_id", job_id) == job_id
