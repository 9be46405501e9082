"""TLS as the web configuration asks for it, by Python's ssl module."""

import ipaddress
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exporter.web.webconfig import Tls, WebConfigError

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def context(tls: Tls, source: Path) -> ssl.SSLContext:
    """Return a server's TLS context, or raise WebConfigError if a certificate or a key cannot be used."""
    _check_readable(tls, source)
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    result.set_alpn_protocols(["http/1.1"])
    result.minimum_version = VERSIONS[tls.min_version]
    result.maximum_version = VERSIONS[tls.max_version]
    if tls.ciphers:
        with _telling(f"{source}: tls_server_config.cipher_suites"):
            result.set_ciphers(":".join(tls.ciphers))
    elif tls.ciphers is not None:
        result.minimum_version = ssl.TLSVersion.TLSv1_3  # only suites of TLS 1.3 were listed
    if tls.curve is not None:
        with _telling(f"{source}: tls_server_config.curve_preferences"):
            result.set_ecdh_curve(tls.curve)
    if not tls.prefers_own_ciphers:
        result.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    with (
        _telling(f"{source}: tls_server_config: the certificate and the key"),
        _path(tls.cert_file, tls.cert) as certificate,
        _path(tls.key_file, tls.key) as key,
    ):
        # A password is never asked for: the server would hang at the terminal's prompt.
        result.load_cert_chain(certificate, key, password=_no_password)
    if tls.client_certificate != "none":
        with _telling(f"{source}: tls_server_config: the client CA"):
            result.load_verify_locations(cafile=tls.client_ca_file, cadata=tls.client_ca or None)
        result.verify_mode = VERIFY[tls.client_certificate]
    return result


def names(certificate: Mapping[str, Any] | None) -> set[str]:
    """Return the subject alternative names of a certificate in the form of `SSLSocket.getpeercert`."""
    result = set()
    for kind, name in (certificate or {}).get("subjectAltName", ()):
        result.add(str(ipaddress.ip_address(name.strip())) if kind == "IP Address" else name)
    return result


def _check_readable(tls: Tls, source: Path) -> None:
    """Raise WebConfigError with every file that cannot be read; the ssl module would not say which it is."""
    errors = []
    for key in ("cert_file", "key_file", "client_ca_file"):
        path: Path | None = getattr(tls, key)
        try:
            if path is not None:
                path.open("rb").close()
        except OSError as error:
            errors.append(f"{source}: tls_server_config.{key}: {path}: {error.strerror}")
    if errors:
        raise WebConfigError(errors)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = (getattr(error, "reason", None) or str(error.args[-1])).replace("_", " ").lower()
        raise WebConfigError([f"{what} cannot be used: {reason}"]) from error
    except (OSError, ValueError) as error:
        raise WebConfigError([f"{what} cannot be used: {getattr(error, 'strerror', None) or error}"]) from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")


@contextmanager
def _path(path: Path | None, pem: str) -> Iterator[str]:
    """Yield a path to PEM text; the ssl module takes a certificate and a key from files alone."""
    if path is not None:
        yield str(path)
        return
    memory = os.memfd_create("pem")
    try:
        os.write(memory, pem.encode())
        yield f"/proc/self/fd/{memory}"
    finally:
        os.close(memory)
