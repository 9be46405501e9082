"""The simulated AWS in a process of its own: `python -m exporter.demo --accounts 100 --latency-seconds 0.05`.

Prints one line of JSON once it listens (`url`, `environment` and `config` for an exporter) and ends when its standard
input does. Its own HTTP (`exporter/demo/control.py`) sets faults and counts calls.
"""

import argparse
import json
import sys

from exporter.demo.accounts import DEFAULT_ACCOUNTS, DEFAULT_REGIONS, many_accounts
from exporter.demo.ballast import Ballast
from exporter.demo.fleet import DEFAULT_REGIONS as FLEET_REGIONS
from exporter.demo.fleet import DEFAULT_SPEED
from exporter.demo.run import config_text, environment, inhabit
from exporter.demo.simulation import Simulation


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.demo", description="A simulated AWS, without an exporter."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 is any that is free (%(default)s)")
    parser.add_argument(
        "--speed", type=float, default=DEFAULT_SPEED, help="of the fleet against the clock (%(default)g)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the fleet (%(default)s)")
    parser.add_argument("--accounts", type=int, help="so many, with ballast, in place of the fleet's three")
    parser.add_argument("--regions", type=int, default=len(DEFAULT_REGIONS), help="with --accounts (%(default)s)")
    parser.add_argument("--finished", type=int, default=20, help="jobs a target, with --accounts (%(default)s)")
    parser.add_argument("--active", type=int, default=5, help="jobs a target, with --accounts (%(default)s)")
    parser.add_argument("--latency-seconds", type=float, default=0.0, help="of every call (%(default)s)")
    parser.add_argument("--poll-interval", default="5s", help="for the printed configuration (%(default)s)")
    options = parser.parse_args()

    accounts = many_accounts(options.accounts) if options.accounts else DEFAULT_ACCOUNTS
    simulation = Simulation(accounts, host=options.host, port=options.port)
    simulation.latency_seconds = options.latency_seconds
    regions = DEFAULT_REGIONS[: options.regions] if options.accounts else FLEET_REGIONS
    if options.accounts:
        for account in accounts:
            for region in regions:
                Ballast(simulation, account.id, region, finished=options.finished, active=options.active)
    else:
        inhabit(simulation, speed=options.speed, seed=options.seed)
    with simulation:
        config = config_text(simulation, regions=regions, poll_interval=options.poll_interval)
        started = {"url": simulation.url, "environment": environment(simulation), "config": config}
        sys.stdout.write(json.dumps(started) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
