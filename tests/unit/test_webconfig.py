"""The web configuration: what it means, and every mistake with its place."""

from pathlib import Path

import pytest
import yaml

from exporter.web.webconfig import RateLimit, WebConfig, WebConfigError, read

PATH = Path("/etc/exporter/web.yml")
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config: {cert_file: c.pem, key_file: /k.pem, "


def config(text: str) -> WebConfig:
    return read(yaml.safe_load(text), PATH)


def errors(text: str) -> list[str]:
    with pytest.raises(WebConfigError) as told:
        config(text)
    return [error.removeprefix(f"{PATH}: ") for error in told.value.errors]


def test_an_empty_file_asks_for_nothing():
    assert config("") == WebConfig()
    assert config("tls_server_config: {}\nbasic_auth_users:\n") == WebConfig()


def test_paths_begin_where_the_file_lies():
    tls = config(TLS + "}").tls

    assert tls is not None
    assert (tls.cert_file, tls.key_file) == (Path("/etc/exporter/c.pem"), Path("/k.pem"))
    assert (tls.min_version, tls.max_version, tls.client_certificate) == ("TLS12", "TLS13", "none")


def test_everything_at_once():
    text = f"""
    tls_server_config:
      cert_file: c.pem
      key_file: k.pem
      client_ca_file: ca.pem
      client_auth_type: RequireAndVerifyClientCert
      client_allowed_sans: [prometheus.example.com]
      min_version: TLS13
      max_version: TLS13
      cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
      prefer_server_cipher_suites: false
      curve_preferences: [X25519]
    http_server_config:
      http2: false
      headers:
        X-Frame-Options: sameorigin
        Strict-Transport-Security: max-age=31536000
    basic_auth_users:
      alice: {HASH}
    rate_limit: {{interval: 1m0.5s, burst: 20}}
    """
    found = config(text)

    assert found.tls is not None
    assert found.tls.ciphers == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert found.tls.client_allowed_sans == frozenset({"prometheus.example.com"})
    assert found.headers == {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=31536000"}
    assert found.users == {"alice": HASH}
    assert found.rate_limit == RateLimit(60.5, 20)
    assert [path.name for path in found.files] == ["c.pem", "k.pem", "ca.pem"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- a", "expected keys and values, got a list"),
        ("tls_server_confg: {}", "tls_server_confg: unknown key; did you mean tls_server_config?"),
        (TLS + "min_verson: TLS13}", "tls_server_config.min_verson: unknown key; did you mean min_version?"),
        (TLS + "min_version: TLS14}", "tls_server_config.min_version: expected TLS12 or TLS13, got 'TLS14'"),
        (TLS + "min_version: TLS10}", "tls_server_config.min_version: expected TLS12 or TLS13, got TLS10, which"),
        (TLS + "min_version: [TLS13]}", "tls_server_config.min_version: expected TLS12 or TLS13, got ['TLS13']"),
        (TLS + "min_version: TLS13, max_version: TLS12}", "tls_server_config.max_version: expected TLS13 or later"),
        (TLS + "cipher_suites: [RC4]}", "tls_server_config.cipher_suites[0]: expected TLS_AES_128_GCM_SHA256, "),
        (TLS + "cipher_suites: RC4}", "tls_server_config.cipher_suites: expected a list, got text"),
        (TLS + "curve_preferences: [X25519, CurveP256]}", "tls_server_config.curve_preferences: expected one curve"),
        (TLS + "client_auth_type: Require}", "tls_server_config.client_auth_type: expected NoClientCert, "),
        (
            TLS + "client_auth_type: RequireAnyClientCert, client_ca_file: a}",
            "tls_server_config.client_auth_type: RequireAnyClientCert takes any certificate, unverified",
        ),
        (TLS + "client_auth_type: RequireAndVerifyClientCert}", "tls_server_config: expected client_ca_file"),
        (TLS + "client_ca_file: ca.pem}", "tls_server_config.client_auth_type: expected RequireAndVerifyClientCert"),
        (TLS + "client_allowed_sans: [a]}", "tls_server_config.client_allowed_sans: expected client_auth_type: Req"),
        (TLS + "prefer_server_cipher_suites: 3}", "tls_server_config.prefer_server_cipher_suites: expected true or"),
        (TLS + "cert: PEM}", "tls_server_config: expected one of cert and cert_file, got both"),
        ("tls_server_config: {key_file: k}", "tls_server_config: expected cert_file (or cert), got neither"),
        ("tls_server_config: {cert_file: c}", "tls_server_config: expected key_file (or key), got neither"),
        ("tls_server_config: {min_version: TLS13}", "tls_server_config: expected cert_file and key_file, got neither"),
        ("tls_server_config: {cert_file: 1, key_file: k}", "tls_server_config.cert_file: expected text, got a number"),
        ("tls_server_config: yes please", "tls_server_config: expected keys and values, got text"),
        ("http_server_config: {http2: maybe}", "http_server_config.http2: expected true or false, got text"),
        ("http_server_config: {headers: {X-Powered-By: a}}", "http_server_config.headers.X-Powered-By: unknown key"),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "http_server_config.headers.X-Frame-Options: expected deny or sameorigin, got 'allow'",
        ),
        (
            'http_server_config: {headers: {Content-Security-Policy: "a\\r\\nSet-Cookie: b"}}',
            "http_server_config.headers.Content-Security-Policy: expected one line of printable text",
        ),
        ("basic_auth_users: {alice: secret}", "basic_auth_users.alice: expected a bcrypt hash"),
        ("basic_auth_users: {alice: [1]}", "basic_auth_users.alice: expected a bcrypt hash"),
        ("rate_limit: {interval: 1 second}", "rate_limit.interval: expected a duration such as 500ms, got '1 second'"),
        ("rate_limit: {interval: 5}", "rate_limit.interval: expected a duration such as 500ms, got 5"),
        ("rate_limit: {interval: 1s, burst: 0}", "rate_limit.burst: expected a number from 1, got 0"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, error):
    (told,) = errors(text)

    assert told.startswith(error)


def test_all_mistakes_are_told_at_once_and_no_secret():
    told = errors(
        "basic_auth_users: {alice: hunter2}\nrate_limit: {burst: -1}\nhttp_server_config: {http3: true}\n"
        "tls_server_config: {cert_file: c}\nnonsense: 1\n"
    )

    assert len(told) == 5
    assert "hunter2" not in "".join(told)


def test_a_configuration_does_not_show_its_secrets():
    found = config(f"basic_auth_users: {{alice: {HASH}}}\ntls_server_config: {{cert: c, key: secret-key}}\n")

    assert HASH not in repr(found)
    assert "secret-key" not in repr(found)
