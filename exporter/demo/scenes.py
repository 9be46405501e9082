"""One job with a chosen end at a chosen time, for those who want to see exactly that."""

from hashlib import blake2b
from math import inf

from exporter.demo.course import MESSAGE_MARKER, Course
from exporter.demo.workloads import CLAUDE_HAIKU, Ending

_BEFORE_SECONDS = 60.0
"""How long before the scene the job was submitted; by the scene's begin it has been admitted."""

_RECORDS = 10_000
_HALF = 0.5


def scene(
    ending: Ending,
    *,
    account_id: str,
    region: str,
    name: str,
    now_seconds: float,
    in_seconds: float,
    model_id: str = CLAUDE_HAIKU,
    error_ratio: float = 0.0,
) -> Course:
    """Lay down a job that begins to run now and comes to `ending` in so many seconds; `Fleet.play` plays it.

    A job that is TOO_SLOW would need twice that time, one that is STALLED stops after a quarter of it, one that is
    EXPIRED never runs, one that is STOPPED is Stopping for the last quarter. For all of these `in_seconds` is also when
    the job expires; the others have as much time again.
    """
    end_seconds = now_seconds + in_seconds
    timed_out = ending in (Ending.TOO_SLOW, Ending.STALLED, Ending.EXPIRED)
    never_runs = ending in (Ending.EXPIRED, Ending.INVALID)
    stopped = ending is Ending.STOPPED
    failed = ending in (Ending.FAILED, Ending.INVALID)
    id_ = blake2b(f"{account_id}/{region}/{name}".encode(), digest_size=6).hexdigest()
    return Course(
        account_id=account_id,
        region=region,
        id=id_,
        name=name,
        model_id=model_id,
        submit_seconds=now_seconds - _BEFORE_SECONDS,
        validating_seconds=now_seconds - _BEFORE_SECONDS * 2 / 3,
        scheduled_seconds=inf if ending is Ending.INVALID else now_seconds - _BEFORE_SECONDS / 3,
        started_seconds=inf if never_runs else now_seconds,
        stopping_seconds=end_seconds - in_seconds / 4 if stopped else inf,
        end_seconds=end_seconds,
        final_status=ending.final_status,
        expiration_seconds=end_seconds if timed_out else end_seconds + in_seconds,
        invocation_type="InvokeModel",
        total_records=_RECORDS,
        whole_run_seconds=in_seconds
        if ending is Ending.COMPLETED
        else in_seconds * (_HALF if ending is Ending.STALLED else 2),
        stalls_at=_HALF if ending is Ending.STALLED else 1.0,
        error_ratio=error_ratio,
        message=f"The input of {name} is not as expected: {MESSAGE_MARKER}-{id_}" if failed else None,
    )
