"""Write rules/*.yml and prometheusrule.yaml from templates/*.yml and thresholds.yml: `make rules`.

A template is the rule file itself, comments included, with `${name}` where a value of thresholds.yml belongs:

- `${name}` the value as it stands: `6h`, `0.06`
- `${name:seconds}` a duration as PromQL's arithmetic: `6 * 3600`
- `${name:words}` a duration for people: `6 hours`
- `${name:percent}` a share for people: `6%`

`--set` replaces a value and `--scale` divides every duration, so that a test sees in seconds what takes hours.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent

import yaml

HERE = Path(__file__).parent
RULE_FILES = ("recording.yml", "alerts.yml")

_PLACEHOLDER = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_DURATION = re.compile(r"(\d+)([smhd])")
# The durations that stand in a template itself: of ranges, and of the keys that take one.
_WINDOW = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=for: )\d+[smhd]$", re.MULTILINE)
_UNITS = {"s": (1, "second"), "m": (60, "minute"), "h": (3600, "hour"), "d": (86400, "day")}


def main(arguments: list[str] | None = None) -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(prog="python -m prometheus.build", description="Write the rules.")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="replace a value of thresholds.yml"
    )
    parser.add_argument("--scale", type=int, default=1, help="divide every duration by this (default: %(default)s)")
    options = parser.parse_args(arguments)
    for path, text in build(dict(pair.split("=", 1) for pair in options.set), options.scale).items():
        (options.out / path).parent.mkdir(parents=True, exist_ok=True)
        (options.out / path).write_text(text)


def build(overrides: Mapping[str, str] | None = None, scale: int = 1) -> dict[str, str]:
    """Return the text of every generated file by its path."""
    values = {**thresholds(), **(overrides or {})}
    rules = {
        name: "# Written by `make rules` from thresholds.yml and templates/: change those.\n"
        + render((HERE / "templates" / name).read_text(), values, scale)
        for name in RULE_FILES
    }
    return {f"rules/{name}": text for name, text in rules.items()} | {"prometheusrule.yaml": prometheus_rule(rules)}


def thresholds() -> dict[str, str]:
    """Read thresholds.yml: its values by name, as text."""
    table = yaml.safe_load((HERE / "thresholds.yml").read_text())
    return {name: str(value) for name, value in table.items()}


def render(template: str, values: Mapping[str, str], scale: int = 1) -> str:
    """Fill in the placeholders of a template and divide its durations by `scale`."""

    def scaled(duration: re.Match[str]) -> str:
        seconds = int(duration[1]) * _UNITS[duration[2]][0]
        return duration[0] if scale == 1 else f"{max(seconds * 1000 // scale, 1)}ms"

    def fill(placeholder: re.Match[str]) -> str:
        name, form = placeholder.groups()
        if name not in values:
            raise KeyError(f"expected a name of thresholds.yml, got {placeholder[0]!r}")
        value = values[name]
        duration = _DURATION.fullmatch(value)
        match form:
            case None:
                return scaled(duration) if duration else render(value, values, scale)
            case "seconds" if duration:
                seconds = f"{duration[1]} * {_UNITS[duration[2]][0]}"
                return seconds if scale == 1 else f"{seconds} / {scale}"
            case "words" if duration:
                return f"{duration[1]} {_UNITS[duration[2]][1]}{'' if duration[1] == '1' else 's'}"
            case "percent":
                return f"{float(value) * 100:.4g}%"
        raise ValueError(f"{placeholder[0]}: {value!r} has no such form")

    windows = _WINDOW.sub(lambda window: scaled(_DURATION.fullmatch(window[0]) or window), template)
    return _PLACEHOLDER.sub(fill, windows)


def prometheus_rule(rules: Mapping[str, str]) -> str:
    """Wrap the same groups, comments and all, as an object of the Prometheus operator."""
    groups = "".join(text.partition("\ngroups:\n")[2].rstrip("\n") + "\n\n" for text in rules.values())
    return (
        "# Written by `make rules`: rules/recording.yml and rules/alerts.yml for the Prometheus operator.\n"
        "# A Prometheus takes it if its ruleSelector matches the labels below.\n"
        "apiVersion: monitoring.coreos.com/v1\n"
        "kind: PrometheusRule\n"
        "metadata:\n"
        "  name: bedrock-batch-exporter\n"
        "  labels:\n"
        "    app.kubernetes.io/name: bedrock-batch-exporter\n"
        "spec:\n"
        "  groups:\n" + indent(groups.rstrip("\n") + "\n", "  ")
    )


if __name__ == "__main__":
    main()
