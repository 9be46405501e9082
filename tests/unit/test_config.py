"""The configuration: what a file says, and the targets it names."""

import re

import pytest

from exporter.config import Config, ConfigError, Scope, check_region, dump, remarks, scopes
from exporter.model import Account
from tests.unit.config_corpus import GOOD, KNOWN_REGIONS, ROLE, SECRET, read


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_file_loads_and_its_dump_loads_as_the_same(text):
    config = read(text)

    shown = dump(config)

    assert SECRET not in shown
    assert read(shown.replace("<secret>", SECRET)) == config


def test_an_empty_file_is_one_of_defaults():
    config = read("")

    assert config == Config()
    assert config.poll_interval_seconds == 60
    assert config.poll_timeout_seconds == 30
    assert config.workers == 16
    assert config.lookback_seconds == 8 * 86_400
    assert config.finished_job_retention_seconds == 3600
    assert config.max_jobs_per_target == 1000
    assert config.stale_after_seconds == 600
    assert config.regions is None
    assert config.accounts == ()
    assert config.organization is None
    assert config.endpoint_url is None
    assert config.job_names.matches("anything")
    assert not remarks(config, KNOWN_REGIONS)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("60s", 60), ("90s", 90), ("1h30m", 5400), ("1d", 86_400), ("1m1s1ms", 61.001)],
)
def test_durations_are_seconds(text, seconds):
    assert read(f"poll_interval: {text}\nstale_after: 30d").poll_interval_seconds == seconds


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        read("").workers = 3


def test_secrets_are_not_in_its_representation():
    config = read(
        f"""
        accounts: [{{role_arn: '{ROLE}', external_id: {SECRET}}}]
        organization: {{role_name: batch, external_id: {SECRET}}}
        """
    )

    assert SECRET not in repr(config)
    assert config.accounts[0].account.external_id == SECRET
    assert dump(config).count("<secret>") == 2


def test_job_names_match_anywhere_unless_anchored():
    names = read("job_names: {include: batch, exclude: '^scratch-'}").job_names

    assert names.matches("nightly-batch-1")
    assert names.matches("not-scratch-batch")
    assert not names.matches("nightly")
    assert not names.matches("scratch-batch")


def test_of_merged_mappings_the_first_to_name_a_key_wins_and_the_own_keys_before_all():
    config = read(
        """
        accounts:
          - &a {name: a, profile: pa, regions: [us-east-1]}
          - &b {name: b, profile: pb, regions: [us-east-2]}
          - {<<: [*a, *b], name: c, regions: [us-west-2]}
        """
    )

    assert config.accounts[2].account == Account("c", profile="pa")


# Variables


def test_a_variable_may_be_a_part_of_a_text():
    assert read("accounts: [{name: 'team-${REGION}-x'}]").accounts[0].name == "team-us-west-2-x"


def test_a_variable_is_not_read_as_yaml_nor_expanded_again():
    assert read("accounts: [{name: '${NESTED}'}]").accounts[0].name == "${REGION}"


def test_two_dollars_stand_for_one_before_a_brace():
    config = read("job_names: {include: '^a$${REGION}$', exclude: 'b$'}")

    assert config.job_names.include.pattern == "^a${REGION}$"
    assert config.job_names.exclude == re.compile("b$")
    assert read(dump(config)) == config


def test_digits_of_a_variable_are_a_number_where_one_is_expected_and_text_elsewhere():
    config = read("workers: ${WORKERS}\norganization: {role_name: r, exclude: ['${ACCOUNT_ID}']}")

    assert config.workers == 32
    assert config.organization
    assert config.organization.exclude == ("012345678901",)


# Regions


@pytest.mark.parametrize("region", ["us-west-3", "ap-southeast-9", "mx-central-1", "eusc-fr-east-1"])
def test_a_region_newer_than_this_version_is_used_and_remarked_on(region):
    config = read(f"regions: [{region}]")

    (remark,) = remarks(config, KNOWN_REGIONS)
    assert remark.startswith(f"regions: {region} is not among the regions that this version knows")


def test_without_known_regions_the_form_decides():
    assert read("regions: [us-esat-1]", known_regions=()).regions == ("us-esat-1",)


# Targets


def test_without_accounts_the_target_is_the_own_account_in_the_region_of_the_chain():
    assert scopes(read(""), "eu-west-1", "config.yaml") == (Scope(Account(), ("eu-west-1",)),)


def test_without_any_region_the_error_says_what_to_set():
    with pytest.raises(ConfigError) as caught:
        scopes(read(""), None, "config.yaml")

    assert str(caught.value) == (
        "config.yaml: regions: expected a list of AWS regions, "
        "or AWS_REGION in the environment, or a region in the profile, got none"
    )


def test_an_accounts_own_regions_stand_in_place_of_the_files():
    config = read(
        f"""
        regions: [us-east-1, us-west-2]
        accounts:
          - {{name: production, role_arn: '{ROLE}', external_id: {SECRET}, regions: [eu-west-1]}}
          - {{name: sandbox}}
          - {{profile: research, regions: all}}
        """
    )

    assert scopes(config, None, "config.yaml") == (
        Scope(Account("production", ROLE, SECRET), ("eu-west-1",)),
        Scope(Account("sandbox"), ("us-east-1", "us-west-2")),
        Scope(Account(profile="research"), "all"),
    )


def test_an_organization_alone_brings_its_accounts_itself():
    assert scopes(read("organization: {role_name: r}"), None, "config.yaml") == ()


def test_an_account_that_is_twice_in_the_region_of_the_chain_is_refused():
    config = read("accounts: [{profile: p}, {profile: p, regions: [us-east-1]}]")

    assert len(scopes(config, "us-west-2", "config.yaml")) == 2
    with pytest.raises(ConfigError, match=r"accounts\[1\]: expected each account and region once"):
        scopes(config, "us-east-1", "config.yaml")


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("foo", "AWS_REGION: expected an AWS region such as us-east-1, got 'foo'"),
        ("eu-wset-1", "AWS_REGION: expected an AWS region such as eu-west-1, got 'eu-wset-1'"),
    ],
)
def test_a_typing_error_in_the_region_of_the_chain_is_refused_as_in_the_file(region, said):
    with pytest.raises(ConfigError) as caught:
        check_region(region, "AWS_REGION", KNOWN_REGIONS)
    check_region("ca-west-2", "AWS_REGION", KNOWN_REGIONS)

    assert str(caught.value) == said


# Remarks


def test_a_lookback_shorter_than_the_longest_job_is_remarked_on():
    (remark,) = remarks(read("lookback: 7d"))

    assert remark.startswith("lookback: a job may take 7d")


def test_a_target_that_one_failure_makes_stale_is_remarked_on():
    (remark,) = remarks(read("stale_after: 2m"))

    assert remark.startswith("stale_after: less than twice")
