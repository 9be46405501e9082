"""The nouns of the domain: frozen values and pure functions, importing nothing of the package.

Times are Unix seconds (UTC) and durations are seconds, always as floats; what the API left out is None.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Status(StrEnum):
    """The status of a batch inference job, in the order of its life.

    Source: `ModelInvocationJobStatus` of the Bedrock API; `UNKNOWN` stands for one that is absent or not in that list.
    """

    SUBMITTED = "Submitted"
    VALIDATING = "Validating"
    SCHEDULED = "Scheduled"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    PARTIALLY_COMPLETED = "PartiallyCompleted"
    FAILED = "Failed"
    STOPPED = "Stopped"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"


ACTIVE_STATUSES = (Status.SUBMITTED, Status.VALIDATING, Status.SCHEDULED, Status.IN_PROGRESS, Status.STOPPING)
"""What a job passes through before it ends, in the order of its life."""

FINISHED_STATUSES = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.STOPPED, Status.EXPIRED)
"""What a job never leaves again."""


@dataclass(frozen=True, slots=True)
class Job:
    """A batch inference job in the exporter's units.

    Times are Unix seconds (UTC); None where Bedrock omitted the member.
    Source: `ModelInvocationJobSummary` of `ListModelInvocationJobs`.
    """

    arn: str
    name: str
    model_id: str
    """The readable tail of `modelId`, different for different models."""
    status: Status
    invocation_type: str | None = None
    submit_seconds: float | None = None
    last_modified_seconds: float | None = None
    end_seconds: float | None = None
    expiration_seconds: float | None = None
    """`jobExpirationTime`, else `submitTime` + `timeoutDurationInHours`."""
    total_records: int | None = None
    processed_records: int | None = None
    succeeded_records: int | None = None
    failed_records: int | None = None

    @property
    def id(self) -> str:
        """The tail of the ARN, unique within an account and region."""
        return self.arn.rpartition("/")[2]

    @property
    def is_active(self) -> bool:
        """Whether the job has yet to end. One of unknown status is neither active nor finished."""
        return self.status in ACTIVE_STATUSES

    @property
    def is_finished(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.status in FINISHED_STATUSES

    @property
    def finished_seconds(self) -> float | None:
        """When a finished job ended, as well as the API tells: `endTime`, else `lastModifiedTime`."""
        if not self.is_finished:
            return None
        return self.end_seconds if self.end_seconds is not None else self.last_modified_seconds


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account and the way into it: a role to assume, a profile, or (neither) the exporter's own credentials."""

    name: str | None = None
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    profile: str | None = None

    @property
    def key(self) -> str:
        """What tells this way in from every other; not secret."""
        return self.role_arn or (f"profile {self.profile}" if self.profile else "own credentials")

    @property
    def shown(self) -> str:
        """What people call it: its name, else the way in."""
        return self.name or self.key

    @property
    def configured_id(self) -> str | None:
        """The account id where the configuration tells it: the fifth field of the role's ARN."""
        return self.role_arn.split(":")[4] if self.role_arn else None


@dataclass(frozen=True, slots=True)
class Target:
    """One account in one region: the unit that is polled, fails and recovers."""

    account: Account
    region: str

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same when a reload renames the account."""
        return (self.account.key, self.region)


class FailureReason(StrEnum):
    """Why a poll failed: the values of the label `reason`."""

    ACCESS_DENIED = "access_denied"
    ASSUME_ROLE = "assume_role"
    CREDENTIALS = "credentials"
    REGION_DISABLED = "region_disabled"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_RESPONSE = "bad_response"
    OTHER = "other"


LATE_SECONDS = 300.0
"""How long after the fact a job, or its end, may show in a listing for the first time."""

ModelStatus: TypeAlias = tuple[str, Status]
"""A model id and a status: what jobs are counted by."""


@dataclass(frozen=True, slots=True)
class Window:
    """What of the history counts."""

    lookback_seconds: float
    retention_seconds: float
    """How long a finished job is kept by name."""
    is_wanted: Callable[[str], bool] = lambda _name: True
    """Whether a job of this name is looked at at all."""

    @property
    def bucket_seconds(self) -> float:
        """How long a stretch of submissions is counted together: whole minutes, a thousandth of the lookback or so."""
        return 60.0 * -(-self.lookback_seconds // 60_000)

    def bucket(self, submit_seconds: float) -> int:
        """Return the number of the bucket of a submission."""
        return int(submit_seconds // self.bucket_seconds)

    def edge_seconds(self, at_seconds: float) -> float:
        """Return from when on submissions count: the lookback, and what is left of its first bucket."""
        return self.bucket(at_seconds - self.lookback_seconds) * self.bucket_seconds


class Bucket(NamedTuple):
    """Finished jobs that were submitted about the same time."""

    size: int = 0
    counts: Mapping[ModelStatus, int] = {}


@dataclass(frozen=True, slots=True)
class History:
    """What is left of finished jobs that are no longer known by name, so that they need not be listed again."""

    window: Window
    listed_seconds: float
    """When everything was last listed."""
    newest_seconds: float
    """The latest `submitTime` ever seen, by the clock of AWS; minus infinity where there was none."""
    buckets: Mapping[int | None, Bucket]
    """By the bucket of their submission; None for those without a `submitTime`."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one successful poll knows of its target's jobs.

    `jobs` holds, by ARN, every job that has not finished, whatever its age, and the finished ones that are recent
    enough to be told apart from new ones. `finished_counts` counts all that finished of those submitted in `lookback`.
    A job that has not changed is the same object from poll to poll.
    """

    at_seconds: float
    """When the poll began: whatever happened later may be missing."""
    jobs: Mapping[str, Job]
    finished_counts: Mapping[ModelStatus, int]
    history: History | None = field(default=None, compare=False, repr=False)
    """What the next poll goes on from; None: it lists everything."""


@dataclass(frozen=True, slots=True)
class Polled:
    """A poll that saw every job of its target."""

    account_id: str
    listing: Listing
    duration_seconds: float

    @property
    def at_seconds(self) -> float:
        """When the poll began."""
        return self.listing.at_seconds


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a poll failed and what to do, told for people. Neither text carries a secret or a job's `message`."""

    reason: FailureReason
    error: str
    hint: str
    account_id: str | None = None
    """None where not even the account could be told, as with no credentials at all."""
    retry_after_seconds: float | None = None
    """What the service asked for in `Retry-After`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A poll that failed."""

    failure: Failure
    at_seconds: float
    duration_seconds: float


Outcome: TypeAlias = Polled | Failed
