"""The JSON Schema of the file, for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from exporter.config.settings import Config


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the file.

    It accepts whatever `load` does. What `load` alone refuses is beyond JSON Schema: the bounds of durations, a regular
    expression with a mistake, an account configured twice, keys that contradict each other, an unset variable.
    """
    generated = _Schema(by_alias=True).generate(Config.__pydantic_core_schema__)
    keys = generated["properties"]
    keys["accounts"]["type"] = ["array", "null"]  # what a key is whose content is all commented out
    keys["job_names"] = {"anyOf": [{"$ref": keys["job_names"].pop("$ref")}, {"type": "null"}], **keys["job_names"]}
    return {"$schema": _Schema.schema_dialect, **generated, "title": "Configuration of bedrock-batch-exporter"}


class _Schema(GenerateJsonSchema):
    """Pydantic's generator less the titles, which only repeat the keys, and with `null` as one type of several."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        inner = self.generate_inner(schema["schema"])
        if "type" not in inner:
            return super().nullable_schema(schema)
        types = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
        return inner | {"type": [*types, "null"]}
