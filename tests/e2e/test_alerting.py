"""From a job in Bedrock to the words in somebody's pocket: simulation, exporter, Prometheus, Alertmanager, webhook.

The rules and the configuration are those that ship; only their durations are divided, all of them by the same number.
"""

import re
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest
import yaml

from exporter.demo.accounts import PRODUCTION, RESEARCH
from exporter.demo.simulation import Simulation
from prometheus import build
from tests.e2e.alertmanager import Alertmanager, Mailbox
from tests.e2e.programs import ROOT, program
from tests.e2e.prometheus import Prometheus
from tests.integration.process import Process

SCALE = 120
"""An hour is half a minute."""
PATIENCE_SECONDS = 60.0
REGIONS = ("us-east-1", "us-west-2")
MODEL = "amazon.nova-lite-v1:0"
HOUR_SECONDS = 3600.0

Told: TypeAlias = set[tuple[str, ...]]
"""Receiver, account, region, alert and job of everything that was told."""

EXPECTED: Told = {
    ("chat", "production", "us-east-1", "BedrockBatchJobFailed", "breaks"),
    ("chat", "production", "us-east-1", "BedrockBatchJobExpired", "never-begins"),
    ("chat", "production", "us-east-1", "BedrockBatchJobPartiallyCompleted", "half-done"),
    ("chat", "production", "us-east-1", "BedrockBatchJobStalled", "stands-still"),
    ("pager", "production", "us-east-1", "BedrockBatchJobWillMissDeadline", "too-slow"),
    ("pager", "production", "us-east-1", "BedrockBatchJobExpiresSoonNotStarted", "waits-to-the-end"),
    ("chat", "research", "us-west-2", "BedrockBatchJobQueuedLong", "waits"),
    ("pager", "research", "us-west-2", "BedrockBatchRecordErrorRatioHigh", ""),
}
"""All that is told while AWS answers."""


class Fleet:
    """Jobs that do each one thing wrong, and one that does not; they move as the simulation is called."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._start_seconds = time.time()
        self.arns: dict[str, str] = {}
        for name in ("breaks", "half-done", "stands-still", "too-slow", "is-fine"):
            self._put(PRODUCTION.id, "us-east-1", name, status="InProgress")
        self._put(PRODUCTION.id, "us-east-1", "never-begins", status="Scheduled")
        self._put(PRODUCTION.id, "us-east-1", "waits-to-the-end", status="Scheduled", expires_seconds=110)
        self._update("stands-still", totalRecordCount=1000)
        self._update("too-slow", jobExpirationTime=self._start_seconds + HOUR_SECONDS)
        self._put(RESEARCH.id, "us-west-2", "waits", status="Scheduled", submitTime=self._start_seconds - 600)
        self._put(RESEARCH.id, "us-west-2", "errs", status="InProgress", totalRecordCount=10**6)
        simulation.on_call = lambda _call: self.advance(time.time() - self._start_seconds)

    def advance(self, seconds: float) -> None:
        """Bring the jobs to where they are so long after the start."""
        self._progress("too-slow", 50 * seconds)
        self._progress("stands-still", min(10 * seconds, 60))
        self._progress("errs", 40 * seconds, failed=20 * seconds)
        if seconds < 20:
            self._progress("is-fine", 100 * seconds)
        else:
            self._end("is-fine", "Completed", 20)
        if seconds > 4:
            self._end("breaks", "Failed", 4, message="do-not-show")
            self._end("never-begins", "Expired", 4)
            self._end("half-done", "PartiallyCompleted", 4)

    def _put(self, account_id: str, region: str, name: str, *, expires_seconds: float = 86400, **members: Any) -> None:
        self.arns[name] = self._simulation.put_job(
            account_id,
            region,
            jobName=name,
            modelId=MODEL,
            jobExpirationTime=self._start_seconds + expires_seconds,
            **{"totalRecordCount": 10**6, **members},
        )

    def _update(self, name: str, **members: Any) -> None:
        self._simulation.update_job(self.arns[name], **members)

    def _progress(self, name: str, processed: float, failed: float = 0) -> None:
        self._update(
            name,
            processedRecordCount=int(processed),
            errorRecordCount=int(failed),
            successRecordCount=int(processed) - int(failed),
        )

    def _end(self, name: str, status: str, seconds: float, **members: Any) -> None:
        self._update(name, status=status, endTime=self._start_seconds + seconds, **members)


def alertmanager_config(mailbox: Mailbox) -> dict[str, Any]:
    """Read the example, with its intervals divided and its receivers in the mailbox."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus/alertmanager.example.yml").read_text())
    config["route"] |= {"group_wait": "1s", "group_interval": "2500ms"}
    for receiver in config["receivers"]:
        receiver["webhook_configs"][0]["url"] = f"{mailbox.url}/{receiver['name']}"
    return config


