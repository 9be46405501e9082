"""The page for people: the targets as a table that needs no script and no other asset.

Every value in it is hostile text.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

SOURCE = files("exporter.web").joinpath("page.html").read_text(encoding="utf-8")
TEMPLATE = Template(SOURCE)

STATES = frozenset({"failing", "stale", "pending", "ok"})
STATUSES = re.findall(r"^\.jobs \.(\w+)::before", SOURCE, re.MULTILINE)
"""The statuses that have a colour, in the order of a job's life; any other word is shown in grey, at the end."""
LAST_SECOND = 253_402_300_799.0
"""The end of the year 9999, beyond which there is no date to show."""
NEVER = '<span class="muted">never</span>'
NONE = '<span class="muted">none</span>'
UNKNOWN = '<span class="muted">unknown</span>'


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page shows. Times are Unix seconds."""

    targets: Sequence[Mapping[str, Any]]
    """Rows as `/targets` shows them, those that need attention first."""
    version: str
    started_seconds: float
    now_seconds: float
    telemetry_path: str


def content_security_policy(source: str = SOURCE) -> str:
    """Return the policy that lets a browser run the page's own style and script and nothing else, each by its hash."""

    def hashes(tag: str) -> str:
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"
            for inline in re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        )

    return (
        f"default-src 'none'; style-src {hashes('style')}; script-src {hashes('script')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


POLICY = content_security_policy()


def render(facts: Facts) -> bytes:
    """Return the page as UTF-8."""
    now, targets = facts.now_seconds, facts.targets
    states = Counter(str(row["state"]) for row in targets)
    ailing = ", ".join(f"{states[state]} {state}" for state in ("failing", "stale") if states[state])
    html = TEMPLATE.substitute(
        title=f"{ailing} · Bedrock batch exporter" if ailing else "Bedrock batch exporter",
        version=escape(facts.version),
        uptime=duration(now - facts.started_seconds),
        now=f'<time datetime="{_iso(now)}">{_clock(now)}</time>',
        count=len(targets),
        states=escape(", ".join(f"{count} {state}" for state, count in states.items())),
        jobs=_all_jobs(targets),
        expiration=_soonest(targets, now),
        rows="\n".join(_target(row, now) for row in targets),
        empty=""
        if targets
        else '<p class="empty muted">No targets: the configuration names no account and region.</p>',
        telemetry_path=escape(facts.telemetry_path),
    )
    return html.encode("utf-8", "replace")


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units, as in `2 d 4 h`."""
    left = max(0, round(seconds))
    for size, unit, smaller, smaller_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if left >= size:
            rest = left % size // smaller
            return f"{left // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{left} s"


def _target(row: Mapping[str, Any], now: float) -> str:
    state = str(row["state"])
    name, account = str(row["account_name"] or ""), str(row["aws_account_id"] or "")
    number = f"<span>{escape(account)}</span>" if name != account else ""
    return (
        f'<tbody role="rowgroup" class="{state if state in STATES else ""}"><tr role="row">'
        f'<td role="cell"><span class="state">{escape(state)}</span></td>'
        f'<th role="rowheader" scope="row" class="account"><b>{escape(name)}</b>{number}</th>'
        f'<td role="cell" data-label="Region" class="region">{escape(str(row["aws_region"]))}</td>'
        + _cell("Jobs", _jobs_of(row), None if row["jobs"] is None else sum(row["jobs"].values()))
        + _cell("Expiration", _expiration(row, now), row["next_expiration_timestamp_seconds"])
        + _cell("Last success", _success(row, now), row["last_success_timestamp_seconds"])
        + _cell("Next poll", _next_poll(row, now), row["next_poll_timestamp_seconds"])
        + f"</tr>{_failure(row)}</tbody>"
    )


def _cell(label: str, content: str, sort: float | None) -> str:
    key = "" if sort is None else str(sort)
    kind = "" if label == "Jobs" else ' class="times"'
    return f'<td role="cell" data-label="{label}"{kind} data-sort="{key}"><div>{content}</div></td>'


def _failure(row: Mapping[str, Any]) -> str:
    """Return the line below a target whose last poll failed: why, and what to do."""
    if not row["error"]:
        return ""
    failures = row["failures"]
    times = "1 failed poll" if failures == 1 else f"{failures} failed polls in a row"
    hint = f"<p>{escape(str(row['hint']))}</p>" if row["hint"] else ""
    return (
        '<tr role="row" class="why"><td role="cell" colspan="7"><div>'
        f"<p><strong>{escape(str(row['reason']))}</strong>, {times}</p><p><code>{escape(str(row['error']))}</code></p>"
        f"{hint}</div></td></tr>"
    )


def _jobs_of(row: Mapping[str, Any]) -> str:
    if row["jobs"] is None:
        return UNKNOWN
    dropped = row["jobs_dropped"]
    more = (
        f'<span class="muted">{dropped:,} without series of their own (max_jobs_per_target)</span>' if dropped else ""
    )
    return _jobs(row["jobs"]) + more


def _jobs(counts: Mapping[str, int]) -> str:
    items = "".join(
        f'<li class="{status if status in STATUSES else ""}"><b>{count:,}</b> {escape(status)}</li>'
        for status, count in counts.items()
        if count
    )
    return f'<ul class="jobs">{items}</ul>' if items else NONE


def _all_jobs(targets: Sequence[Mapping[str, Any]]) -> str:
    """Return the sum over all targets, and of how many nothing is known."""
    known = [row["jobs"] for row in targets if row["jobs"] is not None]
    if not known and targets:
        return UNKNOWN
    total: Counter[str] = Counter()
    for counts in known:
        total.update(counts)
    missing = len(targets) - len(known)
    plural = "" if missing == 1 else "s"
    more = f'<span class="muted">and those of {missing} target{plural}, unknown</span>' if missing else ""
    return _jobs({status: total[status] for status in (*STATUSES, *(total.keys() - set(STATUSES)))}) + more


def _soonest(targets: Sequence[Mapping[str, Any]], now: float) -> str:
    expiring = [row for row in targets if row["next_expiration_timestamp_seconds"] is not None]
    if not expiring:
        return UNKNOWN if targets and all(row["jobs"] is None for row in targets) else NONE
    row = min(expiring, key=lambda row: float(row["next_expiration_timestamp_seconds"]))
    where = escape(f"{row['account_name']}, {row['aws_region']}")
    return f'<strong class="line">{_expiration(row, now)}</strong>{where}'


def _expiration(row: Mapping[str, Any], now: float) -> str:
    at = row["next_expiration_timestamp_seconds"]
    if at is None:
        return UNKNOWN if row["jobs"] is None else NONE
    if at < now:
        return f'<span class="late">{_time(at, f"{duration(now - at)} overdue")}</span>'
    return _time(at, f"in {duration(at - now)}")


def _success(row: Mapping[str, Any], now: float) -> str:
    at = row["last_success_timestamp_seconds"]
    return NEVER if at is None else _time(at, f"{duration(now - at)} ago")


def _next_poll(row: Mapping[str, Any], now: float) -> str:
    at = row["next_poll_timestamp_seconds"]
    if at is None:
        return UNKNOWN
    return _time(at, f"in {duration(at - now)}" if at > now else "now")


def _time(at: float, words: str) -> str:
    return f'<time datetime="{_iso(at)}" title="{_clock(at)}">{words}</time>'


def _iso(at: float) -> str:
    return f"{_date(at):%Y-%m-%dT%H:%M:%SZ}"


def _clock(at: float) -> str:
    return f"{_date(at):%Y-%m-%d %H:%M:%S} UTC"


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0.0), LAST_SECOND), UTC)
