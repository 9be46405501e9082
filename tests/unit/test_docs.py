"""The generated documents are what the code says."""

from pathlib import Path

import pytest

from docs.build import PAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_is_committed_as_the_code_renders_it(path):
    assert (ROOT / path).read_text() == PAGES[path](), "run `make docs`"
