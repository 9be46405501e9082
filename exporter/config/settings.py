"""Every key of the configuration: its kind, its default, what it means, and what must hold between keys.

Fields carry their units in their names (`poll_interval_seconds`); the file's keys are the aliases (`poll_interval`).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from exporter.config.durations import Duration, format_duration
from exporter.config.kinds import Expression, JsonSchema, ListOf, Secret, Text, Url, WholeNumber, refusal
from exporter.config.regions import AllRegions, RegionList
from exporter.model import Account

ROLE_NAME: Final = r"(?:[!-~]*/)?[A-Za-z0-9_+=,.@-]{1,64}"
ROLE_ARN: Final = rf"arn:aws(?:-us-gov|-cn|-eusc|-iso(?:-[a-z])?)?:iam::[0-9]{{12}}:role/{ROLE_NAME}"
EXTERNAL_ID: Final = r"[A-Za-z0-9_+=,.@:/-]{2,1224}"
ACCOUNT_ID: Final = r"[0-9]{12}"
UNIT_ID: Final = r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32}"

Regions: TypeAlias = Annotated[tuple[str, ...] | AllRegions, RegionList()]
ExternalId: TypeAlias = Annotated[str, Secret("an external id of 2 to 1224 letters, digits or _+=,.@:/-", EXTERNAL_ID)]

ACCOUNT = Text("a 12-digit account id such as 111122223333", ACCOUNT_ID)
ACCOUNT_OR_UNIT = Text(
    "a 12-digit account id such as 111122223333, or an OU or root id such as ou-ab12-cdef3456",
    f"{ACCOUNT_ID}|{UNIT_ID}",
)


def said(message: str) -> PydanticCustomError:
    """Return an error that already says what came."""
    return PydanticCustomError("said", "{message}", {"message": message})


class Section(BaseModel):
    """A mapping of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


def _account_schema(schema: JsonSchema) -> None:
    """Add to an account's schema what must hold between its keys."""

    def given(key: str) -> JsonSchema:
        return {"properties": {key: {"type": "string"}}, "required": [key]}

    schema["not"] = {"allOf": [given("role_arn"), given("profile")]}
    schema["if"], schema["then"] = given("external_id"), given("role_arn")


def setting(default: Any, description: str, *, alias: str | None = None, shown: bool = True) -> Any:
    """Return a field of a section; its default is written as in the file, and read like it."""
    return Field(default, description=description, alias=alias, repr=shown)


