"""Make the pictures of the README: `make pictures`. The page is the exporter's own, served; the fleet is made up."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from docs.browser import chromium, find_chromium
from exporter import __version__
from exporter.web.app import Exposition, Site
from exporter.web.server import Server

IMAGES = Path(__file__).parent / "images"
NOW = 1_795_000_000.0
STATUSES = (
    "Submitted", "Validating", "Scheduled", "InProgress", "Stopping",
    "Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired",
)  # fmt: skip
ACCOUNTS = {"111122223333": "production", "444455556666": "research", "777788889999": "sandbox"}


def row(account: str, region: str, state: str = "ok", **changes: Any) -> dict[str, Any]:
    """Return a target as `/targets` shows it."""
    facts: dict[str, Any] = {
        "aws_account_id": account,
        "account_name": ACCOUNTS.get(account, account),
        "aws_region": region,
        "state": state,
        "last_success_timestamp_seconds": NOW - 24.0,
        "next_poll_timestamp_seconds": NOW + 36.0,
        "poll_duration_seconds": 0.8,
        "jobs": {},
        "jobs_dropped": 0,
        "next_expiration_timestamp_seconds": None,
        "failures": 0,
        "reason": None,
        "error": None,
        "hint": None,
    }
    return facts | changes


def fleet() -> list[dict[str, Any]]:
    """Return nine targets: three that fail, and every status."""
    return [
        row(
            "444455556666",
            "us-west-2",
            "failing",
            last_success_timestamp_seconds=NOW - 4980.0,
            next_poll_timestamp_seconds=NOW + 140.0,
            jobs=None,
            failures=21,
            reason="assume_role",
            error="AccessDenied: not authorized to perform sts:AssumeRole on "
            "arn:aws:iam::444455556666:role/bedrock-batch-exporter",
            hint="Does the role exist, does it trust the exporter's principal, and does the external id match?",
        ),
        row(
            "777788889999",
            "eu-central-2",
            "failing",
            last_success_timestamp_seconds=None,
            jobs=None,
            failures=3,
            reason="region_disabled",
            error="UnrecognizedClientException: The security token included in the request is invalid.",
            hint="Most often the region is not enabled for the account; expired credentials look the same.",
        ),
        row(
            "777788889999",
            "us-east-1",
            "failing",
            last_success_timestamp_seconds=NOW - 96.0,
            jobs={"InProgress": 2, "Completed": 31, "Failed": 1},
            next_expiration_timestamp_seconds=NOW + 61_000.0,
            failures=1,
            reason="throttled",
            error="ThrottlingException: Too many requests",
            hint="Something else uses up the account's rate of requests, or poll_interval is too short.",
        ),
        row(
            "111122223333",
            "eu-west-1",
            jobs={"Scheduled": 4, "InProgress": 12, "Completed": 208, "PartiallyCompleted": 2, "Expired": 1},
            next_expiration_timestamp_seconds=NOW + 5_520.0,
        ),
        row(
            "111122223333",
            "us-east-1",
            next_poll_timestamp_seconds=NOW + 12.0,
            jobs=dict(zip(STATUSES, (3, 1, 6, 1140, 2, 5320, 4, 9, 11, 3), strict=True)),
            jobs_dropped=152,
            next_expiration_timestamp_seconds=NOW + 26_400.0,
        ),
        row(
            "111122223333",
            "us-west-2",
            jobs={"InProgress": 40, "Completed": 912, "Failed": 3},
            next_expiration_timestamp_seconds=NOW - 310.0,
        ),
        row(
            "444455556666",
            "ap-northeast-1",
            jobs={"Submitted": 1, "Completed": 17},
            next_expiration_timestamp_seconds=NOW + 84_000.0,
        ),
        row("444455556666", "us-east-1", jobs={"InProgress": 6, "Stopped": 2}, next_poll_timestamp_seconds=NOW - 0.2),
        row("777788889999", "us-west-2"),
    ]


def site(targets: list[dict[str, Any]]) -> Site:
    """Return a site that shows the targets as of the same moment each time."""
    return Site(
        metrics=lambda *_: Exposition(b"", "text/plain"),
        healthy=lambda: None,
        ready=lambda: None,
        targets=lambda: targets,
        config=str,
        reload=None,
        version=__version__,
        started_seconds=NOW - 273_900.0,
        now=lambda: NOW,
    )


@contextmanager
def serving(shown: Site) -> Iterator[str]:
    """Serve a site on this machine and yield its URL."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    server = Server(shown, listen=("127.0.0.1:0",))
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield f"http://{server.addresses[0]}/"
    finally:
        asyncio.run_coroutine_threadsafe(server.drain(1.0), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def main() -> int:
    """Write the pictures of the page for people."""
    program = find_chromium()
    if program is None:
        print("Chromium is needed: apt-get install chromium", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with serving(site(fleet())) as url, chromium(program) as browser:
        page = browser.page()
        for name, width, dark, most in (
            ("light", 1280, False, 4000),
            ("dark", 1280, True, 4000),
            ("phone", 390, False, 1000),
        ):
            page.look(width, dark=dark)
            page.open(url)
            time.sleep(0.2)  # fonts settle
            path = IMAGES / f"status-page-{name}.png"
            path.write_bytes(page.picture(most))
            print(path.relative_to(Path.cwd()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
