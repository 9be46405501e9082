"""What each path answers."""

import json
from dataclasses import replace

import pytest

from exporter.web.app import Answer, Exposition, Request, Site, find, routes
from tests.web import SITE

HOSTILE = '"><script>alert(1)</script>\n'


def ask(target: str, method: str = "GET", headers: dict[str, str] | None = None, of: Site = SITE, **changes) -> Answer:
    request = Request(method, target, headers or {})
    route = find(routes(replace(of, **changes)), request)
    return route if isinstance(route, Answer) else route.answer(request)


def whole(answer: Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def test_metrics_are_written_as_the_scraper_asked():
    answer = ask("/metrics?name[]=up&name%5B%5D=b", headers={"Accept": "text/plain", "Accept-Encoding": "gzip"})

    assert answer.body == b"text/plain|gzip|('up', 'b')"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"


def test_the_content_encoding_is_told():
    answer = ask("/metrics", metrics=lambda *_: Exposition(b"", "text/plain", "gzip"))

    assert answer.headers["Content-Encoding"] == "gzip"


def test_the_telemetry_path_is_chosen():
    assert ask("/m", telemetry_path="/m").status == 200
    assert ask("/metrics", telemetry_path="/m").status == 404


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/metrics/",
        "//metrics",
        "/../config",
        "*",
        "",
        "http://[",
        "/%ff",
        "/\x00",
        HOSTILE,
    ],
)
def test_anything_else_is_not_found_and_not_repeated(target):
    answer = ask(target)

    assert answer.status == 404
    assert b"script" not in answer.body


@pytest.mark.parametrize(
    "target", ["http://exporter:10042/metrics", "/metr%69cs", "/metrics?", "/metrics?a=b;c&&&=%zz"]
)
def test_metrics_by_another_spelling(target):
    assert ask(target).status == 200


@pytest.mark.parametrize("path", ["/metrics", "/", "/targets", "/config", "/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", "get"])
def test_a_wrong_method_is_told_the_right_one(path, method):
    answer = ask(path, method)

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["healthy", "ready"])
def test_a_probe_says_why_not(path):
    assert ask(f"/-/{path}").status == 200

    dead = replace(SITE, healthy=lambda: "the polling loop died", ready=lambda: "the polling loop died")
    answer = ask(f"/-/{path}", of=dead)

    assert (answer.status, answer.body) == (503, f"not {path}: the polling loop died\n".encode())


def test_a_reload_answers_with_every_error():
    assert ask("/-/reload", "POST", reload=list).status == 200

    answer = ask("/-/reload", "POST", reload=lambda: ["config.yaml: a: wrong", "config.yaml: b: wrong"])

    assert (answer.status, answer.body) == (400, b"config.yaml: a: wrong\nconfig.yaml: b: wrong\n")


def test_a_reload_is_a_post():
    answer = ask("/-/reload", "GET", reload=list)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_reload_that_is_not_enabled_says_how_to(method):
    answer = ask("/-/reload", method)

    assert answer.status == 403
    assert b"--web.enable-lifecycle" in whole(answer)


def test_targets_are_the_rows_as_json():
    rows = [{"account_name": HOSTILE + "\ud800", "jobs": {"Failed": 1}, "last_success_timestamp_seconds": None}]

    answer = ask("/targets", targets=lambda: rows)

    assert json.loads(whole(answer)) == rows
    assert answer.headers["Content-Type"] == "application/json"


def test_the_config_is_not_cached():
    answer = ask("/config")

    assert answer.body == b"workers: 16\n"
    assert answer.headers["Cache-Control"] == "no-store"