def prometheus_config(exporter: str, alertmanager: str) -> dict[str, Any]:
    """Read the example, with its intervals divided and the addresses of the test."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus/prometheus.example.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = ["../rules/*.yml"]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [exporter.partition("://")[2]]}]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alertmanager]}]
    return config


def told(mailbox: Mailbox, since: int = 0, status: str = "firing") -> Told:
    """Return what was told."""
    names = ("account_name", "aws_region", "alertname", "job_name")
    return {
        (notification.receiver, *(alert["labels"].get(name, "") for name in names))
        for notification in mailbox.notifications[since:]
        for alert in notification.alerts
        if alert["status"] == status
    }


def wait_until_told(mailbox: Mailbox, expected: Told, since: int = 0, status: str = "firing") -> None:
    """Wait until all of it was told; otherwise show what is missing."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := expected - told(mailbox, since, status):
        assert time.monotonic() < deadline, f"missing: {missing}; told: {told(mailbox, since, status)}"
        time.sleep(0.1)


def words(mailbox: Mailbox, alertname: str) -> Mapping[str, str]:
    """Return the annotations that an alert was first told with."""
    alerts = (alert for notification in mailbox.notifications for alert in notification.alerts)
    annotations: Mapping[str, str] = next(
        alert["annotations"] for alert in alerts if alert["labels"]["alertname"] == alertname
    )
    return annotations


def assert_grouped(mailbox: Mailbox) -> None:
    """Check that each notification is about one account and one region, and says so."""
    for notification in mailbox.notifications:
        for alert in notification.alerts:
            labels = alert["labels"]
            place = {name: labels[name] for name in ("aws_account_id", "aws_region")}
            assert notification.group == place


def assert_worded(mailbox: Mailbox, fleet: Fleet) -> None:
    """Check the words of an event, of a projection and of a share."""
    job_id = fleet.arns["breaks"].rpartition("/")[2]
    failed = words(mailbox, "BedrockBatchJobFailed")
    assert failed["summary"] == "Batch job breaks failed (production, us-east-1)"
    assert re.fullmatch(
        rf"Batch inference job breaks \({job_id}\) on model {MODEL}, account production \(111122223333\), "
        r"region us-east-1, failed [\d.]+m?s ago\. This alert ends 45 minutes after the job did\.",
        failed["description"],
    )
    assert failed["dashboard_url"] == (
        "https://grafana.example.com/d/bedrock-batch-job"
        f"?var-account=111122223333&var-region=us-east-1&var-job_id={job_id}"
    )
    assert failed["runbook_url"] == "https://runbooks.example.com/bedrock-batch-exporter#bedrockbatchjobfailed"

    # A million records at 50 a second take 5 h 33 m; the job has 1 h.
    late = words(mailbox, "BedrockBatchJobWillMissDeadline")["description"]
    assert re.search(r"will complete 4h \d+m \d+s after its expiration at its present pace", late)
    assert re.search(r"expires in 1m \d+s", words(mailbox, "BedrockBatchJobExpiresSoonNotStarted")["description"])
    assert "at 60 processed records" in words(mailbox, "BedrockBatchJobStalled")["description"]
    assert "has waited 10m " in words(mailbox, "BedrockBatchJobQueuedLong")["description"]

    share = words(mailbox, "BedrockBatchRecordErrorRatioHigh")["description"]
    percent = re.match(r"([\d.]+)% of the records", share)
    assert percent
    assert float(percent[1]) == pytest.approx(50, abs=5)
    assert "account research (222233334444), region us-west-2" in share
    assert not any("do-not-show" in str(notification) for notification in mailbox.notifications)


