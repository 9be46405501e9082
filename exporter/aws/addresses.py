"""Addresses in errors: which service one is of, and how much of it is told."""

import re
from typing import Any
from urllib.parse import urlsplit

_URL = re.compile(r"(?P<scheme>https?)://(?:[^\s/\"'@]*@)?(?P<host>[^\s/\"'?)]+)[^\s\"')]*")
_QUERY = re.compile(r"\?[^\s\"')]*")
_SERVICES = {"bedrock": "Bedrock", "sts": "STS", "organizations": "Organizations", "account": "Account Management"}
"""Services by the label that their host names hold."""


def is_of_aws(url: str | None) -> bool:
    """Whether an address is of AWS itself, as of a VPC endpoint, and not of an emulator or gateway."""
    host = urlsplit(url or "").hostname or ""
    return ".amazonaws." in host or host.endswith(".api.aws")


def without_paths(text: str) -> str:
    """Cut URLs to scheme and host: paths and queries differ each time, and users of proxies have passwords."""
    return _QUERY.sub("", _URL.sub(r"\g<scheme>://\g<host>", text))


def connection_hint(error: Exception, region: str) -> str:
    """Say what to check where there is no connection: other things for another service, or for no service at all."""
    known: dict[str, Any] = getattr(error, "kwargs", {})
    if known.get("proxy_url"):
        return f"no connection to the proxy {without_paths(str(known['proxy_url']))}: check HTTPS_PROXY and NO_PROXY"
    url = known.get("endpoint_url")
    if not url:
        return f"no connection to Bedrock in {region}: check that the region has it, DNS, proxy, firewall, VPC endpoint"
    address = without_paths(str(url))
    labels = (urlsplit(address).hostname or "").split(".")
    service = next((_SERVICES[label] for label in labels if label in _SERVICES), None)
    if service is None and not is_of_aws(address):
        return f"no connection to {address}: check endpoint_url (or AWS_ENDPOINT_URL) and what is to answer there"
    check = "that the region has Bedrock, and DNS" if service == "Bedrock" else "DNS"
    return f"no connection to {service or 'AWS'} at {address}: check {check}, proxy, firewall and VPC endpoint"
