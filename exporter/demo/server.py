"""An HTTP/1.1 server on an event loop in a thread of its own: many idle, slow or hanging clients cost nothing."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from threading import Event, Thread
from typing import TypeAlias

from exporter.demo.wire import Answer, Delivery, HttpRequest

Respond: TypeAlias = Callable[[HttpRequest], Awaitable[Answer]]

_LARGEST_HEAD_BYTES = 1 << 16
_HELD_CHECK_SECONDS = 0.02
_BACKLOG = 1024


class Server:
    """Listens on `host` and `port` (0: any that is free) between `start` and `stop`."""

    def __init__(
        self, respond: Respond, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._respond = respond
        self._host = host
        self._tls = tls
        self.port = port
        self._started = Event()
        self._error: OSError | None = None
        self._stop: Callable[[], object] = lambda: None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    def start(self) -> None:
        """Listen; returns once connections are accepted."""
        self._started.clear()
        self._thread = Thread(target=asyncio.run, args=(self._run(),), name="simulated-aws", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._error:
            self._thread.join()
            raise self._error

    def stop(self) -> None:
        """Close every connection, whatever hangs in it, and end the thread."""
        if self._thread is not None:
            self._stop()
            self._thread.join()
            self._thread = None

    async def _run(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = partial(loop.call_soon_threadsafe, stopped.set)
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - asyncio runs it as one
            connections.add(task)
            try:
                await self._serve(reader, writer)
            except asyncio.CancelledError:
                pass  # by `stop`, and asyncio would report it
            finally:
                connections.discard(task)
                writer.transport.abort()

        try:
            server = await asyncio.start_server(
                connected, self._host, self.port, limit=_LARGEST_HEAD_BYTES, backlog=_BACKLOG, ssl=self._tls
            )
        except OSError as error:
            self._error = error
            self._started.set()
            return
        self._error = None
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await stopped.wait()
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' own farewell

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            while True:
                request = await _read(reader, writer)
                answer = await self._respond(request)
                if not await _deliver(answer, reader, writer, head_only=request.method == "HEAD"):
                    return


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, _, rest = head.partition("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in rest.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return HttpRequest(method, path, query, headers, body)


async def _deliver(
    answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, head_only: bool
) -> bool:
    """Send the answer in its way; whether the connection goes on."""
    if answer.delivery is Delivery.RESET:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    if answer.delivery is Delivery.HANG:
        while answer.held and answer.held() and not reader.at_eof():  # noqa: ASYNC110 - released from another thread
            await asyncio.sleep(_HELD_CHECK_SECONDS)
        return False
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    head = "\r\n".join((*lines, "", "")).encode("latin-1")
    if answer.delivery is Delivery.CUT:
        writer.write(head + answer.body[: len(answer.body) // 2])
        writer.close()
        await writer.wait_closed()
        return False
    if answer.delivery is Delivery.DRIP:
        writer.write(head)
        for byte in answer.body:
            writer.write(bytes((byte,)))
            await asyncio.sleep(1)
            await writer.drain()
        return True
    writer.write(head if head_only else head + answer.body)
    await writer.drain()
    return True
