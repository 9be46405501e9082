"""The course of one job, laid down when it is submitted: its summary at any time is a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, pi, sin
from typing import Any

MESSAGE_MARKER = "do-not-show"
"""Part of every failure's `message`, which is sensitive and must be found nowhere else."""

_WAVES = 3
_SWELL = 0.03


@dataclass(frozen=True, slots=True)
class Course:
    """When a job passes from status to status, and how its records go. Times are Unix seconds; inf is never."""

    account_id: str
    region: str
    id: str
    name: str
    model_id: str
    submit_seconds: float
    validating_seconds: float
    end_seconds: float
    final_status: str
    expiration_seconds: float
    scheduled_seconds: float = inf
    started_seconds: float = inf
    stopping_seconds: float = inf
    timeout_hours: int = 24
    invocation_type: str | None = None
    total_records: int | None = None
    """None: the API tells no counts of this job."""
    whole_run_seconds: float = inf
    """How long it would take from the start to the last record."""
    stalls_at: float = 1.0
    """The share of the records after which nothing moves any more."""
    error_ratio: float = 0.0
    message: str | None = None

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return f"arn:aws:bedrock:{self.region}:{self.account_id}:model-invocation-job/{self.id}"

    def stage_at(self, now_seconds: float) -> tuple[str, float]:
        """Return the status at a time, and since when it has been."""
        stages = (
            (self.final_status, self.end_seconds),
            ("Stopping", self.stopping_seconds),
            ("InProgress", self.started_seconds),
            ("Scheduled", self.scheduled_seconds),
            ("Validating", self.validating_seconds),
        )
        return next((stage for stage in stages if stage[1] <= now_seconds), ("Submitted", self.submit_seconds))

    def processed_at(self, now_seconds: float) -> int:
        """Return how many records are done: none before the start, more and more until the end or a stall."""
        if self.total_records is None or now_seconds < self.started_seconds:
            return 0
        if self.final_status == "Completed" and now_seconds >= self.end_seconds:
            return self.total_records
        until_seconds = min(now_seconds, self.end_seconds, self.stopping_seconds)
        share = min(1.0, (until_seconds - self.started_seconds) / self.whole_run_seconds)
        swollen = share + _SWELL * sin(2 * pi * _WAVES * share)  # never falls: the wave is flatter than the slope
        return int(self.total_records * min(swollen, self.stalls_at))

    def members_at(self, now_seconds: float) -> Mapping[str, Any]:
        """Return the members of its summary at a time."""
        status, since_seconds = self.stage_at(now_seconds)
        ended = now_seconds >= self.end_seconds
        bucket = f"s3://batch-{self.account_id}-{self.region}"
        return {
            "jobArn": self.arn,
            "jobName": self.name,
            "modelId": self.model_id,
            "roleArn": f"arn:aws:iam::{self.account_id}:role/service-role/batch-inference",
            "status": status,
            "submitTime": self.submit_seconds,
            "lastModifiedTime": since_seconds,
            "endTime": self.end_seconds if ended else None,
            "message": self.message if ended else None,
            "inputDataConfig": {
                "s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": f"{bucket}/in/{self.name}.jsonl"}
            },
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"{bucket}/out/"}},
            "timeoutDurationInHours": self.timeout_hours,
            "jobExpirationTime": self.expiration_seconds,
            "modelInvocationType": self.invocation_type,
            **self._counts_at(now_seconds),
        }

    def _counts_at(self, now_seconds: float) -> Mapping[str, int]:
        if self.total_records is None or now_seconds < self.scheduled_seconds:
            return {}  # before it is validated nobody has counted the records
        counts = {"totalRecordCount": self.total_records}
        if now_seconds >= self.started_seconds:
            processed = self.processed_at(now_seconds)
            failed = int(processed * self.error_ratio)
            counts |= {
                "processedRecordCount": processed,
                "successRecordCount": processed - failed,
                "errorRecordCount": failed,
            }
        return counts
