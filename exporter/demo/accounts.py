"""The accounts of the simulated AWS: their roles, their regions, their place in an organization."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DEFAULT_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
    "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1",
    "ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2",
)  # fmt: skip
"""Enabled in every account without asking."""

OPT_IN_REGIONS = (
    "af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1",
    "me-central-1", "me-south-1", "mx-central-1",
)  # fmt: skip
"""Closed to an account until it asks for them."""

ROLE_NAME = "bedrock-batch-exporter"
EXTERNAL_ID = "example"
ROOT_ID = "r-demo"
ORGANIZATION_ID = "o-demo000000"


@dataclass(frozen=True, slots=True)
class Role:
    """A role of an account and whom it trusts."""

    name: str = ROLE_NAME
    external_id: str | None = EXTERNAL_ID
    """What a caller must send; None asks for none."""
    trusted: frozenset[str] | None = None
    """Principal ARNs or account ids that may assume it; None is anyone of the simulation."""


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """An account as AWS knows it."""

    id: str
    name: str
    roles: tuple[Role, ...] = (Role(),)
    state: str = "ACTIVE"
    """As Organizations has it: ACTIVE, SUSPENDED, PENDING_CLOSURE, CLOSED."""
    parent_id: str = ROOT_ID
    """The root or the organizational unit that holds it."""
    enabled_regions: frozenset[str] = frozenset(DEFAULT_REGIONS)

    def role_arn(self, name: str = ROLE_NAME) -> str:
        """Return the ARN of one of its roles."""
        return f"arn:aws:iam::{self.id}:role/{name}"

    def can_use(self, region: str) -> bool:
        """Tell whether the region is enabled; regions of other partitions are taken to be."""
        return region in self.enabled_regions or region not in _COMMERCIAL_REGIONS

    def region_status(self, region: str) -> str:
        """Return the region's `RegionOptStatus`."""
        if region in DEFAULT_REGIONS and region in self.enabled_regions:
            return "ENABLED_BY_DEFAULT"
        return "ENABLED" if region in self.enabled_regions else "DISABLED"


_COMMERCIAL_REGIONS = frozenset((*DEFAULT_REGIONS, *OPT_IN_REGIONS))


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization: its units and who may list it."""

    units: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By id (`ou-demo-…`): the name, and the id of the parent."""
    administrators: frozenset[str] | None = None
    """Account ids that may list it; None is the simulation's hub alone."""
    tells_status: bool = False
    """Whether accounts carry `Status` beside `State`: AWS announced its end for September 2026."""


PRODUCTION = AwsAccount("111122223333", "production")
RESEARCH = AwsAccount("222233334444", "research")
SANDBOX = AwsAccount("333344445555", "sandbox")
DEFAULT_ACCOUNTS = (PRODUCTION, RESEARCH, SANDBOX)
"""The last of them is the hub: the account of the exporter's own credentials."""


def many_accounts(count: int) -> tuple[AwsAccount, ...]:
    """Make `count` accounts with readable names; their ids begin at 100000000001."""
    return tuple(AwsAccount(f"{100_000_000_000 + n}", f"team-{n:03d}") for n in range(1, count + 1))


def by_id(accounts: Iterable[AwsAccount]) -> dict[str, AwsAccount]:
    """Return the accounts by their ids, in the order given."""
    return {account.id: account for account in accounts}
