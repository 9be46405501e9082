"""HTTP as AWS speaks it: what a request asks for, and how answers and errors look in each protocol."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came over the wire; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


class Delivery(StrEnum):
    """How an answer travels."""

    WHOLE = "whole"
    DRIP = "drip"
    """One byte a second."""
    CUT = "cut"
    """Announced in full, then closed halfway."""
    RESET = "reset"
    """Never: the connection is reset."""
    HANG = "hang"
    """Never: the connection stays open while `held` says so, and is closed then."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with, and how."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    held: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request understood: an operation of a service, in a region, on behalf of an account."""

    service: str
    operation: str
    region: str
    account_id: str
    """The caller's; for AssumeRole that of the role, so that a fault can befall one account's role."""
    principal: str = "anonymous"
    """The caller's ARN."""
    params: Mapping[str, str] = field(default_factory=dict)


class Problem(StrEnum):
    """What an AWS service refuses a request for, in one word for all services."""

    UNKNOWN_KEY = "unknown_key"
    EXPIRED = "expired"
    BAD_SIGNATURE = "bad_signature"
    DENIED = "denied"
    THROTTLED = "throttled"
    INVALID = "invalid"
    INTERNAL = "internal"
    NOT_IN_USE = "not_in_use"
    PARENT_NOT_FOUND = "parent_not_found"


_REST = {
    Problem.UNKNOWN_KEY: (403, "UnrecognizedClientException"),
    Problem.EXPIRED: (403, "ExpiredTokenException"),
    Problem.BAD_SIGNATURE: (403, "InvalidSignatureException"),
    Problem.DENIED: (403, "AccessDeniedException"),
    Problem.THROTTLED: (429, "ThrottlingException"),
    Problem.INVALID: (400, "ValidationException"),
    Problem.INTERNAL: (500, "InternalServerException"),
}
_CODES: Mapping[str, Mapping[Problem, tuple[int, str]]] = {
    "bedrock": _REST,
    "account": {**_REST, Problem.THROTTLED: (429, "TooManyRequestsException")},
    "sts": {
        Problem.UNKNOWN_KEY: (403, "InvalidClientTokenId"),
        Problem.EXPIRED: (403, "ExpiredToken"),
        Problem.BAD_SIGNATURE: (403, "SignatureDoesNotMatch"),
        Problem.DENIED: (403, "AccessDenied"),
        Problem.THROTTLED: (400, "Throttling"),
        Problem.INVALID: (400, "ValidationError"),
        Problem.INTERNAL: (500, "InternalFailure"),
    },
    "organizations": {
        Problem.UNKNOWN_KEY: (400, "UnrecognizedClientException"),
        Problem.EXPIRED: (400, "ExpiredTokenException"),
        Problem.BAD_SIGNATURE: (400, "InvalidSignatureException"),
        Problem.DENIED: (400, "AccessDeniedException"),
        Problem.THROTTLED: (400, "TooManyRequestsException"),
        Problem.INVALID: (400, "InvalidInputException"),
        Problem.INTERNAL: (500, "ServiceException"),
        Problem.NOT_IN_USE: (400, "AWSOrganizationsNotInUseException"),
        Problem.PARENT_NOT_FOUND: (400, "ParentNotFoundException"),
    },
}

_MESSAGES = {
    Problem.UNKNOWN_KEY: "The security token included in the request is invalid.",
    Problem.EXPIRED: "The security token included in the request is expired",
    Problem.BAD_SIGNATURE: "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    Problem.THROTTLED: "Too many requests, please wait before trying again.",
    Problem.INTERNAL: "The server encountered an internal error while processing the request.",
    Problem.NOT_IN_USE: "Your account is not a member of an organization.",
    Problem.PARENT_NOT_FOUND: "You provided parent that does not exist.",
}

STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_request_ids = count(1)


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """The service refuses; each protocol words it in its own way."""

    def __init__(self, problem: Problem, message: str = "", retry_after_seconds: float | None = None) -> None:
        self.problem = problem
        self.message = message or _MESSAGES.get(problem, problem.value)
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)

    def answer(self, service: str) -> Answer:
        """Put the refusal as `service` has it on the wire."""
        status, code = _CODES.get(service, _REST).get(self.problem, (400, "ValidationException"))
        headers: tuple[tuple[str, str], ...] = (("x-amzn-RequestId", request_id()),)
        if self.retry_after_seconds is not None:
            headers += (("Retry-After", f"{self.retry_after_seconds:g}"),)
        if service == "sts":
            body = (
                f'<ErrorResponse xmlns="{STS_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
                f"<Message>{escape(self.message)}</Message></Error><RequestId>{request_id()}</RequestId></ErrorResponse>"
            )
            return Answer(body.encode(), status, "text/xml", headers)
        if service == "organizations":
            error = {"__type": code, "Message": self.message}
            return Answer(json.dumps(error).encode(), status, "application/x-amz-json-1.1", headers)
        headers += (("x-amzn-ErrorType", code),)
        return Answer(json.dumps({"message": self.message}).encode(), status, headers=headers)


def not_authorized(call: Call, because: str = "", resource: str = "") -> Refused:
    """Word a denial in the words of AWS: who may not do what, and which kind of policy is in the way."""
    action = f"{call.service}:{call.operation}"
    on = f" on resource: {resource}" if resource else ""
    why = because or f"because no identity-based policy allows the {action} action"
    return Refused(Problem.DENIED, f"User: {call.principal} is not authorized to perform: {action}{on} {why}".strip())


def request_id() -> str:
    """Make an id in the form of AWS's, new at each call."""
    return f"00000000-0000-4000-8000-{next(_request_ids):012x}"


def operation_of(service: str, request: HttpRequest) -> tuple[str, Mapping[str, str]]:
    """Tell the operation's name and its parameters."""
    params = dict(parse_qsl(request.query, keep_blank_values=True))
    if service == "bedrock" and request.method == "GET" and request.path == "/model-invocation-jobs":
        return "ListModelInvocationJobs", params
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2], _json_params(request.body)
    if service == "account" and request.path == "/listRegions":
        return "ListRegions", _json_params(request.body)
    if service == "sts":
        params |= dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return params.pop("Action", "?"), params
    return f"{request.method} {request.path}", params


def _json_params(body: bytes) -> Mapping[str, str]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in dict(members).items()}
