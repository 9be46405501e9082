"""A fake Bedrock in a process of its own, light enough not to disturb: prepared bytes, and a world that moves by ticks.

    python -m tests.bench.world HISTORY ACTIVE

prints its port. `POST /tick` moves the world on by a minute: 20 jobs are submitted, 20 finish, and as many go through
each of the statuses in between. Answers ListModelInvocationJobs and GetCallerIdentity; checks no signatures.
"""

import json
import sys
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

START_SECONDS = 1_795_000_000.0
MINUTE, DAY = 60.0, 86_400.0
CHURN = 20
"""Jobs submitted, and jobs finished, a tick."""
OLD_SHARE = 0.08
"""Of the active jobs, how many have waited or run for days; the others come and go in turn."""
ACCOUNT_ID, REGION = "111122223333", "us-east-1"
STS = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{ACCOUNT_ID}:user/bench</Arn><UserId>bench</UserId><Account>{ACCOUNT_ID}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
).encode()
MODELS = (
    "anthropic.claude-3-haiku-20240307-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
    "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123def456",
)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class World:
    """Jobs in the order of submission."""

    def __init__(self, history: int, active: int) -> None:
        self.now_seconds = START_SECONDS
        self.ticks = 0
        self.submitted: list[float] = []
        self.jobs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.by_status: dict[str, list[int]] = {}
        self.running: list[int] = []
        self.old: list[int] = []
        old = int(active * OLD_SHARE) if active < 5000 else 0
        young = active - old
        recent = min(history, 60 * CHURN)  # what has finished within the last hour
        began = START_SECONDS - young / CHURN * MINUTE
        moments = [
            *((START_SECONDS - 7.9 * DAY + n * (7.7 * DAY / max(1, history - recent)), "past")
              for n in range(history - recent)),
            *((began - (recent - n) * MINUTE / CHURN, "recent") for n in range(recent)),
            *((START_SECONDS - 3600.0 * 3.4 * (n + 1), "old") for n in range(old)),
            *((START_SECONDS - (young - n) * MINUTE / CHURN, "young") for n in range(young)),
        ]  # fmt: skip
        for submitted, kind in sorted(moments):
            ended = {"past": submitted + 1800, "recent": submitted + young / CHURN * MINUTE}.get(kind)
            index = self._submit(submitted, ended)
            if kind == "old":
                self._set(index, status=("Scheduled", "InProgress")[index % 2])
                self.old.append(index)
            elif kind == "young":
                self._age(index)
                self.running.append(index)

    def tick(self) -> None:
        """Let a minute pass."""
        self.ticks += 1
        begin_seconds, self.now_seconds = self.now_seconds, self.now_seconds + MINUTE
        ending = [self.running.pop(0) for _ in range(CHURN - bool(self.old))] + [self.old.pop(0) for _ in self.old[:1]]
        for number, index in enumerate(ending):
            ended = begin_seconds + number * MINUTE / CHURN
            status = "Failed" if number == 7 else "Completed"
            self._set(index, status=status, endTime=iso(ended), lastModifiedTime=iso(ended))
        for number in range(CHURN):
            self.running.append(self._submit(begin_seconds + number * MINUTE / CHURN, None))
        for index in self.running:
            self._age(index)

    def _submit(self, submitted: float, ended: float | None) -> int:
        index = len(self.jobs)
        finished = {"endTime": iso(ended)} if ended else {}
        self.jobs.append(
            {
                "jobArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT_ID}:model-invocation-job/{index:012x}",
                "jobName": f"nightly-classification-{index}",
                "modelId": MODELS[index % len(MODELS)],
                "clientRequestToken": f"7c1ff1f0-5c1c-4ea1-8f3e-{index:012x}",
                "roleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/service-role/bedrock-batch-inference",
                "status": "Completed" if ended else "Submitted",
                "submitTime": iso(submitted),
                "lastModifiedTime": iso(ended or submitted),
                **finished,
                "inputDataConfig": {
                    "s3InputDataConfig": {
                        "s3InputFormat": "JSONL",
                        "s3Uri": f"s3://example-batch-in/nightly/{index}.jsonl",
                    }
                },
                "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://example-batch-out/nightly/"}},
                "timeoutDurationInHours": 168,
                "jobExpirationTime": iso(submitted + 7 * DAY),
                "modelInvocationType": "InvokeModel",
                "totalRecordCount": 10000,
                "processedRecordCount": 10000 if ended else 0,
                "successRecordCount": 10000 if ended else 0,
                "errorRecordCount": 0,
            }
        )
        self.bodies.append(b"")
        self.submitted.append(submitted)
        self._set(index, status=self.jobs[index]["status"])
        return index

    def _age(self, index: int) -> None:
        minutes = (self.now_seconds - self.submitted[index]) / MINUTE
        status = (
            "Submitted"
            if minutes < 1
            else "Validating"
            if minutes < 3
            else "Scheduled"
            if minutes < 6
            else "InProgress"
        )
        if status != self.jobs[index]["status"]:
            self._set(index, status=status, lastModifiedTime=iso(self.now_seconds - 5))

    def _set(self, index: int, **members: Any) -> None:
        job = self.jobs[index]
        before = self.by_status.get(job["status"], [])
        place = bisect_left(before, index)
        if place < len(before) and before[place] == index:
            del before[place]
        job |= members
        now = self.by_status.setdefault(job["status"], [])
        now.insert(bisect_left(now, index), index)
        self.bodies[index] = json.dumps(job, separators=(",", ":")).encode()

    def page(self, query: dict[str, list[str]]) -> bytes:
        """Answer a query; a token is an offset."""

        def moment(name: str, otherwise: float) -> float:
            return datetime.fromisoformat(query[name][0]).timestamp() if name in query else otherwise

        low = bisect_right(self.submitted, moment("submitTimeAfter", 0.0))
        high = bisect_left(self.submitted, moment("submitTimeBefore", 1e12))
        if "statusEquals" in query:
            indices: Any = self.by_status.get(query["statusEquals"][0], [])
            indices = indices[bisect_left(indices, low) : bisect_left(indices, high)]
        else:
            indices = range(low, high)
        if query.get("sortOrder") != ["Ascending"]:
            indices = indices[::-1]
        start, size = int(query.get("nextToken", ["0"])[0]), int(query.get("maxResults", ["1000"])[0])
        token = b',"nextToken":"%d"' % (start + size) if start + size < len(indices) else b""
        bodies = b",".join([self.bodies[index] for index in indices[start : start + size]])
        return b'{"invocationJobSummaries":[' + bodies + b"]" + token + b"}"


def serve(world: World) -> None:
    calls = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal calls
            if self.path == "/calls":
                self._answer(str(calls).encode(), "text/plain")
                return
            calls += 1
            self._answer(world.page(parse_qs(urlsplit(self.path).query)), "application/json")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.path == "/tick":
                world.tick()
                self._answer(repr(world.now_seconds).encode(), "text/plain")
            else:
                self._answer(STS, "text/xml")

        def _answer(self, body: bytes, kind: str) -> None:
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                "x-amzn-RequestId: 7c1ff1f0-5c1c-4ea1-8f3e-000000000000\r\n\r\n"
            )
            self.wfile.write(head.encode() + body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(World(int(sys.argv[1]), int(sys.argv[2])))
