"""The dashboards as they are committed, and a way around in them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana/dashboards"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}


@dataclass(frozen=True)
class Place:
    """A panel, or a query of one, named for the test's report."""

    dashboard: dict[str, Any]
    panel: dict[str, Any]
    target: dict[str, Any] | None = None

    def __str__(self) -> str:
        query = f"/{self.target['refId']}" if self.target else ""
        return f"{self.dashboard['uid'].removeprefix('bedrock-batch-')}: {self.panel['title']}{query}"


def panels() -> list[Place]:
    """Return every panel but the headings of rows."""
    return [
        Place(dashboard, panel)
        for dashboard in DASHBOARDS.values()
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    ]


def targets() -> list[Place]:
    return [Place(place.dashboard, place.panel, target) for place in panels() for target in place.panel["targets"]]


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield every query of a dashboard: of its panels, its variables, its annotations."""
    for place in targets():
        if place.dashboard is dashboard and place.target:
            yield place.target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["query"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"]
