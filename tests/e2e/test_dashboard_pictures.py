"""The command that makes the pictures of the dashboards, with something that draws in Grafana's place."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from docs.browser import find_chromium
from grafana import build, pictures
from grafana.sample.day import Day
from tests.e2e.programs import missing, program
from tests.e2e.prometheus import free_port

PNG = b"\x89PNG"


@pytest.fixture
def fleet_json():
    return next(path for path in build.files() if path.stem == "fleet")


def test_a_program_is_told_the_dashboard_the_data_and_the_job(tmp_path, fleet_json):
    for name in ("prometheus", "promtool"):
        program(name, "apt-get install prometheus")
    drawing = tmp_path / "draw.py"
    drawing.write_text("import json, pathlib, sys\npathlib.Path(sys.argv[2]).write_text(json.dumps(sys.argv[1:]))\n")
    picture = tmp_path / "fleet.png"

    with pictures.prometheus(Day(pictures.END_SECONDS, hours=0.2), free_port()) as url:
        chosen = pictures.featured(url)
        pictures.by_program(f"{sys.executable} {drawing}", url)(fleet_json, picture, chosen)

    arguments = json.loads(picture.read_text())
    assert arguments[:4] == [str(fleet_json), str(picture), "--prom", url]
    assert arguments[4:8] == ["--end", "1795000020", "--range", "86400"]
    assert arguments[8:] == ["--var", f"job_id={chosen['job_id']}"]


def test_a_grafana_is_photographed_at_the_day_and_the_job(tmp_path, fleet_json):
    asked = []

    class Grafana(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>a dashboard</h1>")

        def log_message(self, *_): ...

    chromium = find_chromium() or missing("Chromium is not on this machine", required_by="REQUIRE_E2E")
    server = HTTPServer(("127.0.0.1", 0), Grafana)
    Thread(target=server.serve_forever, daemon=True).start()
    picture = tmp_path / "fleet.png"
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        pictures.by_grafana(address, chromium, patience_seconds=0)(fleet_json, picture, {"job_id": "abc"})
    finally:
        server.shutdown()
        server.server_close()

    url = urlsplit(asked[0])
    query = {name: value for name, [value] in parse_qs(url.query).items()}
    assert url.path == "/d/bedrock-batch-fleet"
    assert query == {
        "kiosk": "1",
        "theme": "dark",
        "var-job_id": "abc",
        "from": f"{(pictures.END_SECONDS - 86400) * 1000:.0f}",
        "to": f"{pictures.END_SECONDS * 1000:.0f}",
    }
    assert picture.read_bytes().startswith(PNG)
