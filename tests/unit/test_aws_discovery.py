"""What AWS tells of accounts and regions, told by a hand-written AWS."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from exporter.aws import discovery
from exporter.aws.errors import BadResponseError
from exporter.aws.sessions import Caller, Sessions
from exporter.model import Account

MEMBER = Account("production", "arn:aws:iam::111122223333:role/r")
GOVERNMENT = Account("government", "arn:aws-us-gov:iam::111122223333:role/r")


class Aws(Sessions):
    """Sessions whose clients answer from a table of pages by operation and, for units, by parent."""

    def __init__(self, arn: str = "arn:aws:iam::999988887777:user/exporter", **answers: Any) -> None:
        super().__init__(endpoint_url=None, timeout_seconds=1, connections=1, on_request=lambda *_, **__: None)
        identity = {"Account": "999988887777", "Arn": arn}
        self.answers = {"get_caller_identity": identity} | answers
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.regions: list[tuple[str, str]] = []

    def client(self, service: str, region: str) -> Any:
        self.regions.append((service, region))
        return self

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.asked.append((operation, arguments.get("ParentId", ""), arguments))
            answer = self.answers[operation]
            if isinstance(answer, Exception):
                raise answer
            pages = answer[arguments["ParentId"]] if isinstance(answer, dict) and "ParentId" in arguments else answer
            return pages[int(arguments.get("NextToken", 0))] if isinstance(pages, list) else pages

        return call


def accounts(*numbers: int, **members: Any) -> list[dict[str, Any]]:
    return [{"Id": f"{n:012}", "Name": f"team-{n}", "State": "ACTIVE"} | members for n in numbers]


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)


def members(aws: Aws, *include: str, exclude: tuple[str, ...] = ()) -> set[int]:
    return set(map(int, discovery.organization_members(aws, include, exclude)))


def test_all_pages_are_read_empty_ones_included():
    pages = [
        {"Accounts": accounts(1), "NextToken": "1"},
        {"Accounts": [], "NextToken": "2"},
        {"Accounts": accounts(2)},
    ]

    assert members(Aws(list_accounts=pages)) == {1, 2}


@pytest.mark.parametrize(
    ("told", "is_active"),
    [
        ({"State": "ACTIVE"}, True),
        ({"State": "ACTIVE", "Status": "SUSPENDED"}, True),
        ({"Status": "ACTIVE"}, True),
        ({"State": "PENDING_CLOSURE", "Status": "ACTIVE"}, False),
        ({"State": "CLOSED"}, False),
        ({"Status": "SUSPENDED"}, False),
        ({}, False),
    ],
)
def test_an_account_is_active_by_its_state_or_where_it_has_none_its_status(told, is_active):
    aws = Aws(list_accounts={"Accounts": [{"Id": f"{1:012}", "Name": "one"} | told]})

    assert members(aws) == ({1} if is_active else set())


def test_units_are_followed_and_only_then_asked_for():
    aws = Aws(
        list_accounts={"Accounts": accounts(1, 2, 3, 4)},
        list_accounts_for_parent={
            "ou-a": {"Accounts": accounts(1)},
            "ou-b": {"Accounts": accounts(2)},
            "ou-c": {"Accounts": accounts(3)},
        },
        list_organizational_units_for_parent={
            "ou-a": {"OrganizationalUnits": [{"Id": "ou-b"}, {"Id": "ou-c"}]},
            "ou-b": {"OrganizationalUnits": []},
            "ou-c": {"OrganizationalUnits": []},
        },
    )

    assert members(aws, "ou-a", exclude=("000000000003",)) == {1, 2}
    assert "list_accounts" not in {operation for operation, _, _ in aws.asked}
    assert members(aws, "ou-c", "000000000004") == {3, 4}
    aws.asked.clear()
    assert members(aws, "000000000004") == {4}
    assert {operation for operation, _, _ in aws.asked} == {"list_accounts"}


@pytest.mark.parametrize("answer", [{}, {"Accounts": []}, [{"Accounts": accounts(1), "NextToken": "0"}]])
def test_an_answer_that_is_none_never_means_that_all_accounts_have_left(answer):
    with pytest.raises(BadResponseError):
        members(Aws(list_accounts=answer))


def test_roles_are_in_the_partition_of_the_exporter_and_its_own_account_needs_none():
    aws = Aws("arn:aws-us-gov:sts::999988887777:assumed-role/exporter/i-1", list_accounts={"Accounts": accounts(1)})

    role = discovery.member_account(aws, "000000000001", "team-1", "path/reader", "secret")
    assert role.role_arn == "arn:aws-us-gov:iam::000000000001:role/path/reader"
    assert role.external_id == "secret"
    assert discovery.member_account(aws, "999988887777", "hub", "reader", "secret") == Account("hub")
    assert members(aws) == {1}
    assert ("organizations", "us-gov-west-1") in aws.regions


def test_regions_are_those_of_bedrock_less_those_switched_off():
    told = [("us-east-1", "ENABLED_BY_DEFAULT"), ("eu-west-1", "DISABLED"), ("eu-south-1", "ENABLED")]
    told += [("af-south-1", "ENABLING"), ("me-south-1", "DISABLING"), ("cn-nowhere-1", "ENABLED")]
    aws = Aws(list_regions={"Regions": [{"RegionName": name, "RegionOptStatus": status} for name, status in told]})

    regions = discovery.enabled_regions(aws, MEMBER)

    assert regions is not None
    assert {"us-east-1", "eu-south-1", "us-west-2"} <= set(regions)
    assert not {"eu-west-1", "af-south-1", "me-south-1", "cn-nowhere-1"} & set(regions)
    assert set(regions) <= set(discovery.every_region(aws, MEMBER))
    [(_, _, arguments)] = aws.asked
    assert "AccountId" not in arguments, "which would be another permission, of the management account"


def test_a_partition_without_account_management_has_all_its_regions_unasked():
    aws = Aws()

    assert discovery.enabled_regions(aws, GOVERNMENT) == discovery.every_region(aws, GOVERNMENT)
    assert set(discovery.every_region(aws, GOVERNMENT)) == {"us-gov-west-1", "us-gov-east-1"}
    assert aws.asked == []


def test_who_may_not_list_regions_is_not_an_error_but_who_cannot_get_in_is():
    assert discovery.enabled_regions(Aws(list_regions=denied("ListRegions")), MEMBER) is None
    with pytest.raises(ClientError):
        discovery.enabled_regions(Aws(list_regions=denied("AssumeRole")), MEMBER)
    with pytest.raises(BadResponseError):
        discovery.enabled_regions(Aws(list_regions={}), MEMBER)


def test_accounts_that_cannot_be_entered_have_no_id():
    aws = Aws(get_caller_identity=denied("GetCallerIdentity"))

    assert discovery.account_ids(aws, [Account(), MEMBER]) == {"111122223333"}


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:sts::111122223333:assumed-role/exporter/i-0abc", "arn:aws:iam::111122223333:role/exporter"),
        ("arn:aws:iam::111122223333:user/team/exporter", "arn:aws:iam::111122223333:user/team/exporter"),
        ("arn:aws-us-gov:iam::111122223333:root", "arn:aws-us-gov:iam::111122223333:root"),
    ],
)
def test_a_trust_policy_names_the_role_and_not_its_session(arn, principal):
    assert Caller("111122223333", arn).principal == principal
