"""The routes: from a request to an answer, without a socket in sight."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from exporter.web import page

TargetRow: TypeAlias = dict[str, Any]
"""A target as `/targets` shows it: values that JSON knows."""

PRIVATE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Exposition:
    """The metrics, written in the format and the encoding that the scraper asked for."""

    body: bytes | Sequence[bytes]
    content_type: str
    content_encoding: str | None = None
    """`gzip`, or None where the body is plain."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the web side shows, as functions. Pages are made by one thread, actions by another."""

    metrics: Callable[[str, str, tuple[str, ...]], Exposition]
    """From `Accept`, `Accept-Encoding` and the names of `?name[]=` (none: every metric)."""
    healthy: Callable[[], str | None]
    """None while the process and its polling loop live, else what died. Called on the event loop: must not block."""
    ready: Callable[[], str | None]
    """None once every target was attempted, else what is missing. Called on the event loop: must not block."""
    targets: Callable[[], Sequence[TargetRow]]
    """The targets, those that need attention first."""
    config: Callable[[], str]
    """The running configuration as YAML, secrets redacted."""
    reload: Callable[[], Sequence[str]] | None
    """Reads the configuration anew and returns its errors, none if it now runs; None: not enabled."""
    version: str
    started_seconds: float
    now: Callable[[], float]
    telemetry_path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as far as the routes look at it."""

    method: str
    target: str
    """What stands between the method and the version: path and query, not yet decoded."""
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, not yet on its way."""

    status: int = 200
    body: bytes | Sequence[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """A path's methods and what answers it."""

    answer: Callable[[Request], Answer]
    methods: tuple[str, ...] = ("GET", "HEAD")
    is_probe: bool = False
    """A probe answers at once on the event loop, however many requests are under way."""
    is_action: bool = False
    """An action may take its time; no page waits for it."""


def text(body: str, status: int = 200, **headers: str) -> Answer:
    """Return a line or more of plain text."""
    return Answer(
        status,
        (body + "\n").encode("utf-8", "replace"),
        {"Content-Type": "text/plain; charset=utf-8"} | {name.replace("_", "-"): headers[name] for name in headers},
    )


def routes(site: Site) -> dict[str, Route]:
    """Return what the site answers, by path."""

    def metrics(request: Request) -> Answer:
        exposition = site.metrics(
            request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""), _names(request.target)
        )
        headers = {"Content-Type": exposition.content_type, "Vary": "Accept, Accept-Encoding"}
        if exposition.content_encoding is not None:
            headers["Content-Encoding"] = exposition.content_encoding
        return Answer(200, exposition.body, headers)

    def reload(_: Request) -> Answer:
        if site.reload is None:
            return text("Reloading over HTTP is not enabled: start with --web.enable-lifecycle, or send SIGHUP.", 403)
        errors = site.reload()
        return text("\n".join(errors), 400) if errors else text("reloaded")

    def people(_: Request) -> Answer:
        facts = page.Facts(site.targets(), site.version, site.started_seconds, site.now(), site.telemetry_path)
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": page.POLICY} | PRIVATE
        return Answer(200, page.render(facts), headers)

    return {
        "/": Route(people),
        "/targets": Route(lambda _: _private(json.dumps(site.targets(), indent=1), "application/json")),
        "/config": Route(lambda _: _private(site.config(), "text/plain; charset=utf-8")),
        "/-/healthy": Route(lambda _: _probe("healthy", site.healthy()), is_probe=True),
        "/-/ready": Route(lambda _: _probe("ready", site.ready()), is_probe=True),
        "/-/reload": Route(reload, ("POST",) if site.reload else ("POST", "GET", "HEAD", "PUT"), is_action=True),
        site.telemetry_path: Route(metrics),
    }


def find(table: Mapping[str, Route], request: Request) -> Route | Answer:
    """Return the route of a request, or the answer that there is none."""
    path = _path(request.target)
    route = table.get(path) if path is not None else None
    if route is None:
        return text("Not found. The paths are: " + " ".join(sorted(table)), 404)
    if request.method not in route.methods:
        return text(f"{path} answers to {', '.join(route.methods)} alone.", 405, Allow=", ".join(route.methods))
    return route


def _path(target: str) -> str | None:
    try:
        # A target that begins with two slashes is a path all the same, not a host.
        return unquote(urlsplit(target).path if not target.startswith("/") else target.partition("?")[0])
    except ValueError:
        return None


def _names(target: str) -> tuple[str, ...]:
    try:
        return tuple(parse_qs(target.partition("?")[2], max_num_fields=1000).get("name[]", ()))
    except ValueError:
        return ()


def _probe(what: str, why_not: str | None) -> Answer:
    return text(what) if why_not is None else text(f"not {what}: {why_not}", 503)


def _private(body: str, content_type: str) -> Answer:
    return Answer(200, body.encode("utf-8", "replace"), {"Content-Type": content_type} | PRIVATE)