@pytest.fixture
def simulation():
    """Three accounts without a job."""
    with Simulation() as simulation:
        yield simulation


def test_the_right_people_are_told_and_nobody_is_told_what_nobody_knows(simulation, tmp_path):
    prometheus = Prometheus(tmp_path, program("prometheus", "apt-get install prometheus"))
    alertmanager = Alertmanager(tmp_path, program("prometheus-alertmanager", "apt-get install prometheus-alertmanager"))
    build.main([f"--out={tmp_path}", f"--scale={SCALE}"])
    mailbox = Mailbox()
    settings: dict[str, Any] = {
        "regions": REGIONS,
        "stale_after": f"{600 // SCALE}s",
        "finished_job_retention": f"{3600 // SCALE}s",
    }
    with (
        mailbox.open(),
        alertmanager.running(alertmanager_config(mailbox)),
        Process(simulation, tmp_path, **settings) as exporter,
        prometheus.running(prometheus_config(exporter.url, alertmanager.address)),
    ):
        prometheus.wait_until(lambda: prometheus.query("target:bedrock_batch_up:max"))
        fleet = Fleet(simulation)

        # What ended badly is told and ends by itself; the stall takes longest to be sure of.
        wait_until_told(mailbox, EXPECTED)
        ended: Told = {row for row in EXPECTED if row[3].endswith(("Failed", "Expired", "PartiallyCompleted"))}
        wait_until_told(mailbox, ended, status="resolved")

        assert told(mailbox) == EXPECTED
        assert told(mailbox, status="resolved") == ended
        assert_grouped(mailbox)
        assert_worded(mailbox, fleet)

        # AWS is cut off.
        simulation.faults.add("reset", service=None)
        before = len(mailbox.notifications)
        stale: Told = {
            ("pager", account.name, region, "BedrockBatchTargetStale", "")
            for account in simulation.accounts.values()
            for region in REGIONS
        }
        wait_until_told(mailbox, stale, before)
        silenced = len(mailbox.notifications)
        active = [
            alert
            for alert in alertmanager.alerts()
            if re.match("BedrockBatch(Job|Record)", alert["labels"]["alertname"])
        ]
        # The last that was known of the jobs is forgotten meanwhile, and nobody is told that all is well.
        prometheus.wait_until(lambda: not prometheus.query("job:bedrock_batch_job_status:current"))
        prometheus.wait_until(lambda: not prometheus.query('ALERTS{alertname=~"BedrockBatchJob.+"}'))
        time.sleep(2.5)
        assert {alert["labels"]["alertname"] for alert in active} >= {
            "BedrockBatchJobWillMissDeadline",
            "BedrockBatchJobStalled",
            "BedrockBatchJobQueuedLong",
            "BedrockBatchRecordErrorRatioHigh",
        }
        assert [alert["labels"] for alert in active if not alert["status"]["inhibitedBy"]] == []
        failing: Told = {("chat", account, region, "BedrockBatchTargetFailing", "") for _, account, region, *_ in stale}
        # Until a target is stale, news of its group repeats what stands; from then on nothing is heard of its jobs.
        assert told(mailbox, before) - EXPECTED - failing == stale
        assert told(mailbox, silenced) <= stale | failing
        assert told(mailbox, silenced, "resolved") <= failing

        # The exporter is gone too, and this is all that there is to say.
        forgotten = len(mailbox.notifications)
        exporter.process.kill()
        down: Told = {("pager", "", "", "BedrockBatchExporterDown", "")}
        wait_until_told(mailbox, down, forgotten)
        time.sleep(2.5)
        assert told(mailbox, forgotten, "resolved") == set()
        assert told(mailbox, forgotten) - stale == down
