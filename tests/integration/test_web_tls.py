"""The web configuration over real sockets: TLS, client certificates, users, headers, and their change while it runs."""

import base64
import http.client
import socket
import ssl
import time

import bcrypt
import pytest
import trustme
import yaml

from exporter.web.security import WebConfigFile
from tests.integration.serving import Running, serving, site
from tests.web import CA, Clock, furnish, write

STRANGER = trustme.CA()
CLIENT = CA.issue_cert("prometheus.example.com")
TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem"
VERIFIED = ", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
REFUSED = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def home(tmp_path):
    return furnish(tmp_path)


@pytest.fixture
def served(home, clock):
    """Serve with a web configuration."""

    def serve(text: str):
        (home / "web.yml").write_text(text)
        return serving(site(), web_config=WebConfigFile(home / "web.yml", yaml.safe_load, clock))

    return serve


def trusting(certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


def get(
    running: Running, context: ssl.SSLContext, path: str = "/metrics", user: str | None = None
) -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection(*running.address, timeout=10, context=context)
    try:
        headers = {} if user is None else {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def test_metrics_over_tls(served):
    with served(TLS + "}") as running:
        assert get(running, trusting()).status == 200


def test_plain_http_on_a_tls_port_ends_the_connection_only(served):
    with served(TLS + "}") as running:
        with pytest.raises(REFUSED):
            running.get("/metrics")
        assert get(running, trusting()).status == 200


def test_a_minimum_version(served):
    old = trusting()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with served(TLS + ", min_version: TLS13}") as running:
        with pytest.raises(ssl.SSLError, match=r"(?i)version"):
            get(running, old)
        assert get(running, trusting()).status == 200


def test_a_client_needs_a_certificate_of_the_ca(served):
    with served(TLS + VERIFIED + "}") as running:
        assert get(running, trusting(CLIENT)).status == 200
        for certificate in (None, STRANGER.issue_cert("prometheus.example.com")):
            with pytest.raises(REFUSED):
                get(running, trusting(certificate))


def test_a_client_certificate_may_be_optional_but_not_false(served):
    with served(TLS + VERIFIED.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven") + "}") as running:
        assert get(running, trusting()).status == 200
        assert get(running, trusting(CLIENT)).status == 200
        with pytest.raises(REFUSED):
            get(running, trusting(STRANGER.issue_cert("prometheus.example.com")))


def test_a_client_certificate_needs_an_allowed_name(served):
    with served(TLS + VERIFIED + ", client_allowed_sans: [prometheus.example.com]}") as running:
        assert get(running, trusting(CLIENT)).status == 200
        with pytest.raises(REFUSED):
            get(running, trusting(CA.issue_cert("grafana.example.com")))


def test_a_renewed_certificate_is_used_without_a_restart(served, home, clock):
    def serial(running) -> str:
        with (
            socket.create_connection(running.address, timeout=10) as plain,
            trusting().wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            certificate = secure.getpeercert()
            assert certificate
            return str(certificate["serialNumber"])

    with served(TLS + "}") as running:
        before = serial(running)
        write(home, CA.issue_cert("localhost", "127.0.0.1"))
        clock.seconds = 1.0
        after = serial(running)

    assert before != after


@pytest.fixture
def users():
    return "basic_auth_users: {alice: " + bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode() + "}\n"


@pytest.mark.parametrize("path", ["/", "/metrics", "/targets", "/config", "/-/healthy", "/-/ready", "/-/reload", "/no"])
def test_every_path_asks_for_the_password(served, users, path):
    with served(users) as running:
        assert running.get(path)[0] == 401
        assert running.get(path, headers={"Authorization": "Basic YWxpY2U6cmlnaHQ="})[0] != 401


def test_a_refusal_asks_for_a_password(served, users):
    with served(users + TLS + "}") as running:
        assert get(running, trusting(), user="alice:right").status == 200
        refused = get(running, trusting(), user="alice:wrong")

    assert refused.status == 401
    assert (refused.getheader("WWW-Authenticate") or "").startswith("Basic realm=")


def test_an_unknown_user_takes_as_long_as_a_wrong_password(served, users):
    def fastest(running, user: str) -> float:
        took = []
        for attempt in range(3):
            began = time.monotonic()
            get(running, trusting(), user=f"{user}:{attempt}")
            took.append(time.monotonic() - began)
        return min(took)

    with served(users + TLS + "}") as running:
        known, unknown = fastest(running, "alice"), fastest(running, "nobody")

    assert 0.5 < known / unknown < 2
    assert min(known, unknown) > 0.02


def test_a_probe_answers_while_passwords_are_computed(served, users):
    slow = (
        "basic_auth_users: {alice: " + bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode().replace("$04$", "$15$") + "}\n"
    )
    with served(slow) as running, running.connect() as client, running.connect() as other:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6cmlnaHQ=\r\n\r\n")
        time.sleep(0.1)  # by now the first is being computed
        began = time.monotonic()
        other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert other.recv(12) == b"HTTP/1.1 401"
        assert time.monotonic() - began < 0.5


def test_changed_users_count_at_once(served, home, clock, users):
    with served(users) as running:
        right = {"Authorization": "Basic YWxpY2U6cmlnaHQ="}
        assert running.get("/metrics", headers=right)[0] == 200
        (home / "web.yml").write_text(users.replace("alice", "bob"))
        clock.seconds = 1.0
        assert running.get("/metrics", headers=right)[0] == 401


def test_headers_are_added_to_every_answer(served):
    with served(
        "http_server_config: {headers: {Strict-Transport-Security: max-age=1, X-Frame-Options: sameorigin, "
        "Content-Security-Policy: ''}}\n" + TLS + "}"
    ) as running:
        for path in ("/metrics", "/nothing"):
            answer = get(running, trusting(), path)
            assert answer.getheader("Strict-Transport-Security") == "max-age=1"
            assert answer.getheader("X-Frame-Options") == "sameorigin"
            assert answer.getheader("Content-Security-Policy") is None


def test_requests_are_rationed(served, clock):
    with served("rate_limit: {interval: 1s, burst: 2}") as running:
        assert [running.get("/metrics")[0] for _ in range(3)] == [200, 200, 429]
        clock.seconds = 1.0
        assert running.get("/metrics")[0] == 200
