"""The log of the polls: what changed, and what is true of a whole account, or of all, told once."""

import structlog

from exporter.model import Failed, FailureReason, Outcome, Polled, Target
from exporter.state import TargetState

log = structlog.get_logger()

QUIET_SECONDS = 300.0
"""How long the same news of another region of the account is not told above debug level."""


class Journal:
    """Tells of polls. With a hundred accounts in twenty regions, one cause is one line and not two thousand."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], float] = {}
        """When each piece of news was last told, Unix seconds."""

    def tell(self, target: Target, before: TargetState, after: TargetState, outcome: Outcome) -> None:
        """Log what changed; what stays the same is told at debug level."""
        facts = {
            "aws_account_id": after.account_id or target.account.configured_id,
            "account": target.account.shown,
            "aws_region": target.region,
            "duration_seconds": round(outcome.duration_seconds, 3),
        }
        if isinstance(outcome, Polled):
            # That an account is within reach is told once; that a region of it is again, for each.
            region = target.region if before.failures_in_a_row else ""
            changed = bool(before.failures_in_a_row or not before.polls)
            tell = log.info if changed and self._is_new(("", target.account.key, region), outcome) else log.debug
            tell("poll succeeded", **facts, jobs=len(outcome.listing.jobs))
            return
        failure, reason = outcome.failure, outcome.failure.reason.value
        changed = not isinstance(before.last, Failed) or before.last.failure.reason is not failure.reason
        # Without credentials of its own the exporter gets into no account at all: that is one piece of news.
        whose = "" if failure.reason is FailureReason.CREDENTIALS else target.account.key
        tell = (
            log.warning
            if changed and self._is_new((reason, failure.error, failure.hint, whose), outcome)
            else log.debug
        )
        tell("poll failed", **facts, reason=reason, error=failure.error, hint=failure.hint)

    def _is_new(self, news: tuple[str, ...], outcome: Outcome) -> bool:
        now = outcome.at_seconds
        self._told = {told: at for told, at in self._told.items() if now - at < QUIET_SECONDS}
        is_new = news not in self._told
        if is_new:
            self._told[news] = now
        return is_new
