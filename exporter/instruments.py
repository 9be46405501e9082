"""The exporter's own instruments: prometheus_client's, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter.families import Instrument

API_REQUESTS = Instrument(
    "bedrock_batch_exporter_api_requests_total",
    "HTTP requests to AWS, retries included.",
    ("service", "operation"),
    "counter",
)
API_THROTTLES = Instrument(
    "bedrock_batch_exporter_api_throttles_total",
    "HTTP requests to AWS that it throttled.",
    ("service", "operation"),
    "counter",
)
API_DURATION = Instrument(
    "bedrock_batch_exporter_api_request_duration_seconds",
    "How long HTTP requests to AWS took, retries one by one.",
    ("service", "operation"),
    "histogram",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
RELOAD_OK = Instrument(
    "bedrock_batch_exporter_config_last_reload_successful",
    "Whether the last reading of the configuration was taken over.",
    (),
)
RELOAD_TIME = Instrument(
    "bedrock_batch_exporter_config_last_reload_success_timestamp_seconds",
    "When the running configuration was read.",
    (),
)
DISCOVERY_FAILURES = Instrument(
    "bedrock_batch_exporter_discovery_failures_total",
    "Failed attempts to ask for the accounts of the organization, or for the enabled regions of `regions: all`.",
    ("source",),
    "counter",
)
DISCOVERY_TIME = Instrument(
    "bedrock_batch_exporter_discovery_last_success_timestamp_seconds",
    "When the accounts of the organization, or the enabled regions of all accounts that tell them, were last told.",
    ("source",),
)
SHARD_INFO = Instrument(
    "bedrock_batch_exporter_shard_info",
    "Which share of the targets this process polls (--shard, from 0, of --total-shards).",
    ("shard", "total_shards"),
)
BUILD_INFO = Instrument(
    "bedrock_batch_exporter_build_info",
    "The exporter's version and what it runs on.",
    ("version", "revision", "python_version", "botocore_version"),
)

INSTRUMENTS = (
    API_REQUESTS,
    API_THROTTLES,
    API_DURATION,
    DISCOVERY_FAILURES,
    DISCOVERY_TIME,
    RELOAD_OK,
    RELOAD_TIME,
    SHARD_INFO,
    BUILD_INFO,
)


class Instruments:
    """The exporter's own instruments, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(API_REQUESTS.name, API_REQUESTS.help, API_REQUESTS.labels, registry=registry)
        self._throttles = Counter(API_THROTTLES.name, API_THROTTLES.help, API_THROTTLES.labels, registry=registry)
        self._durations = Histogram(
            API_DURATION.name, API_DURATION.help, API_DURATION.labels, buckets=API_DURATION.buckets, registry=registry
        )
        self._reload_ok = Gauge(RELOAD_OK.name, RELOAD_OK.help, registry=registry)
        self._reload_time = Gauge(RELOAD_TIME.name, RELOAD_TIME.help, registry=registry)
        self._discovery_failures = Counter(
            DISCOVERY_FAILURES.name, DISCOVERY_FAILURES.help, DISCOVERY_FAILURES.labels, registry=registry
        )
        self._discovery_time = Gauge(DISCOVERY_TIME.name, DISCOVERY_TIME.help, DISCOVERY_TIME.labels, registry=registry)
        self._sources: frozenset[str] = frozenset()
        self._shard = Gauge(SHARD_INFO.name, SHARD_INFO.help, SHARD_INFO.labels, registry=registry)
        self._build = Gauge(BUILD_INFO.name, BUILD_INFO.help, BUILD_INFO.labels, registry=registry)

    def on_request(self, service: str, operation: str, duration_seconds: float, *, throttled: bool) -> None:
        """Count one HTTP request to AWS."""
        self._requests.labels(service, operation).inc()
        self._throttles.labels(service, operation).inc(throttled)
        self._durations.labels(service, operation).observe(duration_seconds)

    def built(self, version: str, revision: str, python_version: str, botocore_version: str) -> None:
        """Tell what is running."""
        self._build.labels(version, revision, python_version, botocore_version).set(1)

    def sharded(self, shard: int, total_shards: int) -> None:
        """Tell which share is polled."""
        self._shard.labels(str(shard), str(total_shards)).set(1)

    def discovers(self, sources: frozenset[str]) -> None:
        """Tell what is asked for from now on: its failures start at 0, and nothing is told of any other source."""
        for source in self._sources - sources:
            self._discovery_failures.remove(source)
            self._discovery_time.remove(source)
        for source in sources:
            self._discovery_failures.labels(source)
        self._sources = sources

    def discovered(self, source: str, now_seconds: float) -> None:
        """Tell that a source has answered."""
        self._discovery_time.labels(source).set(now_seconds)

    def discovery_failed(self, source: str) -> None:
        """Count a source that has not answered."""
        self._discovery_failures.labels(source).inc()

    def reloaded(self, now_seconds: float) -> None:
        """Tell that a configuration was taken over."""
        self._reload_ok.set(1)
        self._reload_time.set(now_seconds)

    def reload_failed(self) -> None:
        """Tell that a configuration was refused and the old one goes on."""
        self._reload_ok.set(0)
