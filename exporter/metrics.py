"""Every metric as a row of a table: its name, its help, its labels, and how to read it. To add a metric, add a row."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter.model import Job, Polled, Status, Target
from exporter.state import DURATION_BUCKETS_SECONDS, Snapshot, TargetState
from exporter.state import Histogram as Distribution
from exporter.summary import Summary

TARGET_LABELS = ("aws_account_id", "aws_region")
JOB_LABELS = (*TARGET_LABELS, "job_id", "job_name")

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""The values of a family's own labels, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """What every row has. `labels` are all of the family's labels, in their order."""

    name: str
    help: str
    labels: tuple[str, ...]
    type: str = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFamily(Family):
    """A sample a job: `read` returns its value, None for no sample; `own` the labels after the job's."""

    read: Callable[[Job], float | None]
    own: Callable[[Job], tuple[str, ...]] = lambda _job: ()
    labels: tuple[str, ...] = JOB_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFamily(Family):
    """A sample an active job that moves with the clock: the time since `moment`, or until it. None for no sample."""

    moment: Callable[[Job], float | None]
    is_countdown: bool
    labels: tuple[str, ...] = JOB_LABELS

    def moment_of(self, job: Job) -> float | None:
        """Return the moment of an active job, None for any other."""
        return self.moment(job) if job.is_active else None

    def read(self, job: Job, now_seconds: float) -> float | None:
        """Return the seconds since or until the moment, to the millisecond."""
        moment = self.moment_of(job)
        if moment is None:
            return None
        return round(moment - now_seconds if self.is_countdown else now_seconds - moment, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsFamily(Family):
    """Samples of what a target's jobs amount to; withdrawn when they are stale."""

    read: Callable[[Summary], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFamily(Family):
    """Samples of a target, fresh or stale, once it was attempted."""

    read: Callable[[TargetState], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFamily(Family):
    """Samples of the whole."""

    read: Callable[[Snapshot], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramFamily(Family):
    """Distributions of the whole."""

    read: Callable[[Snapshot], Iterable[tuple[tuple[str, ...], Distribution]]]
    type: str = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Family):
    """An ordinary prometheus_client instrument, for what the exporter does itself."""

    buckets: tuple[float, ...] = ()


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


def _account_names(snapshot: Snapshot) -> Iterator[Sample]:
    names: dict[str, str] = {}
    for target, state in snapshot.states.items():
        account_id = account_label(target, state)
        names.setdefault(account_id, target.account.name or target.account.profile or account_id)
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

API_REQUESTS = Instrument(
    "bedrock_batch_exporter_api_requests_total",
    "HTTP requests to AWS, retries included.",
    ("service", "operation"),
    "counter",
)
API_THROTTLES = Instrument(
    "bedrock_batch_exporter_api_throttles_total",
    "HTTP requests to AWS that it throttled.",
    ("service", "operation"),
    "counter",
)
API_DURATION = Instrument(
    "bedrock_batch_exporter_api_request_duration_seconds",
    "How long HTTP requests to AWS took, retries one by one.",
    ("service", "operation"),
    "histogram",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
RELOAD_OK = Instrument(
    "bedrock_batch_exporter_config_last_reload_successful",
    "Whether the last reading of the configuration was taken over.",
    (),
)
RELOAD_TIME = Instrument(
    "bedrock_batch_exporter_config_last_reload_success_timestamp_seconds",
    "When the running configuration was read.",
    (),
)
DISCOVERY_FAILURES = Instrument(
    "bedrock_batch_exporter_discovery_failures_total",
    "Failed attempts to ask for the accounts of the organization, or for the enabled regions of `regions: all`.",
    ("source",),
    "counter",
)
DISCOVERY_TIME = Instrument(
    "bedrock_batch_exporter_discovery_last_success_timestamp_seconds",
    "When the accounts of the organization, or the enabled regions of all accounts that tell them, were last told.",
    ("source",),
)
SHARD_INFO = Instrument(
    "bedrock_batch_exporter_shard_info",
    "Which share of the targets this process polls (--shard, from 0, of --total-shards).",
    ("shard", "total_shards"),
)
BUILD_INFO = Instrument(
    "bedrock_batch_exporter_build_info",
    "The exporter's version and what it runs on.",
    ("version", "revision", "python_version", "botocore_version"),
)

SCRAPED: tuple[Family, ...] = (*COUNTS, *JOBS, *CLOCKS, *TARGETS, *EXPORTER)
"""The families that a scrape reads from the snapshot."""
INSTRUMENTS = (
    API_REQUESTS,
    API_THROTTLES,
    API_DURATION,
    DISCOVERY_FAILURES,
    DISCOVERY_TIME,
    RELOAD_OK,
    RELOAD_TIME,
    SHARD_INFO,
    BUILD_INFO,
)
FAMILIES: tuple[Family, ...] = (*SCRAPED, *INSTRUMENTS)
"""Every metric, in the order of the exposition."""
BUCKETS = DURATION_BUCKETS_SECONDS
STATUSES = tuple(status.value for status in Status)


class Instruments:
    """The exporter's own instruments, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(API_REQUESTS.name, API_REQUESTS.help, API_REQUESTS.labels, registry=registry)
        self._throttles = Counter(API_THROTTLES.name, API_THROTTLES.help, API_THROTTLES.labels, registry=registry)
        self._durations = Histogram(
            API_DURATION.name, API_DURATION.help, API_DURATION.labels, buckets=API_DURATION.buckets, registry=registry
        )
        self._reload_ok = Gauge(RELOAD_OK.name, RELOAD_OK.help, registry=registry)
        self._reload_time = Gauge(RELOAD_TIME.name, RELOAD_TIME.help, registry=registry)
        self._discovery_failures = Counter(
            DISCOVERY_FAILURES.name, DISCOVERY_FAILURES.help, DISCOVERY_FAILURES.labels, registry=registry
        )
        self._discovery_time = Gauge(DISCOVERY_TIME.name, DISCOVERY_TIME.help, DISCOVERY_TIME.labels, registry=registry)
        self._sources: frozenset[str] = frozenset()
        self._shard = Gauge(SHARD_INFO.name, SHARD_INFO.help, SHARD_INFO.labels, registry=registry)
        self._build = Gauge(BUILD_INFO.name, BUILD_INFO.help, BUILD_INFO.labels, registry=registry)

    def on_request(self, service: str, operation: str, duration_seconds: float, *, throttled: bool) -> None:
        """Count one HTTP request to AWS."""
        self._requests.labels(service, operation).inc()
        self._throttles.labels(service, operation).inc(throttled)
        self._durations.labels(service, operation).observe(duration_seconds)

    def built(self, version: str, revision: str, python_version: str, botocore_version: str) -> None:
        """Tell what is running."""
        self._build.labels(version, revision, python_version, botocore_version).set(1)

    def sharded(self, shard: int, total_shards: int) -> None:
        """Tell which share is polled."""
        self._shard.labels(str(shard), str(total_shards)).set(1)

    def discovers(self, sources: frozenset[str]) -> None:
        """Tell what is asked for from now on: its failures start at 0, and nothing is told of any other source."""
        for source in self._sources - sources:
            self._discovery_failures.remove(source)
            self._discovery_time.remove(source)
        for source in sources:
            self._discovery_failures.labels(source)
        self._sources = sources

    def discovered(self, source: str, now_seconds: float) -> None:
        """Tell that a source has answered."""
        self._discovery_time.labels(source).set(now_seconds)

    def discovery_failed(self, source: str) -> None:
        """Count a source that has not answered."""
        self._discovery_failures.labels(source).inc()

    def reloaded(self, now_seconds: float) -> None:
        """Tell that a configuration was taken over."""
        self._reload_ok.set(1)
        self._reload_time.set(now_seconds)

    def reload_failed(self) -> None:
        """Tell that a configuration was refused and the old one goes on."""
        self._reload_ok.set(0)
