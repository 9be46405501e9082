"""The web configuration while it runs: changes are followed, mistakes are not."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.web import tls
from exporter.web.security import TokenBucket, WebConfigFile
from exporter.web.webconfig import RateLimit, Tls, WebConfigError
from tests.web import CA, SERVER, Clock, furnish

OTHER = CA.issue_cert("localhost")
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
WITH_TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def home(tmp_path):
    return furnish(tmp_path)


@pytest.fixture
def opened(home, clock):
    def open_(text: str) -> WebConfigFile:
        (home / "web.yml").write_text(text)
        return WebConfigFile(home / "web.yml", yaml.safe_load, clock)

    return open_


def test_a_changed_file_is_read_a_second_later(home, clock, opened):
    file = opened("")
    (home / "web.yml").write_text(f"basic_auth_users: {{alice: {HASH}}}")
    assert not file.current().config.users

    clock.seconds = 1.0

    assert file.current().config.users == {"alice": HASH}


def test_a_changed_certificate_is_read(home, clock, opened):
    file = opened(WITH_TLS)
    before = file.current().context
    clock.seconds = 1.0
    assert file.current().context is before

    OTHER.private_key_and_cert_chain_pem.write_to_path(str(home / "key.pem"))
    OTHER.cert_chain_pems[0].write_to_path(str(home / "cert.pem"))
    clock.seconds = 2.0

    assert file.current().context is not before


def test_a_mistake_keeps_the_old_configuration_and_is_logged_once(home, clock, opened):
    file = opened(WITH_TLS)
    before = file.current()
    OTHER.cert_chain_pems[0].write_to_path(str(home / "cert.pem"))  # its key is yet to come

    with structlog.testing.capture_logs() as logs:
        for clock.seconds in (1.0, 2.0, 3.0):
            assert file.current() is before
        OTHER.private_key_pem.write_to_path(str(home / "key.pem"))
        clock.seconds = 4.0
        assert file.current() is not before

    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("error", "web config not reloaded, the old one stays"),
        ("info", "web config reloaded"),
    ]
    assert "key values mismatch" in str(logs[0]["errors"])


def test_a_file_that_is_gone_keeps_the_old_configuration(home, clock, opened):
    file = opened(f"basic_auth_users: {{alice: {HASH}}}")
    (home / "web.yml").unlink()
    clock.seconds = 1.0

    assert file.current().config.users


def test_a_file_that_a_failed_change_named_is_waited_for(home, clock, opened):
    file = opened("")
    (home / "web.yml").write_text(WITH_TLS.replace("cert.pem", "later.pem"))
    clock.seconds = 1.0
    assert file.current().context is None

    (home / "cert.pem").rename(home / "later.pem")
    clock.seconds = 2.0

    assert file.current().context is not None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "tls_server_config: {cert_file: no.pem, key_file: key.pem}",
            "tls_server_config.cert_file: {home}/no.pem: No s",
        ),
        ("tls_server_config: {cert_file: cert.pem, key_file: .}", "tls_server_config.key_file: {home}: Is a directory"),
        (
            "tls_server_config: {cert_file: key.pem, key_file: key.pem}",
            "tls_server_config: the certificate and the key",
        ),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: locked.pem}",
            "tls_server_config: the certificate and the",
        ),
        ("tls_server_config: {cert: PEM, key: PEM}", "tls_server_config: the certificate and the key cannot be used: "),
        (
            WITH_TLS.replace("}", ", client_ca_file: key.pem, client_auth_type: RequireAndVerifyClientCert}"),
            "tls_server_config: the client CA cannot be used: ",
        ),
        ("http_server_config: []", "http_server_config: expected keys and values, got a list"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(home, opened, text, error):
    (home / "locked.pem").write_bytes(
        load_pem_private_key(SERVER.private_key_pem.bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(WebConfigError) as told:
        opened(text)

    (line,) = told.value.errors
    assert line.startswith(f"{home}/web.yml: " + error.format(home=home))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WebConfigError, match=r"web.yml: No such file or directory"):
        WebConfigFile(tmp_path / "web.yml", yaml.safe_load)


def test_a_file_in_another_encoding_is_told(tmp_path):
    (tmp_path / "web.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(WebConfigError, match=r"web.yml: expected UTF-8 text"):
        WebConfigFile(tmp_path / "web.yml", yaml.safe_load)


def test_certificates_may_stand_in_the_file_itself():
    inline = Tls(
        cert=SERVER.cert_chain_pems[0].bytes().decode(),
        key=SERVER.private_key_pem.bytes().decode(),
        client_ca=CA.cert_pem.bytes().decode(),
        client_certificate="required",
    )

    context = tls.context(inline, Path("web.yml"))

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (Tls(ciphers=("ECDHE-RSA-AES128-GCM-SHA256",)), {"ECDHE-RSA-AES128-GCM-SHA256"}),
        (Tls(ciphers=()), set()),
    ],
)
def test_ciphers_up_to_tls_1_2_are_those_listed(home, asked, names):
    context = tls.context(replace(asked, cert_file=home / "cert.pem", key_file=home / "key.pem"), Path("web.yml"))

    found = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"}
    assert (found if context.minimum_version < ssl.TLSVersion.TLSv1_3 else set()) == names


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (Tls(ciphers=("NO-SUCH-CIPHER",)), "tls_server_config.cipher_suites cannot be used: no cipher "),
        (Tls(curve="no-such-curve"), "tls_server_config.curve_preferences cannot be used: unknown elliptic curve"),
        (
            Tls(cert_file=Path("/proc/self/mem"), key_file=Path("/proc/self/mem")),
            "tls_server_config: the certificate and the key cannot be used: Input/output error",
        ),
    ],
)
def test_what_openssl_refuses_is_told(asked, error):
    with pytest.raises(WebConfigError) as told:
        tls.context(asked, Path("web.yml"))

    (line,) = told.value.errors
    assert line.startswith(f"web.yml: {error}")


def test_names_of_a_certificate():
    certificate = {
        "subjectAltName": (
            ("DNS", "a.example"),
            ("IP Address", "FE80:0:0:0:0:0:0:1\n"),
            ("email", "a@b.example"),
            ("URI", "spiffe://x/y"),
        )
    }

    assert tls.names(certificate) == {"a.example", "fe80::1", "a@b.example", "spiffe://x/y"}
    assert tls.names(None) == set()


def test_a_bucket_admits_its_burst_and_then_one_an_interval():
    clock = Clock()
    bucket = TokenBucket(RateLimit(0.5, 3), clock)

    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    clock.seconds = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.seconds = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