class AccountSettings(Section):
    """An account, reached by a role, by a profile, or (neither) by the exporter's own credentials."""

    model_config = ConfigDict(json_schema_extra=_account_schema)

    name: Annotated[str, Text("a name of 1 to 128 characters")] | None = setting(
        None, description="A readable name, the label `account_name` of `bedrock_batch_account_info`."
    )
    role_arn: (
        Annotated[str, Text("a role ARN such as arn:aws:iam::111122223333:role/bedrock-batch-exporter", ROLE_ARN)]
        | None
    ) = setting(None, description="The role to assume in the account.")
    external_id: ExternalId | None = setting(
        None, shown=False, description="What the role's trust policy asks for as `sts:ExternalId`. Shown nowhere."
    )
    regions: Regions | None = setting(None, description="The account's own regions, instead of the default `regions`.")
    profile: Annotated[str, Text("the name of a profile of ~/.aws/config")] | None = setting(
        None, description="A profile of `~/.aws/config`, instead of `role_arn`."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> "AccountSettings":
        if self.role_arn and self.profile:
            raise said("expected role_arn or profile, got both")
        if self.external_id and not self.role_arn:
            raise said("expected role_arn beside external_id, got external_id alone")
        return self

    @property
    def account(self) -> Account:
        """The account as the rest of the exporter knows it."""
        return Account(self.name, self.role_arn, self.external_id, self.profile)


class OrganizationSettings(Section):
    """The accounts of an AWS organization, found out while running."""

    role_name: Annotated[str, Text("a role name such as bedrock-batch-exporter", ROLE_NAME)] = Field(
        description="The role to assume in every account, with its path if it has one. "
        "The exporter's own account needs none."
    )
    external_id: ExternalId | None = setting(
        None, shown=False, description="What the roles' trust policies ask for as `sts:ExternalId`. Shown nowhere."
    )
    include: Annotated[tuple[str, ...], ListOf(ACCOUNT_OR_UNIT)] = setting(
        [], description="Account ids, or ids of OUs or the root, with all below them. Empty: every ACTIVE account."
    )
    exclude: Annotated[tuple[str, ...], ListOf(ACCOUNT)] = setting([], description="Account ids to leave out.")
    refresh_interval_seconds: Annotated[float, Duration("1s", "7d")] = setting(
        "1h", alias="refresh_interval", description="How often the organization is asked again."
    )


class JobNames(Section):
    """The jobs to watch, by their names."""

    include: Annotated[re.Pattern[str], Expression()] = setting(
        ".*", description="Jobs whose name matches are watched."
    )
    exclude: Annotated[re.Pattern[str], Expression()] | None = setting(
        None, description="Jobs whose name matches are left out, even if included."
    )

    def matches(self, name: str) -> bool:
        """Tell whether a job of that name is watched.

        An expression may match anywhere in the name, as in `grep` and unlike in Prometheus: `^` and `$` anchor it.
        """
        return bool(self.include.search(name)) and not (self.exclude and self.exclude.search(name))


def within_lookback(seconds: float, info: ValidationInfo) -> float:
    """Refuse to keep finished jobs for longer than they are listed."""
    lookback = info.data.get("lookback_seconds")
    if lookback is not None and seconds > lookback:
        raise refusal(f"expected at most lookback ({format_duration(lookback)})")
    return seconds


def longer_than_a_poll(seconds: float, info: ValidationInfo) -> float:
    """Refuse to withdraw what no poll could have renewed yet."""
    for key in ("poll_interval", "poll_timeout"):
        other = info.data.get(f"{key}_seconds")
        if other is not None and seconds <= other:
            raise refusal(f"expected more than {key} ({format_duration(other)})")
    return seconds


def each_once(accounts: tuple[AccountSettings, ...], info: ValidationInfo) -> tuple[AccountSettings, ...]:
    """Refuse an account that is there twice in the same region."""
    if "regions" not in info.data:  # refused, so nobody knows
        return accounts
    repeated = [
        InitErrorDetails(type=said(message), loc=(index,), input=None)
        for index, message in repetitions(
            [(entry.account, entry.regions or info.data["regions"]) for entry in accounts]
        )
    ]
    if repeated:
        raise ValidationError.from_exception_data("accounts", repeated)
    return accounts


class Config(Section):
    """The whole configuration, checked; what the file leaves out has its default."""

    poll_interval_seconds: Annotated[float, Duration("100ms", "1d")] = setting(
        "60s",
        alias="poll_interval",
        description="How often each target (an account in a region) is polled. Targets are spread over the interval.",
    )
    poll_timeout_seconds: Annotated[float, Duration("100ms", "1h")] = setting(
        "30s", alias="poll_timeout", description='A poll that takes longer has failed, with the reason "timeout".'
    )
    workers: Annotated[int, WholeNumber(1, 1024)] = setting(16, description="Polls under way at once.")
    lookback_seconds: Annotated[float, Duration("1m", "3650d")] = setting(
        "8d",
        alias="lookback",
        description="Finished jobs submitted within it are counted. Keep it above 7d, the longest that a job may take.",
    )
    finished_job_retention_seconds: Annotated[float, Duration("0s", "3650d"), AfterValidator(within_lookback)] = (
        setting(
            "1h",
            alias="finished_job_retention",
            description="How long a finished job keeps its own series, so that an alert can name it.",
        )
    )
    max_jobs_per_target: Annotated[int, WholeNumber(0, 1_000_000)] = setting(
        1000,
        description="Jobs with series of their own, per target. Beyond it the soonest to expire win, and the rest are "
        "counted in `bedrock_batch_jobs_dropped`.",
    )
    stale_after_seconds: Annotated[float, Duration("100ms", "3650d"), AfterValidator(longer_than_a_poll)] = setting(
        "10m",
        alias="stale_after",
        description="After so long without a successful poll, the target's job and count series are withdrawn.",
    )
    regions: Regions | None = setting(
        None,
        description="The regions of every account that names none itself; `all` = every enabled region that has "
        "Bedrock. Left out: the region of the usual AWS chain.",
    )
    accounts: Annotated[
        tuple[AccountSettings, ...],
        BeforeValidator(lambda value: [] if value is None else value),
        AfterValidator(each_once),
    ] = setting(
        [],
        description="The accounts. None, and no `organization`: the one that the exporter's own credentials are of.",
    )
    organization: OrganizationSettings | None = setting(
        None, description="Every ACTIVE account of the organization, by a role of the same name."
    )
    job_names: Annotated[JobNames, BeforeValidator(lambda value: {} if value is None else value)] = setting(
        {},
        description="Regular expressions in Python's syntax, found anywhere in a job's name unless anchored by `^` "
        "and `$`. A job that is left out is left out of everything.",
    )
    endpoint_url: Annotated[str, Url()] | None = setting(
        None,
        description="Where to find Bedrock instead of the region's own address: emulators and VPC endpoints. An "
        "address of AWS itself is Bedrock's alone; any other is taken for an emulator of all services.",
    )


SECTIONS: Final[dict[tuple[str, ...], type[Section]]] = {
    (): Config,
    ("accounts",): AccountSettings,
    ("organization",): OrganizationSettings,
    ("job_names",): JobNames,
}
"""The mappings of the file by the keys that lead to them."""


def repetitions(scopes: Sequence[tuple[Account, tuple[str, ...] | AllRegions | None]]) -> Iterator[tuple[int, str]]:
    """Tell which entries name an account and region of an earlier one.

    None in place of regions is the region of the AWS chain.
    """
    seen: dict[str, list[int]] = {}
    for index, (account, regions) in enumerate(scopes):
        who = f"account {account.configured_id}" if account.configured_id else account.key
        for earlier in seen.get(who, ()):
            shared = _shared(regions, scopes[earlier][1])
            if shared:
                yield index, f"expected each account and region once, got {who} in {shared} as in accounts[{earlier}]"
                break
        seen.setdefault(who, []).append(index)


def _shared(ours: tuple[str, ...] | AllRegions | None, theirs: tuple[str, ...] | AllRegions | None) -> str:
    if ours is None or theirs is None:
        return "the region of the AWS chain" if ours == theirs else ""
    if ours == "all" or theirs == "all":
        return "all its regions" if ours == theirs else ", ".join(ours if theirs == "all" else theirs)
    return ", ".join(region for region in ours if region in theirs)
