"""The simulation's own HTTP: faults and counts for those who run it in another process.

`GET /_simulation/requests`: `{"total", "operations": {"bedrock:ListModelInvocationJobs": n}, "targets": [{"service",
"operation", "account_id", "region", "count"}]}`, since the start or the last reset.
`GET /_simulation/faults`: the faults under way.
`POST /_simulation/faults`, `{"kind": "throttle", "account_id": "111122223333", "region": …, "service": …, "operation":
…, "count": …, "probability": …, "retry_after_seconds": …, "delay_seconds": …}`: a new one; all but `kind` may be left
out. Answers with its `id`.
`DELETE /_simulation/faults/ID`, `DELETE /_simulation/faults`: one, or all, taken back.
`GET /_simulation/jobs/ACCOUNT/REGION`: every job there, as the listing would show it, the oldest first.
`POST /_simulation/jobs/ACCOUNT/REGION`, a list of summaries in the API's member names: kept as they are.
`POST /_simulation/latency`, `{"seconds": 0.05}`: how long every call takes.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from exporter.demo.faults import Faults
from exporter.demo.jobs import JobStore, Summary
from exporter.demo.wire import Answer, HttpRequest

PREFIX = "/_simulation/"


class Controlled(Protocol):
    """What can be reached from outside."""

    faults: Faults
    latency_seconds: float

    def counts(self) -> Counter[tuple[str, str, str, str]]:
        """Count calls by service, operation, account and region."""

    def jobs(self, account_id: str, region: str) -> Sequence[Summary]:
        """Return all jobs of an account in a region."""

    def store(self, account_id: str, region: str) -> JobStore:
        """Return where they are kept."""

    def put_raw_job(self, account_id: str, region: str, summary: Summary) -> None:
        """Keep a summary as it is."""


def answer_control(simulation: Controlled, request: HttpRequest) -> Answer:
    """Answer one request of the paths above; a wrong one is a 400 that says why."""
    try:
        return _answer(simulation, request.method, request.path.removeprefix(PREFIX).split("/"), request.body)
    except (KeyError, TypeError, ValueError) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)


def _answer(simulation: Controlled, method: str, path: list[str], body: bytes) -> Answer:
    match method, path:
        case "GET", ["requests"]:
            return _json(_counts(simulation.counts()))
        case "GET", ["faults"]:
            return _json([asdict(fault) for fault in simulation.faults.active()])
        case "POST", ["faults"]:
            return _json({"id": simulation.faults.add(**json.loads(body)).id})
        case "DELETE", ["faults"]:
            simulation.faults.clear()
        case "DELETE", ["faults", id_]:
            simulation.faults.remove(int(id_))
        case "GET", ["jobs", account_id, region]:
            return _json(simulation.jobs(account_id, region))
        case "POST", ["jobs", account_id, region]:
            for summary in json.loads(body):
                simulation.put_raw_job(account_id, region, summary)
        case "POST", ["latency"]:
            simulation.latency_seconds = float(json.loads(body)["seconds"])
        case _:
            return _json({"error": f"no such thing: {method} {PREFIX}{'/'.join(path)}"}, 404)
    return _json({})


def _counts(counts: Counter[tuple[str, str, str, str]]) -> dict[str, Any]:
    operations: Counter[str] = Counter()
    for (service, operation, _, _), number in counts.items():
        operations[f"{service}:{operation}"] += number
    fields = ("service", "operation", "account_id", "region")
    return {
        "total": counts.total(),
        "operations": dict(operations),
        "targets": [dict(zip(fields, key, strict=True)) | {"count": number} for key, number in sorted(counts.items())],
    }


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status)
