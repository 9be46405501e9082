"""Every metric as a row of a table: its name, its help, its labels, and how to read it. To add a metric, add a row."""

from collections.abc import Iterator

from exporter.families import (
    JOB_LABELS,
    TARGET_LABELS,
    ClockFamily,
    Family,
    HistogramFamily,
    JobFamily,
    JobsFamily,
    Sample,
    SnapshotFamily,
    TargetFamily,
)
from exporter.instruments import INSTRUMENTS
from exporter.model import Polled, Target
from exporter.state import Snapshot, TargetState


def _one(value: float | None) -> Iterator[Sample]:
    if value is not None:
        yield (), value


def _last_success(state: TargetState) -> float | None:
    return state.success.at_seconds if state.success else None


def account_label(target: Target, state: TargetState) -> str:
    """Return the account's id, or what stands for it until AWS has told it."""
    known = state.account_id or target.account.configured_id
    if known:
        return known
    return f"unknown:{target.account.profile}" if target.account.profile else "unknown"


def account_name(target: Target, account_id: str) -> str:
    """Return the account's readable name: as configured, else its profile's, else the id."""
    return target.account.name or target.account.profile or account_id


def _account_names(snapshot: Snapshot) -> Iterator[Sample]:
    names: dict[str, str] = {}
    for target, state in snapshot.states.items():
        account_id = account_label(target, state)
        names.setdefault(account_id, account_name(target, account_id))
    for account_id, name in names.items():
        yield (account_id, name), 1


COUNTS = (
    JobsFamily(
        "bedrock_batch_jobs",
        "Batch inference jobs by status (status): active ones of any age, finished ones submitted within lookback.",
        (*TARGET_LABELS, "status"),
        read=lambda summary: (((status.value,), number) for status, number in summary.counts.items()),
    ),
    JobsFamily(
        "bedrock_batch_model_jobs",
        "Batch inference jobs by model (modelId) and status (status), where there are any.",
        (*TARGET_LABELS, "model_id", "status"),
        read=lambda summary: (
            ((model_id, status.value), number) for (model_id, status), number in summary.model_counts.items()
        ),
    ),
    JobsFamily(
        "bedrock_batch_oldest_job_submit_timestamp_seconds",
        "When the oldest job of an active status was submitted (submitTime), also where job series are capped.",
        (*TARGET_LABELS, "status"),
        read=lambda summary: (((status.value,), moment) for status, moment in summary.oldest_submit_seconds.items()),
    ),
    JobsFamily(
        "bedrock_batch_next_job_expiration_timestamp_seconds",
        "When the next active job expires (jobExpirationTime, else submitTime + timeoutDurationInHours).",
        TARGET_LABELS,
        read=lambda summary: _one(summary.next_expiration_seconds),
    ),
    TargetFamily(
        "bedrock_batch_jobs_finished_total",
        "Jobs seen to finish since the exporter started, by their last status (status).",
        (*TARGET_LABELS, "status"),
        "counter",
        read=lambda state: (((status.value,), number) for status, number in state.finished.items()),
    ),
    HistogramFamily(
        "bedrock_batch_job_completion_duration_seconds",
        "From submitTime to endTime, of the jobs seen to finish, all accounts together.",
        ("aws_region", "model_id", "status"),
        read=lambda snapshot: (
            ((region, model_id, status.value), seen)
            for (region, model_id, status), seen in snapshot.completions.items()
        ),
    ),
    HistogramFamily(
        "bedrock_batch_job_queue_duration_seconds",
        "From submitTime to the first poll that saw the job InProgress, all accounts together.",
        ("aws_region", "model_id"),
        read=lambda snapshot: snapshot.queues.items(),
    ),
)

