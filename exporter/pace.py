"""When a target is polled next: once an interval, less often where it keeps failing or where AWS asks for it."""

import math
import zlib

from exporter.model import Failed, FailureReason, Outcome, Target
from exporter.state import TargetState

BACKOFF_INTERVALS = (1, 1, 2, 4)
"""Intervals until the next poll after so many failures in a row; the last stands for all further ones."""
DISABLED_INTERVALS = 15
"""Intervals until a region that is not enabled is asked again: people enable regions rarely."""
SURE_FAILURES = 3
"""How often a region in which a poll once succeeded must say that it is not enabled until it is believed."""
SLOWEST = 4.0
"""The most intervals between the polls of a target that AWS throttles."""
SPEED_UP = 0.25
"""How much of an interval it gets back for each poll that succeeds: slow, lest it is throttled again at once."""
LONGEST_RETRY_AFTER_SECONDS = 900.0


def slowness_after(slowness: float, outcome: Outcome) -> float:
    """Return how many intervals lie between two polls from now on: twice as many if throttled, fewer by and by else."""
    if not isinstance(outcome, Failed):
        return max(1.0, slowness - SPEED_UP)
    return min(SLOWEST, 2 * slowness) if outcome.failure.reason is FailureReason.THROTTLED else slowness


def intervals_until_next(state: TargetState, slowness: float = 1.0) -> int:
    """Return how many intervals a target waits: one, or more where it is slowed down or keeps failing."""
    intervals = math.ceil(slowness)
    if not isinstance(state.last, Failed):
        return intervals
    failures = state.failures_in_a_row
    is_disabled = state.last.failure.reason is FailureReason.REGION_DISABLED
    if is_disabled and (state.success is None or failures >= SURE_FAILURES):
        return DISABLED_INTERVALS
    return max(intervals, BACKOFF_INTERVALS[min(failures, len(BACKOFF_INTERVALS)) - 1])


def next_due(
    target: Target, state: TargetState, slowness: float, *, started: float, now: float, interval_seconds: float
) -> float:
    """Return when the target is due, on the monotonic clock that also told when its last poll started.

    Each target has its own phase in the interval, the same after every restart. `Retry-After` is honoured.
    """
    phase = zlib.crc32("\0".join(target.key).encode()) / 2**32 * interval_seconds
    earliest = started + interval_seconds * (intervals_until_next(state, slowness) - 0.5)
    due = phase + math.ceil((earliest - phase) / interval_seconds) * interval_seconds
    if isinstance(state.last, Failed) and state.last.failure.retry_after_seconds is not None:
        due = max(due, now + min(state.last.failure.retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS))
    return max(due, now)
