"""Clients that are slow, broken or hostile: a scrape meanwhile answers as ever, and the log has no error."""

import http.client
import logging
import os
import random
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog
import trustme
import yaml

from exporter.web.app import Exposition
from exporter.web.connection import Limits
from exporter.web.security import WebConfigFile
from tests.integration.serving import Running, serving, site

CA = trustme.CA()
SCRAPE_SECONDS = 1.0


@pytest.fixture
def errors(caplog):
    """What was logged at error level by us, or above info by a library."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        seen: list[object] = []
        yield seen
        seen += [event for event in events if event["log_level"] in {"error", "critical"}]
        records = [record for phase in ("setup", "call", "teardown") for record in caplog.get_records(phase)]
        seen += [record.getMessage() for record in records if record.levelno >= logging.WARNING]
    assert seen == []


@pytest.fixture(params=["http", "https"])
def running(request, tmp_path, errors):
    if request.param == "http":
        with serving(site()) as running:
            yield running
        return
    leaf = CA.issue_cert("127.0.0.1")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: both.pem, key_file: both.pem}")
    with serving(site(), web_config=WebConfigFile(tmp_path / "web.yml", yaml.safe_load)) as running:
        yield running


def scrape(running: Running) -> float:
    """Return the seconds that a scrape took."""
    is_tls = running.server._web_config is not None
    context = ssl.create_default_context()
    CA.configure_trust(context)
    began = time.monotonic()
    connection = (
        http.client.HTTPSConnection(running.address[0], running.address[1], timeout=10, context=context)
        if is_tls
        else http.client.HTTPConnection(*running.address, timeout=10)
    )
    connection.request("GET", "/metrics")
    assert connection.getresponse().read() == b"up 1\n"
    connection.close()
    return time.monotonic() - began


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def send(client: socket.socket, data: bytes) -> None:
    try:
        client.sendall(data)
    except OSError:
        client.close()


def test_a_scrape_amid_slow_clients_and_half_open_ones(running):
    before = resident_bytes()
    half_open = [running.connect() for _ in range(100)]
    slow = [running.connect() for _ in range(500)]
    took = []
    request = b"GET /metrics HTTP/1.1\r\nX-Slow: " + b"x" * 100
    for number in range(5):
        for client in slow:
            send(client, request[number : number + 1])
        took.append(scrape(running))
        time.sleep(0.2)

    assert max(took) < SCRAPE_SECONDS
    assert len(running.server._connections) <= Limits().connections
    assert resident_bytes() - before < 100_000_000
    assert half_open


def test_new_clients_push_out_those_that_never_asked_but_no_scraper(errors):
    with serving(site(), limits=Limits(connections=10)) as running:
        scraper = http.client.HTTPConnection(*running.address, timeout=10)
        scraper.request("GET", "/metrics")
        scraper.getresponse().read()
        silent = [running.connect() for _ in range(50)]

        scraper.request("GET", "/metrics")
        assert scraper.getresponse().read() == b"up 1\n"
        scraper.close()
        assert silent[0].recv(1) == b""


@pytest.mark.parametrize(
    "request_",
    [
        b"BREW /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"get /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET  /metrics  HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /\xff\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
        b"\r\n" * 40_000,
        b"\x00" * 70_000,
    ],
    ids=lambda data: repr(data[:40]),
)
def test_a_broken_request_harms_its_own_connection_only(running, request_):
    client = running.connect()
    send(client, request_)
    time.sleep(0.05)
    client.close()

    assert scrape(running) < SCRAPE_SECONDS


def test_random_bytes(running):
    chance = random.Random(10042)
    starts = (
        b"",
        b"GET /",
        b"GET /metrics HTTP/1.1\r\n",
        b"POST /-/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    for _ in range(200):
        client = running.connect()
        send(client, chance.choice(starts) + chance.randbytes(chance.randrange(1, 3000)))
        if chance.random() < 0.5:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # reset it
        client.close()

    assert scrape(running) < SCRAPE_SECONDS


def test_clients_that_vanish_while_they_are_answered(errors):
    body = b"x" * 5_000_000
    with serving(site(metrics=lambda *_: Exposition(body, "text/plain"))) as running:
        for _ in range(50):
            client = running.connect()
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(100)
            client.close()
        assert running.get("/metrics") == (200, body)
        deadline = time.monotonic() + 10
        while running.server._connections or running.server._requests:
            assert time.monotonic() < deadline
            time.sleep(0.01)


OUT_OF_FILES = """
import asyncio, os, resource
from exporter.web.server import Server
from tests.integration.serving import site

async def main():
    server = Server(site(), listen=("127.0.0.1:0",))
    await server.start()
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    print(server.addresses[0], flush=True)
    asyncio.get_running_loop().call_later(0.5, lambda: [os.close(one) for one in taken])
    await asyncio.sleep(60)

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
asyncio.run(main())
"""


def test_a_process_out_of_files_waits_for_some_and_does_not_spin():
    with subprocess.Popen([sys.executable, "-c", OUT_OF_FILES], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            host, _, port = process.stdout.readline().strip().rpartition(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("GET", "/metrics")
            assert connection.getresponse().read() == b"up 1\n"
            connection.close()
        finally:
            process.kill()
        log = process.stdout.read()

    assert log.count("accepting paused") == 1
