"""YAML text to plain values, every mistake with its place; and back.

Scalars are read by the core schema of YAML 1.2, as editors and the JSON Schema do: `no` and `on` are text, a date is
text, `0123` is the number 123 and no octal. Keys stand once, tags are refused, merge keys (`<<`) work.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml

from exporter.config.problems import ConfigError, Path, Problem, key_quoted

MOST_VALUES: Final = 50_000
"""Values of a file, aliases written out: more than any real file, far fewer than a bomb of aliases."""

VARIABLE: Final = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"
"""A reference to the environment. `$${` stands for the characters `${` themselves."""

_DOLLAR = re.compile(rf"(?P<escaped>\$\$\{{)|(?P<variable>{VARIABLE})|(?P<broken>\$\{{)")
_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_LONGEST_NUMBER = 40

_SCALARS: Final = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)),
    "float": lambda text: float(re.sub(r"\.(?=inf|nan)", "", text.lower())),
}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - of the class, and filled below


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than text, and never writes an alias."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


for _name, _pattern in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), None)
_Loader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])


class Document:
    """The values of a YAML text, the lines they stand on, and what is wrong with it so far.

    Raises ConfigError where the text is not YAML at all.
    """

    def __init__(self, text: str, source: str, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._rows: dict[Path, int] = {}
        self.unreadable: set[Path] = set()
        """Where a problem left None in place of the value, so that nothing more need be said of it."""
        self._environ = environ
        self._values_left = MOST_VALUES
        try:
            node = yaml.compose(text, Loader=_Loader)
            self.value: Any = None if node is None else self._value(node, (), frozenset())
        except yaml.YAMLError as error:
            raise ConfigError([Problem((), _syntax(text, error)).line(source)]) from None
        except RecursionError:
            raise ConfigError(
                [Problem((), "expected a configuration, got values nested too deeply").line(source)]
            ) from None

    def holds(self, path: Path) -> bool:
        """Tell whether the text gives a value there, rather than leaving it to a default."""
        return path in self._rows

    def row(self, path: Path) -> int:
        """Return the line of the value, or of the one that would hold it, counted from 1."""
        while path and path not in self._rows:
            path = path[:-1]
        return self._rows.get(path, 0)

    def _problem(self, path: Path, message: str) -> None:
        """Note that the value cannot be read."""
        self.problems.append(Problem(path, message, self.row(path)))
        self.unreadable.add(path)

    def _value(self, node: yaml.Node, path: Path, within: frozenset[int]) -> Any:
        self._rows.setdefault(path, node.start_mark.line + 1)
        self._values_left -= 1
        if id(node) in within or self._values_left < 0:
            raise yaml.MarkedYAMLError(problem="aliases that repeat without end", problem_mark=node.start_mark)
        within |= {id(node)}
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path, within)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._value(item, (*path, index), within) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return self._problem(path, "YAML tags are not used here; a text that begins with ! needs quotes")

    def _mapping(self, node: yaml.MappingNode, path: Path, within: frozenset[int]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first_rows: dict[str, int] = {}
        for key_node, value_node in node.value:
            row = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merged |= self._merged(value_node, path, within)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(path, f"expected a word as the key on line {row}", row))
                continue
            key = key_node.value
            if key in first_rows:
                message = f"duplicate key {key_quoted(key)}, on lines {first_rows[key]} and {row}"
                self.problems.append(Problem(path, message, row))
                continue
            first_rows[key] = row
            values[key] = self._value(value_node, (*path, key), within)
        return merged | values

    def _merged(self, node: yaml.Node, path: Path, within: frozenset[int]) -> dict[str, Any]:
        """Return what `<<: *alias` or `<<: [*alias, *other]` adds, of which the first to name a key wins."""
        value = self._value(node, path, within)
        mappings = value[::-1] if isinstance(value, list) else [value]
        if not all(isinstance(mapping, dict) for mapping in mappings):
            row = node.start_mark.line + 1
            self.problems.append(Problem(path, "expected a mapping, or a list of them, to merge with <<", row))
            return {}
        return {key: item for mapping in mappings for key, item in mapping.items()}

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        tag, text = node.tag.removeprefix(_TAG), node.value
        if tag == "str":
            return self._text(text, path)
        if tag not in _SCALARS or not _SCALARS[tag].fullmatch(text):
            return self._problem(path, "YAML tags are not used here; a text that begins with ! needs quotes")
        if len(text) > _LONGEST_NUMBER:
            return self._problem(path, f"expected a number of at most {_LONGEST_NUMBER} digits, got {len(text)}")
        return _READERS[tag](text)

    def _text(self, text: str, path: Path) -> str | None:
        unset = [
            match["variable"][2:-1]
            for match in _DOLLAR.finditer(text)
            if match["variable"] and match["variable"][2:-1] not in self._environ
        ]
        for name in unset:
            self._problem(path, f"expected the environment variable {name} to be set, got none of that name")
        if any(match["broken"] for match in _DOLLAR.finditer(text)):
            unset.append("")
            self._problem(path, "expected ${NAME}, a variable of the environment; write $${ for the characters ${")
        if unset:
            return None
        text = _DOLLAR.sub(lambda match: "${" if match["escaped"] else self._environ[match["variable"][2:-1]], text)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self._problem(path, "expected text in UTF-8, got characters that it cannot hold")
            return None
        return text


def plain(text: str, source: str, environ: Mapping[str, str]) -> Any:
    """Return a YAML text as plain values, for files other than the configuration. Raises ConfigError."""
    document = Document(text, source, environ)
    if document.problems:
        raise ConfigError(problem.line(source) for problem in document.problems)
    return document.value


def write(value: Any) -> str:
    """Return plain values as YAML that `Document` reads back as the same values, whatever the environment is."""
    return yaml.dump(_escaped(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.replace("${", "$${")
        case dict():
            return {key: _escaped(item) for key, item in value.items()}
        case list():
            return [_escaped(item) for item in value]
    return value


def _syntax(text: str, error: yaml.YAMLError) -> str:
    """Say where YAML itself is broken. Names of aliases are left out: unquoted secrets may begin with an asterisk."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        return f"line {line}, column {column}: a control character that YAML does not allow"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "expected YAML"
    problem = error.problem or "not YAML"
    for start, hint in (
        ("found undefined alias", "found an undefined alias; a text that begins with * needs quotes"),
        ("found character '\\t'", "found a tab; indent with spaces"),
        ("but found another document", "found a second document"),
    ):
        if problem.startswith(start):
            problem = hint
    mark = error.problem_mark
    context = f" ({error.context})" if error.context and "'" not in error.context else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {' '.join(problem.split())}{context}"
