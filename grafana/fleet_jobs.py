"""The fleet's jobs, one a row."""

from grafana_foundation_sdk.models import common as look

from exporter.model import ACTIVE_STATUSES, FINISHED_STATUSES, Status
from grafana import frame, style
from grafana.panels import Panel, Query
from grafana.promql import ACTIVE, FINISHED, FLEET, JOB, seen, status_in
from grafana.tables import Column, rows

SLACK_STEPS = style.steps(style.RED, (0, style.ORANGE), (2 * style.HOUR_SECONDS, style.CLEAR))


def _job_column() -> Column:
    return Column("job_name", "Job", 275, links=frame.job_links())


def _status_column(width: int) -> Column:
    left = look.FieldTextAlignment.LEFT
    return Column("Value #A", "Status", width, mappings=[style.status_map()], cell=style.FILLED, align=left)


def _place_columns() -> list[Column]:
    return [
        Column("model_id", "Model"),
        Column("account_name", "Account", 92),
        Column("aws_region", "Region", 105),
    ]


def _hidden(*fields: str) -> list[Column]:
    return [Column(field) for field in fields]


def active() -> Panel:
    """Return the jobs that have not ended, the most urgent first."""
    total, processed = FLEET.per_job("bedrock_batch_job_records"), FLEET.per_job("bedrock_batch_job_records_processed")
    submitted = f"time() - {FLEET.per_job('bedrock_batch_job_submit_timestamp_seconds')}"
    labelled = FLEET.with_facts(FLEET.status_code(*ACTIVE_STATUSES, only="$status"), "job_name", "model_id")
    running = status_in(Status.IN_PROGRESS)
    return rows(
        "Active jobs by slack",
        "Slack is the time until a job expires, less the time that its remaining records need at the better of its "
        "throughputs over 30 minutes and 6 hours; for a job that has not begun, all its time. Red: it will miss its "
        "deadline; open it, and decide while there is time. A throughput of 0: it stalls. A job's name leads to its "
        "story and to the AWS console.",
        [
            Query(FLEET.with_account_name(labelled)),
            Query(f"{processed} / ({total} > 0)"),
            Query(f"{FLEET.throughput()}\nand on ({JOB}) {FLEET.select('bedrock_batch_job_status', running)}"),
            Query(FLEET.narrowed(submitted, ACTIVE)),
            Query(FLEET.projected_time()),
            Query(FLEET.time_to_expiration()),
            Query(FLEET.slack()),
        ],
        [
            _job_column(),
            _status_column(100),
            *_place_columns(),
            Column(
                "Value #B",
                "Progress",
                115,
                "percentunit",
                0,
                style.steps(style.CLEAR, (0, style.BLUE)),
                cell=style.PROGRESS,
                limits=(0, 1),
            ),
            Column(
                "Value #C",
                "Throughput",
                95,
                "recps",
                1,
                style.steps(style.RED, (1e-9, style.PLAIN)),
                cell=style.TINTED,
            ),
            Column("Value #D", "Age", 88, "s", 1),
            Column("Value #E", "Done in", 88, "s", 1, mappings=[style.never_done()], cell=style.TINTED),
            Column("Value #F", "Expires in", 92, "s", 1, style.EXPIRATION_STEPS, cell=style.TINTED),
            Column(
                "Value #G",
                "Slack",
                92,
                "s",
                1,
                SLACK_STEPS,
                mappings=[style.never_in_time()],
                cell=style.FILLED,
            ),
            *_hidden("aws_account_id", "job_id"),
        ],
        sort=("Slack", False),
        keep="job_name",
        height=11,
    )


def recent() -> Panel:
    """Return the jobs that ended within the range, the last first."""
    end, submit = (
        FLEET.per_job("bedrock_batch_job_end_timestamp_seconds"),
        FLEET.per_job("bedrock_batch_job_submit_timestamp_seconds"),
    )
    good, done = (
        FLEET.per_job("bedrock_batch_job_records_succeeded"),
        FLEET.per_job("bedrock_batch_job_records_processed"),
    )
    ended = FLEET.with_facts(FLEET.status_code(*FINISHED_STATUSES, only="$status"), "job_name", "model_id")
    return rows(
        "Recently ended jobs",
        "Jobs that ended within the time range and were looked at meanwhile. Failed: the AWS console tells why. "
        "Expired: it never began. PartiallyCompleted: its time was up before all records were done; submit the rest "
        "again.",
        [
            Query(FLEET.with_account_name(seen(ended))),
            Query(f"time() - (\n{seen(end)}\n)"),
            Query(seen(f"{end} - {submit}")),
            Query(seen(FLEET.narrowed(f"{good} / ({done} > 0)", FINISHED))),
        ],
        [
            _job_column(),
            _status_column(145),
            *_place_columns(),
            Column("Value #B", "Ended ago", 110, "s", 1),
            Column("Value #C", "Duration", 95, "s", 1),
            Column(
                "Value #D",
                "Records succeeded",
                170,
                "percentunit",
                1,
                style.SUCCESS_STEPS,
                cell=style.PROGRESS,
                limits=(0, 1),
            ),
            *_hidden("aws_account_id", "job_id"),
        ],
        sort=("Ended ago", False),
        keep="job_name",
        height=10,
    )
