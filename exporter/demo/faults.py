"""What goes wrong, on purpose: faults that befall chosen calls, set and taken back while the simulation runs."""

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from random import Random
from threading import Lock
from typing import Any

from exporter.demo.wire import Answer, Call, Delivery, Problem, Refused, not_authorized


class FaultKind(StrEnum):
    """Everything that can go wrong with a call."""

    THROTTLE = "throttle"
    """ThrottlingException, with `Retry-After` where `retry_after_seconds` is given."""
    DENY = "deny"
    """AccessDeniedException: no identity-based policy allows it."""
    SCP_DENY = "scp_deny"
    """AccessDeniedException: an explicit deny in a service control policy."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - not a password
    """ExpiredTokenException, whatever the credentials say."""
    REGION_DISABLED = "region_disabled"
    """UnrecognizedClientException, as from a region that is not enabled for the account."""
    SERVER_ERROR = "server_error"
    """InternalServerException, 500."""
    HANG = "hang"
    """The request is taken and not answered until the fault is removed; the connection is closed then."""
    DRIP = "drip"
    """The right answer, one byte a second."""
    CUT = "cut"
    """The right answer, and the connection closes halfway through it."""
    RESET = "reset"
    """The connection is reset."""
    DELAY = "delay"
    """The right answer, `delay_seconds` late."""
    GARBAGE = "garbage"
    """200 with a page of HTML, as from a proxy."""
    TRUNCATED = "truncated"
    """200 with the first half of the JSON, complete as HTTP."""
    EMPTY_OBJECT = "empty_object"
    """200 with `{}`: no `invocationJobSummaries` in it."""
    MALFORMED_SUMMARY = "malformed_summary"
    """The first summary of the page has an empty `inputDataConfig`, over which botocore's parser stumbles."""
    REPEAT_TOKEN = "repeat_token"  # noqa: S105 - not a password
    """From the second page on, `nextToken` is the one that was just sent."""
    EMPTY_PAGE = "empty_page"
    """A page without a summary, but with a token that leads to the page that was asked for."""


_REFUSALS = {
    FaultKind.EXPIRED_TOKEN: Problem.EXPIRED,
    FaultKind.REGION_DISABLED: Problem.UNKNOWN_KEY,
    FaultKind.SERVER_ERROR: Problem.INTERNAL,
}
_DELIVERIES = {
    FaultKind.HANG: Delivery.HANG,
    FaultKind.DRIP: Delivery.DRIP,
    FaultKind.CUT: Delivery.CUT,
    FaultKind.RESET: Delivery.RESET,
}
_HTML = b"<!doctype html><title>Sign in</title><p>This network asks you to sign in first."


@dataclass(slots=True)
class Fault:
    """A fault and whom it befalls; None is everyone, everywhere.

    AssumeRole belongs to the account of the role, not of the caller.
    """

    kind: FaultKind
    account_id: str | None = None
    region: str | None = None
    service: str | None = "bedrock"
    operation: str | None = None
    count: int | None = None
    """How many calls it befalls; None is all of them."""
    probability: float = 1.0
    retry_after_seconds: float | None = None
    delay_seconds: float = 0.0
    id: int = field(default=0)
    """The simulation's handle for it."""

    def befalls(self, call: Call) -> bool:
        """Tell whether the call is one of those it is meant for."""
        return (
            self.account_id in (None, call.account_id)
            and self.region in (None, call.region)
            and self.service in (None, call.service)
            and self.operation in (None, call.operation)
        )

    def refusal(self, call: Call) -> Refused | None:
        """Return the refusal that takes the answer's place, if it is of that kind."""
        match self.kind:
            case FaultKind.THROTTLE:
                return Refused(Problem.THROTTLED, retry_after_seconds=self.retry_after_seconds)
            case FaultKind.DENY:
                return not_authorized(call)
            case FaultKind.SCP_DENY:
                return not_authorized(call, "with an explicit deny in a service control policy")
        problem = _REFUSALS.get(self.kind)
        return Refused(problem) if problem else None

    def spoil(self, call: Call, answer: Answer) -> Answer:
        """Make of the right answer what the fault makes of it."""
        if delivery := _DELIVERIES.get(self.kind):
            return replace(answer, delivery=delivery)
        match self.kind:
            case FaultKind.GARBAGE:
                return replace(answer, body=_HTML, content_type="text/html")
            case FaultKind.TRUNCATED:
                return replace(answer, body=answer.body[: len(answer.body) // 2])
            case FaultKind.EMPTY_OBJECT:
                return replace(answer, body=b"{}")
        return answer if answer.status != 200 else self._spoil_page(call, answer)  # noqa: PLR2004

    def _spoil_page(self, call: Call, answer: Answer) -> Answer:
        sent = call.params.get("nextToken")
        page: dict[str, Any]
        match self.kind:
            case FaultKind.MALFORMED_SUMMARY:
                page = json.loads(answer.body)
                page["invocationJobSummaries"][:1] = [
                    {**next(iter(page["invocationJobSummaries"]), {}), "inputDataConfig": {}}
                ]
            case FaultKind.REPEAT_TOKEN if sent:
                page = {**json.loads(answer.body), "nextToken": sent}
            case _:
                return answer
        return replace(answer, body=json.dumps(page).encode())


class Faults:
    """The faults under way; the first that befalls a call has it. Safe to use from several threads."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = Lock()
        self._faults: dict[int, Fault] = {}
        self._ids = count(1)
        self._dice = Random(seed)  # noqa: S311 - no secret

    def add(self, kind: FaultKind | str, **where: Any) -> Fault:
        """Let something go wrong from now on: `add("throttle", account_id="111122223333", count=3)`."""
        fault = Fault(FaultKind(kind), **where, id=next(self._ids))
        with self._lock:
            self._faults[fault.id] = fault
        return fault

    def remove(self, fault: Fault | int) -> None:
        """Take a fault back; what hangs by it is let go. One that is gone already is no error."""
        with self._lock:
            self._faults.pop(fault if isinstance(fault, int) else fault.id, None)

    def clear(self) -> None:
        """Take everything back."""
        with self._lock:
            self._faults.clear()

    def active(self) -> list[Fault]:
        """Return the faults under way."""
        with self._lock:
            return list(self._faults.values())

    def holds(self, fault: Fault) -> bool:
        """Tell whether the fault has not been taken back."""
        return fault.id in self._faults

    def strike(self, call: Call) -> Fault | None:
        """Find the fault that befalls this call, and count it."""
        with self._lock:
            for fault in self._faults.values():
                if fault.count == 0 or not fault.befalls(call) or self._dice.random() >= fault.probability:
                    continue
                if fault.count is not None:
                    fault.count -= 1
                return fault
        return None