JOBS = (
    JobFamily(
        "bedrock_batch_job_info",
        "What never changes of a job: its ARN (jobArn), model (modelId) and modelInvocationType.",
        labels=(*JOB_LABELS, "job_arn", "model_id", "invocation_type"),
        read=lambda _job: 1,
        own=lambda job: (job.arn, job.model_id, job.invocation_type or ""),
    ),
    JobFamily(
        "bedrock_batch_job_status",
        "The current status of a job (status); Unknown where Bedrock gives none that is known.",
        labels=(*JOB_LABELS, "status"),
        read=lambda _job: 1,
        own=lambda job: (job.status.value,),
    ),
    JobFamily(
        "bedrock_batch_job_submit_timestamp_seconds",
        "When the job was submitted (submitTime).",
        read=lambda job: job.submit_seconds,
    ),
    JobFamily(
        "bedrock_batch_job_last_modified_timestamp_seconds",
        "When the job last changed (lastModifiedTime).",
        read=lambda job: job.last_modified_seconds,
    ),
    JobFamily(
        "bedrock_batch_job_expiration_timestamp_seconds",
        "When the job expires or expired (jobExpirationTime, else submitTime + timeoutDurationInHours).",
        read=lambda job: job.expiration_seconds,
    ),
    JobFamily(
        "bedrock_batch_job_end_timestamp_seconds",
        "When the job ended (endTime).",
        read=lambda job: job.end_seconds,
    ),
    JobFamily(
        "bedrock_batch_job_records",
        "Records of the job's input (totalRecordCount).",
        read=lambda job: job.total_records,
    ),
    JobFamily(
        "bedrock_batch_job_records_processed",
        "Records processed so far (processedRecordCount), as of the last poll.",
        read=lambda job: job.processed_records,
    ),
    JobFamily(
        "bedrock_batch_job_records_succeeded",
        "Records processed without an error so far (successRecordCount), as of the last poll.",
        read=lambda job: job.succeeded_records,
    ),
    JobFamily(
        "bedrock_batch_job_records_failed",
        "Records that ended in an error so far (errorRecordCount), as of the last poll.",
        read=lambda job: job.failed_records,
    ),
)

CLOCKS = (
    ClockFamily(
        "bedrock_batch_job_age_seconds",
        "Since the job was submitted (submitTime), while it is active; computed at the scrape.",
        moment=lambda job: job.submit_seconds,
        is_countdown=False,
    ),
    ClockFamily(
        "bedrock_batch_job_time_to_expiration_seconds",
        "Until the job expires (jobExpirationTime), while it is active; computed at the scrape, negative when overdue.",
        moment=lambda job: job.expiration_seconds,
        is_countdown=True,
    ),
)

TARGETS = (
    SnapshotFamily(
        "bedrock_batch_account_info",
        "The readable name of an account, to join with.",
        ("aws_account_id", "account_name"),
        read=_account_names,
    ),
    TargetFamily(
        "bedrock_batch_up",
        "Whether the last poll of the target succeeded.",
        TARGET_LABELS,
        read=lambda state: _one(float(isinstance(state.last, Polled))),
    ),
    TargetFamily(
        "bedrock_batch_last_success_timestamp_seconds",
        "When the last successful poll of the target began: its jobs are as fresh as this.",
        TARGET_LABELS,
        read=lambda state: _one(_last_success(state)),
    ),
    TargetFamily(
        "bedrock_batch_poll_duration_seconds",
        "How long the last poll of the target took, successful or not.",
        TARGET_LABELS,
        read=lambda state: _one(state.last.duration_seconds if state.last else None),
    ),
    JobsFamily(
        "bedrock_batch_jobs_dropped",
        "Jobs without series of their own because the target has more than max_jobs_per_target.",
        TARGET_LABELS,
        read=lambda summary: _one(summary.dropped),
    ),
    TargetFamily(
        "bedrock_batch_exporter_polls_total",
        "Polls of the target, successful or not.",
        TARGET_LABELS,
        "counter",
        read=lambda state: _one(state.polls),
    ),
    TargetFamily(
        "bedrock_batch_exporter_poll_failures_total",
        "Polls of the target that failed, by reason.",
        (*TARGET_LABELS, "reason"),
        "counter",
        read=lambda state: (((reason.value,), number) for reason, number in state.failures.items()),
    ),
)

EXPORTER = (
    SnapshotFamily(
        "bedrock_batch_exporter_targets",
        "Accounts times regions that this process polls.",
        (),
        read=lambda snapshot: _one(len(snapshot.states)),
    ),
    SnapshotFamily(
        "bedrock_batch_exporter_workers",
        "Polls that may be under way at once (workers).",
        (),
        read=lambda snapshot: _one(snapshot.workers),
    ),
    SnapshotFamily(
        "bedrock_batch_exporter_workers_busy",
        "Polls under way, those that hang past poll_timeout included.",
        (),
        read=lambda snapshot: _one(snapshot.workers_busy),
    ),
    SnapshotFamily(
        "bedrock_batch_exporter_poll_interval_seconds",
        "How often each target is polled (poll_interval).",
        (),
        read=lambda snapshot: _one(snapshot.poll_interval_seconds),
    ),
)

SCRAPED: tuple[Family, ...] = (*COUNTS, *JOBS, *CLOCKS, *TARGETS, *EXPORTER)
"""The families that a scrape reads from the snapshot."""
FAMILIES: tuple[Family, ...] = (*SCRAPED, *INSTRUMENTS)
"""Every metric, in the order of the exposition."""
