"""The chart's generated files: as `make chart` would write them now."""

import json
import re

import pytest
import yaml

import exporter
from deploy import chart

VALUES = (chart.CHART / "values.yaml").read_text()


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize(("path", "text"), chart.files().items(), ids=lambda item: getattr(item, "name", ""))
def test_what_is_generated_is_up_to_date(path, text):
    assert path.exists(), "run: make chart"
    assert path.read_text() == text, "run: make chart"


def test_the_chart_has_no_copy_of_what_is_gone():
    assert {path for path in (chart.CHART / "files").rglob("*") if path.is_file()} <= chart.files().keys()


def test_every_value_is_documented():
    documented = {value.key for value in chart.documented(VALUES)}

    for path in leaves(yaml.safe_load(VALUES)):
        above = {".".join(path[:depth]) for depth in range(1, len(path) + 1)}
        assert above & documented, f"{'.'.join(path)}: expected a comment with `# --` above it or its parent"


def test_a_comment_belongs_to_the_key_below_it_over_several_lines():
    text = "a:\n  # -- Of b,\n  # in two lines.\n  b: 1\n\n# Of nobody.\nc: []\n# -- Of d.\nd: {e: f}\n"

    assert list(chart.documented(text)) == [
        chart.Value("a.b", 1, "Of b, in two lines."),
        chart.Value("d", {"e": "f"}, "Of d."),
    ]


def test_the_chart_and_what_it_installs_have_the_packages_version():
    told = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())

    assert {told["version"], told["appVersion"]} == {exporter.__version__}


def test_the_patterns_of_the_values_are_of_the_kind_that_helm_understands():
    schema = (chart.CHART / "values.schema.json").read_text()
    patterns = [json.loads(found) for found in re.findall(r'"pattern": (".*"),?\n', schema)]

    assert patterns
    for pattern in patterns:
        assert not re.search(r"\(\?[=!<]", pattern), f"Go's expressions look neither ahead nor behind: {pattern}"
        counts = re.findall(r"\{(\d+)(?:,(\d*))?\}", pattern)
        assert all(int(count or 0) <= 1000 for pair in counts for count in pair), f"Go counts to 1000: {pattern}"
