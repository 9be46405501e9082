"""The permissions that the exporter needs, as IAM policy documents: exactly the API actions that `aws/` calls.

`deploy/iam/` holds the same documents for CloudFormation and Terraform. `sts:GetCallerIdentity` needs no permission.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

ROLE_NAME = "bedrock-batch-exporter"
"""The name of the member role, unless the configuration says otherwise."""

ROLE_PATTERN = f"arn:aws:iam::*:role/{ROLE_NAME}"
"""The member role in every account of the commercial partition."""

_LIST_JOBS = {
    "Sid": "ListBatchInferenceJobs",
    "Effect": "Allow",
    "Action": ["bedrock:ListModelInvocationJobs"],
    "Resource": "*",  # the action has no resource types and no condition keys of its own
}

_LIST_REGIONS = {
    "Sid": "ListEnabledRegions",
    "Effect": "Allow",
    "Action": ["account:ListRegions"],  # for `regions: all`
    "Resource": "*",
}

_LIST_ACCOUNTS = {
    "Sid": "ListAccountsOfTheOrganization",
    "Effect": "Allow",
    "Action": ["organizations:ListAccounts"],
    "Resource": "*",  # the action has no resource types
}

_LIST_ORGANIZATIONAL_UNITS = {
    "Sid": "ListAccountsOfOrganizationalUnits",
    "Effect": "Allow",
    "Action": ["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"],
    "Resource": "*",  # of an OU, or of the root, whose ARNs are not known before the listing
}


def member() -> dict[str, Any]:
    """Make the policy of the role in each watched account."""
    return _document(_LIST_JOBS, _LIST_REGIONS)


def trust(principal_arn: str, external_id: str | None = None) -> dict[str, Any]:
    """Make the trust policy of that role: who may assume it, and with which external id."""
    statement: dict[str, Any] = {
        "Sid": "AssumedByTheExporter",
        "Effect": "Allow",
        "Principal": {"AWS": principal_arn},
        "Action": "sts:AssumeRole",
    }
    if external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return _document(statement)


def hub(
    role_arns: Sequence[str] = (ROLE_PATTERN,), *, organization: bool = True, organizational_units: bool = True
) -> dict[str, Any]:
    """Make the policy of the exporter's own identity.

    It watches its own account without a role, so it includes the member's policy. It assumes `role_arns` (ARNs, or
    patterns of them), lists all accounts of the organization if `organization`, and those of its OUs if
    `organizational_units`.
    """
    statements = [_LIST_JOBS, _LIST_REGIONS]
    if role_arns:
        assume = {
            "Sid": "AssumeTheMemberRoles",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole"],
            "Resource": sorted(set(role_arns)),
        }
        statements.append(assume)
    if organization:
        statements.append(_LIST_ACCOUNTS)
    if organizational_units:
        statements.append(_LIST_ORGANIZATIONAL_UNITS)
    return _document(*statements)


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": deepcopy(list(statements))}
