"""The simulated AWS: an HTTP server that answers as Bedrock, STS, Organizations and Account Management would.

Batch inference jobs, roles and the organization are its own; any other operation is answered by moto. The account of a
call follows from the access key that signed it, the region from the signature's scope, as with the real one.
"""

import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from exporter.demo.accounts import DEFAULT_ACCOUNTS, AwsAccount, Organization, by_id
from exporter.demo.faults import Faults
from exporter.demo.front import respond
from exporter.demo.identity import Credential, Keyring, PolicyDocument
from exporter.demo.jobs import JobStore, Summary, to_summary
from exporter.demo.rest_of_aws import RestOfAws
from exporter.demo.server import Server
from exporter.demo.wire import Call

_REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Request:
    """A call that came in, answered or not."""

    service: str
    operation: str
    account_id: str
    """The caller's; for AssumeRole the role's. Empty if the access key is not known."""
    region: str
    params: Mapping[str, str]
    monotonic_seconds: float


class Simulation:
    """A simulated AWS; a context manager that serves between enter and exit. All methods may be called from any thread.

    Settings that may be changed at any time: `latency_seconds` (every call takes as long), `session_seconds` (how long
    assumed credentials live, whatever was asked for), `visibility_delay_seconds` (a job put with `put_job` is listed so
    much later), `overlap_jobs` (how many jobs a page repeats of the one before), `bearer_account_id` and
    `bearer_region` (where a bearer token belongs), `organization` (None: the account is in none), `on_call` (called
    with each call before it is answered, to change things between two pages), `faults`.
    """

    latency_seconds: float
    session_seconds: float | None
    visibility_delay_seconds: float
    overlap_jobs: int
    bearer_account_id: str
    bearer_region: str
    organization: Organization | None
    on_call: Callable[[Call], None] | None
    faults: Faults

    def __init__(
        self,
        accounts: Iterable[AwsAccount] = DEFAULT_ACCOUNTS,
        *,
        hub_id: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Set it up.

        `hub_id` is the account of the exporter's own credentials, the last one unless it is named. Without `tls` boto3
        refuses to send a bearer token.
        """
        self._initial_accounts = tuple(accounts)
        self.hub_id = hub_id or self._initial_accounts[-1].id
        self.now = now
        self._server = Server(partial(respond, self), host=host, port=port, tls=tls)
        self.rest = RestOfAws()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the address: as new."""
        self.accounts = by_id(self._initial_accounts)
        self.latency_seconds = 0.0
        self.session_seconds = None
        self.visibility_delay_seconds = 0.0
        self.overlap_jobs = 0
        self.bearer_account_id, self.bearer_region = self.hub_id, "us-east-1"
        self.organization = Organization()
        self.on_call = None
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._stores: dict[tuple[str, str], JobStore] = {}
        self._jobs_made = 0
        self.policies: dict[str, PolicyDocument] = {}
        self.trust_policies: dict[str, PolicyDocument] = {}
        self.keyring = Keyring()
        user = f"arn:aws:iam::{self.hub_id}:user/bedrock-batch-exporter"
        self.credentials = self.keyring.add(
            Credential(f"AKIADEMO{self.hub_id}", "demo-secret-key", self.hub_id, user, role_arn=user)
        )

    @property
    def url(self) -> str:
        """The endpoint of every service; it holds from the start on."""
        return self._server.url

    def start(self) -> Self:
        """Listen."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection, hanging ones included."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def put_job(self, account_id: str, region: str, **members: Any) -> str:
        """Submit a job and return its ARN.

        `members` are those of `ModelInvocationJobSummary`; times may be Unix seconds, and None leaves a member out that
        is there otherwise.
        """
        self._jobs_made += 1
        now_seconds = self.now()
        name = f"job-{self._jobs_made:04d}"
        summary = to_summary(
            {
                "jobArn": f"arn:aws:bedrock:{region}:{account_id}:model-invocation-job/{self._jobs_made:012x}",
                "jobName": name,
                "modelId": "anthropic.claude-3-5-haiku-20241022-v1:0",
                "roleArn": f"arn:aws:iam::{account_id}:role/batch-inference",
                "status": "Submitted",
                "submitTime": now_seconds,
                "lastModifiedTime": members.get("submitTime", now_seconds),
                "inputDataConfig": {"s3InputDataConfig": {"s3Uri": f"s3://example-{account_id}/input/{name}.jsonl"}},
                "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://example-{account_id}/output/"}},
                "timeoutDurationInHours": 24,
                **members,
            }
        )
        self.put_raw_job(account_id, region, summary)
        return str(summary.get("jobArn", ""))

    def put_raw_job(self, account_id: str, region: str, summary: Summary) -> None:
        """List `summary` exactly as it is, however odd."""
        now_seconds = self.now()
        visible_seconds = now_seconds + self.visibility_delay_seconds
        self.store(account_id, region).put(summary, now_seconds=now_seconds, visible_seconds=visible_seconds)

    def update_job(self, arn: str, **members: Any) -> None:
        """Change members of a job; None leaves one out from now on."""
        store = self._store_of(arn)
        store.put(to_summary(store.get(arn) | members), now_seconds=self.now())

    def remove_job(self, arn: str) -> None:
        """Let a job vanish."""
        self._store_of(arn).remove(arn)

    def jobs(self, account_id: str, region: str) -> list[Summary]:
        """Return every summary of an account in a region as the API tells it, the oldest first."""
        return self.store(account_id, region).summaries()

    def store(self, account_id: str, region: str) -> JobStore:
        """Return where the jobs of an account in a region are kept."""
        key = (account_id, region)
        return self._stores.get(key) or self._stores.setdefault(key, JobStore("/".join(key)))

    def _store_of(self, arn: str) -> JobStore:
        return next(store for store in tuple(self._stores.values()) if arn in store)

    def attach_policy(self, arn: str, document: PolicyDocument) -> None:
        """Let a role or the hub's user do only what the policy allows; without one they may do everything."""
        self.policies[arn] = document

    def attach_trust_policy(self, role_arn: str, document: PolicyDocument) -> None:
        """Let only those assume the role whom the document admits; it goes before what `Role` says."""
        self.trust_policies[role_arn] = document

    def counts(self) -> Counter[tuple[str, str, str, str]]:
        """Count the calls by service, operation, account and region."""
        return Counter(self._counts)

    def count(self, operation: str) -> int:
        """Count the calls of an operation in all accounts and regions."""
        return sum(number for key, number in self.counts().items() if key[1] == operation)

    def remember(self, call: Call) -> None:
        """Note a call that came in."""
        self._counts[call.service, call.operation, call.account_id, call.region] += 1
        self.requests.append(
            Request(call.service, call.operation, call.account_id, call.region, call.params, time.monotonic())
        )
