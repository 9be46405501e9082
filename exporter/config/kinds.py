"""The kinds of values: what each expects, how it is read, and how a JSON Schema describes it.

They stand beside a type in `Annotated`, and read all values: pydantic converts nothing by itself.
"""

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias, TypedDict

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from exporter.config.document import VARIABLE

JsonSchema: TypeAlias = dict[str, Any]

PLAIN_TEXT: Final = r"[^\x00-\x1f\x7f]{1,128}"
URL: Final = r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[!-~]*)?"


class Context(TypedDict):
    """What reading needs to know beyond the file."""

    known_regions: Collection[str]


def refusal(expected: str, *, shown: bool = True) -> PydanticCustomError:
    """Return the error that says what was expected. What came is added later: itself, or its kind if not `shown`."""
    return PydanticCustomError("expected" if shown else "expected a secret", "{expected}", {"expected": expected})


class Kind(ABC):
    """A kind of value. `read` returns it in the program's units, or raises a `refusal`."""

    name: ClassVar[str]
    """What people call it."""

    @abstractmethod
    def read(self, value: Any, context: Context) -> Any:
        """Return the value as the program wants it."""

    @abstractmethod
    def schema(self) -> JsonSchema:
        """Return its description for editors."""

    def write(self, value: Any) -> Any:
        """Return what a file says for the value."""
        return value

    def described(self) -> str:
        """Return what the documentation says of it: its name and its bounds."""
        return self.name

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchema:
        return self.schema()

    def _validate(self, value: Any, info: ValidationInfo) -> Any:
        return self.read(value, info.context or Context(known_regions=()))


@dataclass(frozen=True)
class Text(Kind):
    """A string of a given form; its pattern is one for Python and for JSON Schema (ECMA 262) alike."""

    expected: str
    pattern: str = PLAIN_TEXT
    name = "text"

    def read(self, value: Any, context: Context) -> str:
        """Return the text itself."""
        del context
        if isinstance(value, str) and self.admits(value):
            return value
        quotes = " in quotes" if isinstance(value, int | float) else ""
        raise refusal(f"expected {self.expected}{quotes}", shown=not self.is_secret(value))

    def admits(self, text: str) -> bool:
        """Tell whether the text has the form."""
        return bool(re.fullmatch(self.pattern, text))

    def is_secret(self, _value: Any) -> bool:
        """Tell whether a refused value may hold a secret, and is not to be shown."""
        return False

    def schema(self) -> JsonSchema:
        """Return its pattern, which a reference to the environment satisfies too."""
        return text_schema(self.pattern, f"expected {self.expected}")


class Secret(Text):
    """A text that is shown nowhere."""

    SHOWN: ClassVar = "<secret>"

    def read(self, value: Any, context: Context) -> str:
        """Return the text itself."""
        if value == self.SHOWN:
            raise refusal(f"expected {self.expected}, not what is shown in its place")
        return super().read(value, context)

    def is_secret(self, _value: Any) -> bool:
        """Return that it may."""
        return True

    def write(self, value: Any) -> Any:
        """Return what is shown in its place."""
        return None if value is None else self.SHOWN


@dataclass(frozen=True)
class WholeNumber(Kind):
    """An integer within bounds; digits in a string count as one, since that is what `${NAME}` gives."""

    at_least: int
    at_most: int
    name = "whole number"

    def read(self, value: Any, context: Context) -> int:
        """Return the number."""
        del context
        if isinstance(value, str) and re.fullmatch("[0-9]{1,12}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not self.at_least <= value <= self.at_most:
            raise refusal(f"expected a whole number from {self.at_least} to {self.at_most}")
        return value

    def described(self) -> str:
        """Return its name and bounds."""
        return f"{self.name}, {self.at_least} to {self.at_most}"

    def schema(self) -> JsonSchema:
        """Return its bounds."""
        return {
            "type": ["integer", "string"],
            "minimum": self.at_least,
            "maximum": self.at_most,
            "pattern": f"^[0-9]{{1,12}}$|{VARIABLE}",
        }


@dataclass(frozen=True)
class Expression(Kind):
    """A regular expression in Python's syntax, found anywhere in the text unless it is anchored."""

    name = "regular expression"

    def read(self, value: Any, context: Context) -> re.Pattern[str]:
        """Return it compiled."""
        del context
        expected = 'expected a regular expression such as "^nightly-"'
        if not isinstance(value, str) or not value:
            raise refusal(expected)
        try:
            with warnings.catch_warnings(action="ignore"):  # what Python may read differently one day
                return re.compile(value)
        except re.error as error:
            at = "" if error.pos is None else f" at character {error.pos + 1}"
            raise refusal(f"{expected} ({error.msg}{at})") from None
        except (OverflowError, RecursionError):
            raise refusal(f"{expected} (too large)") from None

    def write(self, value: Any) -> Any:
        """Return its text."""
        return value.pattern if isinstance(value, re.Pattern) else value

    def schema(self) -> JsonSchema:
        """Return that it is text; Python's syntax is not ECMA's, so `format: regex` would be wrong."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Url(Text):
    """The address of an HTTP service, without user and password."""

    expected: str = "a URL such as https://vpce-0a1b.bedrock.us-east-1.vpce.amazonaws.com, without user and password"
    pattern: str = URL
    name = "URL"

    def admits(self, text: str) -> bool:
        """Tell whether the text has the form, and a port that exists."""
        port = re.search(r"^https?://[^/]*:([0-9]+)(?:/|$)", text)
        return super().admits(text) and (port is None or 1 <= int(port[1]) <= 65535)  # noqa: PLR2004

    def is_secret(self, value: Any) -> bool:
        """Tell whether there may be a password in it."""
        return "@" in str(value)


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of texts, each once."""

    item: Text
    name = "list"

    def read(self, value: Any, context: Context) -> tuple[str, ...]:
        """Return the texts."""
        if value is None:  # a key whose items are all commented out
            return ()
        if not isinstance(value, list):
            raise refusal(f"expected a list, each item {self.item.expected}")
        return once_each(value, self.item, context)

    def write(self, value: Any) -> Any:
        """Return a list."""
        return list(value)

    def schema(self) -> JsonSchema:
        """Return the list's schema."""
        return {"type": ["array", "null"], "items": self.item.schema(), "uniqueItems": True}


def once_each(values: list[Any], item: Kind, context: Context) -> tuple[Any, ...]:
    """Read every item, and tell of all that cannot be read or are there twice."""
    read: list[Any] = []
    refused: list[InitErrorDetails] = []
    for index, value in enumerate(values):
        try:
            if value in values[:index]:
                raise refusal(f"expected each once: it is at [{values.index(value)}] already")
            read.append(item.read(value, context))
        except PydanticCustomError as error:
            refused.append(InitErrorDetails(type=error, loc=(index,), input=value))
    if refused:
        raise ValidationError.from_exception_data("list", refused)
    return tuple(read)


def text_schema(pattern: str, message: str) -> JsonSchema:
    """Return the schema of a text that a reference to the environment may stand for.

    `patternErrorMessage` is what editors on yaml-language-server show; other validators pass over it.
    """
    return {"type": "string", "pattern": f"^(?:{pattern})$|{VARIABLE}", "patternErrorMessage": message}
