"""The pieces of PromQL that the dashboards are made of.

Everything about a job or a target is first reduced to one series (`max by`), so that two replicas, or a restart within
Prometheus's look-back, neither count twice nor break a join. Age and time left are computed from the timestamps.
"""

from dataclasses import dataclass

from exporter.model import ACTIVE_STATUSES, FINISHED_STATUSES, Status
from grafana.names import LABELS, VARIABLES

TARGET = "aws_account_id, aws_region"
JOB = "aws_account_id, aws_region, job_id"
ACTIVE = "|".join(ACTIVE_STATUSES)
FINISHED = "|".join(FINISHED_STATUSES)
WAITING = f"{Status.SUBMITTED}|{Status.VALIDATING}|{Status.SCHEDULED}"
LOST = f"{Status.FAILED}|{Status.EXPIRED}"

THROUGHPUT_WINDOW = "30m"
"""What a job's throughput is measured over: long enough for counts that move in steps, short enough to see a stall."""

PATIENT_WINDOW = "6h"
"""What a projection also looks at, so that a pause of minutes does not cry wolf."""

STATUS_CODES = {status: code for code, status in enumerate(Status, start=1)}
"""Numbers for statuses where a panel needs a number: 1 is Submitted, and so on in the order of a job's life."""


def family(name: str) -> str:
    """Return the metric that a sample's name belongs to: a histogram's has a suffix."""
    for candidate in (name, *(name.removesuffix(suffix) for suffix in ("_bucket", "_count", "_sum"))):
        if candidate in LABELS:
            return candidate
    raise ValueError(
        f"{name}: expected a metric of the exporter, its process or the scrape; grafana/names.py lists them"
    )


def status_in(*statuses: str) -> str:
    """Return a matcher of any of these statuses; each may be a regular expression or a variable."""
    return 'status=~"' + "|".join(statuses) + '"'


def labelled(expression: str, **label: str) -> str:
    """Return the same series with one label of ours."""
    [(name, value)] = label.items()
    return f'label_replace({expression}, "{name}", "{value}", "", "")'


def seen(expression: str) -> str:
    """Return what is there at the end of the range or was within it.

    It is looked up every 5 minutes: a finished job stays for longer.
    """
    return f"({expression})\nor last_over_time(({expression})[$__range:5m])"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a dashboard looks at: every selector is narrowed by those of its variables that are labels of the metric."""

    labels: tuple[str, ...]
    """The labels that its variables choose, beside Prometheus's own `job` and `instance`."""

    def select(self, name: str, *matchers: str) -> str:
        """Return a selector of the metric, narrowed by the dashboard's variables and the matchers given."""
        labels = LABELS[family(name)]
        for matcher in matchers:
            label = matcher.partition("=")[0].rstrip("!")
            if label not in labels:
                raise ValueError(
                    f"{name}: expected a matcher of one of its labels {', '.join(labels)}, got {matcher!r}"
                )
        chosen = ("job", "instance", *(label for label in self.labels if label in labels))
        narrowed = [f'{label}=~"${VARIABLES[label]}"' for label in chosen]
        return f"{name}{{{', '.join([*narrowed, *matchers])}}}"

    def per_job(self, name: str, *matchers: str) -> str:
        """Return the metric, one series a job."""
        return f"max by ({JOB}) ({self.select(name, *matchers)})"

    def per_target(self, name: str, *matchers: str) -> str:
        """Return the metric, one series a target (an account in a region)."""
        return f"max by ({TARGET}) ({self.select(name, *matchers)})"

    def narrowed(self, expression: str, *statuses: str) -> str:
        """Return those series by job that are of the statuses given (all must match) and of the chosen models.

        `and` joins many to many, so that it cannot fail whatever is on its right.
        """
        status = self.select("bedrock_batch_job_status", *(status_in(status) for status in statuses))
        return f"{expression}\nand on ({JOB}) {status}\nand on ({JOB}) {self.select('bedrock_batch_job_info')}"

    def zero(self) -> str:
        """Return 0 while an exporter answers, else nothing: a dead exporter must not look like a quiet fleet."""
        return f"0 * count({self.select('bedrock_batch_up')})"

    def count(self, expression: str) -> str:
        """Return how many series there are, 0 included."""
        return f"count(\n{expression}\n)\nor {self.zero()}"

    def status_code(self, *statuses: Status, only: str = "") -> str:
        """Return each job's status as a number. Where replicas differ for a moment, the later status is shown."""
        also = (status_in(only),) if only else ()
        latest_first = sorted(statuses, key=STATUS_CODES.__getitem__, reverse=True)
        return "\nor ".join(
            f"{STATUS_CODES[status]} * {self.per_job('bedrock_batch_job_status', status_in(status), *also)}"
            for status in latest_first
        )

    def account_names(self) -> str:
        """Return one series an account, with its name; the exporter takes the id where it has no name."""
        names = f"group by (aws_account_id, account_name) ({self.select('bedrock_batch_account_info')})"
        return f"topk by (aws_account_id) (1, {names})"

    def with_account_name(self, expression: str) -> str:
        """Return the same series with the label `account_name`."""
        return f"({expression})\n* on (aws_account_id) group_left (account_name) {self.account_names()}"

    def with_facts(self, expression: str, *labels: str) -> str:
        """Return the same series by job, of the chosen models, with labels of `bedrock_batch_job_info`."""
        facts = f"group by ({JOB}, {', '.join(labels)}) ({self.select('bedrock_batch_job_info')})"
        return f"({expression})\n* on ({JOB}) group_left ({', '.join(labels)}) topk by ({JOB}) (1, {facts})"

    def time_to_expiration(self) -> str:
        """Return the seconds until the expiration, by active job; negative past it."""
        active = self.select("bedrock_batch_job_status", status_in(ACTIVE))
        return f"({self.per_job('bedrock_batch_job_expiration_timestamp_seconds')} - time() and on ({JOB}) {active})"

    def throughput(self, window: str = THROUGHPUT_WINDOW) -> str:
        """Return the records per second, by job, over a window; by `deriv`, since the count is a gauge."""
        return f"max by ({JOB}) (deriv({self.select('bedrock_batch_job_records_processed')}[{window}]))"

    def projected_time(self) -> str:
        """Return the seconds that a running job still needs at the better of its two paces.

        Without any pace, thousands of years, which panels show as "never": +Inf would spoil sums and sorting.
        A job has no projection until it has made progress for 2 minutes: its first steps say little.
        """
        processed = self.select("bedrock_batch_job_records_processed")
        left = f"{self.per_job('bedrock_batch_job_records')} - max by ({JOB}) ({processed})"
        now, patient = self.throughput(), self.throughput(PATIENT_WINDOW)
        running = self.select("bedrock_batch_job_status", status_in(Status.IN_PROGRESS))
        return (
            f"(\n  ({left})\n  / clamp_min({now} > {patient} or {patient}, 1e-9)\n"
            f"  and on ({JOB}) {running}\n  and on ({JOB}) {processed} offset 2m > 0\n)"
        )

    def slack(self) -> str:
        """Return the time to expiration less the projected time; for a job that has no projection yet, all its time."""
        left = self.time_to_expiration()
        return f"{left}\n- ({self.projected_time()}\n  or 0 * {left})"

    def late(self) -> str:
        """Return the slack of the jobs where it is below 0: they will miss their deadline."""
        return f"({self.time_to_expiration()} - {self.projected_time()}) < 0"


FLEET = Scope(("aws_account_id", "aws_region", "model_id"))
JOBS = Scope(("aws_account_id", "aws_region", "job_id"))
TARGETS = Scope(("aws_account_id", "aws_region"))
