"""A back-filled day of the demo: for the pictures and the tests of the dashboards.

The demo's fleet lives at the pace of the clock on the wall, and goes through the exporter's own fold and exposition, a
scrape at a time. Only the polls' failures and what a process tells of itself are made up here.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter.aws.jobs import job_from
from exporter.demo.accounts import DEFAULT_ACCOUNTS, AwsAccount
from exporter.demo.fleet import DEFAULT_REGIONS, HISTORY_HOURS, Fleet
from exporter.demo.workloads import FLEET, Workload
from exporter.exposition import render
from exporter.model import Account, Failed, Failure, FailureReason, Job, Listing, Outcome, Polled, Target
from exporter.state import Snapshot
from exporter.summary import Limits
from grafana.sample.process import Process

HOUR_SECONDS = 3600.0
RETENTION_SECONDS = HOUR_SECONDS
LIMITS = Limits(max_jobs=1000, retention_seconds=RETENTION_SECONDS, stale_after_seconds=600)
TIMES = ("submitTime", "lastModifiedTime", "endTime", "jobExpirationTime")


@dataclass(frozen=True, slots=True)
class Day:
    """What is back-filled: until when, how much, and in which circumstances."""

    end_seconds: float
    hours: float = 25
    step_seconds: float = 60
    """Between two polls, and between two scrapes."""
    accounts: Sequence[AwsAccount] = DEFAULT_ACCOUNTS
    workloads: Sequence[Workload] = FLEET
    scrape_job: str = "bedrock-batch-exporter"
    """Prometheus's label `job`: days with different ones can be held by one Prometheus."""
    replicas: int = 1
    restarts: bool = False
    """Whether each process forgets everything in the middle and comes back under the same name."""
    fails: bool = True
    """Whether polls fail: one target from 25 minutes before the end on, the others now and then."""

    @property
    def begin_seconds(self) -> float:
        """When it begins."""
        return self.end_seconds - self.hours * HOUR_SECONDS

    def targets(self) -> list[Target]:
        """Return every account in every region."""
        accounts = [Account(name=account.name, role_arn=account.role_arn()) for account in self.accounts]
        return [Target(account, region) for account in accounts for region in DEFAULT_REGIONS]


@dataclass(slots=True)
class Bedrock:
    """What Bedrock lists, by account and region. `Fleet` puts its jobs here."""

    jobs: dict[tuple[str, str], dict[str, Job]] = field(default_factory=dict)

    def put_job(self, account_id: str, region: str, **members: Any) -> str:
        """Take a job as it is now."""
        times = {name: members[name] and datetime.fromtimestamp(members[name], UTC) for name in TIMES}
        job = job_from({**members, **times})
        self.jobs.setdefault((account_id, region), {})[job.arn] = job
        return job.arn

    def listing(self, account_id: str, region: str, now_seconds: float) -> Listing:
        """Return what a poll knows."""
        jobs = self.jobs.get((account_id, region), {}).values()
        finished = Counter((job.model_id, job.status) for job in jobs if job.is_finished)
        oldest_seconds = now_seconds - RETENTION_SECONDS - LIMITS.stale_after_seconds
        known = {job.arn: job for job in jobs if (job.finished_seconds or now_seconds) > oldest_seconds}
        return Listing(now_seconds, known, finished)


def exposition(*days: Day) -> Iterator[str]:
    """Yield OpenMetrics lines with their times, one replica after the other."""
    for day in days:
        for number in range(day.replicas):
            yield from _replica(day, f"exporter-{number}:10042", late_seconds=15.0 + 10 * number)
    yield from _alerts(days[0])
    yield "# EOF"


def back_fill(promtool: str, folder: Path, *days: Day) -> None:
    """Make blocks of Prometheus's database in the folder."""
    lines = folder.with_suffix(".openmetrics")
    lines.write_text("\n".join(exposition(*days)) + "\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(lines), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - Prometheus's own tool, with our paths
    lines.unlink()


def _replica(day: Day, instance: str, late_seconds: float) -> Iterator[str]:
    bedrock = Bedrock()
    begin_seconds = day.begin_seconds - HISTORY_HOURS * HOUR_SECONDS
    account_ids = [account.id for account in day.accounts]
    fleet = Fleet(bedrock, account_ids, begin_seconds=begin_seconds, speed=1, workloads=day.workloads)
    now_seconds, restart_seconds = day.begin_seconds, day.end_seconds - day.hours / 2 * HOUR_SECONDS
    snapshot, process = Snapshot(), Process(now_seconds)
    while now_seconds <= day.end_seconds:
        if day.restarts and restart_seconds <= now_seconds < restart_seconds + day.step_seconds:
            snapshot, process = Snapshot(), Process(now_seconds)
        polled_seconds = now_seconds - late_seconds
        fleet.advance(polled_seconds)
        snapshot = replace(snapshot, workers=16, workers_busy=int(now_seconds // 60 % 4), poll_interval_seconds=60)
        for target, outcome in _outcomes(day, bedrock, polled_seconds):
            snapshot = snapshot.after(target, outcome)
            process.on_poll(outcome)
        text = render(snapshot, LIMITS, now_seconds, openmetrics=True) + process.text(now_seconds)
        yield from _stamped(text, {"instance": instance, "job": day.scrape_job}, now_seconds)
        now_seconds += day.step_seconds


def _outcomes(day: Day, bedrock: Bedrock, now_seconds: float) -> Iterator[tuple[Target, Outcome]]:
    for number, target in enumerate(day.targets()):
        account_id = target.account.configured_id or ""
        duration_seconds = 0.15 + 0.1 * number + 0.06 * ((now_seconds // 60 + 7 * number) % 5)
        reason = _failure(day, number, now_seconds) if day.fails else None
        if reason:
            failure = Failure(reason, error="made up", hint="none", account_id=account_id)
            yield target, Failed(failure, now_seconds, duration_seconds)
        else:
            yield target, Polled(account_id, bedrock.listing(account_id, target.region, now_seconds), duration_seconds)


def _failure(day: Day, number: int, now_seconds: float) -> FailureReason | None:
    minute = int(now_seconds // 60) + 41 * number
    if number == len(day.targets()) - 1 and now_seconds > day.end_seconds - 25 * 60:
        return FailureReason.ASSUME_ROLE
    if not minute % 421:
        return FailureReason.THROTTLED
    return FailureReason.TIMEOUT if not minute % 977 else None


def _alerts(day: Day) -> Iterator[str]:
    """Yield what Prometheus would tell of an alert that fires at the end."""
    labels = {"alertname": "BedrockBatchTargetFailing", "alertstate": "firing", "severity": "warning"}
    for minute in range(15, -1, -1):
        yield from _stamped("ALERTS 1", labels, day.end_seconds - 60 * minute)


def _stamped(text: str, labels: Mapping[str, str], now_seconds: float) -> Iterator[str]:
    """Yield the samples with what Prometheus adds: labels of the scrape, and its time."""
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    for line in text.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, own = series.partition("{")
            yield f"{name}{{{pairs}{',' + own if own else '}'} {value} {now_seconds:.0f}"
