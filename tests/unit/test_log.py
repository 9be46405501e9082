"""The log, as it comes out of the process."""

import json
import logging

import pytest
import structlog

from exporter import log


@pytest.fixture
def told(capsys):
    """Log in a form what `say` does with a logger, and return the lines."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def tell(form, say):
        log.configure("info", form)
        say(structlog.get_logger())
        return capsys.readouterr().err.splitlines()

    yield tell
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:], level = before
    root.setLevel(level)


def fail(logger):
    try:
        int("x")
    except ValueError:
        logger.exception("request failed")


def test_a_traceback_is_one_line_of_logfmt_whose_ends_are_escaped_once(told):
    (line,) = told("logfmt", fail)

    assert 'exception="Traceback (most recent call last):\\n  File ' in line


def test_a_traceback_in_json_has_its_lines(told):
    (line,) = told("json", fail)

    assert json.loads(line)["exception"].splitlines()[-1] == "ValueError: invalid literal for int() with base 10: 'x'"


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_what_the_world_says_stays_on_its_line_and_off_the_terminal(told, form):
    (line,) = told(form, lambda logger: logger.info("said", name="a\nb\x1b[2J c\u2028"))

    assert line.isprintable()
