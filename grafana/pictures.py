"""Pictures of the dashboards for the README: `python -m grafana.pictures`.

A day of the demo is back-filled into a Prometheus of its own. What draws is yours to bring: a Grafana that has the
dashboards and reads from that Prometheus (`--grafana`, photographed by Chromium), or a program that draws a dashboard's
JSON (`--renderer`), called as

    PROGRAM DASHBOARD.json PICTURE.png --prom URL --end UNIX_SECONDS --range SECONDS [--var NAME=VALUE]...
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from docs.browser import chromium, find_chromium
from grafana import build
from grafana.sample.day import Day, back_fill

IMAGES = Path(__file__).parents[1] / "docs/images"
WIDTH, ROW = 1600, 38
"""In CSS pixels: of a picture, and of one unit of a panel's height."""
END_SECONDS = 1_795_000_020.0
"""The same day each time, up to 10:27 UTC."""
SHOWN_HOURS = 24
FEATURED_JOB = "archive-backfill"
"""The job whose story is told: it will miss its deadline."""

Draw: TypeAlias = Callable[[Path, Path, dict[str, str]], None]
"""Draws a dashboard's JSON into a file, with some variables chosen."""


def ask(url: str, expression: str) -> list[dict[str, dict[str, str]]]:
    """Return the series of an instant query at the end of the day."""
    query = urllib.parse.urlencode({"query": expression, "time": END_SECONDS})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=30) as response:  # noqa: S310 - our Prometheus
        found: list[dict[str, dict[str, str]]] = json.load(response)["data"]["result"]
        return found


@contextmanager
def prometheus(day: Day, port: int) -> Iterator[str]:
    """Run a Prometheus that holds the day."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        back_fill("promtool", folder / "data", day)
        (folder / "prometheus.yml").write_text("{}\n")
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        command += ["--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - Prometheus, on loopback
        url = f"http://127.0.0.1:{port}"
        try:
            while True:
                time.sleep(0.5)
                try:
                    ask(url, "1")
                    break
                except OSError:
                    if process.poll() is not None:
                        raise
            yield url
        finally:
            process.terminate()
            process.wait(20)


def by_program(command: str, url: str) -> Draw:
    """Draw by a program that reads the JSON."""

    def draw(dashboard: Path, picture: Path, variables: dict[str, str]) -> None:
        chosen = [argument for name, value in variables.items() for argument in ("--var", f"{name}={value}")]
        when = ["--prom", url, "--end", f"{END_SECONDS:.0f}", "--range", str(SHOWN_HOURS * 3600)]
        subprocess.run([*shlex.split(command), str(dashboard), str(picture), *when, *chosen], check=True)  # noqa: S603

    return draw


def by_grafana(address: str, program: str, *, patience_seconds: float = 15.0) -> Draw:
    """Draw by a Grafana that reads from our Prometheus. It tells nobody when its last panel is drawn."""

    def draw(dashboard: Path, picture: Path, variables: dict[str, str]) -> None:
        content = json.loads(dashboard.read_text())
        height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in content["panels"]) * ROW + 120
        asked = {"kiosk": "1", "theme": "dark", **{f"var-{name}": value for name, value in variables.items()}}
        asked |= {"from": f"{(END_SECONDS - SHOWN_HOURS * 3600) * 1000:.0f}", "to": f"{END_SECONDS * 1000:.0f}"}
        with chromium(program) as browser:
            page = browser.page()
            page.look(WIDTH, height, dark=True)
            page.open(f"{address}/d/{content['uid']}?{urllib.parse.urlencode(asked)}")
            time.sleep(patience_seconds)
            picture.write_bytes(page.picture(height))

    return draw


def featured(url: str) -> dict[str, str]:
    """Return the variables that choose the job whose story is told: the oldest of those that run."""
    found = ask(url, f'bedrock_batch_job_records_processed{{job_name=~"{FEATURED_JOB}-.*"}}')
    oldest = min((series["metric"] for series in found), key=itemgetter("job_name"))
    return {"job_id": oldest["job_id"]}


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(prog="python -m grafana.pictures", description="Make pictures of the dashboards.")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--grafana", metavar="URL", help="a Grafana with the dashboards, reading from 127.0.0.1:PORT")
    way.add_argument("--renderer", metavar="PROGRAM", help="a program that draws a dashboard's JSON")
    parser.add_argument("--port", type=int, default=9092, help="of the Prometheus started here (default 9092)")
    arguments = parser.parse_args()
    program = find_chromium()
    if arguments.grafana and program is None:
        parser.error("Chromium is needed: apt-get install chromium")
    with prometheus(Day(END_SECONDS, step_seconds=120), arguments.port) as url:
        renderer = by_program(arguments.renderer, url) if arguments.renderer else None
        draw = renderer or by_grafana(arguments.grafana, program or "")
        for dashboard in build.files():
            picture = IMAGES / f"dashboard-{dashboard.stem}.png"
            draw(dashboard, picture, featured(url) if dashboard.stem == "job" else {})
            print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
