"""An exporter as one would write it in an afternoon: boto3, everything listed, `Gauge.labels().set()`.

    python -m tests.bench.naive PORT_OF_THE_WORLD gauges|collector

With `collector` it keeps the jobs, and builds the families at each scrape in a custom collector.
"""

import sys
import threading
import wsgiref.simple_server
from collections import Counter
from datetime import UTC, datetime, timedelta

import boto3
from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from tests.bench.orders import obey

ACTIVE = ("Submitted", "Validating", "Scheduled", "InProgress", "Stopping")
JOB = ("aws_account_id", "aws_region", "job_id", "job_name")
TIMES = {
    "submit": "submitTime",
    "last_modified": "lastModifiedTime",
    "expiration": "jobExpirationTime",
    "end": "endTime",
}
RECORDS = {
    "": "totalRecordCount",
    "_processed": "processedRecordCount",
    "_succeeded": "successRecordCount",
    "_failed": "errorRecordCount",
}
FAMILIES = {
    "bedrock_batch_jobs": ("aws_account_id", "aws_region", "status"),
    "bedrock_batch_job_info": (*JOB, "job_arn", "model_id", "invocation_type"),
    "bedrock_batch_job_status": (*JOB, "status"),
    **{f"bedrock_batch_job_{name}_timestamp_seconds": JOB for name in TIMES},
    **{f"bedrock_batch_job_records{name}": JOB for name in RECORDS},
    "bedrock_batch_job_age_seconds": JOB,
    "bedrock_batch_job_time_to_expiration_seconds": JOB,
}


def model_id(text: str) -> str:
    tail = text.rpartition(":")[2] if text.startswith("arn:") and "foundation-model" not in text else text
    return tail.rpartition("foundation-model/")[2]


class Exporter(Collector):
    def __init__(self, world: str, *, gauges: bool) -> None:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        self.bedrock = session.client("bedrock", endpoint_url=world)
        self.account_id = session.client("sts", endpoint_url=world).get_caller_identity()["Account"]
        self.registry = CollectorRegistry()
        self.gauges = {}
        self.jobs: list[dict] = []
        self.now = datetime.now(UTC)
        if gauges:
            self.gauges = {name: Gauge(name, name, labels, registry=self.registry) for name, labels in FAMILIES.items()}
        else:
            self.registry.register(self)

    def poll(self, now_seconds: float) -> None:
        self.now = datetime.fromtimestamp(now_seconds, UTC)
        pages = self.bedrock.get_paginator("list_model_invocation_jobs").paginate(
            submitTimeAfter=self.now - timedelta(days=8), sortBy="CreationTime", PaginationConfig={"PageSize": 1000}
        )
        self.counts: Counter[str] = Counter()
        jobs = []
        for page in pages:
            for job in page["invocationJobSummaries"]:
                self.counts[job["status"]] += 1
                if job["status"] in ACTIVE or self.now - job["endTime"] <= timedelta(hours=1):
                    jobs.append(job)
        self.jobs = jobs
        if self.gauges:
            for gauge in self.gauges.values():
                gauge.clear()
            for name, labels, value in self.samples():
                self.gauges[name].labels(*labels).set(value)

    def clock(self) -> float:
        return self.now.timestamp()

    def samples(self):
        where = (self.account_id, "us-east-1")
        for status, count in self.counts.items():
            yield "bedrock_batch_jobs", (*where, status), count
        for job in self.jobs:
            own = (*where, job["jobArn"].rpartition("/")[2], job["jobName"])
            facts = (job["jobArn"], model_id(job["modelId"]), job["modelInvocationType"])
            yield "bedrock_batch_job_info", (*own, *facts), 1
            yield "bedrock_batch_job_status", (*own, job["status"]), 1
            for name, member in TIMES.items():
                if member in job:
                    yield f"bedrock_batch_job_{name}_timestamp_seconds", own, job[member].timestamp()
            for name, member in RECORDS.items():
                if member in job:
                    yield f"bedrock_batch_job_records{name}", own, job[member]
            if job["status"] in ACTIVE:
                yield "bedrock_batch_job_age_seconds", own, (self.now - job["submitTime"]).total_seconds()
                left = (job["jobExpirationTime"] - self.now).total_seconds()
                yield "bedrock_batch_job_time_to_expiration_seconds", own, left

    def collect(self):
        if not self.jobs:
            return
        families = {name: GaugeMetricFamily(name, name, labels=labels) for name, labels in FAMILIES.items()}
        for name, labels, value in self.samples():
            families[name].add_metric(labels, value)
        yield from families.values()


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_) -> None:
        pass


def main() -> None:
    exporter = Exporter(f"http://127.0.0.1:{sys.argv[1]}", gauges=sys.argv[2] == "gauges")
    server = wsgiref.simple_server.make_server(
        "127.0.0.1", 0, make_wsgi_app(exporter.registry), ThreadingWSGIServer, handler_class=Quiet
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    obey(server.server_port, exporter.poll, exporter.clock)


if __name__ == "__main__":
    main()
