"""Every other operation of every other service: moto answers."""

from threading import Lock
from typing import Any

from exporter.demo.wire import Answer, HttpRequest

_HOP_BY_HOP = frozenset(("connection", "content-length", "content-type", "transfer-encoding"))


class RestOfAws:
    """Moto's server as an application; loaded at the first call, since most runs never need it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._app: Any = None

    def answer(self, request: HttpRequest, account_id: str) -> Answer:
        """Answer as moto does, on behalf of an account. Takes milliseconds and blocks."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415 - half a second
        from werkzeug.test import EnvironBuilder, run_wsgi_app  # noqa: PLC0415

        with self._lock:
            if self._app is None:
                self._app = DomainDispatcherApplication(create_backend_app)
        builder = EnvironBuilder(
            path=request.path,
            query_string=request.query,
            method=request.method,
            headers=list({**request.headers, "x-moto-account-id": account_id}.items()),
            data=request.body,
        )
        chunks, status, headers = run_wsgi_app(self._app, builder.get_environ())
        return Answer(
            body=b"".join(chunks),
            status=int(status.split(" ", 1)[0]),
            content_type=headers.get("Content-Type", "application/octet-stream"),
            headers=tuple((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP),
        )
