"""Time as an argument, so that a test can hold it."""

import queue
import time
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What the exporter asks of time."""

    def now(self) -> float:
        """Return the Unix time in seconds."""

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""

    def wait(self, inbox: "queue.SimpleQueue[T]", timeout_seconds: float | None) -> T | None:
        """Return what arrives in the inbox, or None when the timeout (None: never) has passed first."""


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def wait(inbox: "queue.SimpleQueue[T]", timeout_seconds: float | None) -> T | None:
        """Return what arrives in the inbox, or None when the timeout (None: never) has passed first."""
        try:
            return inbox.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
