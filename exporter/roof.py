"""Under the roof the rooms are wired: a configuration becomes a running exporter."""

import platform
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore
import prometheus_client
import structlog
from prometheus_client import CollectorRegistry

from exporter import __version__, overview
from exporter import exposition as writing
from exporter.asking import ask, fetch
from exporter.aws import policy
from exporter.aws.errors import SameAccountError, classify
from exporter.aws.regions import default_region, default_region_place, known_regions, own_partition
from exporter.aws.sessions import Sessions
from exporter.clock import Clock
from exporter.config import Config, ConfigError, check_region, default_regions, dump, load, remarks, scopes
from exporter.deflate import Part, plain
from exporter.discovery import Discovery
from exporter.instruments import Instruments
from exporter.model import Failure, Target
from exporter.poll import Fetch, Poller, Settings
from exporter.questions import Ask, Wanted
from exporter.sharding import WHOLE, Shard
from exporter.summary import Limits
from exporter.web.app import Exposition, Site

log = structlog.get_logger()

APPLY_SECONDS = 5.0
GIVE_WAY_SECONDS = 0.05
"""How long a poll waits for a scrape between two pages: parsing, it would take half of the interpreter's time."""

ReadConfig = Callable[[], Config]
"""Reads the configuration anew. Raises ConfigError."""


