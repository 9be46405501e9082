"""Credentials: obtained once for all regions of an account, and renewed before they end."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

import structlog
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError

log = structlog.get_logger()

RENEW_BEFORE_SECONDS = 900.0
"""Credentials of an hour are renewed so long before they end, so that there is time to try again."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials and how long they may be used. Times are Unix seconds."""

    freeze: Callable[[], ReadOnlyCredentials]
    """Returns what to sign with; botocore's own credentials renew themselves here."""
    renew_seconds: float = inf
    expires_seconds: float = inf


def assumed(answer: dict[str, Any], now_seconds: float) -> Keys:
    """Return the keys of an answer of `sts:AssumeRole`; those that live shortly are renewed at half their life."""
    given = answer["Credentials"]
    frozen = ReadOnlyCredentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    expiration: datetime = given["Expiration"]
    expires_seconds = expiration.timestamp()
    early_seconds = min(RENEW_BEFORE_SECONDS, (expires_seconds - now_seconds) / 2)
    return Keys(lambda: frozen, expires_seconds - early_seconds, expires_seconds)


class Keychain:
    """One account's credentials. Everything may be called from any thread.

    One thread at a time obtains them, and none waits for it while the old ones can still be used. A failure stands for
    `memory_seconds`: the regions of an account whose role cannot be assumed share one attempt.
    """

    def __init__(self, whose: str, obtain: Callable[[], Keys], now: Callable[[], float], memory_seconds: float) -> None:
        self._whose, self._obtain, self._now, self._memory_seconds = whose, obtain, now, memory_seconds
        self._lock = threading.Lock()
        self._keys: Keys | None = None
        self._failure: Exception | None = None
        self._failed_until_seconds = -inf
        self._doubted_until_seconds = -inf

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return what to sign with. Raises what keeps the credentials from being obtained."""
        keys = self._keys
        if keys is None or self._now() >= keys.renew_seconds:
            keys = self._renewed(keys)
        try:
            return keys.freeze()
        except Exception as error:
            self._remember(error)
            self._keys = None  # found anew next time: a file or an SSO login may have been renewed
            raise

    def forget(self, used: ReadOnlyCredentials | None) -> None:
        """Obtain new credentials next time, unless those that AWS did not accept are no longer the ones in use."""
        with self._lock:
            if self._keys and self._keys.freeze() == used:
                self._keys = None

    def doubt(self) -> bool:
        """Obtain credentials anew next time, and tell so; once in `memory_seconds`, for they may well be the same."""
        with self._lock:
            if self._now() < self._doubted_until_seconds:
                return False
            self._doubted_until_seconds = self._now() + self._memory_seconds
            self._keys = None
            return True

    def _renewed(self, old: Keys | None) -> Keys:
        usable = old is not None and self._now() < old.expires_seconds
        if not self._lock.acquire(blocking=not usable):
            assert old is not None  # noqa: S101 - it is usable
            return old
        try:
            if self._keys is not None and self._keys is not old:
                return self._keys
            if old is None or not usable:
                self._raise_remembered()
            elif self._now() < self._failed_until_seconds:
                return old
            try:
                self._keys = self._obtain()
            except Exception as error:
                self._remember(error)
                if old is None or not usable:
                    raise
                log.warning("credentials not renewed", account=self._whose, error=str(error))
                return old
            self._failed_until_seconds = -inf
            return self._keys
        finally:
            self._lock.release()

    def _remember(self, error: Exception) -> None:
        self._failure, self._failed_until_seconds = error, self._now() + self._memory_seconds

    def _raise_remembered(self) -> None:
        if self._failure and self._now() < self._failed_until_seconds:
            # Without what was gathered by those who raised it before.
            raise self._failure.with_traceback(None)


class Acting(threading.local):
    """Whose credentials the requests of this thread are signed with, and which those were last."""

    keychain: Keychain | None = None
    used: ReadOnlyCredentials | None = None


class ActingCredentials(Credentials):
    """What shared clients hold for credentials: those of whoever the thread acts as."""

    def __init__(self, acting: Acting) -> None:
        super().__init__("unused", "unused")
        self._acting = acting

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials to sign with, renewed where they are about to end."""
        if self._acting.keychain is None:
            raise NoCredentialsError
        self._acting.used = self._acting.keychain.get_frozen_credentials()
        return self._acting.used

    def load_credentials(self) -> Credentials:
        """Stand in for botocore's chain, which would be asked once and never again."""
        return self
