"""The schema, the example and the page of the configuration: they say what the code does."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter.config import Config, schema
from exporter.config.settings import SECTIONS
from tests.unit.config_corpus import GOOD, SECRET, read
from tests.unit.test_config_errors import BAD

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.yaml").read_text()
UNCOMMENTED = re.sub(r"(?m)^#(?=\S|  )", "", EXAMPLE)
"""The example with its commented keys; words of explanation follow `# `."""


BEYOND_A_SCHEMA = {
    "a busy loop",
    "a timeout too long",
    "no port",
    "a region mistyped in its middle",
    "no lookback",
    "a default that no longer fits",
    "kept longer than listed",
    "stale before the next poll",
    "stale within a poll",
    "a duplicate key",
    "a mistyped region",
    "the nearest region",
    "a port too high",
    "a variable that is empty",
    "a variable that is no name",
    "an unset variable",
    "an expression too large",
    "an open bracket",
    "half a character",
    "own credentials twice",
    "the same profile twice",
    "the same role by the default regions",
    "the same role twice",
}
"""What is wrong in a way that JSON Schema cannot tell."""


def parsed(text):
    return yaml.load(text, TextLoader)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_file_satisfies_the_schema(text):
    jsonschema.validate(parsed(text) or {}, schema())


class TextLoader(yaml.SafeLoader):
    """Reads scalars as editors do, by YAML 1.2: dates, `no` and `on` are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(("timestamp", "bool"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def test_the_schema_refuses_what_the_loader_does_as_far_as_schemas_can():
    validator = jsonschema.Draft202012Validator(schema())
    accepted = {name for name, (text, _) in BAD.items() if is_yaml(text) and validator.is_valid(parsed(text))}

    assert accepted == BEYOND_A_SCHEMA


def is_yaml(text):
    try:
        parsed(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return False
    return True


def test_the_example_is_one_of_defaults():
    assert read(EXAMPLE) == Config()


def test_the_example_names_its_schema_in_the_first_line():
    assert EXAMPLE.startswith("# yaml-language-server: $schema=./config.schema.json\n")


@pytest.mark.parametrize("text", [EXAMPLE, UNCOMMENTED], ids=["as it is", "uncommented"])
def test_the_example_satisfies_the_schema(text):
    jsonschema.validate(parsed(text), schema())


def test_the_example_shows_every_key_and_the_default_of_each_that_has_one():
    shown = yaml.safe_load(UNCOMMENTED)
    keys = {(): shown, ("accounts",): {key: 1 for entry in shown["accounts"] for key in entry}}
    for path, section in SECTIONS.items():
        written = keys.get(path) or shown[path[0]]
        assert set(written) == {info.alias or field for field, info in section.model_fields.items()}, path


def test_the_example_loads_when_its_comments_are_taken_away():
    config = read(UNCOMMENTED)

    assert [entry.name for entry in config.accounts] == ["production", "sandbox", None]
    assert config.accounts[0].external_id == SECRET
    assert config.organization
    assert config.organization.refresh_interval_seconds == 3600
    assert config.model_copy(update={"regions": None, "accounts": (), "organization": None}) == Config()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())
