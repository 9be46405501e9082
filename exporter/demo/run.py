"""The demo: a simulated AWS with a fleet that lives, and what an exporter needs to watch it."""

from collections.abc import Iterable, Mapping, Sequence

from exporter.demo.accounts import EXTERNAL_ID
from exporter.demo.course import Course
from exporter.demo.fleet import DEFAULT_REGIONS, DEFAULT_SPEED, HISTORY_HOURS, Fleet
from exporter.demo.simulation import Simulation
from exporter.demo.wire import Call
from exporter.demo.workloads import FLEET, Workload

_HOUR_SECONDS = 3600.0
_TICK_SECONDS = 0.5


def start(*, speed: float = DEFAULT_SPEED, seed: int = 0, host: str = "127.0.0.1", port: int = 0) -> Simulation:
    """Start a simulated AWS in which a fleet has lived for days and lives on; the caller stops it.

    `speed` is how much faster than the clock on the wall it lives. Port 0 is any that is free.
    """
    simulation = Simulation(host=host, port=port)
    inhabit(simulation, speed=speed, seed=seed)
    return simulation.start()


def inhabit(
    simulation: Simulation,
    *,
    speed: float = DEFAULT_SPEED,
    seed: int = 0,
    workloads: Sequence[Workload] = FLEET,
    courses: Iterable[Course] = (),
) -> Fleet:
    """Let a fleet live in the simulation's accounts; it is brought up to date whenever the simulation is called.

    `courses` are single jobs beside the workloads.
    """
    now_seconds = simulation.now()
    fleet = Fleet(
        simulation,
        tuple(simulation.accounts),
        begin_seconds=now_seconds - HISTORY_HOURS * _HOUR_SECONDS / speed,
        seed=seed,
        speed=speed,
        workloads=workloads,
    )
    for course in courses:
        fleet.play(course)
    fleet.advance(now_seconds)
    next_seconds = now_seconds

    def tick(_call: Call) -> None:
        nonlocal next_seconds
        now_seconds = simulation.now()
        if now_seconds >= next_seconds:
            next_seconds = now_seconds + _TICK_SECONDS
            fleet.advance(now_seconds)

    simulation.on_call = tick
    return fleet


def config_text(simulation: Simulation, *, regions: Iterable[str] = DEFAULT_REGIONS, poll_interval: str = "5s") -> str:
    """Write the exporter's configuration: every account by its role, the hub by its own credentials."""
    lines = [
        f"poll_interval: {poll_interval}",
        "poll_timeout: 10s",
        "finished_job_retention: 10m",
        f"endpoint_url: {simulation.url}",
        f"regions: [{', '.join(regions)}]",
        "accounts:",
    ]
    for account in simulation.accounts.values():
        lines.append(f"  - name: {account.name}")
        if account.id != simulation.hub_id:
            lines += [f"    role_arn: {account.role_arn()}", f"    external_id: {EXTERNAL_ID}"]
    return "\n".join((*lines, ""))


def environment(simulation: Simulation) -> Mapping[str, str]:
    """Return what the exporter's process needs to be the hub's user, and nobody else whom this machine knows of."""
    return {
        "AWS_ACCESS_KEY_ID": simulation.credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": simulation.credentials.secret_key,
        "AWS_REGION": DEFAULT_REGIONS[0],
        "AWS_DEFAULT_REGION": DEFAULT_REGIONS[0],
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "no_proxy": "*",  # in small letters it goes over NO_PROXY
    }
