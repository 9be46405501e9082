"""Every HTTP request to AWS, retries included, told to who counts them."""

import time
from typing import Any, Protocol

from botocore.session import Session

from exporter.aws.errors import code_of, is_throttle


class OnRequest(Protocol):
    """Told of every HTTP request to AWS, retries included."""

    def __call__(self, service: str, operation: str, duration_seconds: float, *, throttled: bool) -> None:
        """Count one request."""


def watch(session: Session, on_request: OnRequest) -> None:
    """Tell of the requests of a session's clients."""
    session.register("request-created", _note_start)
    session.register("response-received", _Tell(on_request))


def _note_start(**event: Any) -> None:
    event["request"].context["exporter_started"] = time.perf_counter()


class _Tell:
    """Tells of each attempt: botocore emits `response-received` for errors of the connection, too."""

    def __init__(self, on_request: OnRequest) -> None:
        self._on_request = on_request

    def __call__(self, **event: Any) -> None:
        _, service, operation = event["event_name"].split(".")
        answer = event["parsed_response"] or {}
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        now = time.perf_counter()
        self._on_request(
            service,
            operation,
            now - event["context"].get("exporter_started", now),
            throttled=is_throttle(code_of(answer), status),
        )
