"""Asking many at once."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item", bound=Hashable)
Answer = TypeVar("Answer")

AT_ONCE = 8
TICK_SECONDS = 1.0


class SideBySide:
    """Asks in threads that hold up nobody: not each other, and not the end of the process.

    Sockets have timeouts, but fed a byte now and then a question can last for hours: it is given up, and not asked
    again until its thread has ended.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lost: dict[tuple[Any, Any], threading.Thread] = {}

    def __call__(
        self, function: Callable[[Item], Answer], items: Sequence[Item], deadline_seconds: float
    ) -> Iterator[tuple[Item, Answer | Exception] | None]:
        """Return each item and its answer as they come, and None after each second in which none came.

        An item that takes longer than the deadline is answered by a TimeoutError.
        """
        late = TimeoutError(f"no complete answer within {deadline_seconds:g} s")
        self._lost = {key: thread for key, thread in self._lost.items() if thread.is_alive()}
        yield from ((item, late) for item in items if (function, item) in self._lost)
        waiting = deque(item for item in items if (function, item) not in self._lost)
        under_way: dict[Item, tuple[float, threading.Thread]] = {}
        answers: queue.SimpleQueue[tuple[Item, Answer | Exception]] = queue.SimpleQueue()

        def work(item: Item) -> None:
            answers.put((item, tried(function, item)))

        while waiting or under_way:
            while waiting and len(under_way) < AT_ONCE:
                item = waiting.popleft()
                thread = threading.Thread(target=work, args=(item,), name="question", daemon=True)
                under_way[item] = (self._monotonic() + deadline_seconds, thread)
                thread.start()
            try:
                item, answer = answers.get(timeout=min(TICK_SECONDS, deadline_seconds))
                if under_way.pop(item, None):
                    yield item, answer
            except queue.Empty:
                yield None
            for item in [item for item, (end, _) in under_way.items() if end <= self._monotonic()]:
                self._lost[function, item] = under_way.pop(item)[1]
                yield item, late


def tried(function: Callable[..., Answer], *arguments: Any) -> Answer | Exception:
    """Return the answer, or whatever was raised in its place."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever AWS and the network do, the others are asked
        return error
