"""The metrics that the dashboards may ask for, and the labels of each.

A name or a label that the exporter does not have fails here, when the dashboards are built, and not as an empty panel
at night.
"""

from collections.abc import Mapping

from exporter.metrics import FAMILIES

EXPORTED: Mapping[str, tuple[str, ...]] = {family.name: family.labels for family in FAMILIES}
"""What the exporter serves: its own tables."""

PROCESS: Mapping[str, tuple[str, ...]] = {
    "process_cpu_seconds_total": (),
    "process_resident_memory_bytes": (),
    "process_start_time_seconds": (),
}
"""What the exporter serves about its process, as every program with prometheus_client does on Linux."""

SCRAPED: Mapping[str, tuple[str, ...]] = {"up": (), "scrape_duration_seconds": (), "scrape_samples_scraped": ()}
"""What Prometheus adds about the scrape itself."""

LEFT_OUT: Mapping[str, str] = {
    "bedrock_batch_job_age_seconds": "computed from the submit timestamp, which is exact at every step of a graph",
    "bedrock_batch_job_time_to_expiration_seconds": "computed from the expiration timestamp, for the same reason",
}
"""What the exporter serves and no dashboard asks for, with the reason."""

LABELS: Mapping[str, tuple[str, ...]] = {**EXPORTED, **PROCESS, **SCRAPED}

VARIABLES: Mapping[str, str] = {
    "job": "job",
    "instance": "instance",
    "aws_account_id": "account",
    "aws_region": "region",
    "model_id": "model",
    "status": "status",
    "job_id": "job_id",
}
"""The dashboards' variables by the label that each chooses. `job` is Prometheus's: the batch job is `job_id`."""
