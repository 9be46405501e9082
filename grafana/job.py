"""One job's story; of several chosen jobs, their sum and the most urgent."""

from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from exporter.model import Status
from grafana import frame, style
from grafana.panels import Panel, Query, coloured, dashed, filled, graph, line, number, timeline
from grafana.promql import JOB, JOBS, labelled, seen
from grafana.tables import Column, rows

NAMED = f"{JOB}, job_name"
FACTS = "bedrock_batch_job_info"


def dashboard() -> model.Dashboard:
    """Return the dashboard that a row of the fleet leads to."""
    return frame.framed(
        "bedrock-batch-job",
        "The story of one Amazon Bedrock batch inference job: how far it is, whether it will be done in time, what "
        "went wrong.",
        ["account", "region", "model", "status", "job_id"],
        [
            ("", _summary()),
            ("Its life", [_life(), _times()]),
            ("Will it be done in time?", [_deadline(), _records()]),
            ("How does it go?", [_throughput(), _errors()]),
            ("Facts", [_facts()]),
        ],
        since="now-24h",
    )


def _named(expression: str) -> str:
    """Return the same series by job, with the job's name for the legend."""
    names = f"topk by ({JOB}) (1, group by ({NAMED}) ({JOBS.select(FACTS)}))"
    return f"({expression})\n* on ({JOB}) group_left (job_name) {names}"


def _ratio(part: str, whole: str) -> str:
    return f"sum({JOBS.per_job(part)})\n/ (sum({JOBS.per_job(whole)}) > 0)"


def _summary() -> list[Panel]:
    records = "bedrock_batch_job_records"
    return [
        number(
            "Status",
            "The latest status of the chosen job (of several, the furthest). Red or orange: the AWS console tells "
            "why. Validating for more than an hour: check the role's access to S3 and the form of the input.",
            Query(f"max(\n{JOBS.status_code(*Status)}\n)"),
            unit="short",
            thresholds=style.steps(style.PLAIN),
            mappings=[style.status_map()],
            background=True,
        ),
        number(
            "Progress",
            "Records processed of all. It stands still while the job is in progress: see the throughput below.",
            Query(_ratio(f"{records}_processed", records)),
            unit="percentunit",
            thresholds=style.steps(style.BLUE),
            decimals=1,
            trend=True,
            no_value="no counts yet",
        ),
        number(
            "Error ratio",
            "Records that failed of those processed. Above 1 %: read the errors in the job's output in S3; a whole "
            "job that fails is often one wrong field in every record, and stopping it saves the rest.",
            Query(_ratio(f"{records}_failed", f"{records}_processed")),
            unit="percentunit",
            thresholds=style.steps(style.GREEN, (0.01, style.ORANGE), (0.05, style.RED)),
            decimals=2,
            no_value="no counts yet",
        ),
        number(
            "Throughput",
            "Records processed per second over the last 30 minutes. 0 while in progress: the job stalls; if it stays "
            "so, stop it and submit the rest again.",
            Query(f"sum({JOBS.throughput()})"),
            unit="recps",
            thresholds=style.steps(style.RED, (0.000001, style.PLAIN)),
            decimals=2,
            trend=True,
            no_value="no counts yet",
        ),
        number(
            "Age",
            "Time since the job was submitted; for an ended job, until it ended.",
            Query(
                f"max(\n{JOBS.per_job('bedrock_batch_job_end_timestamp_seconds')} - "
                f"{JOBS.per_job('bedrock_batch_job_submit_timestamp_seconds')}\n"
                f"or time() - {JOBS.per_job('bedrock_batch_job_submit_timestamp_seconds')}\n)"
            ),
            unit="s",
            thresholds=style.steps(style.PLAIN),
            decimals=1,
        ),
        number(
            "Expires in",
            "Time until Bedrock ends the job, done or not. Below an hour: nothing can prolong it; plan for what will "
            "be missing.",
            Query(f"min({JOBS.time_to_expiration()})", instant=True),
            unit="s",
            thresholds=style.EXPIRATION_STEPS,
            decimals=1,
            no_value="ended",
        ),
        number(
            "Done in",
            "Time that the remaining records need at the better of the throughputs over 30 minutes and 6 hours. "
            "Longer than the time to expiration: the job will end PartiallyCompleted.",
            Query(f"max({JOBS.projected_time()})", instant=True),
            unit="s",
            thresholds=style.steps(style.PLAIN),
            decimals=1,
            mappings=[style.never_done()],
            no_value="not running",
        ),
        number(
            "Slack",
            "Time to expiration less the time still needed. Red: the deadline will be missed; stop the job and split "
            "the rest, or accept a part of the records.",
            Query(f"min(\n{JOBS.slack()}\n)", instant=True),
            unit="s",
            thresholds=style.steps(style.RED, (0, style.ORANGE), (2 * style.HOUR_SECONDS, style.GREEN)),
            decimals=1,
            background=True,
            mappings=[style.never_in_time()],
            no_value="ended",
        ),
    ]


