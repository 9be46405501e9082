"""The exporter: can the numbers be trusted?"""  # noqa: D400

from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from grafana import exporter_graphs, frame, style
from grafana.exporter_graphs import by_instance
from grafana.panels import Panel, Query, number
from grafana.promql import TARGET, TARGETS, labelled
from grafana.tables import Column, rows


def dashboard() -> model.Dashboard:
    """Return the dashboard to look at before the numbers of the others are believed."""
    return frame.framed(
        "bedrock-batch-exporter",
        "The exporter itself: which targets it sees, how fresh its data are, what it costs.",
        ["account", "region"],
        [
            ("", _summary()),
            ("Targets", [_targets(), exporter_graphs.failures()]),
            ("Freshness", [exporter_graphs.ages(), exporter_graphs.durations(), exporter_graphs.workers()]),
            ("AWS API", [exporter_graphs.requests(), exporter_graphs.throttles(), exporter_graphs.latency()]),
            (
                "The process",
                [
                    exporter_graphs.scrapes(),
                    exporter_graphs.scrape_durations(),
                    exporter_graphs.memory(),
                    exporter_graphs.cpu(),
                ],
            ),
            ("What runs", [_build(), _sources()]),
        ],
        since="now-6h",
    )


def _summary() -> list[Panel]:
    polled = TARGETS.per_target("bedrock_batch_up")
    interval = f"max({TARGETS.select('bedrock_batch_exporter_poll_interval_seconds')})"
    throttles = TARGETS.select("bedrock_batch_exporter_api_throttles_total")
    return [
        number(
            "Targets up",
            "Targets (an account in a region) whose last poll succeeded. 0 or no data: the exporter is down or sees "
            "nothing; look at its log.",
            Query(f"sum({polled})", instant=True),
            unit="short",
            thresholds=style.steps(style.RED, (1, style.GREEN)),
            no_value="no exporter",
        ),
        number(
            "Targets failing",
            "Targets whose last poll failed: the dashboards know nothing of them. Not 0: the table below names them "
            "and the reason; `bedrock-batch-exporter check` tells what to do.",
            Query(TARGETS.count(f"{polled} == 0"), instant=True),
            unit="short",
            thresholds=style.TROUBLE_STEPS,
            background=True,
            no_value="no exporter",
        ),
        exporter_graphs.oldest_data(
            TARGETS,
            "The age of the data of the target that was polled with success longest ago. Above 10 minutes the "
            "target's jobs are withdrawn.",
        ),
        number(
            "Slowest poll",
            "The longest poll against the poll interval. Near 100 %: data come later than configured; raise "
            "`poll_interval`, or `workers`.",
            Query(f"max({TARGETS.per_target('bedrock_batch_poll_duration_seconds')}) / {interval}", instant=True),
            unit="percentunit",
            decimals=1,
            thresholds=style.steps(style.GREEN, (0.5, style.ORANGE), (1, style.RED)),
        ),
        number(
            "Throttled calls",
            "AWS API calls that were refused for coming too fast, within the time range. Not 0: raise "
            "`poll_interval`, or find who else calls the same API in these accounts.",
            Query(f"round(sum(increase({throttles}[$__range])))", instant=True),
            unit="short",
            thresholds=style.steps(style.PLAIN, (1, style.ORANGE), (100, style.RED)),
        ),
        number(
            "Jobs dropped",
            "Jobs over `max_jobs_per_target`: counted, but in no table. Not 0: raise the limit if Prometheus can "
            "bear the series.",
            Query(f"sum({TARGETS.per_target('bedrock_batch_jobs_dropped')})", instant=True),
            unit="short",
            thresholds=style.steps(style.CLEAR, (1, style.ORANGE)),
            background=True,
        ),
        number(
            "Configuration",
            "Whether the last reload took the file. Refused: the old configuration is still in use; the log says "
            "which line is wrong.",
            Query(f"min({TARGETS.select('bedrock_batch_exporter_config_last_reload_successful')})", instant=True),
            unit="short",
            thresholds=style.steps(style.RED, (1, style.GREEN)),
            mappings=[style.value_map({"0": ("refused", style.RED), "1": ("loaded", style.GREEN)})],
        ),
        number(
            "Replicas up",
            "Exporters that Prometheus reaches. Fewer than you run: look at the Prometheus page of targets.",
            Query(f"sum({TARGETS.select('up')})", instant=True),
            unit="short",
            thresholds=style.steps(style.RED, (1, style.GREEN)),
        ),
    ]


