"""A real Prometheus as its own process."""

import contextlib
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.e2e.programs import running

PATIENCE_SECONDS = 30.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """Prometheus with a data folder of its own, on a port of its own."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder, self._program = folder / "prometheus", program
        self._folder.mkdir()
        self._log = self._folder / "log.txt"
        self.url = f"http://127.0.0.1:{free_port()}"

    @contextlib.contextmanager
    def scraping(self, url: str, **job: Any) -> Iterator[None]:
        """Run, scraping an address every half a second; `job` goes into the scrape config."""
        config = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"},
            "scrape_configs": [
                {
                    "job_name": "bedrock-batch-exporter",
                    "static_configs": [{"targets": [url.partition("://")[2]]}],
                    **job,
                }
            ],
        }
        with self.running(config):
            yield

    @contextlib.contextmanager
    def holding(self, data: Path) -> Iterator[None]:
        """Run on a folder of blocks, scraping nothing."""
        with self.running({}, data):
            yield

    @contextlib.contextmanager
    def running(self, config: dict[str, Any], data: Path | None = None) -> Iterator[None]:
        """Run with a configuration, on a data folder of its own unless one is given."""
        path = self._folder / "prometheus.yml"
        path.write_text(json.dumps(config))
        command = [
            self._program,
            f"--config.file={path}",
            f"--storage.tsdb.path={data or self._folder / 'data'}",
            f"--web.listen-address={self.url.partition('://')[2]}",
        ]
        with running(command, self._log):
            yield

    @property
    def log(self) -> str:
        return self._log.read_text()

    def api(self, path: str, **parameters: str) -> Any:
        """Return the data of an API call."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> Any:
        """Return the samples of an instant query."""
        return self.api("query", query=expression)["result"]

    def targets(self) -> Any:
        """Return the active scrape targets."""
        return self.api("targets")["activeTargets"]

    def wait_until(self, is_so: Callable[[], Any]) -> None:
        """Wait until it is so; an address that does not answer yet counts as not yet."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if is_so():
                    return
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)
