"""What one cheap call to each target showed: a table for people, JSON for programs."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from exporter.metrics import account_label, account_name
from exporter.model import Failed, Failure
from exporter.state import Snapshot

OK = "ok"
HEADINGS = ("ACCOUNT", "NAME", "REGION", "RESULT", "TIME")
GREEN, RED, YELLOW, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
REGIONS_TOLD = 8
"""Regions that one line names."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target."""

    account_id: str
    account_name: str
    region: str
    duration_seconds: float
    failure: Failure | None

    @property
    def word(self) -> str:
        """`ok`, or the reason of the failure."""
        return self.failure.reason.value if self.failure else OK


def counted(targets: int) -> str:
    """Return how many targets, in words."""
    return f"{targets} target{'' if targets == 1 else 's'}"


def results_of(snapshot: Snapshot) -> list[Result]:
    """Return the results of the targets that were attempted; failures last, where a terminal shows them."""
    results = []
    for target, state in snapshot.states.items():
        if state.last:
            account_id = account_label(target, state)
            failure = state.last.failure if isinstance(state.last, Failed) else None
            name = account_name(target, account_id)
            results.append(Result(account_id, name, target.region, state.last.duration_seconds, failure))
    return sorted(
        results, key=lambda result: (bool(result.failure), result.account_name, result.account_id, result.region)
    )


def table(
    results: Sequence[Result], undiscovered: Mapping[str, Failure], *, is_coloured: bool = False, width: int = 0
) -> str:
    """Return a line a target, then each failure once with its hint. Width 0: lines of any length, as grep likes them.

    `undiscovered` is why accounts or regions could not be asked for, by source.
    """
    rows = [HEADINGS, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [_line(row, widths, colour) for row, colour in zip(rows, _colours(results, is_coloured), strict=True)]
    for failure, found in _by_failure(results):
        regions = [result.region for result in found]
        where = ", ".join(regions[:REGIONS_TOLD]) + (" …" if len(regions) > REGIONS_TOLD else "")
        lines += _told(f"{found[0].account_name} ({found[0].account_id}) in {where}", failure, width)
    for source, failure in undiscovered.items():
        lines += _told(f"discovery of {source}", failure, width)
    failed = sum(result.failure is not None for result in results)
    return "\n".join((*lines, "", f"{counted(len(results))}: {len(results) - failed} ok, {failed} failed", ""))


def document(results: Sequence[Result], undiscovered: Mapping[str, Failure]) -> str:
    """Return the same as JSON."""
    targets = [
        {
            "aws_account_id": result.account_id,
            "account_name": result.account_name,
            "aws_region": result.region,
            "result": result.word,
            "duration_seconds": round(result.duration_seconds, 3),
            "error": result.failure.error if result.failure else None,
            "hint": result.failure.hint if result.failure else None,
        }
        for result in results
    ]
    discovery = [
        {"source": source, "result": failure.reason.value, "error": failure.error, "hint": failure.hint}
        for source, failure in undiscovered.items()
    ]
    return json.dumps({"targets": targets, "discovery_failures": discovery}, indent=2) + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.account_id,
        result.account_name,
        result.region,
        result.word,
        f"{result.duration_seconds:.2f} s",
    )


def _colours(results: Sequence[Result], is_coloured: bool) -> Iterator[str]:  # noqa: FBT001
    yield ""
    for result in results:
        known = {OK: GREEN, "region_disabled": YELLOW}
        yield known.get(result.word, RED) if is_coloured else ""


def _line(row: tuple[str, ...], widths: Sequence[int], colour: str) -> str:
    account_id, name, region, word, time = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    shown = f"{colour}{word}{PLAIN}" if colour else word
    return f"{account_id}  {name}  {region}  {shown}  {time.strip().rjust(widths[-1])}"


def _by_failure(results: Sequence[Result]) -> Iterator[tuple[Failure, list[Result]]]:
    """Return what failed in the same way in one account, region beside region."""

    def same(result: Result) -> tuple[str, str, str, str]:
        # AWS names the region and the request in many errors: the hint tells better what is the same.
        hint = result.failure.hint.replace(result.region, "") if result.failure else ""
        return (result.account_name, result.account_id, result.word, hint)

    for _, found in groupby(sorted((result for result in results if result.failure), key=same), same):
        alike = list(found)
        if alike[0].failure:
            yield alike[0].failure, alike


def _told(what: str, failure: Failure, width: int) -> list[str]:
    told = [f"{failure.reason.value}: {what}", f"  error: {failure.error}", f"  hint: {failure.hint}"]
    if width:
        told = [
            part
            for line in told
            for part in textwrap.wrap(line, max(width, 40), subsequent_indent="    ", break_on_hyphens=False)
        ]
    return ["", *told]
