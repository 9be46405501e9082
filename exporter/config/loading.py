"""YAML text to `Config` and back; pydantic's findings put into words."""

from collections.abc import Collection, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.document import Document, write
from exporter.config.kinds import Context
from exporter.config.problems import ConfigError, Path, Problem, key_quoted, kind, nearest, quoted
from exporter.config.settings import SECTIONS, Config


def load(text: str, source: str, environ: Mapping[str, str], known_regions: Collection[str] = ()) -> Config:
    """Read a configuration; nothing at all is one of defaults.

    `source` is the file's name in messages, `environ` gives the values of `${NAME}`. `known_regions` catches typing
    errors in regions without shutting out new ones (see `regions.Region`). Raises ConfigError with every mistake.
    """
    document = Document(text, source, environ)
    problems = list(document.problems)
    config = None
    try:
        config = Config.model_validate(
            {} if document.value is None else document.value, context=Context(known_regions=known_regions)
        )
    except ValidationError as error:
        problems += [
            _problem(document, path, details)
            for details in error.errors(include_url=False)
            if (path := _path(details)) not in document.unreadable
        ]
    if config is None or problems:
        problems.sort(key=lambda problem: problem.row)
        raise ConfigError(problem.line(source) for problem in problems)
    return config


def dump(config: Config) -> str:
    """Return every effective value as YAML, secrets as `<secret>`. Put back in, it loads to an equal configuration."""
    return write(config.model_dump(mode="json", by_alias=True))


def _path(details: ErrorDetails) -> Path:
    """Return the place in the file; pydantic names a key that the file lacks by its field."""
    *path, last = details["loc"] or (None,)
    if last is None:
        return ()
    is_field = details["type"] != "extra_forbidden" and last in _KEYS
    return (*path, _KEYS[str(last)] if is_field else last)


def _problem(document: Document, path: Path, details: ErrorDetails) -> Problem:
    """Put one of pydantic's findings into words."""
    row, value, message = document.row(path), details["input"], details["msg"]
    match details["type"]:
        case "said":
            return Problem(path, message, row)
        case "extra_forbidden":
            return Problem(path[:-1], _unknown_key(path), row)
        case "missing":
            return Problem(path[:-1], f"expected the key {path[-1]!r}, got none", row)
        case "expected a secret":
            return Problem(path, f"{message}, got {kind(value)}", row)
        case "expected":
            default = "" if document.holds(path) else ", the default"
            return Problem(path, f"{message}, got {quoted(value)}{default}", row)
    expected = "a list" if details["type"] == "tuple_type" else _MAPPINGS[_section(path)]
    return Problem(path, f"expected {expected}, got {kind(value)}", row)


_KEYS = {field: info.alias or field for section in SECTIONS.values() for field, info in section.model_fields.items()}
"""The file's key of each field, for pydantic names defaults by field."""

_MAPPINGS = {
    (): "a mapping of keys to values such as poll_interval: 60s",
    ("accounts",): "a mapping such as {name: production, role_arn: ...}",
    ("organization",): "a mapping such as {role_name: bedrock-batch-exporter}",
    ("job_names",): 'a mapping such as {exclude: "^scratch-"}',
}


def _section(path: Path) -> tuple[str, ...]:
    return tuple(part for part in path if isinstance(part, str))


def _unknown_key(path: Path) -> str:
    key, section = str(path[-1]), _section(path[:-1])
    known = _keys(SECTIONS[section])
    meant = nearest(key, known)
    homes = [".".join(home) or "the top level" for home, other in SECTIONS.items() if key in _keys(other)]
    if meant:
        hint = f"did you mean {meant!r}?"
    elif homes:
        hint = f"it belongs in {' or '.join(homes)}"
    else:
        hint = f"expected one of {', '.join(sorted(known))}"
    return f"unknown key {key_quoted(key)}, {hint}"


def _keys(section: type[BaseModel]) -> set[str]:
    return {_KEYS[field] for field in section.model_fields}
