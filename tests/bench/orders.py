"""What the bench asks of a contender: orders as lines of JSON on stdin, answers likewise on stdout.

| order | answer |
| --- | --- |
| `{"poll": now}` | `cpu`: seconds of CPU that the poll took, as of Unix time `now` |
| `{"cpu": 0}` | `cpu`: seconds of CPU since the start |
| `{"hammer": seconds}` | polls without a pause meanwhile, answers at once |

The first line that a contender prints is `{"port": ...}`, where it serves `/metrics`.
"""

import json
import sys
import threading
import time
from collections.abc import Callable


def obey(port: int, poll: Callable[[float], None], now: Callable[[], float]) -> None:
    """Obey until stdin ends."""

    def hammer(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            poll(now())

    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        ((order, value),) = json.loads(line).items()
        before = time.process_time() if order == "poll" else 0.0
        if order == "poll":
            poll(value)
        elif order == "hammer":
            threading.Thread(target=hammer, args=(value,), daemon=True).start()
        print(json.dumps({"cpu": time.process_time() - before}), flush=True)
