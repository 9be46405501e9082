"""Signature Version 4 from the service's side: whose key signed a request, for what, and whether it really did.

Source: "Create a signed AWS API request" in the IAM user guide.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from exporter.demo.wire import HttpRequest, Problem, Refused

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signature:
    """What `Authorization` says of a request: who signed it, for which service and region."""

    service: str
    region: str
    access_key: str = ""
    day: str = ""
    signed_headers: str = ""
    digest: str = ""
    bearer_token: str = ""


def signature(headers: Mapping[str, str], *, bearer_region: str) -> Signature | None:
    """Read SigV4's credential scope or a bearer token; None for a request that has neither."""
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":  # boto3 sends it to Bedrock alone, and it names no region
        return Signature("bedrock", bearer_region, bearer_token=rest)
    if kind != _ALGORITHM:
        return None
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    match parts.get("Credential", "").split("/"):
        case [access_key, day, region, service, "aws4_request"]:
            signed_headers, digest = parts.get("SignedHeaders", ""), parts.get("Signature", "")
            return Signature(service, region, access_key, day, signed_headers, digest)
    return None


def verify(signed: Signature, request: HttpRequest, secret_key: str) -> None:
    """Refuse a request that was changed on its way, or signed with another secret."""
    headers = "".join(f"{name}:{request.headers.get(name, '')}\n" for name in signed.signed_headers.split(";"))
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/~"),
            "&".join(sorted(request.query.split("&"))),
            headers,
            signed.signed_headers,
            sha256(request.body).hexdigest(),
        )
    )
    text = "\n".join(
        (
            _ALGORITHM,
            request.headers.get("x-amz-date", ""),
            f"{signed.day}/{signed.region}/{signed.service}/aws4_request",
            sha256(canonical.encode()).hexdigest(),
        )
    )
    key = _signing_key(secret_key, signed.day, signed.region, signed.service)
    if not hmac.compare_digest(_hmac(key, text).hex(), signed.digest):
        raise Refused(Problem.BAD_SIGNATURE)


@lru_cache(maxsize=4096)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = _hmac(f"AWS4{secret_key}".encode(), day)
    return _hmac(_hmac(_hmac(key, region), service), "aws4_request")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
