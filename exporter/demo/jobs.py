"""The batch inference jobs of one account in one region, in the order of submission, and their listing by pages."""

import base64
import hashlib
import hmac
import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from math import inf
from threading import RLock
from typing import Any, TypeAlias

Summary: TypeAlias = dict[str, Any]
"""A `ModelInvocationJobSummary` as it travels, in the API's own member names."""

_Key: TypeAlias = tuple[float, int]
"""When a job was submitted and the how-manieth it was: the order of a listing."""

TIMESTAMPS = ("submitTime", "lastModifiedTime", "endTime", "jobExpirationTime")


class BadTokenError(ValueError):
    """A `nextToken` that this listing did not hand out."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What ListModelInvocationJobs is asked for."""

    max_results: int = 100
    status: str | None = None
    after_seconds: float = -inf
    before_seconds: float = inf
    name_contains: str = ""
    descending: bool = True

    def digest(self, scope: str) -> bytes:
        """Return what a token is bound to: everything but the page size, and `scope`."""
        parts = (scope, self.status, self.after_seconds, self.before_seconds, self.name_contains, self.descending)
        return repr(parts).encode()


@dataclass(slots=True)
class _Entry:
    arn: str
    name: str
    status: str | None
    encoded: bytes
    visible_seconds: float


class JobStore:
    """Jobs kept in their order and by status, so that a page costs what it shows, not what is there.

    Safe to use from several threads.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._lock = RLock()
        self._entries: dict[_Key, _Entry] = {}
        self._keys: dict[str, _Key] = {}
        self._order: list[_Key] = []
        self._by_status: dict[str | None, list[_Key]] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, arn: str) -> bool:
        return arn in self._keys

    def put(self, summary: Summary, *, now_seconds: float, visible_seconds: float = -inf) -> None:
        """Keep `summary` as it is, in place of the one with its ARN. Without a `submitTime` it was submitted now."""
        status, name = summary.get("status"), summary.get("jobName")
        with self._lock:
            self._sequence += 1
            arn = str(summary.get("jobArn", f"without an ARN {self._sequence}"))
            old = self._keys.get(arn)
            submitted = parse_time(summary.get("submitTime"))
            if submitted is None:
                submitted = old[0] if old else now_seconds
            key = old if old and old[0] == submitted else (submitted, self._sequence)
            entry = _Entry(
                arn=arn,
                name=name if isinstance(name, str) else "",
                status=status if isinstance(status, str) else None,
                encoded=json.dumps(summary, separators=(",", ":")).encode(),
                visible_seconds=visible_seconds,
            )
            if old and key == old and entry.status == self._entries[old].status:
                entry.visible_seconds = self._entries[old].visible_seconds
                self._entries[old] = entry
                return
            if old:
                entry.visible_seconds = self._entries[old].visible_seconds
                self.remove(arn)
            self._entries[key] = entry
            self._keys[arn] = key
            insort(self._order, key)
            insort(self._by_status.setdefault(entry.status, []), key)

    def get(self, arn: str) -> Summary:
        """Return the summary of one job."""
        with self._lock:
            summary: Summary = json.loads(self._entries[self._keys[arn]].encoded)
            return summary

    def remove(self, arn: str) -> None:
        """Forget a job, as AWS never does."""
        with self._lock:
            key = self._keys.pop(arn)
            entry = self._entries.pop(key)
            for keys in (self._order, self._by_status[entry.status]):
                del keys[bisect_left(keys, key)]

    def summaries(self) -> list[Summary]:
        """Return every job, the oldest first, whether it is visible yet or not: the truth that a listing is held to."""
        with self._lock:
            return [json.loads(self._entries[key].encoded) for key in self._order]

    def page(
        self, query: ListQuery, token: str | None = None, *, now_seconds: float, overlap_jobs: int = 0
    ) -> tuple[list[bytes], str | None]:
        """Return one page of encoded summaries, and the token of the next.

        A token says after which job to go on, and nothing else is remembered: jobs that are submitted or change
        between two pages are seen, or missed, as their place in the order has it. `overlap_jobs` begins a later page
        so many jobs too early.
        """
        start = self._read_token(query, token) if token is not None else None
        with self._lock:
            found = list(islice(self._walk(query, start, now_seconds, overlap_jobs), query.max_results + 1))
            page = [self._entries[key].encoded for key in found[: query.max_results]]
        more = len(found) > query.max_results
        return page, self.token(query, found[-2]) if more else None

    def _walk(self, query: ListQuery, start: _Key | None, now_seconds: float, overlap_jobs: int) -> Iterator[_Key]:
        keys = self._order if query.status is None else self._by_status.get(query.status, [])
        low = bisect_right(keys, (query.after_seconds, inf))
        high = bisect_left(keys, (query.before_seconds, -inf))
        if start is not None and query.descending:
            high = min(high, bisect_left(keys, start) + overlap_jobs)
        elif start is not None:
            low = max(low, bisect_right(keys, start) - overlap_jobs)
        for index in range(high - 1, low - 1, -1) if query.descending else range(low, high):
            entry = self._entries[keys[index]]
            if entry.visible_seconds <= now_seconds and query.name_contains in entry.name:
                yield keys[index]

    def token(self, query: ListQuery, key: _Key | None) -> str:
        """Make the opaque token of the page after `key`; None stands for the first page."""
        place = json.dumps(key).encode()
        return base64.urlsafe_b64encode(self._seal(query, place) + place).decode()

    def _read_token(self, query: ListQuery, token: str) -> _Key | None:
        try:
            raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except ValueError:
            raise BadTokenError from None
        place = raw[_SEAL_BYTES:]
        if not hmac.compare_digest(raw[:_SEAL_BYTES], self._seal(query, place)):
            raise BadTokenError
        key = json.loads(place)
        return tuple(key) if key else None

    def _seal(self, query: ListQuery, place: bytes) -> bytes:
        return hashlib.blake2b(place + query.digest(self._scope), key=b"demo", digest_size=_SEAL_BYTES).digest()


_SEAL_BYTES = 12


def to_summary(members: Mapping[str, Any]) -> Summary:
    """Make a summary from members that may have numbers or datetimes for times; None leaves a member out."""
    return {
        name: _iso_time(value) if name in TIMESTAMPS else value for name, value in members.items() if value is not None
    }


def _iso_time(value: Any) -> Any:
    if isinstance(value, int | float):
        return iso_time(value)
    return iso_time(value.timestamp()) if isinstance(value, datetime) else value


def iso_time(seconds: float) -> str:
    """Write a Unix time as Bedrock does: UTC, with milliseconds where there are any."""
    text = datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00").removesuffix(".000") + "Z"


def parse_time(value: Any) -> float | None:
    """Read the Unix time of an ISO 8601 text or a number; None for whatever is neither."""
    if isinstance(value, int | float):
        return float(value)
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
