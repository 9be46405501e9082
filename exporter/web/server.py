"""Listening, what all clients together may take, and the drain at the end."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from tornado.iostream import IOStream, SSLIOStream

from exporter.web.app import Answer, Request, Route, Site, find, routes, text
from exporter.web.auth import Authenticator, Verdict
from exporter.web.connection import Connection, Limits
from exporter.web.listening import BACKLOG, ListenError, bind, open_files_limit, text_of
from exporter.web.security import OPEN, Secured, WebConfigFile

log = structlog.get_logger()

ACCEPTS_AT_ONCE = 64
"""Connections taken before the loop turns to those it has."""
LAST_CALL_SECONDS = 0.25
"""How long a drain waits for requests that were under way to it."""
DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Server:
    """The site on its addresses. All methods belong to the event loop that started it."""

    def __init__(
        self,
        site: Site,
        *,
        listen: Sequence[str] = ("[::]:10042",),
        web_config: WebConfigFile | None = None,
        max_requests: int = 40,
        limits: Limits | None = None,
    ) -> None:
        """Prepare to listen on `[host]:port` each; more than `max_requests` at once (0: no limit) are answered 503."""
        self._routes = routes(site)
        self._listen = tuple(listen)
        self._web_config = web_config
        self._authenticator = Authenticator()
        self._max_requests = max_requests
        self._limits = limits or Limits()
        self._sockets: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._requests = 0
        self._is_draining = False
        self._changed = asyncio.Event()
        # One thread makes the pages: more of them would fight over the interpreter's lock and make every probe wait.
        self._pages = ThreadPoolExecutor(1, thread_name_prefix="web")
        self._actions = ThreadPoolExecutor(1, thread_name_prefix="web-action")

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is listened on, with real ports where port 0 was asked for."""
        return tuple(text_of(sock.getsockname()) for sock in self._sockets)

    async def start(self) -> None:
        """Listen on every address, or raise ListenError and listen on none."""
        logging.getLogger("tornado.general").addFilter(_is_ours)
        self._max_connections = min(self._limits.connections, open_files_limit() // 2)
        try:
            for address in self._listen:
                self._sockets += bind(address)
        except ListenError:
            self._close_sockets()
            raise
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            loop.add_reader(sock, self._accept, sock)

    async def drain(self, seconds: float) -> None:
        """Stop listening, finish the requests under way within so many seconds, close every connection."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self._is_draining = True
        for sock in self._sockets:
            loop.remove_reader(sock)
            self._accept(sock, at_once=BACKLOG)
        self._close_sockets()
        for connection in self._connections:
            connection.is_last = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._emptied(), min(LAST_CALL_SECONDS, seconds))
        for connection in tuple(self._connections):
            if connection.is_closed:  # nobody waits for its answer any more
                await connection.abandon()
            elif not connection.is_busy:
                connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._emptied(), max(0.0, deadline - loop.time()))
        if self._connections:
            log.warning("connections closed before they were finished", connections=len(self._connections))
        for threads in (self._pages, self._actions):
            threads.shutdown(wait=False, cancel_futures=True)
        self._authenticator.close()
        for connection in tuple(self._connections):
            await connection.abandon()

    async def _emptied(self) -> None:
        while self._connections:
            self._changed.clear()
            await self._changed.wait()

    def _secured(self) -> Secured:
        return OPEN if self._web_config is None else self._web_config.current()

    async def _answer(self, request: Request, remote: str) -> Answer:
        secured = self._secured()
        answer = await self._refusal(secured, request, remote) or await self._route(request)
        headers = DEFAULT_HEADERS | dict(answer.headers) | dict(secured.config.headers)
        return Answer(answer.status, answer.body, {name: value for name, value in headers.items() if value})

    async def _refusal(self, secured: Secured, request: Request, remote: str) -> Answer | None:
        if secured.bucket is not None and not secured.bucket.take():
            return text("Too many requests, by rate_limit of the web configuration.", 429)
        if not secured.config.users:
            return None
        verdict = await self._authenticator.check(secured.config.users, request.headers.get("Authorization"), remote)
        if verdict is Verdict.BUSY:
            return text("Too many passwords are being checked, try again later.", 429)
        if verdict is Verdict.DENIED:
            return text("Unauthorized.", 401, WWW_Authenticate='Basic realm="bedrock-batch-exporter", charset="UTF-8"')
        return None

    async def _route(self, request: Request) -> Answer:
        route = find(self._routes, request)
        if isinstance(route, Answer):
            return route
        if route.is_probe:
            return self._made(route, request)
        if self._max_requests and self._requests >= self._max_requests:
            return text(f"The limit of {self._max_requests} requests at once is reached, try again later.", 503)
        self._requests += 1
        try:
            threads = self._actions if route.is_action else self._pages
            return await asyncio.get_running_loop().run_in_executor(threads, self._made, route, request)
        finally:
            self._requests -= 1

    @staticmethod
    def _made(route: Route, request: Request) -> Answer:
        try:
            return route.answer(request)
        except Exception:  # a bug in one page is told in the log and must not take the others with it
            log.exception("request failed", method=request.method, target=request.target)
            return text("Internal error; the log has more.", 500)

    def _accept(self, listening: socket.socket, at_once: int = ACCEPTS_AT_ONCE) -> None:
        for _ in range(at_once):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                # Out of files, most likely: without a pause the loop would spin on the waiting connection.
                log.warning("accepting paused for a second", error=error.strerror)
                self._pause(listening)
                return
            self._serve(accepted, address[0])

    def _pause(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        if not self._is_draining:
            loop.call_later(1.0, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if not self._is_draining:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _serve(self, accepted: socket.socket, remote: str) -> None:
        if len(self._connections) >= self._max_connections and not self._evict():
            accepted.close()
            return
        accepted.setblocking(False)
        secured = self._secured()
        try:
            stream = self._stream(accepted, secured.context)
        except OSError as error:  # gone already, as after a port scan
            log.debug("client went away", remote=remote, error=error.strerror)
            accepted.close()
            return
        connection = Connection(
            stream,
            remote,
            limits=self._limits,
            answer=self._answer,
            on_change=self._change,
            allowed_names=secured.config.tls.client_allowed_sans if secured.config.tls else None,
        )
        connection.is_last = self._is_draining
        self._connections.add(connection)

    def _stream(self, accepted: socket.socket, context: ssl.SSLContext | None) -> IOStream:
        buffer_bytes = 8 * self._limits.header_bytes
        if context is None:
            return IOStream(accepted, max_buffer_size=buffer_bytes)
        wrapped = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return SSLIOStream(wrapped, max_buffer_size=buffer_bytes)

    def _evict(self) -> bool:
        """Close the connection that has waited longest, first of those that never sent a whole request."""
        waiting = [connection for connection in self._connections if not connection.is_busy]
        if not waiting:
            return False
        evicted = min(waiting, key=lambda connection: (connection.requests > 0, connection.waiting_since))
        self._connections.discard(evicted)
        evicted.close()
        return True

    def _change(self, connection: Connection) -> None:
        if connection.is_over:
            self._connections.discard(connection)
        self._changed.set()

    def _close_sockets(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()


def _is_ours(record: logging.LogRecord) -> bool:
    """Keep what clients do wrong out of the log but for debugging: tornado tells some of it as errors."""
    fault = record.exc_info[1] if record.exc_info else None
    if fault is not None and not isinstance(fault, OSError):
        return True
    log.debug("client fault", detail=record.getMessage())
    return False
