"""What an exception of boto3 means to the people who run the exporter: a reason to count, and a hint to act on."""

from collections.abc import Mapping
from typing import Any

from botocore import exceptions as boto

from exporter.model import Failure, FailureReason, Target

LONGEST_ERROR = 400
"""Characters of an error's text that are shown: AWS repeats whole ARNs, proxies send whole pages."""

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
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
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


def classify(error: Exception, target: Target) -> Failure:
    """Return the reason and the hint of a failed poll.

    Decided by the exception's type and the service's error code, never by the text of a message.
    """
    text = " ".join(str(error).split())[:LONGEST_ERROR]
    account = target.account
    if isinstance(error, boto.ClientError):
        return _client_failure(error, text, target)
    reason, hint = FailureReason.OTHER, "see the error; raise the log level to debug for the request behind it"
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
        reason = FailureReason.CONNECTION
        hint = (
            f"no connection to Bedrock in {target.region}: check that the region has Bedrock, "
            "and DNS, proxy, firewall and VPC endpoint"
        )
    elif isinstance(error, boto.BotoCoreError) and isinstance(error, boto.NoRegionError | boto.UnknownEndpointError):
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


def _client_failure(error: boto.ClientError, text: str, target: Target) -> Failure:
    """Tell apart the errors that AWS itself answered with."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    operation, account = error.operation_name, target.account
    if is_throttle(code, metadata.get("HTTPStatusCode")):
        return Failure(
            FailureReason.THROTTLED,
            text,
            "AWS limits the rate of requests here; the exporter slows down by itself. "
            "If it stays so, raise poll_interval, or look for other callers",
            retry_after_seconds=_retry_after_seconds(metadata),
        )
    if code in _NOT_VALID_HERE:
        return Failure(
            FailureReason.REGION_DISABLED,
            text,
            f"the credentials are not valid in {target.region}: most likely the region is not enabled for the account "
            "(enable it, or take it out of regions); else the token is bad or of the global STS endpoint",
        )
    if code in _BAD_CREDENTIALS:
        return Failure(
            FailureReason.CREDENTIALS,
            text,
            "AWS does not accept the credentials: they are expired, revoked or mistyped, "
            "or this machine's clock is wrong",
        )
    if operation == "AssumeRole":
        return Failure(
            FailureReason.ASSUME_ROLE,
            text,
            f"{account.role_arn} could not be assumed: the role is missing, its trust policy does not admit "
            "the exporter, the external_id differs, or the exporter lacks sts:AssumeRole; "
            "run `bedrock-batch-exporter iam-policy trust` and `iam-policy hub` for the policies",
        )
    if code in _DENIED:
        return Failure(
            FailureReason.ACCESS_DENIED,
            text,
            f"allow the action ({operation}) to {account.role_arn or account.key}: run "
            "`bedrock-batch-exporter iam-policy member` for the policy; "
            "an organization's service control policy may deny it as well",
        )
    return Failure(
        FailureReason.OTHER, text, "AWS answered with an error of its own: if it stays so, see the AWS Health Dashboard"
    )


def _retry_after_seconds(metadata: Mapping[str, Any]) -> float | None:
    """Return the header `Retry-After` where it is a number; its other form, a date, is not used by AWS."""
    try:
        return max(0.0, float(metadata.get("HTTPHeaders", {}).get("retry-after", "")))
    except ValueError:
        return None
