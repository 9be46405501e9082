"""A simulated AWS for every test that wants one."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import boto3
import pytest
from botocore.config import Config

from exporter.demo.simulation import Simulation

Connect: TypeAlias = Callable[..., Any]


@pytest.fixture(scope="session")
def simulated_aws() -> Iterator[Simulation]:
    """Serve one simulation to all tests; take `simulation` instead."""
    with Simulation() as simulation, pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")  # it is on this machine, whatever the way to others
        yield simulation


@pytest.fixture
def simulation(simulated_aws: Simulation) -> Iterator[Simulation]:
    """Give a simulated AWS as new: three accounts, no jobs, nothing wrong."""
    simulated_aws.reset()
    yield simulated_aws
    simulated_aws.reset()


@pytest.fixture(scope="session")
def aws() -> boto3.Session:
    """Load boto3's models once."""
    return boto3.Session()


@pytest.fixture
def connect(simulation: Simulation, aws: boto3.Session) -> Iterator[Connect]:
    """Make plain boto3 clients, with the hub's credentials unless told: `connect("bedrock", "eu-west-1", **config)`."""
    clients = []

    def connect(service: str, region: str = "us-east-1", credentials: Any = None, **config: Any) -> Any:
        holder = credentials or simulation.credentials
        settings = Config(**{"retries": {"total_max_attempts": 1}, "auth_scheme_preference": "sigv4", **config})
        clients.append(
            aws.client(
                service,
                region,
                endpoint_url=simulation.url,
                aws_access_key_id=holder.access_key,
                aws_secret_access_key=holder.secret_key,
                aws_session_token=holder.session_token,
                config=settings,
            )
        )
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
