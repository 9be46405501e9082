"""The permissions: what each policy document grants, and nothing beyond."""

import json

from exporter.aws import policy


def actions(document):
    return {
        action
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_a_member_role_lists_jobs_and_regions_and_nothing_else():
    assert actions(policy.member()) == {"bedrock:ListModelInvocationJobs", "account:ListRegions"}


def test_a_role_is_assumed_by_the_named_principal_with_the_external_id():
    [statement] = policy.trust("arn:aws:iam::111122223333:role/hub", "example")["Statement"]

    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:role/hub"}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "example"}}


def test_a_trust_without_an_external_id_has_no_condition():
    [statement] = policy.trust("arn:aws:iam::111122223333:role/hub")["Statement"]

    assert "Condition" not in statement


def test_the_hub_assumes_the_member_role_of_every_account_unless_told_which():
    [assume] = [s for s in policy.hub()["Statement"] if "sts:AssumeRole" in s["Action"]]

    assert assume["Resource"] == ["arn:aws:iam::*:role/bedrock-batch-exporter"]


def test_the_hub_names_each_role_once_in_order():
    one, other = "arn:aws:iam::111122223333:role/x", "arn:aws-us-gov:iam::444455556666:role/x"
    [assume] = [s for s in policy.hub([other, one, other])["Statement"] if "sts:AssumeRole" in s["Action"]]

    assert assume["Resource"] == [other, one]


def test_the_hub_without_roles_and_organization_needs_no_more_than_a_member():
    assert policy.hub([], organization=False, organizational_units=False) == policy.member()


def test_the_hub_reads_the_organization_only_where_it_is_discovered():
    watched = {"bedrock:ListModelInvocationJobs", "account:ListRegions", "sts:AssumeRole"}
    whole = watched | {"organizations:ListAccounts"}
    units = {"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"}

    assert actions(policy.hub(organization=False, organizational_units=False)) == watched
    assert actions(policy.hub(organization=False)) == watched | units
    assert actions(policy.hub(organizational_units=False)) == whole
    assert actions(policy.hub()) == whole | units


def test_the_documents_are_json_that_a_caller_may_change():
    document = policy.member()
    document["Statement"][0]["Resource"] = "changed"

    assert json.loads(json.dumps(policy.member()))["Statement"][0]["Resource"] == "*"
