"""Basic authentication: passwords against bcrypt hashes; it tells an attacker nothing and costs a scrape little."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto

import bcrypt

BCRYPT_BYTES = 72
"""What bcrypt looks at of a password; Go's implementation ignores the rest likewise."""
WAITING_BY_REMOTE = 4
WAITING = 32
"""Passwords that wait for the one thread, of one client's address and of all: beyond it there is no queue to flood."""
REMEMBERED_DENIALS = 256


class Verdict(Enum):
    """What became of a request's credentials."""

    ALLOWED = auto()
    DENIED = auto()
    BUSY = auto()
    """Too many other passwords are being checked."""


def credentials(authorization: str | None) -> tuple[str, bytes] | None:
    """Return the user and the password of an `Authorization` header, None where it is absent or something else."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, separator, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if separator else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class Authenticator:
    """Checks passwords, one at a time on a thread of its own, and remembers the outcomes by a keyed hash.

    Bcrypt is slow on purpose; a scraper that comes every few seconds with the same password shall pay for it once.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._allowed: dict[str, bytes] = {}
        self._denied: dict[bytes, None] = {}
        self._under_way: dict[bytes, asyncio.Task[bool]] = {}
        self._waiting: Counter[str] = Counter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")

    async def check(self, users: Mapping[str, str], authorization: str | None, remote: str) -> Verdict:
        """Return whether the header has one of the users (with their bcrypt hashes) and that user's password."""
        given = credentials(authorization)
        if given is None:
            return Verdict.DENIED
        user, password = given
        hashed = self._hash_of(users, user)
        key = self._key(user, hashed, password)
        if user in users and hmac.compare_digest(self._allowed.get(user, b""), key):
            return Verdict.ALLOWED
        if key in self._denied:
            return Verdict.DENIED
        task = self._under_way.get(key)
        if task is None:
            if self._waiting[remote] >= WAITING_BY_REMOTE or len(self._under_way) >= WAITING:
                return Verdict.BUSY
            self._waiting[remote] += 1
            task = asyncio.create_task(self._verify(key, hashed, password, remote))
            self._under_way[key] = task
        is_right = await asyncio.shield(task) and user in users
        if is_right:
            self._allowed = {known: kept for known, kept in self._allowed.items() if known in users} | {user: key}
            return Verdict.ALLOWED
        self._deny(key)
        return Verdict.DENIED

    def close(self) -> None:
        """Let go of the thread; whoever still waits is cancelled."""
        for task in self._under_way.values():
            task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _hash_of(self, users: Mapping[str, str], user: str) -> str:
        """Return the user's hash; for an unknown user always the same other one, so that both cost the same time."""
        if user in users:
            return users[user]
        hashes = sorted(users.values())
        chosen = hmac.digest(self._secret, user.encode(), "sha256")
        return hashes[int.from_bytes(chosen[:8], "big") % len(hashes)]

    def _key(self, user: str, hashed: str, password: bytes) -> bytes:
        parts = (user.encode(), hashed.encode(), password)
        return hmac.digest(self._secret, b":".join(part.hex().encode() for part in parts), "sha256")

    async def _verify(self, key: bytes, hashed: str, password: bytes, remote: str) -> bool:
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, bcrypt.checkpw, password[:BCRYPT_BYTES], hashed.encode()
            )
        finally:
            del self._under_way[key]
            self._waiting -= Counter({remote: 1})

    def _deny(self, key: bytes) -> None:
        self._denied[key] = None
        while len(self._denied) > REMEMBERED_DENIALS:
            del self._denied[next(iter(self._denied))]
