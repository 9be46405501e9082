"""The exporter over time: polls, AWS, the process."""

from exporter.model import FailureReason
from grafana import style
from grafana.panels import Panel, Query, coloured, dashed, graph, number
from grafana.promql import TARGET, TARGETS, Scope, labelled

INSTANCE = "{{instance}}"
REASON_COLOURS = {
    FailureReason.ACCESS_DENIED: style.RED,
    FailureReason.ASSUME_ROLE: style.DARK_ORANGE,
    FailureReason.CREDENTIALS: "#C4162A",
    FailureReason.REGION_DISABLED: "#B877D9",
    FailureReason.THROTTLED: style.YELLOW,
    FailureReason.TIMEOUT: style.ORANGE,
    FailureReason.CONNECTION: "#FFA6B0",
    FailureReason.BAD_RESPONSE: style.PURPLE,
    FailureReason.OTHER: style.GREY,
}


def failures() -> Panel:
    """Return why polls failed."""
    failed = TARGETS.select("bedrock_batch_exporter_poll_failures_total")
    by_reason = f"sum by (reason) (max by ({TARGET}, reason) (increase({failed}[$__rate_interval]))) > 0"
    none = labelled(TARGETS.zero(), reason="no failures")
    return graph(
        "Poll failures by reason",
        "access_denied, assume_role, credentials: policies and roles, see the permissions in the documentation. "
        "throttled: poll less often. timeout, connection: the network or an endpoint. region_disabled: enable the "
        "region or leave it out.",
        [Query(f"{by_reason}\nor {none}", "{{reason}}", interval="5m")],
        unit="short",
        span=10,
        height=10,
        bars=True,
        stacked=True,
        decimals=0,
        overrides=[
            coloured("no failures", style.GREEN),
            *(coloured(reason.value, colour) for reason, colour in REASON_COLOURS.items()),
        ],
    )


def oldest_data(scope: Scope, description: str) -> Panel:
    """Return the age of the oldest data as one number."""
    return number(
        "Oldest data",
        description,
        Query(f"time() - min({scope.per_target('bedrock_batch_last_success_timestamp_seconds')})", instant=True),
        unit="s",
        decimals=0,
        thresholds=style.DATA_AGE_STEPS,
        no_value="never polled",
    )


def ages() -> Panel:
    """Return how old the data of targets are."""
    last = TARGETS.per_target("bedrock_batch_last_success_timestamp_seconds")
    return graph(
        "Data age, the ten oldest targets",
        "Time since the last successful poll. A healthy target is a saw below the poll interval; one that climbs "
        "fails; at the dashed line its jobs are withdrawn (`stale_after`, 10 minutes unless configured).",
        [Query(f"topk(10, (time() - {TARGETS.with_account_name(last)}) / 60)", "{{account_name}} {{aws_region}}")],
        unit="m",
        thresholds=style.steps(style.PLAIN, (10, style.RED)),
        show_thresholds=True,
        span=8,
        height=9,
    )


def durations() -> Panel:
    """Return how long polls take."""
    polls = TARGETS.per_target("bedrock_batch_poll_duration_seconds")
    return graph(
        "Poll duration, the ten slowest targets",
        "How long the last poll took, against the poll interval (dashed). Near the interval: data come late. Slow in "
        "one region: its endpoint or the network; slow everywhere: too few workers or CPU.",
        [
            Query(f"topk(10, {TARGETS.with_account_name(polls)})", "{{account_name}} {{aws_region}}"),
            Query(f"max({TARGETS.select('bedrock_batch_exporter_poll_interval_seconds')})", "poll interval"),
        ],
        unit="s",
        logarithmic=True,
        span=8,
        height=9,
        overrides=[dashed("poll interval", style.ORANGE)],
    )


def requests() -> Panel:
    """Return what is asked of AWS."""
    requests = TARGETS.select("bedrock_batch_exporter_api_requests_total")
    return graph(
        "AWS API requests",
        "Every HTTP request, retries included. More than a few a target and poll: long histories; a shorter "
        "`lookback` reads less.",
        [Query(f"sum by (service, operation) (rate({requests}[$__rate_interval]))", "{{operation}}")],
        unit="reqps",
        span=8,
    )


def throttles() -> Panel:
    """Return what AWS refuses."""
    throttles = TARGETS.select("bedrock_batch_exporter_api_throttles_total")
    return graph(
        "Throttled requests",
        "Requests that AWS refused for coming too fast. They are retried, and a poll that runs out of retries fails: "
        "raise `poll_interval`.",
        [Query(f"sum by (service, operation) (rate({throttles}[$__rate_interval]))", "{{operation}}")],
        unit="reqps",
        span=8,
        overrides=[coloured("/.*/", style.ORANGE)],
    )


def latency() -> Panel:
    """Return how long AWS takes."""
    buckets = TARGETS.select("bedrock_batch_exporter_api_request_duration_seconds_bucket")
    return graph(
        "AWS API request duration (p95)",
        "How long 95 % of the requests stay below. A rise in one operation is AWS; a rise in all is the network or "
        "this process's CPU.",
        [
            Query(
                f"histogram_quantile(0.95, sum by (le, operation) (rate({buckets}[$__rate_interval]))) >= 0",
                "{{operation}}",
            )
        ],
        unit="s",
        span=8,
    )


def by_instance(name: str) -> str:
    """Return the metric, one series a process."""
    return f"max by (job, instance) ({TARGETS.select(name)})"


def scrapes() -> Panel:
    """Return how much a scrape brings."""
    return graph(
        "Scrape size",
        "Samples in a scrape. Grows without end: jobs with series of their own; lower `max_jobs_per_target` or "
        "`finished_job_retention`.",
        [Query(by_instance("scrape_samples_scraped"), INSTANCE)],
        unit="short",
        span=6,
    )


def scrape_durations() -> Panel:
    """Return how long a scrape takes."""
    return graph(
        "Scrape duration",
        "How long Prometheus waits for the exporter. It never calls AWS: seconds mean that the process is short of "
        "CPU.",
        [Query(by_instance("scrape_duration_seconds"), INSTANCE)],
        unit="s",
        span=6,
        thresholds=style.steps(style.PLAIN, (5, style.RED)),
    )


def memory() -> Panel:
    """Return the memory."""
    return graph(
        "Memory",
        "Resident memory. A steady climb over days with a steady number of jobs is a leak: please report it with "
        "this graph.",
        [Query(by_instance("process_resident_memory_bytes"), INSTANCE)],
        unit="bytes",
        span=6,
    )


def cpu() -> Panel:
    """Return the CPU."""
    return graph(
        "CPU",
        "Cores in use. Near 1: polls and scrapes wait for each other; raise `poll_interval`, or share the targets "
        "among shards.",
        [
            Query(
                f"sum by (job, instance) (rate({TARGETS.select('process_cpu_seconds_total')}[$__rate_interval]))",
                INSTANCE,
            )
        ],
        unit="short",
        span=6,
    )


def workers() -> Panel:
    """Return how many polls are under way."""
    return graph(
        "Workers",
        "Polls under way at once, and how many there may be (dashed). All busy for long: raise `workers`, or look "
        "for targets that hang.",
        [
            Query(
                f"max by (job, instance) ({TARGETS.select('bedrock_batch_exporter_workers_busy')})", f"{INSTANCE} busy"
            ),
            Query(f"max({TARGETS.select('bedrock_batch_exporter_workers')})", "workers"),
        ],
        unit="short",
        span=8,
        height=9,
        decimals=0,
        overrides=[dashed("workers", style.ORANGE)],
    )
