"""The fleet: is anything wrong, anywhere?"""  # noqa: D400

from grafana_foundation_sdk.models import dashboard as model

from exporter.model import Status
from grafana import exporter_graphs, fleet_jobs, fleet_trends, frame, style
from grafana.panels import Panel, Query, number
from grafana.promql import FLEET, LOST, TARGET, WAITING, status_in


def dashboard() -> model.Dashboard:
    """Return the dashboard to open first."""
    return frame.framed(
        "bedrock-batch-fleet",
        "Amazon Bedrock batch inference jobs of every account and region: what is wrong, what runs, what has ended.",
        ["account", "region", "model", "status"],
        [
            ("", _summary()),
            ("What runs, the most urgent first", [fleet_jobs.active()]),
            ("Where and when", [fleet_trends.matrix(), fleet_trends.by_status(), fleet_trends.ended()]),
            ("How fast", [fleet_trends.throughput(), fleet_trends.models()]),
            ("What has ended", [fleet_jobs.recent()]),
        ],
        since="now-24h",
    )


def _summary() -> list[Panel]:
    finished = FLEET.select("bedrock_batch_jobs_finished_total", status_in(LOST))
    oldest = FLEET.select("bedrock_batch_oldest_job_submit_timestamp_seconds", status_in(WAITING))
    jobs = "max by (aws_account_id, aws_region, model_id, status)"
    active = {
        title: f"sum({jobs} ({FLEET.select('bedrock_batch_model_jobs', status_in(statuses))}))\nor {FLEET.zero()}"
        for title, statuses in (("In progress", Status.IN_PROGRESS.value), ("Waiting", WAITING))
    }
    good = [
        FLEET.narrowed(FLEET.per_job(f"bedrock_batch_job_records_{name}"), "$status")
        for name in ("succeeded", "processed")
    ]
    return [
        number(
            "Will miss deadline",
            "Running jobs whose records will not be done before they expire, at the better of their throughputs over "
            "30 minutes and 6 hours; the alert waits for 10 minutes more. Not 0: see the red rows below; stop such a "
            "job and split it, or start its rest elsewhere, before the time is spent for nothing.",
            Query(FLEET.count(FLEET.narrowed(FLEET.late(), "$status")), instant=True),
            unit="short",
            thresholds=style.TROUBLE_STEPS,
            background=True,
        ),
        number(
            "Failed or expired",
            'Jobs seen to fail or to expire within the time range. Not 0: find them under "What has ended"; the AWS '
            "console tells why. Expired jobs never began: see the queue wait of their model.",
            Query(f"round(sum(max by ({TARGET}, status) (increase({finished}[$__range]))))", instant=True),
            unit="short",
            thresholds=style.TROUBLE_STEPS,
            background=True,
        ),
        number(
            "Next expiration",
            "Time until the next active job expires. Below an hour: open the job and see whether it will be done; "
            "one that still waits will expire unprocessed.",
            Query(
                f"min({FLEET.per_target('bedrock_batch_next_job_expiration_timestamp_seconds')}) - time()", instant=True
            ),
            unit="s",
            decimals=1,
            thresholds=style.EXPIRATION_STEPS,
            no_value="none active",
        ),
        number(
            "Longest wait",
            "How long ago the oldest job that still waits was submitted. Above 12 hours, half of the shortest "
            "timeout: the model's quota is used up or Bedrock is short of capacity; see the queue wait by model, and "
            "submit elsewhere what cannot wait.",
            Query(f"time() - min({oldest})", instant=True),
            unit="s",
            decimals=1,
            thresholds=style.WAIT_STEPS,
            no_value="none waits",
        ),
        number(
            "Record success",
            "Records that succeeded of those processed, over the jobs that run or ended within the exporter's "
            "retention. Below 99 %: sort the active jobs, open the worst and read the error records that Bedrock "
            "wrote to its output.",
            Query(f"sum(\n{good[0]}\n)\n/ (sum(\n{good[1]}\n) > 0)", instant=True),
            unit="percentunit",
            decimals=1,
            thresholds=style.SUCCESS_STEPS,
            no_value="no records",
        ),
        exporter_graphs.oldest_data(
            FLEET,
            "How long ago the target with the oldest data was polled with success. Above 10 minutes its jobs are "
            "withdrawn, and this page is silent about them: see the exporter's dashboard.",
        ),
        *(
            number(
                title,
                description,
                Query(active[title]),
                unit="short",
                thresholds=style.steps(colour),
                trend=True,
                decimals=0,
            )
            for title, colour, description in (
                (
                    "In progress",
                    style.BLUE,
                    "Jobs that run. 0 while jobs wait for long: the model's quota may be used up elsewhere.",
                ),
                (
                    "Waiting",
                    style.PLAIN,
                    "Jobs that have yet to begin. Ever more: compare the queue wait by model with the model's quota.",
                ),
            )
        ),
    ]
