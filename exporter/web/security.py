"""The web configuration while it runs: read anew when one of its files changes, kept when the new one is wrong."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from exporter.web import tls
from exporter.web.webconfig import RateLimit, WebConfig, WebConfigError, read

log = structlog.get_logger()

CHECK_SECONDS = 1.0
"""How often at most the files are looked at."""


class TokenBucket:
    """Admits a request each interval, and a burst of them at once after a pause."""

    def __init__(self, limit: RateLimit, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._tokens = float(limit.burst)
        self._at_seconds = monotonic()

    def take(self) -> bool:
        """Return whether there is a token, and take it."""
        now = self._monotonic()
        earned = (now - self._at_seconds) / self._limit.interval_seconds
        self._tokens = min(float(self._limit.burst), self._tokens + earned)
        self._at_seconds = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class Secured:
    """A configuration that was found usable, with its certificates loaded."""

    config: WebConfig
    context: ssl.SSLContext | None = None
    """None: plain HTTP."""
    bucket: TokenBucket | None = None
    """None: requests are not rationed."""


OPEN = Secured(WebConfig())
"""Plain HTTP for everyone: what is in force without a file."""


class WebConfigFile:
    """The file of `--web.config.file` and those that it names."""

    def __init__(
        self, path: Path, parse_yaml: Callable[[str], object], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the file by `parse_yaml`, or raise WebConfigError if it cannot be used, as `parse_yaml` does."""
        self._path = path
        self._parse = parse_yaml
        self._monotonic = monotonic
        self._checked_seconds = monotonic()
        self._errors: tuple[str, ...] = ()
        self._load()

    def current(self) -> Secured:
        """Return what is in force, after a look at the files if the last one is a second ago."""
        now = self._monotonic()
        if now - self._checked_seconds >= CHECK_SECONDS:
            self._checked_seconds = now
            # What failed stays different from what is in force, and so is tried again at every look.
            if self._fingerprint(self._secured.config) != self._seen:
                self._reload()
        return self._secured

    def _reload(self) -> None:
        try:
            self._load()
        except WebConfigError as error:
            if error.errors != self._errors:
                log.error("web config not reloaded, the old one stays", file=str(self._path), errors=error.errors)  # noqa: TRY400
            self._errors = error.errors
        else:
            self._errors = ()
            log.info("web config reloaded", file=str(self._path))

    def _load(self) -> None:
        secured = self._read()
        seen = self._fingerprint(secured.config)
        # Read once more, after the fingerprint: a change between the two would never be seen again.
        self._secured, self._seen = self._read(), seen

    def _read(self) -> Secured:
        try:
            document = self._parse(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise WebConfigError([f"{self._path}: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise WebConfigError([f"{self._path}: expected UTF-8 text"]) from error
        config = read(document, self._path)
        return Secured(
            config,
            None if config.tls is None else tls.context(config.tls, self._path),
            None if config.rate_limit is None else TokenBucket(config.rate_limit, self._monotonic),
        )

    def _fingerprint(self, config: WebConfig) -> tuple[object, ...]:
        return tuple(map(_stat, (self._path, *config.files)))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
