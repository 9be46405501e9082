"""What a configuration asks for: the accounts and regions it names, and what about it is probably not meant."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from exporter.config.durations import format_duration
from exporter.config.problems import ConfigError, Problem, nearest
from exporter.config.regions import AllRegions
from exporter.config.settings import AccountSettings, Config, repetitions
from exporter.model import Account

LONGEST_JOB_SECONDS = 7 * 86_400
"""`timeoutDurationInHours` is at most 168."""


@dataclass(frozen=True, slots=True)
class Scope:
    """An account of the file and the regions asked for in it."""

    account: Account
    regions: tuple[str, ...] | AllRegions


def scopes(config: Config, default_region: str | None, source: str) -> tuple[Scope, ...]:
    """Return the accounts that the file names, or the one of the exporter's own credentials if it names none.

    `default_region` is that of the usual AWS chain, for accounts without regions. Raises ConfigError where there is
    none either, and where an account turns out to be there twice in it.
    """
    entries = config.accounts or (() if config.organization else (AccountSettings(),))
    found = [
        Scope(entry.account, entry.regions or default_regions(config, default_region, source)) for entry in entries
    ]
    repeated = list(repetitions([(scope.account, scope.regions) for scope in found]))
    if repeated:
        raise ConfigError(Problem(("accounts", index), message).line(source) for index, message in repeated)
    return tuple(found)


def default_regions(config: Config, default_region: str | None, source: str) -> tuple[str, ...] | AllRegions:
    """Return the regions of an account that names none: those of the file, else the one of the AWS chain."""
    if config.regions:
        return config.regions
    if default_region:
        return (default_region,)
    message = "expected a list of AWS regions, or AWS_REGION in the environment, or a region in the profile, got none"
    raise ConfigError([Problem(("regions",), message).line(source)])


def remarks(config: Config, known_regions: Collection[str] = ()) -> tuple[str, ...]:
    """Return what is allowed but probably not meant, for the log: a line each."""
    found = []
    if config.lookback_seconds <= LONGEST_JOB_SECONDS:
        lookback = format_duration(config.lookback_seconds)
        found.append(
            f"lookback: a job may take 7d, and one that takes {lookback} or longer is not counted when it ends"
        )
    if config.stale_after_seconds < 2 * config.poll_interval_seconds + config.poll_timeout_seconds:
        found.append(
            "stale_after: less than twice poll_interval and poll_timeout, so one failed poll withdraws the series"
        )
    if known_regions:
        named = {region for regions in _region_lists(config) for region in regions}
        found += [
            f"regions: {region} is not among the regions that this version knows"
            + (f"; was {near} meant?" if (near := nearest(region, known_regions)) else "")
            for region in sorted(named.difference(known_regions))
        ]
    return tuple(found)


def _region_lists(config: Config) -> Iterator[tuple[str, ...]]:
    for regions in (config.regions, *(entry.regions for entry in config.accounts)):
        if regions and regions != "all":
            yield regions
