"""What an organization tells of its accounts, and an account of its regions (Organizations and Account Management)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from exporter.demo.accounts import (
    DEFAULT_REGIONS,
    OPT_IN_REGIONS,
    ORGANIZATION_ID,
    ROOT_ID,
    AwsAccount,
    Organization,
)
from exporter.demo.wire import Answer, Call, Problem, Refused, not_authorized

OPERATIONS = ("ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListRoots")
_JOINED_SECONDS = 1_600_000_000
_MAX_ACCOUNTS = 20
_MAX_REGIONS = 50


def answer_organizations(
    call: Call, *, organization: Organization | None, accounts: Sequence[AwsAccount], hub_id: str
) -> Answer:
    """Answer one of `OPERATIONS`; only the management account (the hub) or a delegated administrator may ask."""
    if organization is None:
        raise Refused(Problem.NOT_IN_USE)
    if call.account_id not in (organization.administrators or {hub_id}):
        raise Refused(Problem.DENIED, "You don't have permissions to access this resource.")
    arn = f"arn:aws:organizations::{hub_id}"
    parent = call.params.get("ParentId", "")
    if call.operation.endswith("ForParent") and parent != ROOT_ID and parent not in organization.units:
        raise Refused(Problem.PARENT_NOT_FOUND)
    items: Sequence[Mapping[str, Any]]
    match call.operation:
        case "ListRoots":
            root = {"Id": ROOT_ID, "Arn": f"{arn}:root/{ORGANIZATION_ID}/{ROOT_ID}", "Name": "Root", "PolicyTypes": []}
            items, member = [root], "Roots"
        case "ListOrganizationalUnitsForParent":
            member = "OrganizationalUnits"
            items = [
                {"Id": id_, "Arn": f"{arn}:ou/{ORGANIZATION_ID}/{id_}", "Name": name}
                for id_, (name, parent_id) in organization.units.items()
                if parent_id == parent
            ]
        case "ListAccounts" | "ListAccountsForParent":
            member = "Accounts"
            items = [
                _account(account, arn, tells_status=organization.tells_status)
                for account in accounts
                if not parent or account.parent_id == parent
            ]
        case _:
            raise not_authorized(call)
    return _page(call.params, items, member, _MAX_ACCOUNTS, "application/x-amz-json-1.1")


def _account(account: AwsAccount, arn: str, *, tells_status: bool) -> Mapping[str, Any]:
    members: dict[str, Any] = {
        "Id": account.id,
        "Arn": f"{arn}:account/{ORGANIZATION_ID}/{account.id}",
        "Email": f"{account.name}@example.com",
        "Name": account.name,
        "State": account.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": _JOINED_SECONDS,
    }
    if tells_status:
        members["Status"] = "SUSPENDED" if account.state == "CLOSED" else account.state
    return members


def answer_list_regions(call: Call, account: AwsAccount) -> Answer:
    """Answer account:ListRegions of the caller's own account."""
    if call.params.get("AccountId", account.id) != account.id:
        raise not_authorized(call)
    wanted = json.loads(call.params.get("RegionOptStatusContains", "[]"))
    regions = [
        {"RegionName": region, "RegionOptStatus": account.region_status(region)}
        for region in (*DEFAULT_REGIONS, *OPT_IN_REGIONS)
        if not wanted or account.region_status(region) in wanted
    ]
    return _page(call.params, regions, "Regions", _MAX_REGIONS, "application/json")


def _page(
    params: Mapping[str, str], items: Sequence[Mapping[str, Any]], member: str, largest: int, content_type: str
) -> Answer:
    size = params.get("MaxResults", str(largest))
    token = params.get("NextToken", "0")
    if not size.isdecimal() or not 1 <= int(size) <= largest:
        raise Refused(Problem.INVALID, f"You specified an invalid value for MaxResults: 1 to {largest}.")
    if not token.isdecimal():
        raise Refused(Problem.INVALID, "You specified an invalid value for nextToken.")
    start, end = int(token), int(token) + int(size)
    body: dict[str, Any] = {member: items[start:end]}
    if end < len(items):
        body["NextToken"] = str(end)
    return Answer(json.dumps(body).encode(), content_type=content_type)
