"""What an exception of boto3 means to the people who run the exporter: a reason to count, and a hint to act on."""

from collections.abc import Mapping
from typing import Any

from botocore import exceptions as boto

from exporter.aws.addresses import connection_hint, without_paths
from exporter.model import Account, Failure, FailureReason, Target

LONGEST_ERROR = 400
"""Characters of an error's text that are shown: AWS repeats whole ARNs, proxies send whole pages."""

_SERVER_ERRORS = 500
_THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_BAD_CREDENTIALS = _EXPIRED | frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException"})
_NOT_VALID_HERE = frozenset({"UnrecognizedClientException", "RegionDisabledException", "OptInRequired"})
_GLOBAL = frozenset({"ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListRegions"})
"""Operations of services without regions: there, credentials that are not valid are so everywhere."""
_OWN_CHAIN = frozenset({"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetRoleCredentials", "CreateToken"})
"""What botocore itself calls to obtain credentials: of a service account of Kubernetes, of an SSO login."""
_SERVICES = {"ListRegions": "account", "GetCallerIdentity": "sts"}
"""What permissions are called by, where it is not Bedrock."""
_ORGANIZATION = _GLOBAL - {"ListRegions"}

_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.RefreshWithMFAUnsupportedError,
    boto.MetadataRetrievalError,
    boto.ProfileNotFound,
    boto.ConfigParseError,
    boto.ConfigNotFound,
    boto.InvalidConfigError,
    boto.UnknownCredentialError,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.LoginError if hasattr(boto, "LoginError") else boto.NoAuthTokenError,
)


class BadResponseError(Exception):
    """An answer that is not one of this API, as of a proxy or a dropped connection."""


class SameAccountError(Exception):
    """Two entries of the configuration turned out to be one account."""


def is_throttle(code: str, http_status: int | None) -> bool:
    """Whether an error's code or status asks for fewer requests."""
    return code in _THROTTLES or http_status == 429  # noqa: PLR2004 - Too Many Requests


def code_of(answer: Mapping[str, Any]) -> str:
    """Return the error code of an answer as botocore parsed it; empty where it is none."""
    return str(answer.get("Error", {}).get("Code", ""))


def is_expired(code: str) -> bool:
    """Whether the credentials were good once."""
    return code in _EXPIRED


def is_denied(error: boto.ClientError) -> bool:
    """Whether the caller may not do it."""
    return code_of(error.response) in _DENIED


def are_refused(error: boto.ClientError) -> bool:
    """Whether the credentials are not accepted, be it everywhere or only where they were sent to."""
    return code_of(error.response) in _BAD_CREDENTIALS | _NOT_VALID_HERE


def is_not_valid_here(error: boto.ClientError) -> bool:
    """Whether the credentials are not known where they were sent to: of a region not enabled, or of nobody."""
    return code_of(error.response) in _NOT_VALID_HERE


def classify(error: Exception, target: Target, principal: str | None = None) -> Failure:
    """Return the reason and the hint of a failed poll.

    `principal` is the ARN that the exporter's calls come from, where it is known. Decided by the exception's type and
    the service's error code, never by the text of a message.
    """
    text = without_paths(" ".join(str(error).split()))[:LONGEST_ERROR]
    account = target.account
    if isinstance(error, boto.ClientError):
        return _client_failure(error, text, target, principal)
    reason, hint = FailureReason.OTHER, "the exporter does not know this error: if it stays so, please report it"
    if isinstance(error, _NO_CREDENTIALS):
        reason = FailureReason.CREDENTIALS
        whose = f"profile {account.profile!r}" if account.profile else "the exporter"
        hint = (
            f"no usable AWS credentials for {whose}: attach a role to the machine, pod or task, "
            "or set AWS_PROFILE or AWS_ACCESS_KEY_ID; renew an expired SSO login"
        )
    elif isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError | TimeoutError):
        reason, hint = (
            FailureReason.TIMEOUT,
            "AWS did not answer in time: check the network path, proxy and VPC endpoint",
        )
    elif isinstance(error, boto.HTTPClientError | boto.ConnectionError | ConnectionError):
        reason, hint = FailureReason.CONNECTION, connection_hint(error, target.region)
    elif isinstance(error, boto.NoRegionError | boto.UnknownEndpointError | boto.UnknownRegionError):
        reason, hint = (
            FailureReason.CONNECTION,
            f"botocore knows no endpoint for {target.region}: check the region's name",
        )
    elif isinstance(error, BadResponseError) or type(error).__name__ == "ResponseParserError":
        reason = FailureReason.BAD_RESPONSE
        hint = "the answer is not Bedrock's: look for a proxy or an endpoint_url that points elsewhere"
    elif isinstance(error, SameAccountError):
        hint = "remove one of the two entries from the configuration"
    return Failure(reason, f"{type(error).__name__}: {text}", hint)


