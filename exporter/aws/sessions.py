"""Clients and credentials: one client a region for all accounts, each request signed as the account it is for."""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError

from exporter.aws import decoding
from exporter.aws.errors import SameAccountError, is_throttle
from exporter.model import Account

OWN = Account()
"""The exporter's own credentials, from the usual AWS chain."""

SESSION_NAME = "bedrock-batch-exporter"
CONNECT_TIMEOUT_SECONDS = 5.0
STS_REGIONS = {
    "aws": "us-east-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-cn": "cn-north-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}
"""The regional STS endpoint of each partition: unlike the global one's, its tokens work in opt-in regions too."""

USUAL_CHAIN = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
"""Of itself botocore knows AWS_DEFAULT_REGION alone; the other SDKs, and people, know AWS_REGION."""


def default_region() -> str | None:
    """Return the region of the usual AWS chain: the environment's, else the profile's."""
    region = botocore.session.Session(session_vars=USUAL_CHAIN).get_config_variable("region")
    return str(region) if region else None


def known_regions() -> tuple[str, ...]:
    """Return every region of every partition that has a Bedrock endpoint, as far as this botocore knows."""
    session = botocore.session.Session()
    return tuple(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("bedrock", partition)
    )


class OnRequest(Protocol):
    """Told of every HTTP request to AWS, retries included."""

    def __call__(self, service: str, operation: str, duration_seconds: float, *, throttled: bool) -> None:
        """Count one request."""


class _Acting(threading.local):
    """Whose credentials the requests of this thread are signed with."""

    credentials: Any = None


class _ActingCredentials(Credentials):
    """What the shared clients hold for credentials: those of whoever the thread acts as."""

    def __init__(self, acting: _Acting) -> None:
        super().__init__("unused", "unused")
        self._acting = acting

    def get_frozen_credentials(self) -> Any:
        """Return the credentials to sign with, refreshed where they are about to expire."""
        if self._acting.credentials is None:
            raise NoCredentialsError
        return self._acting.credentials.get_frozen_credentials()


class Sessions:
    """Gives each account its credentials and each region its client. Everything may be called from any thread."""

    def __init__(
        self,
        *,
        endpoint_url: str | None,
        timeout_seconds: float,
        connections: int,
        on_request: OnRequest,
        botocore_parser: bool = False,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._acting = _Acting()
        self._session = botocore.session.Session(session_vars=USUAL_CHAIN)
        self._session.set_config_variable("sts_regional_endpoints", "regional")
        if not botocore_parser:
            decoding.install(self._session)
        self._session.register("request-created", _note_start)
        self._session.register("response-received", _Tell(on_request))
        self._session.register_component("credential_provider", _Resolver(_ActingCredentials(self._acting)))
        self._boto3 = boto3.Session(botocore_session=self._session)
        self._config = Config(  # type: ignore[call-arg]
            # With AWS_BEARER_TOKEN_BEDROCK set, botocore would send that token in place of each account's signature.
            auth_scheme_preference="sigv4",
            connect_timeout=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds),
            read_timeout=timeout_seconds,
            # One retry for what passes at once. Unlike the other modes, `legacy` shares no quota between accounts.
            retries={"mode": "legacy", "total_max_attempts": 2},
            max_pool_connections=connections,
            tcp_keepalive=True,
        )
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._credentials: dict[Account, Any] = {}
        self._account_ids: dict[Account, str] = {}
        self._owners: dict[tuple[str, str], Account] = {}

    def client(self, service: str, region: str) -> Any:
        """Return the one client of a service in a region; use it inside `acting_as`."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._boto3.client(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint_url,
                    config=self._config,
                )
            return self._clients[key]

    @contextmanager
    def acting_as(self, account: Account) -> Iterator[None]:
        """Sign this thread's requests as an account. Raises what keeps its credentials from being found."""
        credentials = self._credentials_of(account)
        before, self._acting.credentials = self._acting.credentials, credentials
        try:
            yield
        finally:
            self._acting.credentials = before

    def account_id(self, account: Account, region: str) -> str:
        """Return the account's id: the role's, else what `sts:GetCallerIdentity` says.

        Raises SameAccountError where another way into the same account and region was there first.
        """
        known = account.configured_id or self._account_ids.get(account)
        if known is None:
            with self.acting_as(account):
                known = str(self._sts(account).get_caller_identity()["Account"])
        with self._lock:
            self._account_ids[account] = known
            first = self._owners.setdefault((known, region), account)
        if first != account:
            raise SameAccountError(f"{account.key} and {first.key} are both account {known} in {region}")
        return known

    def keep(self, accounts: Collection[Account]) -> None:
        """Forget the credentials and ids of all other accounts."""
        with self._lock:
            self._owners = {key: owner for key, owner in self._owners.items() if owner in accounts}
            for known in (self._credentials, self._account_ids):
                for account in [account for account in known if account not in accounts and account != OWN]:
                    del known[account]

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def _sts(self, account: Account) -> Any:
        partition = account.role_arn.split(":")[1] if account.role_arn else "aws"
        own_region = self._session.get_config_variable("region")
        if own_region and self._session.get_partition_for_region(own_region) == partition:
            return self.client("sts", own_region)
        return self.client("sts", STS_REGIONS.get(partition, "us-east-1"))

    def _credentials_of(self, account: Account) -> Any:
        with self._lock:
            if account not in self._credentials:
                self._credentials[account] = self._make_credentials(account)
            return self._credentials[account]

    def _make_credentials(self, account: Account) -> Any:
        if account.role_arn:
            return DeferredRefreshableCredentials(lambda: self._assume(account), "assume-role")
        session = botocore.session.Session(session_vars=USUAL_CHAIN, profile=account.profile)
        session.register_component("data_loader", self._session.get_component("data_loader"))
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return credentials

    def _assume(self, account: Account) -> dict[str, str]:
        """Assume the account's role; botocore calls it again before the credentials expire."""
        arguments: dict[str, Any] = {"RoleArn": account.role_arn, "RoleSessionName": SESSION_NAME}
        if account.external_id:
            arguments["ExternalId"] = account.external_id
        with self.acting_as(OWN):
            answer = self._sts(account).assume_role(**arguments)["Credentials"]
        expiration: datetime = answer["Expiration"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": expiration.isoformat(),
        }


class _Resolver:
    """Stands in for botocore's chain, which would be asked once and never again."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Credentials:
        return self._credentials


def _note_start(**event: Any) -> None:
    event["request"].context["exporter_started"] = time.perf_counter()


class _Tell:
    """Tells of each attempt: botocore emits `response-received` for errors of the connection, too."""

    def __init__(self, on_request: OnRequest) -> None:
        self._on_request = on_request

    def __call__(self, **event: Any) -> None:
        _, service, operation = event["event_name"].split(".")
        answer = event["parsed_response"] or {}
        code = str(answer.get("Error", {}).get("Code", ""))
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        now = time.perf_counter()
        self._on_request(
            service,
            operation,
            now - event["context"].get("exporter_started", now),
            throttled=is_throttle(code, status),
        )
