"""The web side over real sockets: what clients get, also when they misbehave."""

import asyncio
import http.client
import time
from threading import Event

import pytest

from exporter.web.app import Exposition
from exporter.web.connection import Limits
from exporter.web.listening import ListenError
from exporter.web.server import Server
from tests.integration.serving import serving, site

BODY = b"up 1\n" * 2_400_000


@pytest.fixture
def large():
    with serving(site(metrics=lambda *_: Exposition(BODY, "text/plain"))) as running:
        yield running


def test_one_connection_carries_many_scrapes_without_a_stall():
    with serving(site()) as running:
        connection = http.client.HTTPConnection(*running.address, timeout=10)
        took = []
        for _ in range(20):
            began = time.monotonic()
            connection.request("GET", "/metrics")
            assert connection.getresponse().read() == b"up 1\n"
            took.append(time.monotonic() - began)
        connection.close()

    # Nagle's algorithm against a delayed acknowledgement costs 40 ms each time.
    assert sorted(took)[len(took) // 2] < 0.02


def test_a_head_is_the_get_without_its_body():
    with serving(site()) as running, running.connect() as client:
        client.sendall(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = client.makefile("rb").read()

    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_every_answer_carries_the_headers_that_keep_a_browser_safe():
    with serving(site()) as running, running.connect() as client:
        client.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = client.makefile("rb").read()

    assert b"X-Content-Type-Options: nosniff\r\n" in answer
    assert b"Content-Security-Policy: default-src 'none'" in answer


def test_several_addresses_of_either_family():
    with serving(site(), listen=("127.0.0.1:0", "[::1]:0", ":0")) as running:
        assert len(running.server.addresses) == 3
        for address in running.server.addresses:
            host, _, port = address.rpartition(":")
            host = host.strip("[]")
            connection = http.client.HTTPConnection("127.0.0.1" if host == "::" else host, int(port), timeout=5)
            connection.request("GET", "/-/healthy")
            assert connection.getresponse().read() == b"healthy\n"
            connection.close()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10042", "expected [host]:port"),
        ("::1:10042", "expected [host]:port"),
        (":99999", "expected [host]:port"),
        ("203.0.113.1:0", "annot assign requested address"),
        ("a..b:0", "label empty or too long"),
        ("x" * 64 + ":0", "label too long"),
        ("no-such-host.invalid:0", "--web.listen-address no-such-host.invalid:0: "),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told_in_one_line(address, why):
    async def start() -> None:
        await Server(site(), listen=(address,)).start()

    with pytest.raises(ListenError, match=r"^--web.listen-address .*") as told:
        asyncio.run(start())

    assert why in str(told.value)


def test_a_port_in_use_is_told():
    with serving(site()) as running, pytest.raises(ListenError, match="Address already in use"):
        asyncio.run(Server(site(), listen=running.server.addresses).start())


def test_requests_at_once_are_limited_but_probes_are_not():
    entered, leave = Event(), Event()

    def wait(*_) -> Exposition:
        entered.set()
        leave.wait(10)
        return Exposition(b"", "text/plain")

    with serving(site(metrics=wait), max_requests=1) as running:
        with running.connect() as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert entered.wait(10)
            assert running.get("/metrics")[0] == 503
            assert running.get("/-/healthy")[0] == 200
            leave.set()
            assert client.recv(12) == b"HTTP/1.1 200"
        assert running.get("/metrics")[0] == 200


def test_a_bug_in_a_page_is_an_internal_error_and_no_more():
    def broken(*_) -> Exposition:
        raise RuntimeError

    with serving(site(metrics=broken)) as running:
        assert running.get("/metrics")[0] == 500
        assert running.get("/-/healthy")[0] == 200


def test_a_drain_lets_sixteen_scrapers_finish(large):
    clients = [large.connect() for _ in range(16)]
    for client in clients:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    drained = large.drain()

    answers = [client.makefile("rb").read() for client in clients]

    drained.result(10)
    assert all(answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n" + BODY) for answer in answers)
    with pytest.raises(OSError, match="refused"):
        large.connect()


def test_a_drain_answers_those_that_still_wait_to_be_accepted():
    asked, busy = Event(), Event()

    async def drain_after_a_pause() -> None:
        busy.set()
        asked.wait(10)  # the loop stands still, and accepts nobody
        await running.server.drain(5)

    with serving(site()) as running:
        drained = asyncio.run_coroutine_threadsafe(drain_after_a_pause(), running.loop)
        assert busy.wait(10)
        clients = [running.connect() for _ in range(16)]
        for client in clients:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        asked.set()

        answers = [client.makefile("rb").read() for client in clients]
        drained.result(10)

    assert all(answer.endswith(b"\r\n\r\nup 1\n") for answer in answers)
    assert all(b"\r\nConnection: close\r\n" in answer for answer in answers)


def test_a_drain_does_not_wait_for_idle_connections():
    with serving(site()) as running, running.connect() as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.recv(1000)
        began = time.monotonic()
        running.drain().result(10)

        assert time.monotonic() - began < 1
        assert idle.recv(1) == b""


def test_a_drain_does_not_wait_for_ever(large):
    with large.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(12)
        began = time.monotonic()
        large.drain(1).result(10)

        assert time.monotonic() - began < 2


def test_a_drain_gives_up_what_clients_that_have_gone_had_asked_for():
    entered, leave = Event(), Event()

    def wait(*_) -> Exposition:
        entered.set()
        leave.wait(10)
        return Exposition(b"", "text/plain")

    async def left_over() -> int:
        await running.server.drain(5)
        return len(asyncio.all_tasks() - {asyncio.current_task()})

    with serving(site(metrics=wait)) as running:
        with running.connect() as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert entered.wait(10)
        assert running.get("/-/healthy")[0] == 200  # by now the server knows that the client has gone
        began = time.monotonic()

        assert running.do(left_over()) == 0
        assert time.monotonic() - began < 2
        leave.set()


def test_a_client_that_sends_nothing_is_let_go():
    with serving(site(), limits=Limits(header_seconds=0.1)) as running, running.connect() as client:
        assert client.recv(1) == b""


def test_a_client_that_does_not_read_is_let_go():
    with (
        serving(site(metrics=lambda *_: Exposition(BODY, "text/plain")), limits=Limits(answer_seconds=0.3)) as running,
        running.connect() as client,
    ):
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.6)
        received = client.makefile("rb").read()

        assert len(received) < len(BODY)


def test_large_headers_are_refused():
    with serving(site()) as running:
        assert running.get("/metrics", headers={"X-Large": "x" * 20_000})[0] == 431
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            running.get("/metrics", headers={"X-Large": "x" * 200_000})
        assert running.get("/metrics")[0] == 200


def test_a_scrape_does_not_wait_for_a_reload():
    entered, leave = Event(), Event()

    def reload() -> list[str]:
        entered.set()
        leave.wait(10)
        return []

    with serving(site(reload=reload)) as running, running.connect() as client:
        client.sendall(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert entered.wait(10)
        assert running.get("/metrics")[0] == 200
        leave.set()
        assert client.recv(12) == b"HTTP/1.1 200"
