"""The exporter itself, all of it: its poller, its exposition, its server; only the clock is the bench's.

python -m tests.bench.ours PORT_OF_THE_WORLD
"""

import asyncio
import os
import queue
import sys
import threading
from typing import Any

from exporter import log
from exporter.__main__ import be_smooth
from exporter.config import load
from exporter.roof import Exporter
from exporter.web.server import Server
from tests.bench.orders import obey
from tests.bench.world import START_SECONDS

CONFIG = """
endpoint_url: http://127.0.0.1:{port}
regions: [us-east-1]
accounts: [{{name: bench}}]
max_jobs_per_target: 100000
stale_after: 1h
"""


class Clock:
    """Stands still until a poll is ordered."""

    def __init__(self) -> None:
        self.seconds, self.now_seconds = 0.0, START_SECONDS

    def now(self) -> float:
        return self.now_seconds

    def monotonic(self) -> float:
        return self.seconds

    @staticmethod
    def wait(inbox: "queue.SimpleQueue[Any]", timeout_seconds: float | None) -> Any:
        try:
            return inbox.get(timeout=timeout_seconds)
        except queue.Empty:
            return None


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
    log.configure("warn", "logfmt")
    clock = Clock()
    config = load(CONFIG.format(port=sys.argv[1]), "bench.yaml", {})
    exporter = Exporter(lambda: config, "bench.yaml", clock, "bench", is_daemon=True)
    exporter.discovery.refresh()

    def poll(now_seconds: float) -> None:
        clock.now_seconds = now_seconds
        clock.seconds += 120.0
        before = polls()
        while polls() == before:
            exporter.poller.step()

    def polls() -> int:
        return sum(state.polls for state in exporter.poller.snapshot.states.values())

    loop = asyncio.new_event_loop()
    server = Server(exporter.site("/metrics", lifecycle=False), listen=("127.0.0.1:0",))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    be_smooth()
    obey(int(server.addresses[0].rpartition(":")[2]), poll, clock.now)


if __name__ == "__main__":
    main()
