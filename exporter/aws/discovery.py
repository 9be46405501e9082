"""What AWS tells of where to look: the accounts of the organization, and the regions enabled in an account."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from exporter.aws.errors import BadResponseError, is_denied
from exporter.aws.regions import HOME_REGIONS
from exporter.aws.sessions import OWN, Sessions
from exporter.model import Account

_ENABLED = frozenset({"ENABLED", "ENABLED_BY_DEFAULT"})

Members: TypeAlias = Mapping[str, str]
"""Accounts of the organization: their names by their ids."""


def organization_members(sessions: Sessions, include: Collection[str], exclude: Collection[str]) -> Members:
    """Return the ACTIVE accounts of the organization, or those of them that are included and not excluded.

    `include` holds ids of accounts, and of OUs or roots for all below them. Source: `ListAccounts` of Organizations,
    and `ListAccountsForParent` with `ListOrganizationalUnitsForParent` for OUs.
    """
    client = sessions.client("organizations", HOME_REGIONS.get(sessions.caller().partition, HOME_REGIONS["aws"]))
    parents = [id_ for id_ in include if not id_.isdecimal()]
    found: list[Mapping[str, Any]] = []
    with sessions.acting_as(OWN):
        if len(parents) < len(include) or not include:
            wanted = set(include)
            found += [account for account in _list_accounts(client) if not include or account["Id"] in wanted]
        for parent in parents:
            found += _below(client, parent)
    return {
        str(account["Id"]): str(account.get("Name") or account["Id"])
        for account in found
        if _is_active(account) and account["Id"] not in exclude
    }


def member_account(sessions: Sessions, account_id: str, name: str, role_name: str, external_id: str | None) -> Account:
    """Return the way into an account of the organization: the role of that name; none for the exporter's own."""
    caller = sessions.caller()
    if account_id == caller.account_id:
        return Account(name)
    return Account(name, f"arn:{caller.partition}:iam::{account_id}:role/{role_name}", external_id)


def every_region(sessions: Sessions, account: Account) -> tuple[str, ...]:
    """Return the regions with a Bedrock endpoint in the account's partition, as far as this botocore knows."""
    return sessions.bedrock_regions(_partition(sessions, account))


def enabled_regions(sessions: Sessions, account: Account) -> tuple[str, ...] | None:
    """Return those of `every_region` that are not switched off in the account; None where that may not be asked.

    Source: `ListRegions` of Account Management, called inside the account. Partitions without that service have no
    regions to switch off.
    """
    partition = _partition(sessions, account)
    every = sessions.bedrock_regions(partition)
    if not sessions.is_offered("account", partition):
        return every
    client = sessions.client("account", HOME_REGIONS.get(partition, HOME_REGIONS["aws"]))
    try:
        with sessions.acting_as(account):
            told = {
                str(region.get("RegionName")): str(region.get("RegionOptStatus"))
                for region in _pages(client.list_regions, "Regions")
            }
    except ClientError as error:
        if error.operation_name == "ListRegions" and is_denied(error):
            return None
        raise
    return tuple(region for region in every if told.get(region, "ENABLED") in _ENABLED)


def account_ids(sessions: Sessions, accounts: Iterable[Account]) -> set[str]:
    """Return the ids of accounts, without those that cannot be entered to ask."""
    found = set()
    for account in accounts:
        try:
            found.add(account.configured_id or sessions.caller(account).account_id)
        except (BotoCoreError, ClientError):
            continue
    return found


def _partition(sessions: Sessions, account: Account) -> str:
    if account.role_arn:
        return account.role_arn.split(":")[1]
    return sessions.partition_of(sessions.region_of(account))


def _is_active(account: Mapping[str, Any]) -> bool:
    # `State` takes the place of `Status`, which AWS withdraws; while both are told, `State` says more.
    return (account.get("State") or account.get("Status")) == "ACTIVE"


def _below(client: Any, parent: str) -> Iterator[Mapping[str, Any]]:
    """Return the accounts of an OU or a root and of every OU below it."""
    yield from _pages(client.list_accounts_for_parent, "Accounts", ParentId=parent)
    for unit in _pages(client.list_organizational_units_for_parent, "OrganizationalUnits", ParentId=parent):
        yield from _below(client, unit["Id"])


def _list_accounts(client: Any) -> Sequence[Mapping[str, Any]]:
    accounts = list(_pages(client.list_accounts, "Accounts"))
    if not accounts:  # there is always the management account
        raise BadResponseError("ListAccounts: an organization without accounts")
    return accounts


def _pages(call: Callable[..., Mapping[str, Any]], member: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
    """Return the items of all pages. Never takes an answer without them for an empty one."""
    seen: set[str] = set()
    while True:
        answer = call(**arguments)
        if member not in answer:
            raise BadResponseError(f"an answer without {member}")
        yield from answer[member]
        token = answer.get("NextToken")
        if not token:
            return
        if token in seen:
            raise BadResponseError(f"{member}: a page that leads to itself")
        seen.add(token)
        arguments["NextToken"] = token
