"""The image's healthcheck against real servers on the loopback."""

import http.server
import ssl
import threading

import pytest
import trustme

from deploy.image import healthcheck


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Say nothing of a client that breaks off, as the one that tries plain HTTP first does."""


@pytest.fixture
def serve():
    """Start a server that answers with one status, and return its port."""
    servers = []

    def start(status, context=None):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/-/healthy" else 404)
                self.end_headers()

            def log_message(self, format, *args):  # noqa: A002 - the name is the base class's
                pass

        server = Server(("127.0.0.1", 0), Answer)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def check(monkeypatch):
    def run(port):
        monkeypatch.setenv("BEDROCK_BATCH_EXPORTER_WEB_LISTEN_ADDRESS", f"127.0.0.1:{port}")
        return healthcheck.main()

    return run


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 0), (503, 1), (404, 1)])
def test_the_exit_code_follows_the_answer(serve, check, status, code):
    assert check(serve(status)) == code


def test_tls_is_found_out(serve, check):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("exporter.example.com").configure_cert(context)

    assert check(serve(200, context)) == 0


def test_a_server_that_wants_a_certificate_is_alive(serve, check):
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("exporter.example.com").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    assert check(serve(200, context)) == 0


def test_nobody_there_is_one_line_and_1(serve, check, capsys):
    port = serve(200)
    assert check(port) == 0
    assert check(1) == 1
    assert capsys.readouterr().err.startswith("no answer: ")