def _targets() -> Panel:
    polled = TARGETS.per_target("bedrock_batch_up")
    failures = TARGETS.select("bedrock_batch_exporter_poll_failures_total")
    attempts = TARGETS.select("bedrock_batch_exporter_polls_total")
    return rows(
        "Targets, the failing first",
        "Every account and region that is polled. Failing: the graph beside it tells the reason, the exporter's own "
        "page the error and a hint. A data age of many intervals: polls fail again and again.",
        [
            Query(TARGETS.with_account_name(polled)),
            Query(f"time() - {TARGETS.per_target('bedrock_batch_last_success_timestamp_seconds')}"),
            Query(TARGETS.per_target("bedrock_batch_poll_duration_seconds")),
            Query(f"round(max by ({TARGET}) (increase({attempts}[$__range])))"),
            Query(f"round(max by ({TARGET}) (sum by ({TARGET}, job, instance) (increase({failures}[$__range]))))"),
            Query(TARGETS.per_target("bedrock_batch_jobs_dropped")),
        ],
        [
            Column(
                "Value #A",
                "State",
                85,
                mappings=[style.value_map({"0": ("failing", style.RED), "1": ("up", style.GREEN)})],
                cell=style.TINTED,
                align=look.FieldTextAlignment.LEFT,
            ),
            Column("account_name", "Account"),
            Column("aws_account_id", "Account id", 130, "string"),
            Column("aws_region", "Region", 125),
            Column("Value #B", "Data age", 95, "s", 0, style.DATA_AGE_STEPS, cell=style.TINTED),
            Column("Value #C", "Last poll", 90, "s", 2),
            Column("Value #D", "Polls", 75),
            Column(
                "Value #E", "Failures", 85, thresholds=style.steps(style.PLAIN, (1, style.ORANGE)), cell=style.TINTED
            ),
            Column(
                "Value #F", "Dropped", 85, thresholds=style.steps(style.PLAIN, (1, style.ORANGE)), cell=style.TINTED
            ),
        ],
        sort=("State", False),
        span=14,
        height=10,
    )


def _build() -> Panel:
    labels = "job, instance, version, revision, python_version, botocore_version"
    shards = "group by (job, instance, shard, total_shards)"
    return rows(
        "Builds and shards",
        "What runs where. Different versions: a roll-out is under way or stuck. A shard that is missing or twice: "
        "its targets are unseen or polled twice.",
        [
            Query(f"group by ({labels}) ({TARGETS.select('bedrock_batch_exporter_build_info')})"),
            Query(f"{shards} ({TARGETS.select('bedrock_batch_exporter_shard_info')})"),
            Query(by_instance("bedrock_batch_exporter_targets")),
            Query(f"time() - {by_instance('process_start_time_seconds')}"),
            Query(f"time() - {by_instance('bedrock_batch_exporter_config_last_reload_success_timestamp_seconds')}"),
        ],
        [
            Column("instance", "Instance"),
            Column("version", "Version", 100),
            Column("revision", "Revision", 110),
            Column("python_version", "Python", 90),
            Column("botocore_version", "botocore", 100),
            Column("shard", "Shard", 70),
            Column("total_shards", "of", 60),
            Column("Value #C", "Targets", 80),
            Column("Value #D", "Up for", 100, "s", 1),
            Column("Value #E", "Config age", 110, "s", 1),
            *(Column(field) for field in ("job", "Value #A", "Value #B")),
        ],
        span=16,
        height=7,
    )


def _sources() -> Panel:
    failures = TARGETS.select("bedrock_batch_exporter_discovery_failures_total")
    last = TARGETS.select("bedrock_batch_exporter_discovery_last_success_timestamp_seconds")
    read = TARGETS.select("bedrock_batch_exporter_config_last_reload_success_timestamp_seconds")
    refused = TARGETS.select("bedrock_batch_exporter_config_last_reload_successful")
    return rows(
        "Where targets come from",
        "When the configuration was read, and when the accounts (organization) and regions were last discovered, where "
        "that is configured. Failures: new ones are not seen, known ones still are; the log tells what is missing.",
        [
            Query(f"time() - min by (source) ({last})\nor {labelled(f'time() - min({read})', source='configuration')}"),
            Query(
                f"round(sum by (source) (increase({failures}[$__range])))\n"
                f"or {labelled(f'count({refused} == 0) or {TARGETS.zero()}', source='configuration')}"
            ),
        ],
        [
            Column("source", "Source"),
            Column("Value #A", "Last success", 130, "s", 1),
            Column(
                "Value #B", "Failures", 100, thresholds=style.steps(style.PLAIN, (1, style.ORANGE)), cell=style.TINTED
            ),
        ],
        span=8,
        height=7,
    )
