"""Clients: one a service and region, for all accounts, each request signed as whoever its thread acts as."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore
import botocore.session
from botocore.config import Config

from exporter import __version__
from exporter.aws.addresses import is_of_aws

CONNECT_TIMEOUT_SECONDS = 5.0
SHORT_TIMEOUT_SECONDS = 10.0
"""What any service but Bedrock may take, so that an STS that hangs is named before the poll is given up."""


class Clients:
    """Makes each client once. Everything may be called from any thread."""

    def __init__(
        self,
        session: botocore.session.Session,
        *,
        endpoint_url: str | None,
        timeout_seconds: float,
        connections: int,
    ) -> None:
        self._boto3 = boto3.Session(botocore_session=session)
        self._endpoint_url = endpoint_url
        short_seconds = min(SHORT_TIMEOUT_SECONDS, timeout_seconds)
        self._configs = {
            # One retry for what passes at once. Unlike the other modes, `legacy` shares no quota between accounts.
            "bedrock": _config(connections, timeout_seconds, {"mode": "legacy", "total_max_attempts": 2}),
            "sts": _config(connections, short_seconds, {"mode": "legacy", "total_max_attempts": 2}),
        }
        self._discovery_config = _config(connections, short_seconds, {"mode": "standard", "total_max_attempts": 4})
        self._making = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._using = threading.Lock()
        self._users = 0
        self._is_closed = False

    def client(self, service: str, region: str) -> Any:
        """Return the one client of a service in a region."""
        with self._making:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._boto3.client(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint(service),
                    config=self._configs.get(service, self._discovery_config),
                )
            return self._clients[key]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep connections open meanwhile: to close one that another thread takes fails its request."""
        with self._using:
            self._users += 1
        try:
            yield
        finally:
            with self._using:
                self._users -= 1
                self._close_unused()

    def close(self) -> None:
        """Close all connections once none is in use, those opened from now on included."""
        with self._using:
            self._is_closed = True
            self._close_unused()

    def _close_unused(self) -> None:
        if self._is_closed and not self._users:
            for client in tuple(self._clients.values()):
                client.close()

    def _endpoint(self, service: str) -> str | None:
        # An address of AWS, as of a VPC endpoint, is Bedrock's alone; an emulator answers for every service.
        return None if service != "bedrock" and is_of_aws(self._endpoint_url) else self._endpoint_url


def _config(connections: int, timeout_seconds: float, retries: dict[str, Any]) -> Config:
    return Config(  # type: ignore[call-arg]
        # Told to whoever reads CloudTrail, and quicker than the one that botocore puts together for each request.
        user_agent=f"bedrock-batch-exporter/{__version__} Botocore/{botocore.__version__}",
        # With AWS_BEARER_TOKEN_BEDROCK set, botocore would send that token in place of each account's signature.
        auth_scheme_preference="sigv4",
        connect_timeout=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds),
        read_timeout=timeout_seconds,
        retries=retries,  # type: ignore[arg-type]
        max_pool_connections=connections,
        tcp_keepalive=True,
    )