def _client_failure(error: boto.ClientError, text: str, target: Target, principal: str | None) -> Failure:
    """Tell apart the errors that AWS itself answered with."""
    code = code_of(error.response)
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    operation, account = error.operation_name, target.account
    if is_throttle(code, metadata.get("HTTPStatusCode")):
        return Failure(
            FailureReason.THROTTLED,
            text,
            "AWS limits the rate of requests here; the exporter slows down by itself. "
            "If it stays so, raise poll_interval, or look for other callers",
            retry_after_seconds=retry_after_seconds(metadata),
        )
    hint = "AWS answered with an error of its own: if it stays so, see the AWS Health Dashboard"
    reason = FailureReason.OTHER
    if code in _NOT_VALID_HERE and operation == "AssumeRole":
        reason = FailureReason.REGION_DISABLED
        hint = (
            "STS is not enabled in the exporter's own region (AWS_REGION) for this account: "
            "enable it there, or run the exporter in a region that is enabled everywhere"
        )
    elif operation in _OWN_CHAIN:
        reason = FailureReason.CREDENTIALS
        hint = (
            f"AWS hands out no credentials ({operation}) for {account.profile or 'the exporter'}: the trust policy "
            "of its role does not admit this service account (IRSA), its token has ended, or the SSO login has"
        )
    elif code in _NOT_VALID_HERE and operation not in _GLOBAL:
        reason = FailureReason.REGION_DISABLED
        hint = (
            f"the credentials are not valid in {target.region}: most likely the region is not enabled for the account "
            "(enable it, or take it out of regions); else the token is bad or of the global STS endpoint"
        )
    elif code in _BAD_CREDENTIALS | _NOT_VALID_HERE:
        reason = FailureReason.CREDENTIALS
        hint = (
            "AWS does not accept the credentials: they are expired, revoked or mistyped, "
            "or this machine's clock is wrong"
        )
    elif operation == "AssumeRole" and metadata.get("HTTPStatusCode", 0) < _SERVER_ERRORS:
        reason, hint = FailureReason.ASSUME_ROLE, _assume_role_hint(account, principal)
    elif code in _DENIED:
        reason = FailureReason.ACCESS_DENIED
        hint = _ORGANIZATION_DENIED if operation in _ORGANIZATION else _denied_hint(account, operation)
    elif operation in _ORGANIZATION:
        hint = _ORGANIZATION_HINTS.get(code, hint)
    return Failure(reason, text, hint)


_ORGANIZATION_DENIED = (
    "only the management account or a delegated administrator may list the organization: run the exporter there, "
    "and run `bedrock-batch-exporter iam-policy hub` for the policy"
)
_ORGANIZATION_HINTS = {
    "AWSOrganizationsNotInUseException": "the exporter's account is in no organization: list the accounts instead",
    "ParentNotFoundException": "organization.include names an OU or a root that is not in this organization",
}


def _denied_hint(account: Account, operation: str) -> str:
    action = f"{_SERVICES.get(operation, 'bedrock')}:{operation}"
    return (
        f"allow {action} to {account.role_arn or account.key}: run `bedrock-batch-exporter "
        f"iam-policy {'member' if account.role_arn else 'hub'}` for the policy; "
        "a service control policy of the organization, or a permissions boundary, may deny it as well"
    )


def _assume_role_hint(account: Account, principal: str | None) -> str:
    """Say what to look at: STS answers the same to a missing role as to one that does not trust the caller."""
    external_id = " --external-id ID" if account.external_id else ""
    # GetCallerIdentity omits the path of a role, which the trust policy must hold.
    path = "with its path, if the role has one; " if principal and ":role/" in principal else ""
    differs = ", the external_id differs" if account.external_id else ", it demands an external_id"
    return (
        f"{account.role_arn or f'the role of {account.key}'}: its trust policy does not admit "
        f"{principal or 'the exporter'} ({path}run `bedrock-batch-exporter iam-policy trust --principal "
        f"{principal or 'ARN'}{external_id}` for it){differs}, "
        "the role is missing, or the exporter lacks sts:AssumeRole (`bedrock-batch-exporter iam-policy hub`)"
    )


def retry_after_seconds(metadata: Mapping[str, Any]) -> float | None:
    """Return the header `Retry-After` where it is a number; its other form, a date, is not used by AWS."""
    try:
        return max(0.0, float(metadata.get("HTTPHeaders", {}).get("retry-after", "")))
    except ValueError:
        return None
