"""Queries as text, taken apart as far as tests need it. Prometheus itself parses them in tests/e2e."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SELECTOR = re.compile(
    r"(?:(?P<function>[a-z_]+)\()?(?P<name>\b[a-zA-Z_:][a-zA-Z0-9_:]*)\{(?P<matchers>[^}]*)\}(?P<window>\[[^\]]*\])?"
)
MATCHER = re.compile(r'(?P<label>\w+)(?P<operator>=~|!~|!=|=)"(?P<value>[^"]*)"')
VARIABLE = re.compile(r"\$\{?(\w+)")
NAMES = re.compile(r"\b(?:bedrock_batch|process|scrape)_[a-z_]+\b")


@dataclass(frozen=True)
class Selector:
    """A metric's name, its matchers by label, its range if any, and the function that is called on it if any."""

    name: str
    matchers: dict[str, list[tuple[str, str]]]
    window: str | None
    function: str | None


def selectors(expr: str) -> Iterator[Selector]:
    for found in SELECTOR.finditer(expr):
        matchers: dict[str, list[tuple[str, str]]] = {}
        for matcher in MATCHER.finditer(found["matchers"]):
            matchers.setdefault(matcher["label"], []).append((matcher["operator"], matcher["value"]))
        yield Selector(found["name"], matchers, found["window"], found["function"])


def metric_of(name: str, known: frozenset[str]) -> str:
    """Return the metric that a sample's name belongs to."""
    stems = (name, *(name.removesuffix(suffix) for suffix in ("_bucket", "_count", "_sum")))
    return next((stem for stem in stems if stem in known), name)


def variables(text: str) -> set[str]:
    return set(VARIABLE.findall(text))
