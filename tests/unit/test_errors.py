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
        (client_error("ExpiredToken", "AssumeRole", 403), R.CREDENTIALS),
        (client_error("InvalidClientTokenId", "GetCallerIdentity", 403), R.CREDENTIALS),
        (client_error("ExpiredTokenException", status=403), R.CREDENTIALS),
        (client_error("SignatureDoesNotMatch", status=403), R.CREDENTIALS),
        (client_error("UnrecognizedClientException", status=403), R.REGION_DISABLED),
        (client_error("RegionDisabledException", "AssumeRole", 403), R.REGION_DISABLED),
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
