"""The member role for CloudFormation grants what the exporter's own policy documents grant."""

from pathlib import Path

import pytest
import yaml

from exporter.aws import policy

TEMPLATE = Path(__file__).parents[2] / "deploy/iam/cloudformation/member-role.yaml"

PRINCIPAL = "arn:aws:iam::111122223333:role/hub"


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each read as its name and its argument."""


def function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    return {suffix: loader.construct_sequence(node, deep=True)}


Template.add_multi_constructor("!", function)


def resolved(value, parameters, conditions):
    """Return the value with `Ref` and `If` worked out; what is `AWS::NoValue` is left out."""
    match value:
        case {"Ref": name}:
            return parameters[name]
        case {"If": [condition, when_true, when_false]}:
            return resolved(when_true if conditions[condition] else when_false, parameters, conditions)
        case dict():
            worked_out = {key: resolved(item, parameters, conditions) for key, item in value.items()}
            return {key: item for key, item in worked_out.items() if item is not None}
        case list():
            return [resolved(item, parameters, conditions) for item in value]
    return value


@pytest.fixture
def role():
    def make(external_id):
        template = yaml.load(TEMPLATE.read_text(), Template)
        parameters = {name: declared.get("Default") for name, declared in template["Parameters"].items()}
        parameters |= {"PrincipalArn": PRINCIPAL, "ExternalId": external_id, "AWS::NoValue": None}
        conditions = {"HasExternalId": bool(external_id), "HasPermissionsBoundary": False}
        return resolved(template["Resources"]["Role"]["Properties"], parameters, conditions)

    return make


def test_the_role_of_the_template_has_the_members_policy_alone(role):
    [attached] = role("example")["Policies"]

    assert attached["PolicyDocument"] == policy.member()


@pytest.mark.parametrize("external_id", ["example", ""])
def test_the_role_of_the_template_is_trusted_as_the_command_prints_it(role, external_id):
    assert role(external_id)["AssumeRolePolicyDocument"] == policy.trust(PRINCIPAL, external_id)
