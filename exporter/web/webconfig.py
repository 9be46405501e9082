"""The file of `--web.config.file`: TLS, users and headers, in the format of Prometheus' exporter-toolkit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
What it allows and cannot be had here is refused with the reason, never quietly weakened.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.web.reading import Reading, one_of

CLIENT_AUTH_TYPES = {
    "NoClientCert": "none",
    "RequestClientCert": "none",  # asks for a certificate and does not look at it
    "VerifyClientCertIfGiven": "optional",
    "RequireAndVerifyClientCert": "required",
}
"""Go's policies and what is asked of a client. The one that is missing takes any certificate unverified."""

CIPHER_SUITES = {
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Go's names and OpenSSL's; None for the suites of TLS 1.3, which neither lets one choose."""

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
"""Go's names and OpenSSL's."""

HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be set, and the values they may have; none named: any."""

TLS_KEYS = (
    "cert", "key", "client_ca", "cert_file", "key_file", "client_ca_file", "client_auth_type", "client_allowed_sans",
    "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites", "curve_preferences",
)  # fmt: skip
SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+")
UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class WebConfigError(Exception):
    """A web configuration that cannot be used: every mistake on a line of its own, each with its place."""

    def __init__(self, errors: Collection[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Tls:
    """What `tls_server_config` asks for. Certificates and keys are paths, or PEM in the members without `_file`."""

    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    cert: str = ""
    key: str = field(default="", repr=False)
    client_ca: str = ""
    client_certificate: str = "none"
    """`none`, `optional` or `required`."""
    client_allowed_sans: frozenset[str] | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    ciphers: tuple[str, ...] | None = None
    """OpenSSL's names of the suites up to TLS 1.2; None: OpenSSL's choice."""
    prefers_own_ciphers: bool = True
    curve: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: a request each interval, and a burst of them."""

    interval_seconds: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the whole file asks for."""

    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Bcrypt hashes by user; none: everyone is let in."""
    rate_limit: RateLimit | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files beside its own that it takes its content from."""
        named = (self.tls.cert_file, self.tls.key_file, self.tls.client_ca_file) if self.tls else ()
        return tuple(path for path in named if path is not None)


def read(document: Any, path: Path) -> WebConfig:
    """Return the configuration that the document of a file asks for, or raise WebConfigError with all its mistakes."""
    reading = _Sections(path)
    top = reading.mapping(document, "", SECTIONS)
    config = WebConfig(
        tls=reading.tls(top.get("tls_server_config")),
        headers=reading.headers(top.get("http_server_config")),
        users=reading.users(top.get("basic_auth_users")),
        rate_limit=reading.rate_limit(top.get("rate_limit")),
    )
    if reading.errors:
        raise WebConfigError(reading.errors)
    return config


class _Sections(Reading):
    """One pass through a web configuration."""

    def file(self, value: Any, at: str) -> Path | None:
        name = self.text(value, at)
        return self.path.parent / name if name else None

    def tls(self, value: Any) -> Tls | None:
        at = "tls_server_config"
        section = self.mapping(value, at, TLS_KEYS)
        if not any(section.get(key) for key in TLS_KEYS[:7]):
            if section:
                self.wrong(at, "expected cert_file and key_file, got neither")
            return None
        before = len(self.errors)
        suites = self.choices(section.get("cipher_suites"), f"{at}.cipher_suites", CIPHER_SUITES)
        sans = self.texts(section.get("client_allowed_sans"), f"{at}.client_allowed_sans")
        tls = Tls(
            cert_file=self.file(section.get("cert_file"), f"{at}.cert_file"),
            key_file=self.file(section.get("key_file"), f"{at}.key_file"),
            client_ca_file=self.file(section.get("client_ca_file"), f"{at}.client_ca_file"),
            cert=self.text(section.get("cert"), f"{at}.cert"),
            key=self.text(section.get("key"), f"{at}.key"),
            client_ca=self.text(section.get("client_ca"), f"{at}.client_ca"),
            client_certificate=self.client_certificate(section.get("client_auth_type"), f"{at}.client_auth_type"),
            client_allowed_sans=frozenset(sans) if "client_allowed_sans" in section else None,
            min_version=self.version(section.get("min_version"), f"{at}.min_version", "TLS12"),
            max_version=self.version(section.get("max_version"), f"{at}.max_version", "TLS13"),
            ciphers=tuple(name for suite in suites if (name := CIPHER_SUITES[suite])) if suites else None,
            prefers_own_ciphers=self.boolean(
                section.get("prefer_server_cipher_suites"), f"{at}.prefer_server_cipher_suites", default=True
            ),
            curve=self.curve(section.get("curve_preferences"), f"{at}.curve_preferences"),
        )
        if len(self.errors) == before:
            self.agreement(tls, at)
        return tls

    def agreement(self, tls: Tls, at: str) -> None:
        """Gather what each member allows and all of them together do not."""
        for one, other, name in ((tls.cert, tls.cert_file, "cert"), (tls.key, tls.key_file, "key")):
            if not one and not other:
                self.wrong(at, f"expected {name}_file (or {name}), got neither")
        for one, other, name in (
            (tls.cert, tls.cert_file, "cert"),
            (tls.key, tls.key_file, "key"),
            (tls.client_ca, tls.client_ca_file, "client_ca"),
        ):
            if one and other:
                self.wrong(at, f"expected one of {name} and {name}_file, got both")
        has_ca = bool(tls.client_ca or tls.client_ca_file)
        if has_ca and tls.client_certificate == "none":
            self.wrong(f"{at}.client_auth_type", "expected RequireAndVerifyClientCert where there is a client CA")
        if not has_ca and tls.client_certificate != "none":
            self.wrong(at, "expected client_ca_file, whose certificates the clients' are verified by")
        if tls.client_allowed_sans is not None and tls.client_certificate != "required":
            self.wrong(f"{at}.client_allowed_sans", "expected client_auth_type: RequireAndVerifyClientCert beside it")
        if tls.min_version > tls.max_version:
            self.wrong(f"{at}.max_version", f"expected {tls.min_version} or later, got {tls.max_version}")

    def client_certificate(self, value: Any, at: str) -> str:
        if value in ("RequireAnyClientCert", "RequireClientCert"):
            self.wrong(at, f"{value} takes any certificate, unverified: expected RequireAndVerifyClientCert")
            return "required"
        return CLIENT_AUTH_TYPES[self.choice(value, at, CLIENT_AUTH_TYPES, "NoClientCert")]

    def version(self, value: Any, at: str, default: str) -> str:
        if value in ("TLS10", "TLS11"):
            self.wrong(at, f"expected TLS12 or TLS13, got {value}, which RFC 8996 retired")
            return default
        return self.choice(value, at, ("TLS12", "TLS13"), default)

    def curve(self, value: Any, at: str) -> str | None:
        names = self.choices(value, at, CURVES)
        if len(names) > 1:
            self.wrong(at, "expected one curve (Python's TLS takes no more) or no such key, got " + ", ".join(names))
        return CURVES[names[0]] if names else None

    def headers(self, value: Any) -> dict[str, str]:
        section = self.mapping(value, "http_server_config", ("http2", "headers"))
        self.boolean(section.get("http2"), "http_server_config.http2", default=True)
        at = "http_server_config.headers"
        headers = {}
        for name, item in self.mapping(section.get("headers"), at, HEADERS).items():
            content = self.text(item, f"{at}.{name}")
            if HEADERS[name] and content not in ("", *HEADERS[name]):
                self.wrong(f"{at}.{name}", f"expected {one_of(HEADERS[name])}, got {content!r}")
            elif not content.isprintable():
                self.wrong(f"{at}.{name}", "expected one line of printable text")
            headers[name] = content
        return headers

    def users(self, value: Any) -> dict[str, str]:
        users = {}
        for user, item in self.mapping(value, "basic_auth_users").items():
            if isinstance(item, str) and BCRYPT.fullmatch(item):
                users[user] = item
            else:
                self.wrong(
                    f"basic_auth_users.{user}",
                    "expected a bcrypt hash, as `htpasswd -nBC 10 ''` writes; not shown here",
                )
        return users

    def rate_limit(self, value: Any) -> RateLimit | None:
        section = self.mapping(value, "rate_limit", ("interval", "burst"))
        interval = section.get("interval", 0)
        seconds = 0.0
        if isinstance(interval, str) and DURATION.fullmatch(interval):
            parts = re.findall(r"([0-9.]+)([a-zµ]+)", interval)
            seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
        elif interval not in (0, "0"):
            self.wrong("rate_limit.interval", f"expected a duration such as 500ms, got {interval!r}")
        burst = section.get("burst", 1 if seconds else 0)
        if isinstance(burst, bool) or not isinstance(burst, int) or burst < (1 if seconds else 0):
            self.wrong("rate_limit.burst", f"expected a number from 1, got {burst!r}")
        return RateLimit(seconds, burst) if seconds and not self.errors else None
