"""Writes `docs/metrics.md` from the exporter's tables."""

from exporter.families import Family
from exporter.instruments import INSTRUMENTS
from exporter.metrics import COUNTS, FAMILIES

HEAD = """\
# Metrics

Generated from the tables in `exporter/metrics.py` by `make docs`; do not edit.

Times are Unix seconds, durations seconds. What Bedrock leaves out is absent here, never 0: a job without
`totalRecordCount` has no `bedrock_batch_job_records`. The names in brackets are members of `ModelInvocationJobSummary`
in [ListModelInvocationJobs](https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListModelInvocationJobs.html),
or keys of the [configuration](configuration.md).

`job_id` is the tail of the job's ARN. `status` is one of `Submitted`, `Validating`, `Scheduled`, `InProgress`,
`Stopping` (active), `Completed`, `PartiallyCompleted`, `Failed`, `Stopped`, `Expired` (finished) and `Unknown`.
Until AWS has told the id of an account that is reached by the exporter's own credentials or by a profile, its
`aws_account_id` is `unknown` or `unknown:` and the profile's name.

The process's own `process_*` and `python_*` metrics stand beside these.
"""


def render() -> str:
    """Return the page."""
    return HEAD + "".join(
        f"\n## {title}\n\n| name | type | labels | meaning |\n| --- | --- | --- | --- |\n"
        + "".join(map(_row, families))
        for title, families in _sections().items()
    )


def _sections() -> dict[str, list[Family]]:
    sections: dict[str, list[Family]] = {"Jobs by count": [], "Each job": [], "Targets": [], "The exporter itself": []}
    for family in FAMILIES:
        if family in COUNTS:
            title = "Jobs by count"
        elif family.name.startswith("bedrock_batch_job_"):
            title = "Each job"
        elif family in INSTRUMENTS or not {"aws_account_id", "source"} & set(family.labels):
            title = "The exporter itself"
        else:
            title = "Targets"
        sections[title].append(family)
    return sections


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.type} | {labels} | {family.help} |\n"
