"""The targets as rows for people: what `/` and `/targets` show."""

from typing import Any

from exporter.metrics import account_label, account_name
from exporter.model import Failed, Target
from exporter.state import Snapshot, TargetState
from exporter.summary import Limits, summarize

WORST_FIRST = ("failing", "stale", "pending", "ok")


def rows(snapshot: Snapshot, limits: Limits, now_seconds: float) -> list[dict[str, Any]]:
    """Return a row a target, those that need attention first. Times are Unix seconds, None where there is none."""
    return sorted(
        (_row(snapshot, target, limits, now_seconds) for target in snapshot.states),
        key=lambda row: (
            WORST_FIRST.index(row["state"]),
            row["account_name"],
            row["aws_account_id"],
            row["aws_region"],
        ),
    )


def _row(snapshot: Snapshot, target: Target, limits: Limits, now_seconds: float) -> dict[str, Any]:
    state = snapshot.states[target]
    account_id = account_label(target, state)
    is_stale = state.is_stale(now_seconds, limits.stale_after_seconds)
    summary = summarize(state.success.listing, limits) if state.success and not is_stale else None
    failure = state.last.failure if isinstance(state.last, Failed) else None
    return {
        "aws_account_id": account_id,
        "account_name": account_name(target, account_id),
        "aws_region": target.region,
        "state": _state(state, is_stale=is_stale),
        "last_success_timestamp_seconds": state.success.at_seconds if state.success else None,
        "next_poll_timestamp_seconds": snapshot.next_polls.get(target),
        "poll_duration_seconds": state.last.duration_seconds if state.last else None,
        "jobs": {status.value: count for status, count in summary.counts.items()} if summary else None,
        "jobs_dropped": summary.dropped if summary else None,
        "next_expiration_timestamp_seconds": summary.next_expiration_seconds if summary else None,
        "failures": state.failures_in_a_row,
        "reason": failure.reason.value if failure else None,
        "error": failure.error if failure else None,
        "hint": failure.hint if failure else None,
    }


def _state(state: TargetState, *, is_stale: bool) -> str:
    if not state.polls:
        return "pending"
    if isinstance(state.last, Failed):
        return "failing"
    return "stale" if is_stale else "ok"
