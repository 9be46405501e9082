"""Sharing the targets between exporters, so that each target has one and a further exporter moves only its share."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from exporter.model import Target


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` exporters, from 0."""

    number: int = 0
    total: int = 1

    def share(self, targets: Iterable[Target]) -> tuple[Target, ...]:
        """Return the targets that are this exporter's."""
        return tuple(target for target in targets if shard_of(target, self.total) == self.number)


WHOLE = Shard()
"""The only exporter there is."""


def shard_of(target: Target, total: int) -> int:
    """Return the exporter, of so many, that a target belongs to: in every process the same, without a word between.

    The highest of pseudo-random weights wins (rendezvous hashing): where one exporter is added, a target either stays
    or moves to the new one. An account goes by its id, or by its way in where the configuration does not tell the id.
    """
    whose = target.account.configured_id or target.account.key
    return max(range(total), key=lambda number: _weight(whose, target.region, number)) if total > 1 else 0


def _weight(whose: str, region: str, number: int) -> bytes:
    return sha256(f"{whose}\0{region}\0{number}".encode()).digest()
