"""What a made-up process of the exporter tells of itself, beside the jobs."""

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from exporter.instruments import Instruments
from exporter.model import Failed, FailureReason, Outcome

SOURCES = ("organization", "regions")


class Process:
    """A process that has run for a while."""

    def __init__(self, started_seconds: float) -> None:
        self._registry = CollectorRegistry()
        self._instruments = Instruments(self._registry)
        self._instruments.built("0.1.0", "1ff4cab", "3.13.1", "1.43.2")
        self._instruments.reloaded(started_seconds)
        self._instruments.sharded(0, 1)
        self._instruments.discovers(frozenset(SOURCES))
        self._started_seconds = started_seconds
        self._cpu_seconds = 0.4

    def on_poll(self, outcome: Outcome) -> None:
        """Count what a poll asked of AWS."""
        self._cpu_seconds += 0.02
        reason = outcome.failure.reason if isinstance(outcome, Failed) else None
        if reason is FailureReason.ASSUME_ROLE:
            self._instruments.on_request("sts", "AssumeRole", outcome.duration_seconds / 2, throttled=False)
            return
        for _ in range(4 if reason is FailureReason.THROTTLED else 0):
            self._instruments.on_request("bedrock", "ListModelInvocationJobs", 0.05, throttled=True)
        self._instruments.on_request("bedrock", "ListModelInvocationJobs", outcome.duration_seconds, throttled=False)

    def text(self, now_seconds: float) -> str:
        """Return the exposition at this time, with what Prometheus adds to it."""
        for source in SOURCES:
            self._instruments.discovered(source, now_seconds - now_seconds % 3600)
        minute = now_seconds // 60
        samples = {
            "up": 1.0,
            "scrape_duration_seconds": 0.011 + minute % 7 / 2000,
            "scrape_samples_scraped": 2010 + minute // 10 % 13 * 9,
            "process_cpu_seconds_total": self._cpu_seconds,
            "process_resident_memory_bytes": 86e6 + minute % 11 * 60e3,
            "process_start_time_seconds": self._started_seconds,
        }
        own = "".join(f"{name} {value:.6f}\n" for name, value in samples.items())
        instruments = generate_latest(self._registry).decode().splitlines(keepends=True)  # type: ignore[no-untyped-call]
        return own + "".join(line for line in instruments if "_created" not in line)
