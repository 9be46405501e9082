"""A headless Chromium, spoken to over its debugging pipe: for pictures of pages and for tests of them."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A tab of the browser."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        """What the page logged as an error: exceptions, refused styles and scripts, failed loads."""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        answer: dict[str, Any] = self._browser.call(method, self._session, self, **parameters)
        return answer

    def look(self, width: int, height: int = 800, *, dark: bool = False, javascript: bool = True) -> None:
        """Choose the window's width in CSS pixels, the colour scheme, and whether scripts run."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1.5, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not javascript)

    def open(self, url: str) -> None:
        """Load a page and wait until it is there."""
        self.call("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired", self)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def picture(self, most: int = 4000) -> bytes:
        """Return the page as PNG, down to so many CSS pixels."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most), "scale": 1}
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, write_to: int, read_from: int) -> None:
        self._out = os.fdopen(write_to, "wb", buffering=0)
        self._in = os.fdopen(read_from, "rb")
        self._number = 0
        self._events: list[tuple[str | None, str]] = []

    def page(self) -> Page:
        """Open a tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        return page

    def call(self, method: str, session: str | None = None, page: Page | None = None, **parameters: Any) -> Any:
        """Call a method of the DevTools protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._out.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._next(page)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def wait_for(self, event: str, page: Page) -> None:
        """Read on until an event has come."""
        while not any(name == event for _, name in self._events):
            self._next(page)
        self._events.clear()

    def close(self) -> None:
        """End the browser."""
        self._out.write(json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        self._out.close()
        self._in.close()

    def _next(self, page: Page | None) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("Chromium has ended")
            text += byte
        answer: dict[str, Any] = json.loads(text)
        method, details = answer.get("method"), answer.get("params", {})
        if method is not None:
            self._events.append((answer.get("sessionId"), method))
        if page is not None and method == "Runtime.exceptionThrown":
            page.complaints.append(str(details["exceptionDetails"]))
        if page is not None and method == "Log.entryAdded" and details["entry"]["level"] == "error":
            page.complaints.append(details["entry"]["text"])
        return answer


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Run a Chromium with a profile of its own."""
    with tempfile.TemporaryDirectory() as home:
        process, browser = _started(program, Path(home))
        try:
            yield browser
        finally:
            try:
                browser.close()
                process.wait(10)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                process.kill()
                process.wait()


def _started(program: str, home: Path) -> tuple[subprocess.Popen[bytes], Browser]:
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    # The protocol's pipes are the descriptors 3 and 4, whatever they are here.
    script = f'exec "$@" 3<&{to_read} 4>&{from_write}'
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", program, *FLAGS, f"--user-data-dir={home}/profile"],
            pass_fds=(to_read, from_write),
            stdout=log,
            stderr=log,
        )
    os.close(to_read)
    os.close(from_write)
    return process, Browser(to_write, from_read)
