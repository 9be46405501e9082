"""AWS regions: spelled right, without a list that shuts out new ones."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from exporter.config.document import VARIABLE
from exporter.config.kinds import Context, JsonSchema, Kind, once_each, refusal, text_schema
from exporter.config.problems import ConfigError, nearest, quoted

REGION: Final = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+"
AllRegions: TypeAlias = Literal["all"]
"""Every enabled region that has Bedrock."""

_COMPASS: Final = frozenset(
    ("north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest")
)


@dataclass(frozen=True)
class Region(Kind):
    """The code of an AWS region.

    Where the known regions are given, a typing error is refused, but a region that AWS opened since is not
    (`ca-west-2`, `xx-central-1`, `eusc-fr-east-1`): its last word is of the compass, and those between the first
    and the last are known or resemble none that is.
    """

    name = "region"

    def read(self, value: Any, context: Context) -> str:
        """Return the region's code."""
        known = context["known_regions"]
        if isinstance(value, str) and _is_region(value, known):
            return value
        if value == "all":
            raise refusal("expected an AWS region such as us-east-1, or the word all without brackets")
        raise refusal(_expected(value, known))

    def schema(self) -> JsonSchema:
        """Return the pattern."""
        return text_schema(REGION, "expected an AWS region such as us-east-1")


def check_region(region: str, where: str, known_regions: Collection[str]) -> None:
    """Refuse a region from outside the file as the file's are refused; `where` names the place. Raises ConfigError."""
    if not _is_region(region, known_regions):
        raise ConfigError([f"{where}: {_expected(region, known_regions)}, got {quoted(region)}"])


def _expected(value: Any, known_regions: Collection[str]) -> str:
    probably = nearest(value.lower(), known_regions) if isinstance(value, str) else None
    return f"expected an AWS region such as {probably or 'us-east-1'}"


def _is_region(value: str, known_regions: Collection[str]) -> bool:
    return bool(re.fullmatch(REGION, value)) and (value in known_regions or _could_be(value, known_regions))


def _could_be(region: str, known_regions: Collection[str]) -> bool:
    if not known_regions:
        return True
    words = {word for known in known_regions for word in known.split("-")[1:-1]} | _COMPASS
    *places, direction, _ = region.split("-")[1:]
    return direction in _COMPASS and all(place in words or not nearest(place, words) for place in places)


class RegionList(Kind):
    """A list of regions, each once, or the word `all`."""

    name = "list of regions, or `all`"

    def read(self, value: Any, context: Context) -> tuple[str, ...] | AllRegions:
        """Return the regions, or `all`."""
        if value == "all":
            return "all"
        if not isinstance(value, list) or not value:
            raise refusal("expected a list of AWS regions such as [us-east-1], or the word all")
        return once_each(value, Region(), context)

    def write(self, value: Any) -> Any:
        """Return a list or the word."""
        return list(value) if isinstance(value, tuple) else value

    def schema(self) -> JsonSchema:
        """Return both forms."""
        word = {
            "type": "string",
            "pattern": f"^all$|{VARIABLE}",
            "patternErrorMessage": "expected a list of regions, or all",
        }
        return {"anyOf": [word, {"type": "array", "items": Region().schema(), "minItems": 1, "uniqueItems": True}]}
