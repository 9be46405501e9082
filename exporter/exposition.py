"""Families to text: Prometheus' text format 0.0.4 and OpenMetrics 1.0, whose sample lines are the same."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from isal import igzip
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.utils import floatToGoString

from exporter.metrics import (
    BUCKETS,
    SCRAPED,
    ClockFamily,
    Family,
    HistogramFamily,
    JobFamily,
    JobsFamily,
    SnapshotFamily,
    TargetFamily,
    account_label,
)
from exporter.model import Job
from exporter.state import Snapshot, TargetState
from exporter.summary import Limits, Summary, summarize

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Exposed:
    """One target, ready to be read by the families."""

    labels: tuple[str, str]
    state: TargetState
    summary: Summary | None
    """None where there is nothing fresh to show."""


@dataclass(frozen=True, slots=True)
class View:
    """All that one scrape reads."""

    snapshot: Snapshot
    targets: list[Exposed]
    now_seconds: float


def expose(snapshot: Snapshot, limits: Limits, now_seconds: float) -> list[Exposed]:
    """Return the attempted targets with their labels, which are different for different targets."""
    exposed = {}
    for target, state in snapshot.states.items():
        if not state.polls:
            continue
        labels = (account_label(target, state), target.region)
        if labels in exposed:  # a second way into one account: it fails, and must not spoil the page
            labels = (f"{labels[0]}:{target.account.key}", target.region)
        fresh = state.success if not state.is_stale(now_seconds, limits.stale_after_seconds) else None
        exposed[labels] = Exposed(labels, state, summarize(fresh.listing, limits) if fresh else None)
    return list(exposed.values())


def render(
    snapshot: Snapshot, limits: Limits, now_seconds: float, *, openmetrics: bool, names: frozenset[str] = frozenset()
) -> str:
    """Return the snapshot's families as text, without OpenMetrics' final `# EOF`. No names: all of them."""
    view = View(snapshot, expose(snapshot, limits, now_seconds), now_seconds)
    lines: list[str] = []
    for family in SCRAPED:
        if not names or _is_named(family, names):
            samples = list(_WRITERS[type(family)](family, view))
            if samples:
                lines += _head(family, openmetrics=openmetrics)
                lines += samples
    return "\n".join(lines) + "\n" if lines else ""


def answer(
    text: Callable[[bool, frozenset[str]], str],
    registry: CollectorRegistry,
    accept: str,
    accept_encoding: str,
    names: Iterable[str],
) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a scrape, in the format and encoding that the client asked for."""
    wanted = frozenset(names)
    openmetrics = any(part.split(";")[0].strip() == "application/openmetrics-text" for part in accept.split(","))
    own = registry.restricted_registry(wanted) if wanted else registry
    generate = generate_openmetrics if openmetrics else generate_text
    body = text(openmetrics, wanted).encode() + generate(own)
    headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
    if _takes_gzip(accept_encoding):
        headers["Content-Encoding"] = "gzip"
        body = igzip.compress(body, compresslevel=1)
    return body, headers


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _is_named(family: Family, names: frozenset[str]) -> bool:
    suffixes = ("_bucket", "_count", "_sum") if family.type == "histogram" else ()
    return any(family.name + suffix in names for suffix in ("", *suffixes)) or (
        family.type == "counter" and family.name.removesuffix("_total") in names
    )


def _head(family: Family, *, openmetrics: bool) -> tuple[str, str]:
    name, text = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        name = name.removesuffix("_total") if family.type == "counter" else name
        text = text.replace('"', r"\"")
    return f"# HELP {name} {text}", f"# TYPE {name} {family.type}"


def _of_snapshot(family: SnapshotFamily, view: View) -> Iterator[str]:
    for values, value in family.read(view.snapshot):
        yield _line(family.name, family.labels, values, value)


def _of_histograms(family: HistogramFamily, view: View) -> Iterator[str]:
    for values, seen in family.read(view.snapshot):
        running = 0
        for bound, count in zip((*map(_number, BUCKETS), "+Inf"), seen.counts, strict=True):
            running += count
            yield _line(f"{family.name}_bucket", (*family.labels, "le"), (*values, bound), running)
        yield _line(f"{family.name}_count", family.labels, values, running)
        yield _line(f"{family.name}_sum", family.labels, values, seen.sum_seconds)


def _of_targets(family: TargetFamily, view: View) -> Iterator[str]:
    for target in view.targets:
        for values, value in family.read(target.state):
            yield _line(family.name, family.labels, (*target.labels, *values), value)


def _of_summaries(family: JobsFamily, view: View) -> Iterator[str]:
    for target in view.targets:
        if target.summary:
            for values, value in family.read(target.summary):
                yield _line(family.name, family.labels, (*target.labels, *values), value)


def _of_jobs(family: JobFamily, view: View) -> Iterator[str]:
    for target, job in _jobs(view):
        value = family.read(job)
        if value is not None:
            yield _line(family.name, family.labels, (*target.labels, job.id, job.name, *family.own(job)), value)


def _of_clock(family: ClockFamily, view: View) -> Iterator[str]:
    for target, job in _jobs(view):
        value = family.read(job, view.now_seconds)
        if value is not None:
            yield _line(family.name, family.labels, (*target.labels, job.id, job.name), value)


_WRITERS: dict[type[Family], Callable[[Any, View], Iterator[str]]] = {
    SnapshotFamily: _of_snapshot,
    HistogramFamily: _of_histograms,
    TargetFamily: _of_targets,
    JobsFamily: _of_summaries,
    JobFamily: _of_jobs,
    ClockFamily: _of_clock,
}


def _jobs(view: View) -> Iterator[tuple[Exposed, Job]]:
    return ((target, job) for target in view.targets if target.summary for job in target.summary.jobs)


def _line(name: str, labels: tuple[str, ...], values: tuple[str, ...], value: float) -> str:
    if not labels:
        return f"{name} {_number(value)}"
    pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in zip(labels, values, strict=True))
    return f"{name}{{{pairs}}} {_number(value)}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
