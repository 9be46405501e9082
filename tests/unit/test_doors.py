"""The rooms of the package and their doors: who may import whom, and which libraries enter where."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "exporter"

ROOMS = {
    "model": set(),
    "clock": set(),
    "config": {"model"},
    "aws": {"model", "listing"},
    "history": {"model"},
    "listing": {"model", "history"},
    "state": {"model"},
    "summary": {"model"},
    "check": {"model", "state", "metrics"},
    "sharding": {"model"},
    "concurrently": set(),
    "questions": {"model", "config", "concurrently"},
    "discovery": {"model", "clock", "questions", "config", "concurrently"},
    "journal": {"model", "state"},
    "pace": {"model", "state"},
    "underway": {"model"},
    "poll": {"model", "clock", "state", "journal", "pace", "underway"},
    "families": {"model", "state", "summary"},
    "instruments": {"families"},
    "metrics": {"model", "state", "families", "instruments"},
    "lines": {"families"},
    "deflate": set(),
    "written": {"model", "state", "summary", "families", "metrics", "lines", "deflate"},
    "exposition": {"model", "state", "summary", "families", "metrics", "lines", "deflate", "written"},
    "overview": {"model", "state", "summary", "metrics"},
    "web": set(),
    "log": set(),
    "cli": {"web"},
    "demo": set(),
    "__init__": set(),
}
"""What each room may import of the package, beside itself. The roof may import all, and nobody it."""

ROOF = {"roof", "asking", "__main__"}

STREET = {
    "boto3": {"aws", "demo"},
    "botocore": {"aws", "demo", "roof"},
    "moto": {"demo"},
    "werkzeug": {"demo"},
    "yaml": {"config", "demo"},
    "pydantic": {"config"},
    "prometheus_client": {"instruments", "exposition", "web", "roof", "__main__"},
    "tornado": {"web"},
    "signal": {"__main__"},
}
"""Which rooms may open the door to a library."""


def rooms() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Return the dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_design_tells_of_every_room():
    text = (PACKAGE.parent / "docs/design/0001-one-path-of-data.md").read_text()
    told = re.findall(r"`(\w+)(?:\.py|/)`", "".join(re.findall(r"^\| (`[^|]+)\|", text, re.MULTILINE)))

    assert sorted(told) == sorted({*ROOMS, *ROOF} - {"__init__"})


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_opens_only_its_own_doors(path):
    room = room_of(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "exporter" and room not in ROOF:
            other = rest.partition(".")[0]
            assert other in ROOMS[room] | {room, "__version__"}, f"{room} imports the room {other}"
        if top in STREET:
            assert room in STREET[top], f"{room} imports {top}"


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_environment_is_read_at_the_roof_alone(path):
    reads = {"environ", "getenv"}
    names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)} | {
        name.rpartition(".")[2] for name in imports(path)
    }
    assert room_of(path) in {"__main__", "demo"} or not names & reads


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in rooms()} <= set(ROOMS) | ROOF
