"""The polls under way: which take a place, which are overdue, and which threads are stuck."""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.model import Listing, Target

Key = tuple[str, str]


@dataclass(eq=False, slots=True)
class Poll:
    """A poll under way."""

    target: Target
    at_seconds: float
    started_monotonic: float
    previous: Listing | None
    """What the last successful poll knew."""
    is_suspect: bool = False
    """Whether the target's last poll timed out."""
    is_abandoned: bool = False
    """Whether the answer is no longer wanted; asked between pages."""


class PollsUnderWay:
    """All polls under way: one a target at once, even where a reload removes the target and another brings it back."""

    def __init__(self) -> None:
        self._polls: dict[Key, Poll] = {}
        self._deadlines: list[tuple[float, int, Poll]] = []
        self._sequence = itertools.count()
        self._lost: Counter[Key] = Counter()
        """Threads by target that were given up and have yet to return."""

    def __contains__(self, key: Key) -> bool:
        return key in self._polls

    def __iter__(self) -> Iterator[Poll]:
        return iter(self._polls.values())

    @property
    def threads(self) -> int:
        """How many threads there are, stuck ones included."""
        return len(self._polls) + self._lost.total()

    @property
    def places(self) -> int:
        """How many workers' places are taken: a poll that was given up has its thread, but no longer a place."""
        return sum(not poll.is_abandoned for poll in self)

    @property
    def suspects(self) -> int:
        """How many of them are taken by targets whose last poll timed out."""
        return sum(poll.is_suspect and not poll.is_abandoned for poll in self)

    @property
    def next_deadline(self) -> float:
        """When a poll may be overdue next; infinity for never."""
        return self._deadlines[0][0] if self._deadlines else float("inf")

    def add(self, poll: Poll, deadline: float) -> None:
        """Begin a poll that should end by the deadline."""
        self._polls[poll.target.key] = poll
        self.extend(poll, deadline)

    def extend(self, poll: Poll, deadline: float) -> None:
        """Give a poll another deadline, after the one that it missed."""
        heapq.heappush(self._deadlines, (deadline, next(self._sequence), poll))

    def overdue(self, now: float) -> Iterator[Poll]:
        """Return the polls that are past their deadline, each once."""
        while self.next_deadline <= now:
            _, _, poll = heapq.heappop(self._deadlines)
            if self._polls.get(poll.target.key) is poll:
                yield poll

    def end(self, poll: Poll) -> bool:
        """End a poll whose thread returns; False for one that was lost."""
        key = poll.target.key
        if self._polls.get(key) is poll:
            del self._polls[key]
            return True
        self._lost[key] -= 1
        return False

    def lose(self, poll: Poll, at_most: int) -> bool:
        """Go on without a poll's thread; False if that many of the target's are lost already."""
        key = poll.target.key
        if self._lost[key] >= at_most:
            return False
        self._lost[key] += 1
        del self._polls[key]
        return True
