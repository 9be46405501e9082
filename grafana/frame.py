"""What the dashboards share: variables, annotations, links to each other and the settings around the panels."""

import json
from collections.abc import Callable, Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana.names import VARIABLES
from grafana.panels import PROMETHEUS, Panel
from grafana.promql import JOB, LOST, TARGETS, Scope, seen, status_in
from grafana.style import DARK_ORANGE, RED

TITLES = {
    "bedrock-batch-fleet": "Bedrock batch / Fleet",
    "bedrock-batch-job": "Bedrock batch / Job",
    "bedrock-batch-exporter": "Bedrock batch / Exporter",
}
"""The dashboards by uid. The uids are fixed, so that links and alerts can name them."""


def framed(
    uid: str, description: str, variables: Sequence[str], rows: Sequence[tuple[str, Sequence[Panel]]], *, since: str
) -> model.Dashboard:
    """Return a dashboard of rows of panels, with numbered panels."""
    dashboard = (
        build.Dashboard(TITLES[uid])
        .uid(uid)
        .description(description)
        .tags(["bedrock-batch"])
        .timezone("browser")
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh("1m")
        .variables(
            [
                _datasource(),
                *_scrapes(hidden=uid != "bedrock-batch-exporter"),
                *(_VARIABLES[name]() for name in variables),
            ]
        )
        .annotations([_ended_badly(), _firing()])
        .links([_link(other) for other in TITLES if other != uid])
    )
    for title, panels in rows:
        if title:
            dashboard.with_row(build.Row(title))
        for panel in panels:
            dashboard.with_panel(panel)
    built = dashboard.build()
    for number, numbered in enumerate(built.panels or [], start=1):
        numbered.id_val = number
    return built


def rendered(dashboard: model.Dashboard) -> str:
    """Return the JSON that Grafana reads.

    The SDK places every dashboard link in a menu (`placement`), where nobody sees it; without the field it stands above
    the panels.
    """
    text = json.dumps(dashboard, cls=JSONEncoder)
    content = json.loads(text)
    for link in content["links"]:
        link.pop("placement", None)
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def job_links() -> list[build.DashboardLink]:
    """Return where a row about a job leads: its own dashboard, and the batch jobs of its region in the AWS console."""
    place = "&".join(
        f"var-{VARIABLES[label]}=${{__data.fields.{label}}}" for label in ("aws_account_id", "aws_region", "job_id")
    )
    own = f"/d/bedrock-batch-job?${{datasource:queryparam}}&{place}&${{__url_time_range}}"
    region = "${__data.fields.aws_region}"
    console = f"https://{region}.console.aws.amazon.com/bedrock/home?region={region}#/batch-inference"
    return [
        build.DashboardLink("The story of this job").url(own),
        build.DashboardLink("Batch inference in the AWS console").url(console).target_blank(True),
    ]


def _datasource() -> build.DatasourceVariable:
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _scrapes(*, hidden: bool) -> list[build.QueryVariable]:
    """Return which exporters to look at.

    Of interest beside their own graphs, and in the way elsewhere, where `job` could be taken for a batch job.
    """
    up = "bedrock_batch_exporter_targets"
    return [
        _query("job", "Job", f"label_values({up}, job)", hidden=hidden),
        _query("instance", "Instance", f'label_values({up}{{job=~"$job"}}, instance)', hidden=hidden),
    ]


def _query(name: str, label: str, query: str, *, regex: str = "", hidden: bool = False) -> build.QueryVariable:
    every = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    variable = (
        build.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query(query)
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(every)
    )
    if regex:
        variable.regex(regex)
    if hidden:
        variable.hide(model.VariableHide.HIDE_VARIABLE)
    return variable


def _named(text: str, value: str) -> str:
    """Return the regular expression by which Grafana shows one label of a result and filters by another."""
    return f'/{text}="(?<text>[^"]+)|{value}="(?<value>[^"]+)/g'


def _jobs() -> build.QueryVariable:
    info = Scope((*TARGETS.labels, "model_id")).select("bedrock_batch_job_info")
    status = TARGETS.select("bedrock_batch_job_status", status_in("$status"))
    jobs = seen(f"group by ({JOB}, job_name) ({info} and on ({JOB}) {status})")
    return _query("job_id", "Batch job", f"query_result({jobs})", regex=_named("job_name", "job_id"))


_VARIABLES: Mapping[str, Callable[[], build.QueryVariable]] = {
    "account": lambda: _query(
        "account",
        "Account",
        f"query_result({Scope(()).account_names()})",
        regex=_named("account_name", "aws_account_id"),
    ),
    "region": lambda: _query(
        "region", "Region", f"label_values({Scope(('aws_account_id',)).select('bedrock_batch_up')}, aws_region)"
    ),
    "model": lambda: _query("model", "Model", f"label_values({TARGETS.select('bedrock_batch_model_jobs')}, model_id)"),
    "status": lambda: _query("status", "Status", f"label_values({TARGETS.select('bedrock_batch_jobs')}, status)"),
    "job_id": _jobs,
}


def _ended_badly() -> build.AnnotationQuery:
    """Return the moment a job failed or expired, as Bedrock tells it."""
    end = f"max by ({JOB}, job_name) ({TARGETS.select('bedrock_batch_job_end_timestamp_seconds')}) * 1000"
    lost = TARGETS.select("bedrock_batch_job_status", status_in(LOST))
    return (
        _annotation("Jobs failed or expired", RED)
        .expr(f"{end} and on ({JOB}) {lost}")
        .use_value_for_time(True)
        .title_format("{{job_name}} failed or expired")
        .text_format("{{aws_region}}, account {{aws_account_id}}, job {{job_id}}")
        .tag_keys("aws_account_id,aws_region")
    )


def _firing() -> build.AnnotationQuery:
    """Return while an alert of the exporter's rules fires: of the chosen accounts and regions, or of none."""
    place = 'aws_account_id=~"$account|", aws_region=~"$region|"'
    alerts = f'ALERTS{{alertname=~"BedrockBatch.*", alertstate="firing", {place}}}'
    return (
        _annotation("Firing alerts", DARK_ORANGE)
        .expr(f"max by (alertname, severity, aws_account_id, aws_region, job_name) ({alerts})")
        .title_format("{{alertname}}")
        .text_format("{{job_name}} {{aws_region}} {{aws_account_id}}")
        .tag_keys("severity")
    )


def _annotation(name: str, colour: str) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(PROMETHEUS)
        .enable(True)
        .hide(False)
        .icon_color(colour)
        .step("60s")
    )


def _link(uid: str) -> build.DashboardLink:
    title = TITLES[uid].rpartition(" / ")[2]
    link = build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(f"/d/{uid}").icon("dashboard")
    return link.tooltip(f"{TITLES[uid]}, same time and same choice").include_vars(True).keep_time(True)
