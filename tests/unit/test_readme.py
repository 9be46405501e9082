"""What the README and the other pages say is there."""

import json
import re
from pathlib import Path

import pytest

from exporter.aws import policy
from exporter.config import load, scopes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted(path for path in ROOT.rglob("*.md") if not {".venv", "build"} & set(path.relative_to(ROOT).parts))


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_configuration_is_valid():
    config = load(block("yaml"), "README.md", {"EXTERNAL_ID": "example"})

    assert sum(len(scope.regions) for scope in scopes(config, None, "README.md")) == 4


def test_the_policy_is_part_of_what_the_command_prints():
    actions = {statement["Action"] for statement in json.loads(block("json"))["Statement"]}

    assert actions == {"bedrock:ListModelInvocationJobs"}
    assert all(f'"{action}"' in json.dumps(policy.member()) for action in actions)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path = link.partition("#")[0]
        if path and "://" not in path and not path.startswith("mailto:"):
            assert (page.parent / path).exists(), f"{page}: {link}"