def _life() -> Panel:
    return timeline(
        "Status over time",
        "What the job was doing. A long Scheduled is a queue (quota or capacity), a long Validating is S3 or the role.",
        Query(_named(JOBS.status_code(*Status)), "{{job_name}}"),
        mappings=[style.status_map()],
        span=15,
        height=6,
    )


def _deadline() -> Panel:
    needed = f"{JOBS.projected_time()} < 30 * 86400"
    return graph(
        "Time left against projected time",
        "Dashed: the time until the job expires. Full: the time that its remaining records need. Where the full line "
        "is above the dashed one, the deadline will be missed: stop the job, or accept a part of the records. No "
        "full line: it does not move.",
        [
            Query(_named(f"{JOBS.time_to_expiration()} / 3600"), "{{job_name}} left"),
            Query(_named(f"({needed}) / 3600"), "{{job_name}} needed"),
        ],
        unit="suffix:h",
        height=9,
        overrides=[dashed("/ left$/", style.ORANGE), coloured("/ needed$/", style.BLUE)],
    )


def _records() -> Panel:
    records = "bedrock_batch_job_records"
    return graph(
        "Records",
        "Records of the job. The processed line should climb to the dashed one, which is all of them. Red below it: "
        "records that failed; look at the errors in the job's output in S3 now.",
        [
            Query(_named(JOBS.per_job(name)), f"{{{{job_name}}}} {legend}")
            for name, legend in (
                (f"{records}_succeeded", "succeeded"),
                (f"{records}_failed", "failed"),
                (f"{records}_processed", "processed"),
                (records, "all"),
            )
        ],
        unit="short",
        height=9,
        overrides=[
            dashed("/ all$/", style.GREY),
            line("/ processed$/", style.BLUE),
            filled("/ succeeded$/", style.GREEN),
            filled("/ failed$/", style.RED),
        ],
    )


def _throughput() -> Panel:
    return graph(
        "Throughput",
        "Records processed per second over the last 30 minutes. It sinks: Bedrock serves the model slower; compare "
        "the model's other jobs on the fleet's dashboard. 0 while in progress: the job stalls.",
        [Query(_named(JOBS.throughput()), "{{job_name}}")],
        unit="recps",
    )


def _errors() -> Panel:
    failed, done = (
        JOBS.per_job("bedrock_batch_job_records_failed"),
        JOBS.per_job("bedrock_batch_job_records_processed"),
    )
    return graph(
        "Error ratio",
        "Records that failed of those processed, by job. A step: one part of the input is bad. A slope: every record "
        "has the same chance to fail; look at the model's limits and the length of the prompts.",
        [Query(_named(f"{failed} / ({done} > 0)"), "{{job_name}}")],
        unit="percentunit",
        thresholds=style.steps(style.GREEN, (0.01, style.ORANGE), (0.05, style.RED)),
        show_thresholds=True,
        overrides=[("/.*/", {"color": model.FieldColor(mode=model.FieldColorModeId.THRESHOLDS)})],
    )


def _facts() -> Panel:
    labels = ("job_name", "model_id", "invocation_type", "job_arn")
    facts = f"topk by ({JOB}) (1, group by ({JOB}, {', '.join(labels)}) ({JOBS.select(FACTS)}))"
    return rows(
        "Facts",
        "What never changes about the job. The name leads to the AWS console. Empty: no such job in this time range; "
        "widen it.",
        [Query(JOBS.with_account_name(seen(facts)))],
        [
            Column("job_name", "Job", 230, links=frame.job_links()),
            Column("model_id", "Model", 310),
            Column("invocation_type", "Invocation", 110),
            Column("account_name", "Account", 130),
            Column("aws_account_id"),
            Column("aws_region", "Region", 110),
            Column("job_arn", "ARN"),
            Column("job_id"),
            Column("Value"),
        ],
        height=4,
    )


def _times() -> Panel:
    moments = {"submitted": "submit", "last modified": "last_modified", "expires": "expiration", "ended": "end"}
    events = [
        labelled(f"1000 * {_named(JOBS.per_job(f'bedrock_batch_job_{name}_timestamp_seconds'))}", event=event)
        for event, name in moments.items()
    ]
    return rows(
        "Moments",
        "What happened when, as Bedrock tells it, in your browser's time zone. Last modified hours ago: a job in "
        "progress stalls.",
        [Query(seen("\nor ".join(events)))],
        [
            Column("job_name", "Job"),
            Column("event", "Event", 110),
            Column("Value", "Time", 165, "dateTimeAsIso", align=look.FieldTextAlignment.LEFT),
            *(Column(field) for field in ("aws_account_id", "aws_region", "job_id")),
        ],
        sort=("Time", False),
        span=9,
        height=6,
    )
