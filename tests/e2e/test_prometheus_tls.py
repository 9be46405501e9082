"""A stock Prometheus scrapes an exporter that asks for a password and a client certificate."""

import base64
import re
import ssl
import urllib.request

import bcrypt
import pytest
import trustme

from exporter.demo.run import inhabit
from exporter.demo.simulation import Simulation
from tests.e2e.programs import program
from tests.e2e.prometheus import Prometheus
from tests.integration.process import Process

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The certificates of both sides and the exporter's web configuration."""
    tmp_path = tmp_path_factory.mktemp("home")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    for name, leaf in (("server", ca.issue_cert("127.0.0.1")), ("client", ca.issue_cert("prometheus.example.com"))):
        leaf.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.crt"))
        leaf.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode().replace("$2b$", "$2y$")
    (tmp_path / "web.yml").write_text(f"""
        tls_server_config:
          cert_file: server.crt
          key_file: server.key
          client_ca_file: ca.crt
          client_auth_type: RequireAndVerifyClientCert
          client_allowed_sans: [prometheus.example.com]
          min_version: TLS13
        basic_auth_users:
          prometheus: {hashed}
    """)
    return tmp_path


class Secured(Process):
    """An exporter that is spoken to as its web configuration demands."""

    def get(self, path, **headers):
        home = self.config.parent
        context = ssl.create_default_context(cafile=str(home / "ca.crt"))
        context.load_cert_chain(home / "client.crt", home / "client.key")
        token = base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            self.url.replace("http:", "https:") + path, headers={"Authorization": f"Basic {token}"} | headers
        )
        with urllib.request.urlopen(request, timeout=5, context=context) as response:
            return response.read()


def job(home, password=PASSWORD, client="client"):
    return {
        "scheme": "https",
        "basic_auth": {"username": "prometheus", "password": password},
        "tls_config": {"ca_file": f"{home}/ca.crt"}
        | ({"cert_file": f"{home}/{client}.crt", "key_file": f"{home}/{client}.key"} if client else {}),
    }


@pytest.fixture(scope="module")
def exporter(home):
    with Simulation() as simulation:
        inhabit(simulation)
        with Secured(simulation, home, f"--web.config.file={home}/web.yml") as exporter:
            yield exporter


@pytest.fixture
def prometheus(tmp_path):
    return Prometheus(tmp_path, program("prometheus", "apt-get install prometheus"))


def test_prometheus_scrapes_over_tls_with_certificate_and_password(exporter, prometheus, home):
    with prometheus.scraping(exporter.url, **job(home)):
        prometheus.wait_until(lambda: prometheus.query("sum(bedrock_batch_up) == 9"))
        (target,) = prometheus.targets()

    assert target["health"] == "up"
    assert target["scrapeUrl"].startswith("https://")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"password": "guess"}, "401 Unauthorized"),
        ({"client": None}, "certificate required"),
        ({"client": "server"}, "EOF|reset"),  # of the CA, but of another name
    ],
    ids=["password", "no certificate", "name"],
)
def test_prometheus_is_refused(exporter, prometheus, home, wrong, error):
    with prometheus.scraping(exporter.url, **job(home, **wrong)):
        prometheus.wait_until(lambda: prometheus.targets() and prometheus.targets()[0]["health"] == "down")
        (target,) = prometheus.targets()

    assert re.search(error, target["lastError"])
    assert "level=error" not in exporter.log
