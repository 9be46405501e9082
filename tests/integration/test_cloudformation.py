"""The template as CloudFormation would take it."""

from pathlib import Path

import cfnlint.api
from cfnlint.config import ManualArgs

TEMPLATE = Path(__file__).parents[2] / "deploy/iam/cloudformation/member-role.yaml"


def test_the_template_passes_cfn_lint():
    matches = cfnlint.api.lint_file(TEMPLATE, config=ManualArgs(regions=["us-east-1", "us-gov-west-1"]))

    assert [str(match) for match in matches] == []
