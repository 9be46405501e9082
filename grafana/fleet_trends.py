"""The fleet as a whole: where the trouble is, and how things go over time."""

from grafana_foundation_sdk.models import common as look

from exporter.model import Status
from grafana import style
from grafana.panels import Panel, Query, graph
from grafana.promql import ACTIVE, FLEET, LOST, TARGET, WAITING, status_in
from grafana.tables import Column, rows, transformations

MATRIX_CORNER = "account_name\\aws_region"


def matrix() -> Panel:
    """Return what is wrong by account and region."""
    finished = FLEET.select("bedrock_batch_jobs_finished_total", status_in(LOST))
    polled = FLEET.per_target("bedrock_batch_up")
    lost = f"round(sum by ({TARGET}) (max by ({TARGET}, status) (increase({finished}[$__range]))))"
    missing = f"(count by ({TARGET}) ({FLEET.late()}) or 0 * {polled})"
    worst = f"({polled} == 0) - 1\nor {lost} + {missing}"
    grouped: dict[str, object] = {
        "columnField": "aws_region",
        "rowField": "account_name",
        "valueField": "Value",
        "emptyValue": "empty",
    }
    by_region: dict[str, object] = {"fields": {}, "sort": [{"field": "aws_region", "desc": False}]}
    by_account: dict[str, object] = {"fields": {}, "sort": [{"field": MATRIX_CORNER, "desc": False}]}
    return rows(
        "Trouble by account and region",
        "Jobs that failed or expired within the time range, and running jobs that will miss their deadline. "
        "'failing': the last poll of that target failed, so that nothing is known of it; see the exporter's "
        "dashboard. Empty: not polled. Red: choose that account and region above.",
        [Query(FLEET.with_account_name(worst))],
        [Column(MATRIX_CORNER, "Account", 130, cell=style.PLAIN_CELL, align=look.FieldTextAlignment.LEFT)],
        transformed=[
            *transformations({"sortBy": by_region, "groupingToMatrix": grouped}),
            *transformations({"sortBy": by_account}),
        ],
        thresholds=style.TROUBLE_STEPS,
        mappings=[style.value_map({"-1": ("failing", style.PURPLE), "0": ("ok", style.CLEAR)})],
        cell=style.FILLED,
        align=look.FieldTextAlignment.CENTER,
        span=8,
        height=9,
    )


def _status_colours() -> list[tuple[str, dict[str, object]]]:
    return [(status.value, {"color": style.fixed(colour)}) for status, colour in style.STATUS_COLOURS.items()]


def by_status() -> Panel:
    """Return the active jobs over time."""
    by_model = FLEET.select("bedrock_batch_model_jobs", status_in(ACTIVE, Status.UNKNOWN), status_in("$status"))
    every = FLEET.select("bedrock_batch_jobs", status_in(ACTIVE, Status.UNKNOWN), status_in("$status"))
    return graph(
        "Active jobs by status",
        "Jobs that have not ended. Waiting ones pile up while few are in progress: the model's quota is used up, or "
        "Bedrock is slow to begin. Unknown: Bedrock has a status that this exporter does not know; look for a newer "
        "version.",
        [
            Query(
                f"sum by (status) (max by ({TARGET}, model_id, status) ({by_model}))\n"
                f"or sum by (status) (0 * max by ({TARGET}, status) ({every}))",
                "{{status}}",
            )
        ],
        unit="short",
        span=8,
        height=9,
        stacked=True,
        decimals=0,
        overrides=_status_colours(),
    )


def ended() -> Panel:
    """Return the jobs that ended over time."""
    ended = FLEET.select("bedrock_batch_jobs_finished_total", status_in("$status"))
    return graph(
        "Jobs ended",
        'Jobs seen to end, by how; of every model. Red and orange bars: find the jobs under "What has ended".',
        [
            Query(
                f"sum by (status) (max by ({TARGET}, status) (increase({ended}[$__rate_interval])))",
                "{{status}}",
                interval="5m",
            )
        ],
        unit="short",
        span=8,
        height=9,
        stacked=True,
        bars=True,
        decimals=0,
        overrides=_status_colours(),
    )


def throughput() -> Panel:
    """Return the records per second by model."""
    return graph(
        "Throughput by model",
        "Records processed per second, over the last 30 minutes. A line that sinks while jobs are in progress: "
        "Bedrock serves that model slower, and the slack of its jobs melts. 0 with jobs in progress: they stall.",
        [
            Query(
                f"sum by (model_id) (\n{FLEET.with_facts(FLEET.throughput(), 'model_id')}\n)",
                "{{model_id}}",
            )
        ],
        unit="recps",
        span=10,
        height=11,
    )


def _quantile(name: str, quantile: float) -> str:
    """By model, over the time range; for a model with nothing in it, since the exporter began to count."""
    buckets = FLEET.select(f"{name}_bucket")
    labels = "le, aws_region, model_id" + (", status" if "completion" in name else "")
    within = f"sum by (le, model_id) (max by ({labels}) (increase({buckets}[$__range])))"
    since_start = f"sum by (le, model_id) (max by ({labels}) ({buckets}))"
    return f"histogram_quantile({quantile}, {within}) >= 0\nor histogram_quantile({quantile}, {since_start}) >= 0"


def models() -> Panel:
    """Return how long jobs wait and run, by model."""
    queue, whole = "bedrock_batch_job_queue_duration_seconds", "bedrock_batch_job_completion_duration_seconds"
    jobs = "max by (aws_account_id, aws_region, model_id, status)"

    def active(statuses: str) -> str:
        selected = FLEET.select("bedrock_batch_model_jobs", status_in(statuses))
        return f"sum by (model_id) ({jobs} ({selected}))"

    return rows(
        "Queue wait and total time by model",
        "Queue wait is from submission to the first sight of the job in progress, total time from submission to the "
        "end, of jobs seen to end within the time range (for a model without any, since the exporter began). Regions "
        "count together. A wait near the jobs' timeout: submit earlier, use another region or model, or ask for a "
        "higher quota.",
        [
            Query(active(WAITING)),
            Query(active(Status.IN_PROGRESS.value)),
            Query(_quantile(queue, 0.5)),
            Query(_quantile(queue, 0.9)),
            Query(_quantile(whole, 0.5)),
            Query(_quantile(whole, 0.9)),
        ],
        [
            Column("model_id", "Model"),
            Column("Value #A", "Waiting", 68),
            Column("Value #B", "Running", 72),
            Column("Value #C", "Wait p50", 82, "s", 1),
            Column("Value #D", "Wait p90", 92, "s", 1),
            Column("Value #E", "Total p50", 84, "s", 1),
            Column("Value #F", "Total p90", 84, "s", 1),
        ],
        sort=("Wait p90", True),
        span=14,
        height=11,
    )
