"""Durations in Prometheus' notation."""

import re
from dataclasses import dataclass
from typing import Any, Final

from exporter.config.kinds import Context, JsonSchema, Kind, refusal, text_schema

_UNITS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
DURATION: Final = "(?=[0-9])" + "".join(rf"(?:([0-9]{{1,12}}){unit})?" for unit in _UNITS)


@dataclass(frozen=True)
class Duration(Kind):
    """Seconds, written as Prometheus does: `500ms`, `60s`, `1h30m`, `8d`."""

    at_least: str
    at_most: str
    name = "duration"

    def read(self, value: Any, context: Context) -> float:
        """Return the seconds."""
        del context
        seconds = parse_duration(value) if isinstance(value, str) else None
        if seconds is None:
            raise refusal("expected a duration such as 60s, 10m or 8d")
        at_least, at_most = parse_duration(self.at_least), parse_duration(self.at_most)
        if at_least is None or at_most is None or not at_least <= seconds <= at_most:
            raise refusal(f"expected a duration from {self.at_least} to {self.at_most}")
        return seconds

    def write(self, value: Any) -> str:
        """Return the duration with the units that people use."""
        return value if isinstance(value, str) else format_duration(value)

    def described(self) -> str:
        """Return its name and bounds."""
        return f"{self.name}, {self.at_least} to {self.at_most}"

    def schema(self) -> JsonSchema:
        """Return its pattern; bounds of a duration are beyond JSON Schema."""
        pattern = "(?=[0-9])" + "".join(f"([0-9]{{1,12}}{unit})?" for unit in _UNITS)
        return text_schema(pattern, "expected a duration such as 60s, 10m or 8d")


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration in Prometheus' notation, or None if it is none."""
    match = re.fullmatch(DURATION, text)
    if match is None:
        return None
    return sum(int(number or 0) * unit for number, unit in zip(match.groups(), _UNITS.values(), strict=True)) / 1000


def format_duration(seconds: float) -> str:
    """Return seconds in Prometheus' notation, in days and shorter units: `90.0` is `1m30s`."""
    rest = round(seconds * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) or "0s"
