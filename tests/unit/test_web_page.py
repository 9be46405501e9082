"""The page for people: what it says, and that nobody else's text becomes part of it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from docs.pictures import NOW, fleet, row
from exporter.web.page import Facts, content_security_policy, duration, render

HOSTILE = "\"><script>alert(1)</script>\n'`$version</code>&amp;\ud800"


def page(*targets, **changes) -> str:
    return render(replace(Facts(targets, "1.2.3", NOW - 90, NOW, "/metrics"), **changes)).decode()


class Reader(HTMLParser):
    """The elements of a page with their attributes, and the text that it shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3719, "1 h 1 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
        (8_640_000, "100 d"),
    ],
)
def test_a_duration_in_words(seconds, words):
    assert duration(seconds) == words


def test_a_failing_target_says_why_and_what_to_do():
    html = page(
        row("111122223333", "us-east-1", "failing", failures=4, reason="throttled", error="E < F", hint="Wait.")
    )

    assert "<strong>throttled</strong>, 4 failed polls in a row" in html
    assert "<code>E &lt; F</code>" in html
    assert "<p>Wait.</p>" in html


def test_the_title_tells_what_is_wrong():
    assert "<title>1 failing, 1 stale · Bedrock batch exporter</title>" in page(
        row("1", "a", "failing"), row("2", "a", "stale"), row("3", "a")
    )
    assert "<title>Bedrock batch exporter</title>" in page(row("3", "a"))


def test_the_jobs_of_all_targets_are_summed_in_the_order_of_life():
    html = page(row("1", "a", jobs={"Failed": 1000, "Newest": 1}), row("1", "b", jobs={"Failed": 1, "Submitted": 2}))

    summary = Reader(html[html.index("<dl") : html.index("</dl>")]).text
    assert " ".join(summary.split()) == (
        "Targets2 2 ok Jobs of all targets2 Submitted1,001 Failed1 Newest Soonest expirationnone"
    )


def test_what_is_not_known_is_not_none():
    html = page(row("1", "a", "pending", jobs=None, last_success_timestamp_seconds=None))

    assert html.count(">unknown<") == 4
    assert ">never<" in html


def test_targets_without_known_jobs_are_told_beside_the_sum():
    html = page(row("1", "a", jobs={"Failed": 1}), row("1", "b", jobs=None), row("1", "c", jobs=None))

    assert "<b>1</b> Failed" in html
    assert "and those of 2 targets, unknown" in html


def test_a_passed_expiration_is_overdue():
    assert "1 min 40 s overdue" in page(row("1", "a", next_expiration_timestamp_seconds=NOW - 100))


def test_a_date_beyond_the_calendar_is_shown_as_its_end():
    assert "9999-12-31" in page(row("1", "a", next_expiration_timestamp_seconds=1e18))


def test_no_targets_is_said():
    assert "No targets" in page()


def test_hostile_text_is_text():
    harmless = Reader(page(*fleet()))
    words = ("account_name", "aws_account_id", "aws_region", "reason", "error", "hint")
    hostile = [
        target
        | {word: HOSTILE for word in words if target[word] is not None}
        | {"jobs": {HOSTILE: 3}, "state": HOSTILE}
        for target in fleet()
    ]

    html = page(*hostile, version=HOSTILE, telemetry_path=HOSTILE)

    elements = Reader(html).elements
    assert {tag for tag, _ in elements} == {tag for tag, _ in harmless.elements}
    assert sum(tag == "script" for tag, _ in elements) == 1
    assert {name for _, names in elements for name in names} == {
        name for _, names in harmless.elements for name in names
    }
    assert "<script>alert" not in html
    assert content_security_policy(html) == content_security_policy()


def test_the_page_loads_nothing_and_links_to_itself_alone():
    for tag, names in Reader(page(*fleet())).elements:
        assert "src" not in names
        assert "style" not in names
        assert not any(name.startswith("on") for name in names)
        if tag == "a":
            assert re.fullmatch(r"/[a-z/-]*", names["href"] or "")


def test_every_column_has_a_head_and_every_row_its_cells():
    elements = Reader(page(*fleet())).elements
    heads = sum(tag == "th" and names.get("scope") == "col" for tag, names in elements)
    rows = sum(tag == "tbody" for tag, _ in elements)
    cells = sum(names.get("role") in {"cell", "rowheader"} and "colspan" not in names for _, names in elements)

    assert heads == 7
    assert cells == heads * rows
