"""The Terraform module, as Terraform itself reads it: formatting, and the documents that its expressions make.

The provider is left out, so that no registry is needed: variables and policies are evaluated, resources are not.
"""

import json
import os
import shutil
import subprocess

import pytest

from exporter.aws import policy
from tests.e2e.programs import ROOT, program

MODULE = ROOT / "deploy/iam/terraform"

PRINCIPAL = "arn:aws:iam::111122223333:role/hub"


@pytest.fixture
def terraform(tmp_path):
    path = program("terraform", "see https://developer.hashicorp.com/terraform/install", required_by="REQUIRE_TOOLS")
    environment = os.environ | {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1"}

    def run(*arguments):
        command = [path, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def apply(terraform, tmp_path):
    """Return the policies that the module makes of its variables, or what Terraform says against them."""
    for name in ("variables.tf", "policy.tf"):
        shutil.copy(MODULE / name, tmp_path)
    outputs = ("member_policy", "trust_policy")
    (tmp_path / "show.tf").write_text("".join(f'output "{name}" {{\n  value = local.{name}\n}}\n' for name in outputs))
    assert terraform("init", "-input=false").returncode == 0

    def with_variables(**variables):
        flags = [f"-var={name}={value}" for name, value in variables.items()]
        applied = terraform("apply", "-auto-approve", "-input=false", "-no-color", *flags)
        if applied.returncode:
            return applied.stderr
        shown = json.loads(terraform("output", "-json").stdout)
        return [json.loads(shown[name]["value"]) for name in outputs]

    return with_variables


def test_the_module_is_formatted(terraform):
    assert terraform("fmt", "-check", "-diff", str(MODULE)).stdout == ""


@pytest.mark.parametrize("external_id", [None, "example", "a+b=c,d.e@f:g/h-i_j"])
def test_the_module_makes_the_documents_that_the_command_prints(apply, external_id):
    variables = {"principal_arn": PRINCIPAL} | ({"external_id": external_id} if external_id else {})

    assert apply(**variables) == [policy.member(), policy.trust(PRINCIPAL, external_id)]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"principal_arn": "111122223333"}, "Expected the ARN of a role, a user, or the root of an account."),
        ({"principal_arn": PRINCIPAL, "external_id": "no spaces"}, "Expected null, or at least 2 letters"),
    ],
)
def test_a_wrong_variable_is_refused(apply, variables, message):
    assert message in apply(**variables)
