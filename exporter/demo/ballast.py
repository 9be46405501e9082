"""Any number of accounts and jobs, for measurements: a long history, and active jobs that come and go."""

from itertools import count

from exporter.demo.simulation import Simulation

_MODELS = (
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "amazon.nova-pro-v1:0",
    "amazon.titan-embed-text-v2:0",
    "meta.llama3-3-70b-instruct-v1:0",
)
_ACTIVE = ("Submitted", "Validating", "Scheduled", "InProgress", "InProgress", "InProgress")
_FINISHED = ("Completed", "Completed", "Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired")
_HISTORY_SECONDS = 7 * 86400.0
_ACTIVE_SECONDS = 6 * 3600.0


class Ballast:
    """Jobs of one account in one region: `finished` over the last week, `active` over the last hours."""

    def __init__(self, simulation: Simulation, account_id: str, region: str, *, finished: int, active: int) -> None:
        self._simulation = simulation
        self._target = (account_id, region)
        self._numbers = count()
        now_seconds = simulation.now()
        for n in range(finished):
            age_seconds = _ACTIVE_SECONDS + (_HISTORY_SECONDS - _ACTIVE_SECONDS) * (1 - n / finished)
            self._put(now_seconds - age_seconds, _FINISHED[n % len(_FINISHED)])
        self._active = [
            self._put(now_seconds - _ACTIVE_SECONDS * (1 - n / active), _ACTIVE[n % len(_ACTIVE)])
            for n in range(active)
        ]

    def churn(self, jobs: int) -> None:
        """Let the oldest active jobs finish, and submit as many new ones."""
        now_seconds = self._simulation.now()
        for arn in self._active[:jobs]:
            self._simulation.update_job(arn, status="Completed", endTime=now_seconds, lastModifiedTime=now_seconds)
        self._active = self._active[jobs:] + [self._put(now_seconds, "InProgress") for _ in range(jobs)]

    def _put(self, submit_seconds: float, status: str) -> str:
        n = next(self._numbers)
        finished = status in _FINISHED
        started = status == "InProgress" or finished
        total, processed = 10_000 + n % 977, (n * 37) % 9_973
        return self._simulation.put_job(
            *self._target,
            jobName=f"ballast-{n:06d}",
            modelId=_MODELS[n % len(_MODELS)],
            status=status,
            submitTime=submit_seconds,
            endTime=submit_seconds + 3600 if finished else None,
            jobExpirationTime=submit_seconds + 86400,
            modelInvocationType="InvokeModel",
            totalRecordCount=total,
            processedRecordCount=processed if started else None,
            successRecordCount=processed - processed // 50 if started else None,
            errorRecordCount=processed // 50 if started else None,
        )
