"""The configuration: what is refused, and in which words."""

import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import ConfigError, dump, load, plain
from exporter.config.settings import SECTIONS
from tests.unit.config_corpus import ENVIRON, KNOWN_REGIONS, ROLE, SECRET, read

DURATION = "expected a duration such as 60s, 10m or 8d"
ACCOUNT = "expected a 12-digit account id such as 111122223333"
ROLE_ARN = "expected a role ARN such as arn:aws:iam::111122223333:role/bedrock-batch-exporter"
URL = "expected a URL such as https://vpce-0a1b.bedrock.us-east-1.vpce.amazonaws.com, without user and password"
EXPRESSION = 'expected a regular expression such as "^nightly-"'
INCLUDE = (
    "expected a list, each item a 12-digit account id such as 111122223333, "
    "or an OU or root id such as ou-ab12-cdef3456"
)
ONCE = "expected each account and region once"
EXTERNAL_ID = "expected an external id of 2 to 1224 letters, digits or _+=,.@:/-"
REGIONS = "expected a list of AWS regions such as [us-east-1], or the word all"


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert all("\n" not in error for error in caught.value.errors)
    return [error.removeprefix("config.yaml: ") for error in caught.value.errors]


BAD = {
    "a mistyped key": ("pol_interval: 60s", ["unknown key 'pol_interval', did you mean 'poll_interval'?"]),
    "a mistyped key of an account": (
        "accounts: [{regoins: []}]",
        ["accounts[0]: unknown key 'regoins', did you mean 'regions'?"],
    ),
    "a key in the wrong place": (f"role_arn: {ROLE}", ["unknown key 'role_arn', it belongs in accounts"]),
    "a strange key": (
        "job_names: {zzz: 1}",
        ["job_names: unknown key 'zzz', expected one of exclude, include"],
    ),
    "a key that is a number": ("job_names: {1: 1}", ["job_names: unknown key '1', expected one of exclude, include"]),
    "a key that is a list": ("[a, b]: 1", ["expected a word as the key on line 1"]),
    "a variable in a key": (
        "job_names: {'${REGION}': 1}",
        ["job_names: unknown key '...' (a key is one word, a colon and a space), expected one of exclude, include"],
    ),
    "a key by its name in the code": (
        "stale_after_seconds: 60",
        ["unknown key 'stale_after_seconds', did you mean 'stale_after'?"],
    ),
    "a key without a space after its colon": (
        "accounts: [{profile:research, regions: all}]",
        ["accounts[0]: unknown key 'profile...' (a key is one word, a colon and a space), did you mean 'profile'?"],
    ),
    "a list": ("- poll_interval: 60s", ["expected a mapping of keys to values such as poll_interval: 60s, got a list"]),
    "a text": ("poll_interval", ["expected a mapping of keys to values such as poll_interval: 60s, got a text"]),
    "a duration without a unit": ("poll_interval: 60", [f"poll_interval: {DURATION}, got 60"]),
    "a duration of null": ("poll_interval:", [f"poll_interval: {DURATION}, got null"]),
    "a duration of true": ("poll_interval: true", [f"poll_interval: {DURATION}, got true"]),
    "a duration with a space": ("poll_interval: 1 h", [f"poll_interval: {DURATION}, got '1 h'"]),
    "a negative duration": ("lookback: -8d", [f"lookback: {DURATION}, got '-8d'"]),
    "a fraction of a unit": ("lookback: 1.5d", [f"lookback: {DURATION}, got '1.5d'"]),
    "units out of order": ("lookback: 5m1h", [f"lookback: {DURATION}, got '5m1h'"]),
    "no lookback": (
        "lookback: 0s\nfinished_job_retention: 0s",
        ["lookback: expected a duration from 1m to 3650d, got '0s'"],
    ),
    "a timeout too long": ("poll_timeout: 61m", ["poll_timeout: expected a duration from 100ms to 1h, got '61m'"]),
    "a busy loop": ("poll_interval: 0s", ["poll_interval: expected a duration from 100ms to 1d, got '0s'"]),
    "stale before the next poll": (
        "poll_interval: 10m\npoll_timeout: 1m\nstale_after: 10m",
        ["stale_after: expected more than poll_interval (10m), got '10m'"],
    ),
    "a default that no longer fits": (
        "poll_interval: 1h",
        ["stale_after: expected more than poll_interval (1h), got '10m', the default"],
    ),
    "stale within a poll": (
        "poll_timeout: 1h",
        ["stale_after: expected more than poll_timeout (1h), got '10m', the default"],
    ),
    "kept longer than listed": (
        "lookback: 1d\nfinished_job_retention: 25h",
        ["finished_job_retention: expected at most lookback (1d), got '25h'"],
    ),
    "no workers": ("workers: 0", ["workers: expected a whole number from 1 to 1024, got 0"]),
    "half a worker": ("workers: 1.5", ["workers: expected a whole number from 1 to 1024, got 1.5"]),
    "true for a number": ("workers: true", ["workers: expected a whole number from 1 to 1024, got true"]),
    "a word for a number": ("workers: yes", ["workers: expected a whole number from 1 to 1024, got 'yes'"]),
    "a number too long to read": (
        f"workers: {'9' * 5000}",
        ["workers: expected a number of at most 40 digits, got 5000"],
    ),
    "jobs below none": (
        "max_jobs_per_target: -1",
        ["max_jobs_per_target: expected a whole number from 0 to 1000000, got -1"],
    ),
    "a mistyped region": (
        "regions: [us-esat-1]",
        ["regions[0]: expected an AWS region such as us-east-1, got 'us-esat-1'"],
    ),
    "a region mistyped in its middle": (
        "regions: [us-gvo-west-1]",
        ["regions[0]: expected an AWS region such as us-gov-west-1, got 'us-gvo-west-1'"],
    ),
    "the nearest region": (
        "regions: [ap-soutaest-2]",
        ["regions[0]: expected an AWS region such as ap-southeast-2, got 'ap-soutaest-2'"],
    ),
    "a zone for a region": (
        "regions: [us-east-1a]",
        ["regions[0]: expected an AWS region such as us-east-1, got 'us-east-1a'"],
    ),
    "a region in capitals": (
        "regions: [EU-WEST-1]",
        ["regions[0]: expected an AWS region such as eu-west-1, got 'EU-WEST-1'"],
    ),
    "all among regions": (
        "regions: [all]",
        ["regions[0]: expected an AWS region such as us-east-1, or the word all without brackets, got 'all'"],
    ),
    "one region without brackets": ("regions: us-east-1", [f"regions: {REGIONS}, got 'us-east-1'"]),
    "no regions": ("regions: []", [f"regions: {REGIONS}, got an empty list"]),
    "a region twice": (
        "regions: [us-east-1, us-east-1]",
        ["regions[1]: expected each once: it is at [0] already, got 'us-east-1'"],
    ),
    "accounts in a mapping": ("accounts: {name: a}", ["accounts: expected a list, got a mapping"]),
    "an account that is a text": (
        "accounts: [production]",
        ["accounts[0]: expected a mapping such as {name: production, role_arn: ...}, got a text"],
    ),
    "an account of null": (
        "accounts: [null]",
        ["accounts[0]: expected a mapping such as {name: production, role_arn: ...}, got null"],
    ),
    "an empty name": ("accounts: [{name: ''}]", ["accounts[0].name: expected a name of 1 to 128 characters, got ''"]),
    "a number for a name": (
        "accounts: [{name: 2026}]",
        ["accounts[0].name: expected a name of 1 to 128 characters in quotes, got 2026"],
    ),
    "a line break in a name": (
        'accounts: [{name: "a\\nb"}]',
        ["accounts[0].name: expected a name of 1 to 128 characters, got 'a\\nb'"],
    ),
    "half a character": (
        'accounts: [{name: "\\ud800"}]',
        ["accounts[0].name: expected text in UTF-8, got characters that it cannot hold"],
    ),
    "a user for a role": (
        "accounts: [{role_arn: 'arn:aws:iam::111122223333:user/me'}]",
        [f"accounts[0].role_arn: {ROLE_ARN}, got 'arn:aws:iam::111122223333:user/me'"],
    ),
    "a role of 11 digits": (
        "accounts: [{role_arn: 'arn:aws:iam::11112222333:role/r'}]",
        [f"accounts[0].role_arn: {ROLE_ARN}, got 'arn:aws:iam::11112222333:role/r'"],
    ),
    "a role in no partition": (
        "accounts: [{role_arn: 'arn:awss:iam::111122223333:role/r'}]",
        [f"accounts[0].role_arn: {ROLE_ARN}, got 'arn:awss:iam::111122223333:role/r'"],
    ),
    "a role and a profile": (
        f"accounts: [{{role_arn: '{ROLE}', profile: p}}]",
        ["accounts[0]: expected role_arn or profile, got both"],
    ),
    "an external id without a role": (
        f"accounts: [{{external_id: {SECRET}}}]",
        ["accounts[0]: expected role_arn beside external_id, got external_id alone"],
    ),
    "the same role twice": (
        f"accounts: [{{role_arn: '{ROLE}', regions: all}}, {{role_arn: '{ROLE}-2', regions: [us-east-1]}}]",
        [f"accounts[1]: {ONCE}, got account 111122223333 in us-east-1 as in accounts[0]"],
    ),
    "the same role by the default regions": (
        f"regions: [us-east-1, us-east-2]\naccounts: [{{role_arn: '{ROLE}'}}, {{name: x, role_arn: '{ROLE}'}}]",
        [f"accounts[1]: {ONCE}, got account 111122223333 in us-east-1, us-east-2 as in accounts[0]"],
    ),
    "the same profile twice": (
        "accounts: [{profile: p}, {profile: q}, {profile: p}]",
        [f"accounts[2]: {ONCE}, got profile p in the region of the AWS chain as in accounts[0]"],
    ),
    "own credentials twice": (
        "accounts: [{regions: all}, {name: here, regions: all}, {name: there, regions: all}]",
        [
            f"accounts[1]: {ONCE}, got own credentials in all its regions as in accounts[0]",
            f"accounts[2]: {ONCE}, got own credentials in all its regions as in accounts[0]",
        ],
    ),
    "an organization without a role": ("organization: {}", ["organization: expected the key 'role_name', got none"]),
    "an organization that is a list": (
        "organization: [batch]",
        ["organization: expected a mapping such as {role_name: bedrock-batch-exporter}, got a list"],
    ),
    "an account id without quotes": (
        "organization: {role_name: r, exclude: [999988887777]}",
        [f"organization.exclude[0]: {ACCOUNT} in quotes, got 999988887777"],
    ),
    "an account id that looks octal": (
        "organization: {role_name: r, exclude: [012345670123]}",
        [f"organization.exclude[0]: {ACCOUNT} in quotes, got 12345670123"],
    ),
    "an OU to leave out": (
        "organization: {role_name: r, exclude: [ou-ab12-cdef3456]}",
        [f"organization.exclude[0]: {ACCOUNT}, got 'ou-ab12-cdef3456'"],
    ),
    "no list of accounts": (
        "organization: {role_name: r, include: '111122223333'}",
        [(f"organization.include: {INCLUDE}, got '111122223333'")],
    ),
    "an open bracket": (
        "job_names: {include: 'a('}",
        [f"job_names.include: {EXPRESSION} (missing ), unterminated subpattern at character 2), got 'a('"],
    ),
    "an expression too large": (
        "job_names: {include: 'a{99999999999}'}",
        [f"job_names.include: {EXPRESSION} (too large), got 'a{{99999999999}}'"],
    ),
    "an expression that matches every job": ("job_names: {exclude: ''}", [f"job_names.exclude: {EXPRESSION}, got ''"]),
    "an address without a scheme": ("endpoint_url: localhost:4566", [f"endpoint_url: {URL}, got 'localhost:4566'"]),
    "an address with a password": (
        f"endpoint_url: https://me:{SECRET}@aws.example",
        [f"endpoint_url: {URL}, got a text"],
    ),
    "no port": ("endpoint_url: http://x:0/", [f"endpoint_url: {URL}, got 'http://x:0/'"]),
    "a port too high": ("endpoint_url: http://x:65536", [f"endpoint_url: {URL}, got 'http://x:65536'"]),
    "an unset variable": (
        "accounts: [{profile: '${NOPE}'}]",
        ["accounts[0].profile: expected the environment variable NOPE to be set, got none of that name"],
    ),
    "a variable that is no name": (
        "job_names: {include: 'a${2}'}",
        ["job_names.include: expected ${NAME}, a variable of the environment; write $${ for the characters ${"],
    ),
    "a variable that is empty": (
        f"accounts: [{{role_arn: '{ROLE}', external_id: '${{EMPTY}}'}}]",
        [f"accounts[0].external_id: {EXTERNAL_ID}, got a text"],
    ),
    "the mask of a secret": (
        f"accounts: [{{role_arn: '{ROLE}', external_id: <secret>}}]",
        [(f"accounts[0].external_id: {EXTERNAL_ID}, not what is shown in its place, got '<secret>'")],
    ),
    "a duplicate key": (
        "workers: 1\nlookback: 8d\nworkers: 2",
        ["duplicate key 'workers', on lines 1 and 3"],
    ),
    "a tag": (
        "workers: !!python/name:os.system",
        ["workers: YAML tags are not used here; a text that begins with ! needs quotes"],
    ),
    "a tag that the text does not fit": (
        "workers: !!int many",
        ["workers: YAML tags are not used here; a text that begins with ! needs quotes"],
    ),
    "a merge of no mapping": (
        "accounts: [{<<: all, profile: p}]",
        ["accounts[0]: expected a mapping, or a list of them, to merge with <<"],
    ),
    "a bracket left open": (
        "regions: [us-east-1",
        ["line 1, column 20: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence)"],
    ),
    "a tab": (
        "accounts:\n\t- name: a",
        ["line 2, column 1: found a tab; indent with spaces (while scanning for the next token)"],
    ),
    "a control character": (
        "workers: 1\nname: \x07",
        ["line 2, column 7: a control character that YAML does not allow"],
    ),
    "an undefined alias": (
        "accounts: *a",
        ["line 1, column 11: found an undefined alias; a text that begins with * needs quotes"],
    ),
    "two documents": (
        "workers: 1\n---\nworkers: 2",
        ["line 2, column 1: found a second document (expected a single document in the stream)"],
    ),
    "an alias of itself": ("accounts: &a [*a]", ["line 1, column 11: aliases that repeat without end"]),
    "a very long value": (
        f"endpoint_url: {'x' * 500}",
        [f"endpoint_url: {URL}, got '{'x' * 80}'... (500 characters)"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_in_exact_words(text, expected):
    assert errors(text) == expected


def test_every_mistake_is_told_at_once_in_the_order_of_the_file():
    text = """
        endpoint_url: ftp://x
        workers: many
        organization:
          role_nam: r
          exclude: [1, 2]
        lookback: ${NOPE}
        accounts:
          - profile: p
            regions: [us-esat-1, eu-west-1, x]
          - profile: p
            regoins: [us-east-1]
        poll_interval: 60
        """

    assert [re.split(": | '", error)[0] for error in errors(text)] == [
        "endpoint_url",
        "workers",
        "organization",
        "organization",
        "organization.exclude[0]",
        "organization.exclude[1]",
        "lookback",
        "accounts[0].regions[0]",
        "accounts[0].regions[2]",
        "accounts[1]",
        "poll_interval",
    ]


def test_other_yaml_files_are_read_by_the_same_rules():
    assert plain("a: [no, 1, '${REGION}']", "web.yaml", ENVIRON) == {"a": ["no", 1, "us-west-2"]}
    with pytest.raises(ConfigError, match=r"^web.yaml: a: expected the environment variable NOPE"):
        plain("a: ${NOPE}", "web.yaml", ENVIRON)


def test_the_message_names_the_file():
    with pytest.raises(ConfigError) as caught:
        load("workers: 0", "/etc/exporter.yaml", {})

    assert str(caught.value) == "/etc/exporter.yaml: workers: expected a whole number from 1 to 1024, got 0"


@pytest.mark.parametrize(
    "text",
    [
        f"accounts: [{{role_arn: '{ROLE}', external_id: [{SECRET}]}}]",
        f"accounts: [{{role_arn: '{ROLE}', external_id: {{a: {SECRET}}}}}]",
        f"accounts: [{{role_arn: '{ROLE}', external_id: '{SECRET}!'}}]",
        f"accounts: [{{role_arn: 12, external_id: {SECRET}}}]",
        f"accounts: [{{external_id:{SECRET}, name: a}}]",
        f"accounts: [external_id:{SECRET}]",
        f"accounts: external_id:{SECRET}",
        f"accounts: {{external_id: {SECRET}}}",
        f"accounts: [{{regions: [{{external_id: {SECRET}}}]}}]",
        f"accounts: [{{name: {{external_id: {SECRET}}}}}]",
        f"external_id:{SECRET}",
        f"external_id: {SECRET}",
        f"accounts:\n- external_id: {SECRET}\n   name: a",
        f"accounts:\n- external_id: {SECRET}\n  external_id: {SECRET}",
        f"accounts: [{{role_arn: '{ROLE}', external_id: !{SECRET}}}]",
        f"accounts: [{{role_arn: '{ROLE}', external_id: *{SECRET}}}]",
        f"accounts: [{{role_arn: '{ROLE}', external_id: '{SECRET}${{'}}]",
        "accounts: [{external_id: '${EXTERNAL_ID}!'}]",
        f"organization: {{external_id: {SECRET}}}",
        f"organization: {{role_name: r, external_id: ['{SECRET}']}}",
        f"organization: external_id:{SECRET}",
        f"endpoint_url: https://{SECRET}@aws.example",
    ],
)
def test_a_secret_is_in_no_message_whatever_is_wrong(text):
    assert SECRET not in "\n".join(errors(text))


def test_a_bomb_of_aliases_is_refused_quickly():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    assert errors("\n".join(lines))[0].endswith("aliases that repeat without end")


def test_nesting_without_end_is_refused():
    assert errors("[" * 1_000) == ["expected a configuration, got values nested too deeply"]


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    max_leaves=6,
)
known_keys = st.sampled_from(
    [key for section in SECTIONS.values() for key in section.model_json_schema()["properties"]]
)
near_misses = st.recursive(
    plain_values | st.sampled_from(["60s", "all", "us-east-1", ROLE, "${REGION}", "${", "111122223333"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known_keys, inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(), plain_values) | st.dictionaries(known_keys, near_misses))
def test_any_mapping_loads_or_is_refused_in_lines(value):
    check_any(yaml.safe_dump(value))


@settings(deadline=None)
@given(st.text())
def test_any_text_loads_or_is_refused_in_lines(text):
    check_any(text)


def check_any(text):
    lines = ["config.yaml: nothing"]
    try:
        config = load(text, "config.yaml", ENVIRON, KNOWN_REGIONS)
    except ConfigError as error:
        lines = error.errors
    else:
        assert read(dump(config).replace("<secret>", SECRET))
    assert lines
    assert all(line.startswith("config.yaml: ") and line.isprintable() for line in lines)