def read_config(path: str | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration of a file, or the defaults without one. Raises ConfigError with all its errors."""
    if path is None:
        return load("", "", environ)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "expected UTF-8 text"
        raise ConfigError([f"{path}: {reason}"]) from None
    return load(text, path, environ, known_regions())


def wanted_of(config: Config, source: str | None) -> Wanted:
    """Return what a configuration asks to be polled. Raises ConfigError where it cannot be told."""
    where, region = source or "without --config.file", _own_region()
    named = scopes(config, region, where)
    if config.organization is None:
        return Wanted(named)
    return Wanted(named, default_regions(config, region, where), config.organization.refresh_interval_seconds)


def _own_region() -> str | None:
    """Return the region of the usual AWS chain. Raises ConfigError where it is none, as of a typing error."""
    region = default_region()
    if region:
        check_region(region, default_region_place(), known_regions())
    return region


def hub_policy(config: Config) -> dict[str, Any]:
    """Return the policy of the exporter's own identity: what this configuration needs, and nothing more.

    Raises ConfigError where the own region, and so the partition, is none.
    """
    _own_region()
    roles = [entry.role_arn for entry in config.accounts if entry.role_arn]
    organization = config.organization
    if organization is None:
        return policy.hub(roles, organization=False, organizational_units=False)
    units = [id_ for id_ in organization.include if not id_.isdecimal()]
    return policy.hub(
        [*roles, f"arn:{own_partition()}:iam::*:role/{organization.role_name}"],
        organization=len(units) < len(organization.include) or not organization.include,
        organizational_units=bool(units),
    )


class Exporter:
    """A running exporter: the poller and all that reads it. Its methods may be called from any thread."""

    def __init__(
        self,
        read: ReadConfig,
        source: str | None,
        clock: Clock,
        revision: str,
        *,
        is_daemon: bool,
        botocore_parser: bool = False,
        shard: Shard = WHOLE,
        is_probing: bool = False,
    ) -> None:
        """Set it up. When probing, targets are asked whether they answer, and not for their jobs."""
        self._read, self._source, self._clock, self._shard = read, source, clock, shard
        self._botocore_parser, self._is_probing = botocore_parser, is_probing
        self._reloading = threading.Lock()
        self.config = read()
        wanted = wanted_of(self.config, source)
        self.registry = CollectorRegistry(auto_describe=True)
        self._instruments = Instruments(self.registry)
        if is_daemon:  # what is written to a file says nothing of a process that is gone
            prometheus_client.ProcessCollector(registry=self.registry)
            prometheus_client.PlatformCollector(registry=self.registry)
            prometheus_client.GCCollector(registry=self.registry)
        self._instruments.built(__version__, revision, platform.python_version(), botocore.__version__)
        self._instruments.sharded(shard.number, shard.total)
        self._instruments.discovers(wanted.sources)
        self._sessions = self._new_sessions(self.config)
        self.discovery = Discovery(wanted, self._ask(self.config, wanted), clock, self._follow, self._discovered)
        self._targets = shard.share(self.discovery.targets)
        self._exposition = writing.Exposition()
        self._no_scrape = threading.Event()
        self._no_scrape.set()
        self.poller = Poller(
            self._fetch(self.config),
            self._classify,
            clock,
            _settings(self.config, self._targets),
            # What a poll has changed is written at once, so that the scrapes only send it.
            tell=lambda target, state: self._exposition.write(target, state, self._limits),
        )
        self._applied = threading.Event()
        self._is_ready = False
        self._tell_remarks()
        self._started_seconds = clock.now()
        self._instruments.reloaded(clock.now())

    def reload(self) -> list[str]:
        """Read the configuration anew and follow it; an invalid one changes nothing. Return its errors."""
        with self._reloading:
            try:
                config = self._read()
                wanted = wanted_of(config, self._source)
            except ConfigError as error:
                self._instruments.reload_failed()
                log.error("reload failed", errors=error.errors)  # noqa: TRY400 - the errors say it all
                return error.errors
            old, self.config = self.config, config
            if _connection(old) == _connection(config):
                self._sessions.look_anew()
            else:
                replaced, self._sessions = self._sessions, self._new_sessions(config)
                replaced.close()
            self._instruments.discovers(wanted.sources)
            self.discovery.follow(wanted, self._ask(config, wanted))
            self._applied.wait(APPLY_SECONDS)  # so that what was removed is gone from the scrape after the answer
            self._instruments.reloaded(self._clock.now())
        log.info("reloaded", targets=len(self._targets))
        self._tell_remarks()
        return []

    def waiting_for(self) -> int:
        """Return how many of the targets known by now were not yet attempted."""
        states = self.poller.snapshot.states
        return sum(target not in states or not states[target].polls for target in self._targets)

    def exposition(self, *, openmetrics: bool) -> str:
        """Return the metrics that are read from the snapshot."""
        return plain(self._parts(openmetrics=openmetrics, names=frozenset())).decode()

    def site(self, telemetry_path: str, *, lifecycle: bool) -> Site:
        """Return what the web side shows."""
        return Site(
            metrics=self._answer,
            healthy=lambda: self.poller.why_unhealthy() or self.discovery.why_unhealthy(),
            ready=self._why_not_ready,
            targets=lambda: overview.rows(self.poller.snapshot, self._limits, self._clock.now()),
            config=lambda: dump(self.config),
            reload=self.reload if lifecycle else None,
            version=__version__,
            started_seconds=self._started_seconds,
            now=self._clock.now,
            telemetry_path=telemetry_path,
        )

    @property
    def _limits(self) -> Limits:
        config = self.config
        return Limits(config.max_jobs_per_target, config.finished_job_retention_seconds, config.stale_after_seconds)

    def _parts(self, *, openmetrics: bool, names: frozenset[str]) -> list[Part]:
        return self._exposition.parts(
            self.poller.snapshot, self._limits, self._clock.now(), openmetrics=openmetrics, names=names
        )

    def _answer(self, accept: str, accept_encoding: str, names: tuple[str, ...]) -> Exposition:
        self._no_scrape.clear()
        try:
            body, headers = writing.answer(
                lambda openmetrics, wanted: self._parts(openmetrics=openmetrics, names=wanted),
                self.registry,
                accept,
                accept_encoding,
                names,
            )
        finally:
            self._no_scrape.set()
        return Exposition(body, headers["Content-Type"], headers.get("Content-Encoding"))

    def _why_not_ready(self) -> str | None:
        # Once ready, always ready: an account that joins must not take the others' metrics away.
        if not self._is_ready:
            if not self.discovery.was_attempted:
                return "the accounts and regions to poll were not yet asked for"
            waiting = self.waiting_for()
            if waiting:
                return f"{waiting} of {len(self._targets)} targets were not yet polled"
            self._is_ready = True
        return None

    def _follow(self, found: tuple[Target, ...]) -> None:
        """Poll these targets from now on, or those of them that are this shard's."""
        self._targets = self._shard.share(found)
        self._sessions.keep(self.discovery.accounts)
        self._applied = self.poller.apply(_settings(self.config, self._targets), self._fetch(self.config))

    def _discovered(self, source: str, has_succeeded: bool) -> None:  # noqa: FBT001 - the outcome itself
        if has_succeeded:
            self._instruments.discovered(source, self._clock.now())
        else:
            self._instruments.discovery_failed(source)

    def _classify(self, error: Exception, target: Target) -> Failure:
        failure = classify(error, target, self._sessions.principal)
        known = self._sessions.known_id(target.account)
        if isinstance(error, SameAccountError):  # the account's own labels belong to who came first
            known = f"{known}:{target.account.key}"
        return replace(failure, account_id=known)

    def _ask(self, config: Config, wanted: Wanted) -> Ask:
        return ask(config, wanted, self._sessions, self._classify)

    def _new_sessions(self, config: Config) -> Sessions:
        return Sessions(
            endpoint_url=config.endpoint_url,
            timeout_seconds=config.poll_timeout_seconds,
            interval_seconds=config.poll_interval_seconds,
            connections=config.workers,
            on_request=self._instruments.on_request,
            botocore_parser=self._botocore_parser,
        )

    def _fetch(self, config: Config) -> Fetch:
        def give_way() -> bool:
            return self._no_scrape.wait(GIVE_WAY_SECONDS)

        return fetch(config, self._sessions, give_way, is_probing=self._is_probing)

    def _tell_remarks(self) -> None:
        for remark in remarks(self.config, known_regions()):
            log.warning("configuration", remark=remark)


def _connection(config: Config) -> tuple[Any, ...]:
    """Return what clients are made of: where it changes, they are made anew."""
    return (config.endpoint_url, config.poll_timeout_seconds, config.poll_interval_seconds, config.workers)


def _settings(config: Config, found: tuple[Target, ...]) -> Settings:
    return Settings(found, config.poll_interval_seconds, config.poll_timeout_seconds, config.workers)
