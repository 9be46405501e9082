"""What an exception means: told apart by its type and code, never by its text."""

from typing import Any

import pytest
from botocore import exceptions as boto

from exporter.aws.errors import LONGEST_ERROR, BadResponseError, classify
from exporter.model import Account, FailureReason, Target

ROLE = "arn:aws:iam::111122223333:role/bedrock-batch-exporter"
TARGET = Target(Account(role_arn=ROLE, external_id="a-secret"), "eu-south-1")
R = FailureReason


def client_error(code, operation="ListModelInvocationJobs", status=400, message="told by AWS", **headers):
    metadata: Any = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return boto.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, operation)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (client_error("AccessDeniedException", status=403), R.ACCESS_DENIED),
        (client_error("AccessDenied", "GetCallerIdentity", 403), R.ACCESS_DENIED),
        (client_error("AccessDenied", "AssumeRole", 403), R.ASSUME_ROLE),
        (client_error("ValidationError", "AssumeRole"), R.ASSUME_ROLE),
        (client_error("ServiceUnavailable", "AssumeRole", 503), R.OTHER),
        (client_error("ExpiredToken", "AssumeRole", 403), R.CREDENTIALS),
        (client_error("InvalidClientTokenId", "GetCallerIdentity", 403), R.CREDENTIALS),
        (client_error("ExpiredTokenException", status=403), R.CREDENTIALS),
        (client_error("SignatureDoesNotMatch", status=403), R.CREDENTIALS),
        (client_error("UnrecognizedClientException", status=403), R.REGION_DISABLED),
        (client_error("RegionDisabledException", "AssumeRole", 403), R.REGION_DISABLED),
        (client_error("AccessDenied", "AssumeRoleWithWebIdentity", 403), R.CREDENTIALS),
        (client_error("InvalidIdentityToken", "AssumeRoleWithWebIdentity"), R.CREDENTIALS),
        (client_error("UnauthorizedException", "GetRoleCredentials", 401), R.CREDENTIALS),
        (client_error("UnrecognizedClientException", "ListAccounts", 400), R.CREDENTIALS),
        (client_error("UnrecognizedClientException", "ListRegions", 403), R.CREDENTIALS),
        (client_error("AccessDeniedException", "ListAccounts"), R.ACCESS_DENIED),
        (client_error("AWSOrganizationsNotInUseException", "ListAccounts"), R.OTHER),
        (client_error("ParentNotFoundException", "ListAccountsForParent"), R.OTHER),
        (client_error("TooManyRequestsException", "ListAccounts"), R.THROTTLED),
        (client_error("ThrottlingException", status=429), R.THROTTLED),
        (client_error("Throttling", "AssumeRole"), R.THROTTLED),
        (client_error("SomethingNew", status=429), R.THROTTLED),
        (client_error("InternalServerException", status=500), R.OTHER),
        (client_error("ValidationException", message="AccessDeniedException: throttled"), R.OTHER),
        (boto.NoCredentialsError(), R.CREDENTIALS),
        (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), R.CREDENTIALS),
        (boto.ProfileNotFound(profile="research"), R.CREDENTIALS),
        (boto.UnauthorizedSSOTokenError(), R.CREDENTIALS),
        (boto.CredentialRetrievalError(provider="process", error_msg="no"), R.CREDENTIALS),
        (boto.ConnectTimeoutError(endpoint_url="https://x"), R.TIMEOUT),
        (boto.ReadTimeoutError(endpoint_url="https://x"), R.TIMEOUT),
        (TimeoutError("given up"), R.TIMEOUT),
        (boto.EndpointConnectionError(endpoint_url="https://x"), R.CONNECTION),
        (boto.ConnectionClosedError(endpoint_url="https://x"), R.CONNECTION),
        (boto.SSLError(endpoint_url="https://x", error=ValueError("bad")), R.CONNECTION),
        (boto.ProxyConnectionError(proxy_url="http://x"), R.CONNECTION),
        (boto.HTTPClientError(error="bad"), R.CONNECTION),
        (boto.NoRegionError(), R.CONNECTION),
        (boto.UnknownRegionError(region_name="foo", error_msg="no partition"), R.CONNECTION),
        (ConnectionResetError(), R.CONNECTION),
        (BadResponseError("no summaries"), R.BAD_RESPONSE),
        (ZeroDivisionError("division by zero"), R.OTHER),
    ],
)
def test_each_error_has_its_reason_and_a_hint(error, reason):
    failure = classify(error, TARGET)

    assert failure.reason is reason
    assert failure.hint
    assert "a-secret" not in failure.error + failure.hint


