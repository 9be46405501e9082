"""Values out of a YAML document, each mistake gathered with its place."""

from collections.abc import Callable, Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class Reading:
    """One pass through a document. What is wrong is replaced by a default, so that the pass goes on to the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[str] = []

    def wrong(self, at: str, what: str) -> None:
        """Take note of a mistake."""
        self.errors.append(f"{self.path}: {at}: {what}" if at else f"{self.path}: {what}")

    def mapping(self, value: Any, at: str, known: Collection[str] | None = None) -> dict[str, Any]:
        """Return the keys and values; with `known`, a key that is not among them is a mistake."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(at, f"expected keys and values, got {_kind(value)}")
            return {}
        result = {}
        for key, item in value.items():
            if known is None or key in known:
                result[str(key)] = item
            else:
                near = get_close_matches(str(key), known, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else "the keys are " + ", ".join(known)
                self.wrong(f"{at}.{key}" if at else str(key), f"unknown key; {hint}")
        return result

    def typed(self, value: Any, at: str, kind: Callable[[Any], bool], expected: str, default: Any) -> Any:
        """Return the value if it is of the kind, else the default."""
        if value is None or kind(value):
            return default if value is None else value
        self.wrong(at, f"expected {expected}, got {_kind(value)}")
        return default

    def text(self, value: Any, at: str) -> str:
        """Return text."""
        return str(self.typed(value, at, lambda item: isinstance(item, str), "text", ""))

    def boolean(self, value: Any, at: str, *, default: bool) -> bool:
        """Return true or false."""
        return bool(self.typed(value, at, lambda item: isinstance(item, bool), "true or false", default))

    def choice(self, value: Any, at: str, known: Collection[str], default: str) -> str:
        """Return one of the known words."""
        if value is None or value in ("", *known):
            return value or default
        self.wrong(at, f"expected {one_of(known)}, got {value!r}")
        return default

    def choices(self, value: Any, at: str, known: Collection[str]) -> list[str]:
        """Return a list of the known words."""
        items = self.texts(value, at)
        return [self.choice(item, f"{at}[{index}]", known, next(iter(known))) for index, item in enumerate(items)]

    def texts(self, value: Any, at: str) -> list[str]:
        """Return a list of texts."""
        listed = self.typed(value, at, lambda item: isinstance(item, list), "a list", [])
        return [self.text(item, f"{at}[{index}]") for index, item in enumerate(listed)]


def _kind(value: Any) -> str:
    names = {dict: "keys and values", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def one_of(known: Collection[str]) -> str:
    """Return the words as a choice, as in `a, b or c`."""
    return " or ".join(filter(None, [", ".join(list(known)[:-1]), list(known)[-1]]))
