"""A fleet of jobs that lives: its workloads submit jobs, and each job runs its course as time goes on.

Nothing depends on when or how often one looks: the state at a time follows from the seed, the begin and that time.
"""

import string
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from random import Random
from typing import Any, Protocol

from exporter.demo.course import MESSAGE_MARKER, Course
from exporter.demo.workloads import FLEET, Ending, Workload

DEFAULT_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
DEFAULT_SPEED = 60.0
HISTORY_HOURS = 96.0
"""How long a fleet has lived when it is first seen: longer than any of its jobs."""

_HOUR_SECONDS = 3600.0
_JITTER = 0.1
_STOPPING_HOURS = 1.3


class Jobs(Protocol):
    """Where a fleet shows its jobs."""

    def put_job(self, account_id: str, region: str, **members: Any) -> str:
        """Show a job as it is now, in place of how it was."""


class Fleet:
    """Workloads in three accounts and three regions.

    `speed` is how much faster than real time it lives: 60 makes a day of 24 minutes. Every duration is divided by it,
    those behind `jobExpirationTime` too; `timeoutDurationInHours` alone stays what the API allows (24 to 168).
    """

    def __init__(
        self,
        jobs: Jobs,
        account_ids: Sequence[str],
        *,
        begin_seconds: float,
        seed: int = 0,
        speed: float = DEFAULT_SPEED,
        regions: Sequence[str] = DEFAULT_REGIONS,
        workloads: Sequence[Workload] = FLEET,
    ) -> None:
        self._jobs = jobs
        self._streams = [
            _Stream(workload, account_ids, regions, begin_seconds=begin_seconds, seed=seed, speed=speed)
            for workload in workloads
        ]
        self._active: list[tuple[Course, Mapping[str, Any]]] = []
        self._now_seconds = begin_seconds

    def play(self, course: Course) -> None:
        """Add one job of your own; it shows from the next `advance` on, once it is submitted."""
        self._active.append((course, {}))

    def advance(self, now_seconds: float) -> None:
        """Bring every job to where it is at a time; an earlier one than before changes nothing."""
        if now_seconds < self._now_seconds:
            return
        self._now_seconds = now_seconds
        for stream in self._streams:
            self._active += ((course, {}) for course in stream.submitted_until(now_seconds))
        remaining = []
        for course, shown in self._active:
            members = course.members_at(now_seconds) if now_seconds >= course.submit_seconds else shown
            if members != shown:
                self._jobs.put_job(course.account_id, course.region, **members)
            if now_seconds < course.end_seconds:
                remaining.append((course, members))
        self._active = remaining


class _Stream:
    """The jobs of one workload, one after the other."""

    def __init__(
        self,
        workload: Workload,
        account_ids: Sequence[str],
        regions: Sequence[str],
        *,
        begin_seconds: float,
        seed: int,
        speed: float,
    ) -> None:
        self._workload = workload
        self._account_id = account_ids[workload.account % len(account_ids)]
        self._region = regions[workload.region % len(regions)]
        self._begin_seconds = begin_seconds
        self._hour_seconds = _HOUR_SECONDS / speed
        self._seed = f"{seed}/{workload.name}/{self._account_id}/{self._region}"
        self._offset = Random(self._seed).random()  # noqa: S311 - no secret
        self._next: tuple[int, Random, float] = self._draw(0)

    def submitted_until(self, now_seconds: float) -> Sequence[Course]:
        """Return the courses of the jobs submitted since the last call."""
        courses = []
        while self._next[2] <= now_seconds:
            courses.append(self._course(*self._next))
            self._next = self._draw(self._next[0] + 1)
        return courses

    def _draw(self, number: int) -> tuple[int, Random, float]:
        dice = Random(f"{self._seed}/{number}")  # noqa: S311 - no secret
        after = (number + self._offset + dice.uniform(0, _JITTER)) * self._workload.every_hours
        return number, dice, round(self._begin_seconds + after * self._hour_seconds, 3)

    def _course(self, number: int, dice: Random, submit_seconds: float) -> Course:
        workload = self._workload
        ending = workload.endings[number % len(workload.endings)]
        timeout = workload.timeout_hours

        def at(hours: float) -> float:
            return round(submit_seconds + hours * self._hour_seconds, 3) if hours < inf else inf

        def about(low: float, high: float) -> float:
            middle = (low + high) / 2
            return middle + workload.spread * (dice.uniform(low, high) - middle)

        validating = workload.admission_hours * about(0.75, 1.25)
        scheduled = validating + workload.admission_hours * about(0.75, 1.25)
        started = scheduled + workload.queue_hours * about(0.6, 1.6)
        run, stopping, stalls_at = workload.run_hours * about(0.8, 1.2), inf, 1.0
        match ending:
            case Ending.COMPLETED:
                end = started + run
            case Ending.FAILED:
                end = started + run * about(0.1, 0.7)
            case Ending.INVALID:
                end, scheduled, started = scheduled, inf, inf
            case Ending.EXPIRED:
                end, started = timeout, inf
            case Ending.STOPPED:
                stopping = started + run * about(0.2, 0.6)
                end = stopping + _STOPPING_HOURS
            case Ending.TOO_SLOW:
                end, run = timeout, (timeout - started) * about(1.3, 2.2)
            case Ending.STALLED:
                end, stalls_at = timeout, about(0.3, 0.7)
        id_ = "".join(dice.choices(string.ascii_lowercase + string.digits, k=12))
        day = datetime.fromtimestamp(submit_seconds, UTC).strftime("%Y%m%d")
        failed = ending in (Ending.FAILED, Ending.INVALID)
        return Course(
            account_id=self._account_id,
            region=self._region,
            id=id_,
            name=f"{workload.name}-{day}-{number % 10_000:04d}",
            model_id=workload.model_id.format(region=self._region, account_id=self._account_id),
            submit_seconds=submit_seconds,
            validating_seconds=at(validating),
            scheduled_seconds=at(scheduled),
            started_seconds=at(started),
            stopping_seconds=at(stopping),
            end_seconds=at(end),
            final_status=ending.final_status,
            expiration_seconds=at(timeout),
            timeout_hours=timeout,
            invocation_type=workload.invocation_type,
            total_records=int(workload.records * dice.uniform(0.7, 1.3)) if workload.records else None,
            whole_run_seconds=run * self._hour_seconds,
            stalls_at=stalls_at,
            error_ratio=workload.error_ratio * dice.uniform(0.5, 1.5),
            message=f"The input of {workload.name} is not as expected: {MESSAGE_MARKER}-{id_}" if failed else None,
        )
