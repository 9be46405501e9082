"""A real Alertmanager as its own process, and a receiver of what it sends."""

import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.programs import running
from tests.e2e.prometheus import free_port


@dataclass(frozen=True)
class Notification:
    """What a receiver is told at once: the alerts of one group."""

    receiver: str
    group: Mapping[str, str]
    alerts: tuple[Mapping[str, Any], ...]


class Mailbox:
    """Webhooks of a test; it keeps what they are sent, in order."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told = Notification(body["receiver"], body["groupLabels"], tuple(body["alerts"]))
                mailbox.notifications.append(told)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class Alertmanager:
    """Alertmanager with a data folder of its own, on a port of its own."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder, self._program = folder / "alertmanager", program
        self._folder.mkdir()
        self.address = f"127.0.0.1:{free_port()}"

    @contextlib.contextmanager
    def running(self, config: Mapping[str, Any]) -> Iterator[None]:
        """Run with a configuration."""
        path = self._folder / "alertmanager.yml"
        path.write_text(json.dumps(config))
        command = [
            self._program,
            f"--config.file={path}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        with running(command, self._folder / "log.txt"):
            yield

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it holds, those it keeps silent about included."""
        with urllib.request.urlopen(f"http://{self.address}/api/v2/alerts", timeout=10) as response:
            found: list[dict[str, Any]] = json.load(response)
            return found
