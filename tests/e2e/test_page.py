"""The page for people in a browser: with scripts and without, light and dark, wide and narrow, among hostile names."""

import time
from collections.abc import Iterator

import pytest

from docs.browser import NAMES, Browser, Page, chromium, find_chromium
from docs.pictures import fleet, serving, site
from tests.e2e.programs import program

HOSTILE = '"><script>alert(1)</script>\n<img src=x onerror=alert(2)>'
STATES = "[...document.querySelectorAll('#targets tbody')].filter(b => !b.hidden).map(b => b.className)"
REGIONS = "[...document.querySelectorAll('#targets tbody')].map(b => b.rows[0].cells[2].textContent)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = find_chromium() or program(NAMES[0], "apt-get install chromium")
    with chromium(found) as running:
        yield running


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.page()
    yield page
    assert page.complaints == []


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(site(fleet())) as url:
        yield url


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_whole_fleet_is_shown(page, url, width, dark, javascript):
    page.look(width, dark=dark, javascript=javascript)
    page.open(url)

    text = page.evaluate("document.body.innerText")
    for target in fleet():
        for word in ("account_name", "aws_account_id", "aws_region", "state", "reason", "error", "hint"):
            assert target[word] is None or target[word] in text
        for status, count in (target["jobs"] or {}).items():
            assert f"{count:,} {status}" in text
    assert page.evaluate(STATES)[:4] == ["failing", "failing", "failing", "ok"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(19, 22, 25)" if dark else "rgb(247, 247, 245)")
    assert page.evaluate("document.getElementById('tools').hidden") is not javascript


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read(page, url, dark):
    page.look(1280, dark=dark)
    page.open(url)

    assert page.evaluate(FAINT) == []


def test_a_click_sorts_and_another_one_turns_it_round(page, url):
    page.look(1280)
    page.open(url)
    head = "document.querySelectorAll('thead th')[4]"

    page.evaluate(f"{head}.querySelector('button').click()")
    assert page.evaluate(f"{head}.getAttribute('aria-sort')") == "ascending"
    assert page.evaluate(REGIONS)[:2] == ["us-west-2", "eu-west-1"]
    page.evaluate(f"{head}.querySelector('button').click()")

    assert page.evaluate(f"{head}.getAttribute('aria-sort')") == "descending"
    assert page.evaluate(REGIONS)[:2] == ["ap-northeast-1", "us-east-1"]


def test_typing_filters(page, url):
    page.look(1280)
    page.open(url)
    page.evaluate("document.getElementById('filter').focus()")

    page.call("Input.insertText", text="sandbox throttl")

    assert page.evaluate(STATES) == ["failing"]
    assert page.evaluate("document.getElementById('shown').textContent") == "1 of 9 shown"


def test_it_refreshes_itself_and_keeps_filter_and_order(page):
    targets = fleet()
    with serving(site(targets)) as url:
        page.look(1280)
        page.open(url)
        page.evaluate("document.querySelectorAll('thead button')[2].click()")
        page.evaluate("document.getElementById('filter').focus()")
        page.call("Input.insertText", text="research")
        targets[0] |= {"state": "ok", "error": None}

        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

        deadline = time.monotonic() + 10
        while page.evaluate("document.title") != "2 failing · Bedrock batch exporter":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert page.evaluate(STATES) == ["ok", "ok", "ok"]
        shown = page.evaluate(REGIONS)
        assert shown == sorted(shown)


def test_it_says_so_when_the_exporter_does_not_answer(browser):
    page = browser.page()
    with serving(site(fleet())) as url:
        page.look(1280)
        page.open(url)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    deadline = time.monotonic() + 15
    while "does not answer" not in page.evaluate("document.getElementById('shown').textContent"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(page.evaluate(STATES)) == 9


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_hostile_names_do_nothing_but_stand_there(page, javascript):
    words = ("account_name", "aws_account_id", "aws_region", "state", "reason", "error", "hint")
    hostile = [target | dict.fromkeys(words, HOSTILE) | {"jobs": {HOSTILE: 1}} for target in fleet()]
    with serving(site(hostile)) as url:
        page.look(1280, javascript=javascript)
        page.open(url)
        if javascript:
            page.evaluate("document.querySelectorAll('thead button')[1].click()")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            time.sleep(0.5)

        assert page.evaluate("document.querySelectorAll('#targets script, #targets img').length") == 0
        assert "<script>alert(1)</script>" in page.evaluate("document.body.innerText")


def test_a_screen_reader_finds_a_table(page, url):
    page.look(360)
    page.open(url)
    page.call("Accessibility.enable")

    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]

    roles = [role for role, _ in found]
    assert ("table", "Targets: one row for each account and region, those that need attention first") in found
    assert roles.count("rowheader") == 9
    assert roles.count("columnheader") == 7
    assert ("searchbox", "Filter the targets") in found
    assert ("navigation", "More") in found


FAINT = """
(() => {
  const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.add(element.tagName + "." + element.className + " " + contrast.toFixed(2));
  }
  return [...faint];
})()
"""
"""The elements whose text has less contrast than WCAG's 4.5 to what is behind it."""
