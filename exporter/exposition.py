"""The answer to a scrape: what the polls have written, and what moves with the clock."""

import re
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.deflate import Part, gzipped, plain
from exporter.families import (
    ClockFamily,
    Family,
    HistogramFamily,
    JobFamily,
    JobsFamily,
    SnapshotFamily,
    TargetFamily,
)
from exporter.lines import encoded, head, line, number, pairs
from exporter.metrics import SCRAPED, account_label
from exporter.model import Target
from exporter.state import DURATION_BUCKETS_SECONDS, Histogram, Snapshot, TargetState
from exporter.summary import Limits
from exporter.written import Labels, Written

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_HEADS = {
    openmetrics: {family.name: head(family, openmetrics=openmetrics) for family in SCRAPED}
    for openmetrics in (False, True)
}
_BOUNDS = (*map(number, DURATION_BUCKETS_SECONDS), "+Inf")


class Exposition:
    """Keeps the targets written, so that a scrape only puts them together. May be used from several threads.

    What is kept is only ever replaced whole and is checked against what it was made of, so that it needs no lock.
    """

    def __init__(self) -> None:
        self._written: dict[Target, Written] = {}
        self._histograms: dict[tuple[str, tuple[str, ...]], tuple[Histogram, bytes]] = {}

    def write(self, target: Target, state: TargetState, limits: Limits) -> None:
        """Write a target now, before the snapshot tells its new state, so that no scrape has to."""
        labels = (account_label(target, state), target.region)
        self._written[target] = Written.of(state, limits, labels, self._written.get(target))

    def parts(
        self,
        snapshot: Snapshot,
        limits: Limits,
        now_seconds: float,
        *,
        openmetrics: bool,
        names: frozenset[str] = frozenset(),
    ) -> list[Part]:
        """Return the snapshot's families, without OpenMetrics' final `# EOF`. No names: all of them."""
        targets = self._current(snapshot, limits)
        fresh = [
            target
            for target in targets
            if target.jobs and not target.state.is_stale(now_seconds, limits.stale_after_seconds)
        ]
        parts: list[Part] = []
        for family in SCRAPED:
            if not names or _is_named(family, names):
                found = [part for part in self._family(family, snapshot, targets, fresh, now_seconds) if part]
                if found:
                    parts += (_HEADS[openmetrics][family.name], *found)
        return parts

    def _current(self, snapshot: Snapshot, limits: Limits) -> list[Written]:
        """Return the attempted targets as they are in the snapshot, written anew where they are not yet."""
        attempted = [
            (target, state, (account_label(target, state), target.region))
            for target, state in snapshot.states.items()
            if state.polls
        ]
        owners: dict[Labels, Target] = {}
        for target, _, labels in sorted(attempted, key=lambda one: one[1].success is None):
            owners.setdefault(labels, target)
        written: dict[Target, Written] = {}
        for target, state, own in attempted:
            # A second way into one account must not spoil the page.
            labels = own if owners[own] is target else (f"{own[0]}:{target.account.key}", target.region)
            known = self._written.get(target)
            if known and known.is_ahead_of(state, limits, labels):
                written[target] = known
            else:
                written[target] = Written.of(state, limits, labels, known)
        self._written = written
        return list(written.values())

    def _family(
        self, family: Family, snapshot: Snapshot, targets: list[Written], fresh: list[Written], now_seconds: float
    ) -> Iterable[Part]:
        if isinstance(family, SnapshotFamily):
            samples = family.read(snapshot)
            return [encoded(line(family.name, pairs(family.labels, values), value) for values, value in samples)]
        if isinstance(family, HistogramFamily):
            return [self._histogram(family, values, seen) for values, seen in family.read(snapshot)]
        if isinstance(family, TargetFamily):
            return [target.parts[family.name] for target in targets]
        if isinstance(family, JobsFamily | JobFamily | ClockFamily):
            return [part for target in fresh if target.jobs for part in target.jobs.parts(family, now_seconds)]
        raise TypeError(f"{family.name}: expected a family that is read from the snapshot, got {type(family).__name__}")

    def _histogram(self, family: HistogramFamily, values: tuple[str, ...], seen: Histogram) -> bytes:
        known = self._histograms.get((family.name, values))
        if known and known[0] is seen:
            return known[1]
        lines, running = [], 0
        for bound, count in zip(_BOUNDS, seen.counts, strict=True):
            running += count
            lines.append(line(f"{family.name}_bucket", pairs((*family.labels, "le"), (*values, bound)), running))
        own = pairs(family.labels, values)
        lines.append(line(f"{family.name}_count", own, running))
        lines.append(line(f"{family.name}_sum", own, seen.sum_seconds))
        written = encoded(lines)
        self._histograms[family.name, values] = (seen, written)
        return written


def render(
    snapshot: Snapshot, limits: Limits, now_seconds: float, *, openmetrics: bool, names: frozenset[str] = frozenset()
) -> str:
    """Return the snapshot's families as text, without OpenMetrics' final `# EOF`. No names: all of them."""
    return plain(Exposition().parts(snapshot, limits, now_seconds, openmetrics=openmetrics, names=names)).decode()


def answer(
    parts: Callable[[bool, frozenset[str]], list[Part]],
    registry: CollectorRegistry,
    accept: str,
    accept_encoding: str,
    names: Iterable[str],
) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a scrape, in the format and encoding that the client asked for."""
    wanted = frozenset(names)
    openmetrics = _takes_openmetrics(accept)
    own = registry.restricted_registry(wanted) if wanted else registry
    generate = generate_openmetrics if openmetrics else generate_text
    body = [*parts(openmetrics, wanted), generate(own)]
    headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
    if _takes_gzip(accept_encoding):
        headers["Content-Encoding"] = "gzip"
        return gzipped(body), headers
    return plain(body), headers


def _takes_openmetrics(accept: str) -> bool:
    weights = _weights(accept)
    text = next((weights[range_] for range_ in ("text/plain", "text/*", "*/*") if range_ in weights), 0.0)
    return weights.get("application/openmetrics-text", 0.0) >= max(text, 0.001)  # the least q above 0


def _takes_gzip(accept_encoding: str) -> bool:
    weights = _weights(accept_encoding)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weights(header: str) -> dict[str, float]:
    """Return the q of each type or coding of an Accept header: the highest, where one is there in several versions."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        q = next((value.strip() for key, _, value in (one.partition("=") for one in parameters) if key == "q"), "1")
        # What is not a number is not asked for.
        weight = float(q) if re.fullmatch(r"[01](\.[0-9]{0,3})?", q) else 0.0
        weights[name] = max(weight, weights.get(name, 0.0))
    return weights


def _is_named(family: Family, names: frozenset[str]) -> bool:
    suffixes = ("_bucket", "_count", "_sum") if family.type == "histogram" else ()
    return any(family.name + suffix in names for suffix in ("", *suffixes)) or (
        family.type == "counter" and family.name.removesuffix("_total") in names
    )
