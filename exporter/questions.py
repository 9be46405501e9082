"""The questions of discovery: what a configuration wants to know, and how it is asked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.concurrently import Answer, Item
from exporter.config import AllRegions, Scope
from exporter.model import Account, Failure

ORGANIZATION, REGIONS = "organization", "regions"
"""What is asked: the values of the label `source`."""

REGIONS_INTERVAL_SECONDS = 3600.0


class Concurrently(Protocol):
    """Asks many at once: see `concurrently.SideBySide`."""

    def __call__(
        self, function: Callable[[Item], Answer], items: Sequence[Item], deadline_seconds: float
    ) -> Iterable[tuple[Item, Answer | Exception] | None]:
        """Return each item and its answer as they come."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration asks for."""

    scopes: tuple[Scope, ...]
    """The accounts that it names."""
    organization_regions: tuple[str, ...] | AllRegions | None = None
    """The regions of the accounts of the organization; None: they are not asked for."""
    refresh_seconds: float = REGIONS_INTERVAL_SECONDS

    @property
    def sources(self) -> frozenset[str]:
        """What has to be asked."""
        lists = [scope.regions for scope in self.scopes]
        organization = () if self.organization_regions is None else (ORGANIZATION,)
        return frozenset((*organization, *((REGIONS,) if "all" in (*lists, self.organization_regions) else ())))


@dataclass(frozen=True, slots=True)
class Ask:
    """The questions, each of which may raise anything."""

    members: Callable[[], tuple[Account, ...]]
    """The accounts of the organization that the configuration does not name."""
    enabled_regions: Callable[[Account], tuple[str, ...] | None]
    """The regions to poll in an account; None where it does not let that be asked."""
    every_region: Callable[[Account], tuple[str, ...]]
    """What stands for them then."""
    classify: Callable[[Exception, Account], Failure]
