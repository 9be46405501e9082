"""One client's connection: its requests in turn, each with a time limit, on tornado's HTTP/1 protocol."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

import structlog
from tornado import httputil
from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.iostream import IOStream, StreamClosedError

from exporter.web.app import Answer, Request, text
from exporter.web.tls import names

log = structlog.get_logger()

ONE_WRITE_BYTES = 64 * 1024
"""A body up to this size leaves in one write with its headers; a larger one is sent from where it lies."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take before its connection is closed."""

    header_seconds: float = 10.0
    """From the connection's start (TLS included) to the end of its first request's headers."""
    idle_seconds: float = 330.0
    """Between two requests; Prometheus keeps idle connections for five minutes, so that it closes first."""
    body_seconds: float = 10.0
    answer_seconds: float = 60.0
    """To make the answer and for the client to read it."""
    header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    connections: int = 512
    """Beyond them the one is closed that has kept the server waiting longest."""

    @property
    def protocol(self) -> HTTP1ConnectionParameters:
        """The limits in tornado's form. Its own header limit is wider: a bit too large gets an answer."""
        return HTTP1ConnectionParameters(
            chunk_size=self.header_bytes,
            max_header_size=2 * self.header_bytes,
            max_body_size=self.body_bytes,
            body_timeout=self.body_seconds,
        )


class Connection(httputil.HTTPServerConnectionDelegate):
    """A client's connection and what it is doing."""

    def __init__(
        self,
        stream: IOStream,
        remote: str,
        *,
        limits: Limits,
        answer: Callable[[Request, str], Awaitable[Answer]],
        on_change: Callable[["Connection"], None],
        allowed_names: frozenset[str] | None = None,
    ) -> None:
        """Serve the stream. Of a TLS client only a certificate with one of the names is let in; None: any client."""
        self.remote = remote
        self.requests = 0
        self.is_busy = False
        """Whether a request has arrived whose answer is not yet sent."""
        self.is_closed = False
        """Whether the client has gone; the answer to it may still be under way."""
        self.is_last = False
        """Whether the connection closes after its next answer."""
        self.limits = limits
        self._answer = answer
        self._on_change = on_change
        self._allowed_names = allowed_names
        self._loop = asyncio.get_running_loop()
        self.waiting_since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._stream = stream
        self._http = HTTP1ServerConnection(stream, limits.protocol, context=remote)
        self._http.start_serving(self)

    @property
    def is_over(self) -> bool:
        """Whether the connection is closed and nothing more is done for it."""
        return self.is_closed and (self._task is None or self._task.done())

    def close(self) -> None:
        """Close the connection at once, whatever it is doing."""
        self._stream.close()

    async def abandon(self) -> None:
        """Close the connection and give up the answer that is being made."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def start_request(self, _server: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        """Wait for a request (tornado's hook)."""
        self.waiting_since = self._loop.time()
        seconds = self.limits.idle_seconds if self.requests else self.limits.header_seconds
        self._timer = self._loop.call_later(seconds, self.close)
        return _Exchange(self, request_conn)

    def on_close(self, _server: object) -> None:
        """Forget the connection (tornado's hook)."""
        self.is_closed = True
        self._stop_timer()
        self._on_change(self)

    def begin(self) -> None:
        """Take note that a request's headers have arrived; raise HTTPInputError if the client is not let in."""
        self._stop_timer()
        if self._stream.closed():
            raise httputil.HTTPInputError("the client has gone, and left requests behind")
        if self._allowed_names is not None and not self._allowed_names & self._client_names():
            log.info("client certificate refused: it has none of client_allowed_sans", remote=self.remote)
            self.close()
            raise httputil.HTTPInputError("client certificate refused")
        self.requests += 1
        self.is_busy = True

    def respond(self, request: Request, http: httputil.HTTPConnection, ready: Answer | None = None) -> None:
        """Send the answer, made by the site unless it is ready."""
        self._task = self._loop.create_task(self._respond(request, http, ready))
        self._task.add_done_callback(lambda _task: self._on_change(self))

    async def _respond(self, request: Request, http: httputil.HTTPConnection, ready: Answer | None) -> None:
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                answer = ready or await self._answer(request, self.remote)
                await _send(http, request, answer, is_last=self.is_last)
            if self.is_last:
                self.close()
        except StreamClosedError:
            log.debug("client went away", remote=self.remote)
        except TimeoutError:
            log.info("client too slow", remote=self.remote, seconds=self.limits.answer_seconds)
            self.close()
        finally:
            self.is_busy = False

    def _client_names(self) -> set[str]:
        connected = self._stream.socket
        return names(connected.getpeercert()) if isinstance(connected, ssl.SSLSocket) else set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Exchange(httputil.HTTPMessageDelegate):
    """A request on its way in."""

    def __init__(self, connection: Connection, http: httputil.HTTPConnection) -> None:
        self._connection = connection
        self._http = http
        self._request: Request | None = None

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> None:
        """Take the headers (tornado's hook)."""
        if not isinstance(start_line, httputil.RequestStartLine):
            raise httputil.HTTPInputError("expected a request")
        self._connection.begin()
        request = Request(start_line.method, start_line.path, headers)
        size = len(start_line.path) + sum(len(name) + len(value) + 4 for name, value in headers.get_all())
        if size > self._connection.limits.header_bytes:
            self._connection.respond(request, self._http, text("The headers are too large.", 431))
        else:
            self._request = request

    def finish(self) -> None:
        """Answer, now that the body has arrived too (tornado's hook)."""
        if self._request is not None:
            self._connection.respond(self._request, self._http)


async def _send(http: httputil.HTTPConnection, request: Request, answer: Answer, *, is_last: bool) -> None:
    chunks = (answer.body,) if isinstance(answer.body, bytes) else tuple(answer.body)
    size = sum(map(len, chunks))
    headers = httputil.HTTPHeaders(answer.headers)
    headers["Date"] = formatdate(usegmt=True)
    headers["Content-Length"] = str(size)
    if is_last:
        headers["Connection"] = "close"
    start_line = httputil.ResponseStartLine("HTTP/1.1", answer.status, HTTPStatus(answer.status).phrase)
    if request.method == "HEAD" or size == 0:
        await http.write_headers(start_line, headers)
    elif size <= ONE_WRITE_BYTES:
        await http.write_headers(start_line, headers, b"".join(chunks))
    else:
        await http.write_headers(start_line, headers)
        for chunk in chunks:
            await http.write(chunk)
    http.finish()
