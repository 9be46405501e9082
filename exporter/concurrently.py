"""Asking many at once."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AT_ONCE = 8
TICK_SECONDS = 1.0


def side_by_side(
    function: Callable[[Item], Answer], items: Sequence[Item]
) -> Iterator[tuple[Item, Answer | Exception] | None]:
    """Return each item and its answer as they come, and None after each second in which none came.

    In threads that hold up nobody: not each other, and not the end of the process.
    """
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[Item, Answer | Exception]] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                item = waiting.get_nowait()
                answers.put((item, tried(function, item)))

    for _ in range(min(AT_ONCE, len(items))):
        threading.Thread(target=work, name="discovery", daemon=True).start()
    missing = len(items)
    while missing:
        try:
            yield answers.get(timeout=TICK_SECONDS)
            missing -= 1
        except queue.Empty:
            yield None


def tried(function: Callable[..., Answer], *arguments: Any) -> Answer | Exception:
    """Return the answer, or whatever was raised in its place."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever AWS and the network do, the others are asked
        return error
