"""Write what the chart has of other places: `make chart`.

The documentation and the schema of its values are made of `values.yaml` and `config.schema.json`; the rules and the
dashboards are copies, for Helm reads nothing outside the chart.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import exporter

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy/helm/bedrock-batch-exporter"

NARROWER: dict[str, dict[str, Any]] = {
    "config": {"$ref": "#/$defs/Config"},
    "dashboards.labels": {"additionalProperties": {"type": "string"}},
    "extraArgs": {"items": {"type": "string", "pattern": "^--"}},
    "image.digest": {"pattern": "^$|^sha256:[0-9a-f]{64}$"},
    "image.repository": {"minLength": 1},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "log.format": {"enum": ["logfmt", "json"]},
    "log.level": {"enum": ["debug", "info", "warn", "error"]},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"]},
    "prometheusRule.disabled": {"items": {"type": "string"}},
    "service.port": {"minimum": 1, "maximum": 65535},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "serviceAccount.roleArn": {"pattern": "^$|^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"},
    "shards": {"minimum": 1},
}
"""What a value must be, beyond the type of its default."""

TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Value:
    """A documented key of `values.yaml`, its parents joined by dots."""

    key: str
    default: Any
    meaning: str


def documented(text: str) -> Iterator[Value]:
    """Yield the keys below a `# --` comment, in the order of the file."""
    defaults = yaml.safe_load(text)
    parents: list[tuple[int, str]] = []
    meaning: list[str] = []
    for line in text.splitlines():
        if comment := re.fullmatch(r" *# (-- )?(.*)", line):
            meaning = [comment[2]] if comment[1] else [*meaning, comment[2]] if meaning else []
        elif key := re.match(r"( *)(\w+):", line):
            depth = len(key[1])
            parents = [*(parent for parent in parents if parent[0] < depth), (depth, key[2])]
            if meaning:
                path = [name for _, name in parents]
                yield Value(".".join(path), at(defaults, path), " ".join(meaning))
            meaning = []
        else:
            meaning = []


def at(values: Any, path: list[str]) -> Any:
    """Return the value below a path of keys."""
    for key in path:
        values = values[key]
    return values


def readme(values: list[Value]) -> str:
    """Return the chart's documentation: the part written by hand, then a row for each value."""
    rows = [
        f"| `{value.key}` | `{json.dumps(value.default, ensure_ascii=False)}` | {value.meaning} |\n" for value in values
    ]
    intro, mark, _ = (CHART / "README.md").read_text().partition("## Values\n")
    assert mark, "README.md of the chart: expected the heading ## Values"  # noqa: S101
    return f"{intro}{mark}\n| key | default | meaning |\n| --- | --- | --- |\n{''.join(rows)}"


def schema(values: list[Value], config: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the values. Unknown keys are refused, as they are in the configuration."""
    config = of_go({key: item for key, item in config.items() if key not in {"$schema", "$id"}})
    root = closed("The values of the chart.")
    for value in values:
        *parents, name = value.key.split(".")
        place = root
        for parent in parents:
            place = place["properties"].setdefault(parent, closed())
        described = {"description": value.meaning}
        narrower = NARROWER.get(value.key, {})
        place["properties"][name] = described | ({} if "$ref" in narrower else of_default(value.default)) | narrower
    root["properties"]["global"] = {"type": "object", "description": "Helm's own; not used."}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **root, "$defs": {"Config": config}}


def of_go(schema: Any) -> Any:
    """Return the schema of the configuration as Helm can use it: one level deeper, its patterns in Go's syntax."""
    match schema:
        case dict():
            return {key: of_go_at(key, item) for key, item in schema.items()}
        case list():
            return [of_go(item) for item in schema]
    return schema


def of_go_at(key: str, item: Any) -> Any:
    """Return what `of_go` makes of the value of a key. Go's patterns look not ahead, and count no further than 1000."""
    match key, item:
        case "$ref", str():
            return item.replace("#/$defs/", "#/$defs/Config/$defs/")
        case "pattern", str():
            return re.sub(r"\{(\d+),\d{4,}\}", r"{\1,}", re.sub(r"\(\?=[^()]*\)", "", item))
    return of_go(item)


def closed(description: str = "") -> dict[str, Any]:
    """Return the schema of a mapping without other keys than its properties."""
    described = {"description": description} if description else {}
    return described | {"type": "object", "additionalProperties": False, "properties": {}}


def of_default(default: Any) -> dict[str, Any]:
    """Return the schema that the type of a default implies."""
    at_least_zero = {"minimum": 0} if type(default) is int else {}
    return {"type": TYPES[type(default)]} | at_least_zero


def chart_yaml(text: str) -> str:
    """Return Chart.yaml with the version of the package, which is the chart's too."""
    return re.sub(r"(?m)^(version|appVersion): .*$", rf"\1: {exporter.__version__}", text)


def files() -> dict[Path, str]:
    """Return the contents of every file of the chart that is not written by hand."""
    values = list(documented((CHART / "values.yaml").read_text()))
    config = json.loads((ROOT / "config.schema.json").read_text())
    written = {
        CHART / "Chart.yaml": chart_yaml((CHART / "Chart.yaml").read_text()),
        CHART / "README.md": readme(values),
        CHART / "values.schema.json": json.dumps(schema(values, config), indent=2) + "\n",
    }
    copies = {
        "rules": (ROOT / "prometheus/rules").glob("*.yml"),
        "dashboards": (ROOT / "grafana/dashboards").glob("*.json"),
    }
    for directory, sources in copies.items():
        written |= {CHART / "files" / directory / source.name: source.read_text() for source in sorted(sources)}
    return written


def main() -> None:
    """Write the files, and remove copies whose source is gone."""
    written = files()
    for stale in set((CHART / "files").rglob("*.*")) - written.keys():
        stale.unlink()
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
