"""The web side on a thread of its own, for tests that speak to it over sockets."""

import asyncio
import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

from exporter.web.app import Exposition, Site
from exporter.web.server import Server
from tests.web import SITE


class Running:
    """A server on an event loop of its own."""

    def __init__(self, site: Site, **options) -> None:
        self.clients: list[socket.socket] = []
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever)
        self.thread.start()
        self.server = Server(site, **({"listen": ("127.0.0.1:0",)} | options))
        self.do(self.server.start())
        host, _, port = self.server.addresses[0].rpartition(":")
        self.address = host.strip("[]"), int(port)

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def drain(self, seconds: float = 5) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(self.server.drain(seconds), self.loop)

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.drain(0.1).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.address, timeout=10)
        self.clients.append(client)
        return client

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def metrics(_accept: str, _encoding: str, _names: tuple[str, ...]) -> Exposition:
    return Exposition(b"up 1\n", "text/plain; version=0.0.4")


def site(**changes) -> Site:
    return replace(SITE, **({"metrics": metrics, "now": time.time} | changes))


@contextmanager
def serving(site: Site, **options) -> Iterator[Running]:
    running = Running(site, **options)
    try:
        yield running
    finally:
        running.stop()