def test_a_page_of_garbage_is_not_told_in_full():
    failure = classify(client_error("502", message="<html>\n" + "x" * 10_000, status=502), TARGET)

    assert len(failure.error) <= LONGEST_ERROR
    assert "\n" not in failure.error


def test_retry_after_is_read_where_it_is_a_number():
    assert classify(client_error("ThrottlingException", **{"retry-after": "7"}), TARGET).retry_after_seconds == 7.0
    assert classify(client_error("ThrottlingException", **{"retry-after": "soon"}), TARGET).retry_after_seconds is None
    assert classify(client_error("ThrottlingException"), TARGET).retry_after_seconds is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            client_error("AccessDenied", "AssumeRole", 403),
            "iam-policy trust --principal arn:aws:iam::9:role/hub --external-id ID",
        ),
        (client_error("AccessDeniedException", "ListAccounts"), "management account or a delegated administrator"),
        (client_error("AccessDeniedException", status=403), "iam-policy member"),
        (client_error("AccessDeniedException", status=403), "allow bedrock:ListModelInvocationJobs to"),
        (client_error("AWSOrganizationsNotInUseException", "ListAccounts"), "list the accounts instead"),
        (client_error("ParentNotFoundException", "ListAccountsForParent"), "organization.include"),
        (client_error("RegionDisabledException", "AssumeRole", 403), "STS is not enabled in the exporter's own region"),
        (client_error("UnrecognizedClientException", status=403), "not enabled for the account"),
        (boto.EndpointConnectionError(endpoint_url="https://sts.eu-south-1.amazonaws.com/"), "no connection to STS at"),
        (boto.EndpointConnectionError(endpoint_url="https://sts.eu-south-1.amazonaws.com/"), "check DNS, proxy"),
        (boto.EndpointConnectionError(endpoint_url="https://bedrock.eu-south-1.amazonaws.com/"), "region has Bedrock"),
        (
            boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/x"),
            "http://127.0.0.1:4566: check endpoint_url",
        ),
        (
            boto.ProxyConnectionError(proxy_url="http://me:secret@proxy:3128"),
            "the proxy http://proxy:3128: check HTTPS",
        ),
        (ZeroDivisionError("division by zero"), "please report it"),
        (boto.ProfileNotFound(profile="research"), "attach a role to the machine"),
    ],
)
def test_a_hint_says_what_to_do(error, said):
    assert said in classify(error, TARGET, "arn:aws:iam::9:role/hub").hint


@pytest.mark.parametrize(
    "error", [boto.EndpointConnectionError, boto.ReadTimeoutError, boto.ConnectionClosedError, boto.ConnectTimeoutError]
)
def test_one_cause_is_told_in_the_same_words_each_time(error):
    url = "https://bedrock.eu-south-1.amazonaws.com/model-invocation-jobs?submitTimeAfter=2026-11-23T16%3A0"

    first, second = (classify(error(endpoint_url=f"{url}{second}"), TARGET) for second in (1, 2))

    assert first == second
    assert "https://bedrock.eu-south-1.amazonaws.com" in first.error
    assert "model-invocation-jobs" not in first.error + first.hint


def test_the_password_of_a_proxy_is_not_told():
    failure = classify(boto.ProxyConnectionError(proxy_url="http://me:secret@proxy:3128"), TARGET)

    assert "secret" not in failure.error + failure.hint


def test_only_of_a_role_it_is_said_that_it_may_have_a_path():
    error = client_error("AccessDenied", "AssumeRole", 403)

    assert (
        "role/hub (with its path, if the role has one; run" in classify(error, TARGET, "arn:aws:iam::9:role/hub").hint
    )
    assert "with its path" not in classify(error, TARGET, "arn:aws:iam::9:user/a/b").hint


def test_own_credentials_that_are_denied_are_helped_by_the_hubs_policy():
    failure = classify(client_error("AccessDeniedException", status=403), Target(Account(), "us-east-1"))

    assert "iam-policy hub" in failure.hint


def test_a_role_without_an_external_id_may_be_asked_for_one():
    hint = classify(client_error("AccessDenied", "AssumeRole", 403), Target(Account(role_arn=ROLE), "us-east-1")).hint

    assert "--external-id" not in hint
    assert "it demands an external_id" in hint
    assert "does not admit the exporter" in hint


def test_a_profile_whose_role_cannot_be_assumed_is_named():
    target = Target(Account(profile="research"), "us-east-1")

    assert "the role of profile research" in classify(client_error("AccessDenied", "AssumeRole", 403), target).hint
