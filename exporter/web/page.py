"""The page for people: the targets as a table that needs no script and no other asset.

Every value in it is hostile text.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

SOURCE = files("exporter.web").joinpath("page.html").read_text(encoding="utf-8")
TEMPLATE = Template(SOURCE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page shows. Times are Unix seconds."""

    targets: Sequence[Mapping[str, Any]]
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
    now = facts.now_seconds
    html = TEMPLATE.substitute(
        version=escape(facts.version),
        uptime=escape(duration(now - facts.started_seconds)),
        now=_moment(now),
        summary=_summary(facts.targets),
        rows="\n".join(_target(row, now) for row in facts.targets),
        telemetry_path=escape(facts.telemetry_path),
    )
    return html.encode("utf-8", "replace")


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units, as in `2 d 4 h`."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def _summary(targets: Sequence[Mapping[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in targets:
        state = str(row.get("state"))
        counts[state] = counts.get(state, 0) + 1
    states = ", ".join(f"{count} {escape(state)}" for state, count in counts.items())
    return f"{len(targets)} target{'' if len(targets) == 1 else 's'}" + (f": {states}" if states else "")


def _target(row: Mapping[str, Any], now: float) -> str:
    def cell(key: str) -> str:
        return escape(str(row.get(key) or ""))

    jobs = row.get("jobs") or {}
    counts = ", ".join(f"{escape(str(status))} {count}" for status, count in jobs.items() if count)
    return (
        f"<tr><td>{cell('state')}</td><td>{cell('account_name')} {cell('aws_account_id')}</td><td>{cell('aws_region')}"
        f"</td><td>{counts}</td><td>{_ahead(row.get('next_expiration_timestamp_seconds'), now)}</td>"
        f"<td>{_ago(row.get('last_success_timestamp_seconds'), now)}</td>"
        f"<td>{_ahead(row.get('next_poll_timestamp_seconds'), now)}</td>"
        f"<td>{cell('reason')} {cell('error')} {cell('hint')}</td></tr>"
    )


def _moment(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'


def _ago(at: float | None, now: float) -> str:
    return "never" if at is None else f"{duration(now - at)} ago"


def _ahead(at: float | None, now: float) -> str:
    if at is None:
        return "-"
    return f"in {duration(at - now)}" if at > now else f"{duration(now - at)} ago"
