"""Samples to lines: what Prometheus' text format 0.0.4 and OpenMetrics 1.0 have in common."""

from collections.abc import Iterable

from exporter.families import Family

_NOT_FINITE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def line(name: str, pairs: str, value: float) -> str:
    """Return a sample as a line."""
    return f"{name}{{{pairs}}} {number(value)}\n" if pairs else f"{name} {number(value)}\n"


def encoded(lines: Iterable[str]) -> bytes:
    """Return lines as they are sent."""
    return "".join(lines).encode("utf-8", "replace")


def pairs(labels: Iterable[str], values: Iterable[str]) -> str:
    """Return labels and their values as they stand between the braces."""
    return ",".join([f'{label}="{escape(value)}"' for label, value in zip(labels, values, strict=True)])


def escape(text: str) -> str:
    """Return the value of a label as it stands between the quotes."""
    if "\\" in text or "\n" in text or '"' in text:
        return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return text


def number(value: float) -> str:
    """Return a value as a float that both formats read."""
    text = repr(float(value))
    return text if text[-1] not in "fn" else _NOT_FINITE[text]


def head(family: Family, *, openmetrics: bool) -> bytes:
    """Return the lines that stand before a family's samples."""
    name, text = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        name = name.removesuffix("_total") if family.type == "counter" else name
        text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n".encode()
