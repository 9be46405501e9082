"""The schema, the example and the page of the configuration: they say what the code does."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter.config import schema
from tests.unit.config_corpus import GOOD

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_file_satisfies_the_schema(text):
    jsonschema.validate(yaml.load(text, TextLoader) or {}, schema())


class TextLoader(yaml.SafeLoader):
    """Reads scalars as editors do, by YAML 1.2: dates, `no` and `on` are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(("timestamp", "bool"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def test_the_schema_that_ships_is_the_codes():
    assert json.loads((ROOT / "config.schema.json").read_text()) == schema()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())
