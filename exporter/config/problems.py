"""What is wrong with a file, told so that a person can put it right: where, what was expected, what came."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists, from the top."""

LONGEST_QUOTE = 80
"""Characters of a refused value that a message shows."""


_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class ConfigError(Exception):
    """A configuration that cannot be used. `errors` holds a line for each of its mistakes, in the order of the file."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = list(errors)
        super().__init__("\n".join(self.errors))


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, at a place inside the file (an empty path: the file itself)."""

    path: Path
    message: str
    row: int = 0
    """The line of the file that it is on or below, counted from 1: mistakes are told in this order."""

    def line(self, source: str) -> str:
        """Return the mistake as one line that begins with the file's name."""
        return ": ".join(part for part in (source, path_text(self.path), self.message) if part)


def path_text(path: Path) -> str:
    """Write a path the way people do: `accounts[2].regions[0]`."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_KEY.fullmatch(part) else f"[{key_quoted(part)}]"


def quoted(value: Any) -> str:
    """Show what came on one line. What a list or mapping holds is not shown: a secret may be in it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list" if value else "an empty list"
        case str() if len(value) > LONGEST_QUOTE:
            return f"{value[:LONGEST_QUOTE]!r}... ({len(value)} characters)"
    return repr(value)


def kind(value: Any) -> str:
    """Name what came without showing it: for places where people misplace secrets."""
    match value:
        case None | dict() | list():
            return quoted(value)
        case str():
            return "a text"
        case bool():
            return "a boolean"
    return "a number"


def key_quoted(key: str) -> str:
    """Show a key, but only its first word: `external_id:hunter2` lacks a space, and ends in a secret."""
    if _PLAIN_KEY.fullmatch(key):
        return quoted(key)
    word = re.match(r"[A-Za-z0-9_-]{0,20}", key)
    return f"'{word[0] if word else ''}...' (a key is one word, a colon and a space)"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant: rather one with the letters in another order than with others."""
    close = get_close_matches(word, sorted(known), n=5, cutoff=0.6)
    return min(close, key=lambda other: sorted(other) != sorted(word), default=None)
