"""The command line, as people type it."""

import pytest

from exporter.cli import FLAGS, UsageError, parse
from exporter.web.app import routes
from tests.web import SITE


def options(*arguments, **environ):
    return parse(arguments, environ, "1.2.3")


def test_serve_is_the_default():
    parsed = options()

    assert parsed.command == "serve"
    assert parsed.web_listen_address == (":10042",)
    assert parsed.web_telemetry_path == "/metrics"
    assert parsed.log_level == "info"
    assert parsed.config_file is None
    assert parsed.config_check is False


def test_flags_stand_before_and_after_the_command():
    assert options("--log.level=debug", "once", "--output", "x.prom").output == "x.prom"


def test_addresses_may_be_repeated():
    parsed = options("--web.listen-address=127.0.0.1:1", "--web.listen-address", "[::1]:2")

    assert parsed.web_listen_address == ("127.0.0.1:1", "[::1]:2")


def test_the_environment_stands_in_for_a_flag_and_the_flag_wins():
    environ = {"BEDROCK_BATCH_EXPORTER_LOG_LEVEL": "warn", "BEDROCK_BATCH_EXPORTER_WEB_LISTEN_ADDRESS": ":1, :2"}

    assert options(**environ).log_level == "warn"
    assert options(**environ).web_listen_address == (":1", ":2")
    assert options("--log.level", "error", **environ).log_level == "error"


@pytest.mark.parametrize(("text", "on"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_from_the_environment(text, on):
    assert options(BEDROCK_BATCH_EXPORTER_WEB_ENABLE_LIFECYCLE=text).web_enable_lifecycle is on


@pytest.mark.parametrize(("text", "on"), [("", True), ("=true", True), ("=false", False), ("=1", True)])
def test_a_switch_as_a_flag_goes_over_the_environment(text, on):
    parsed = options(
        f"--web.enable-lifecycle{text}", "once", BEDROCK_BATCH_EXPORTER_WEB_ENABLE_LIFECYCLE="false" if on else "true"
    )

    assert parsed.web_enable_lifecycle is on
    assert parsed.command == "once"


def test_a_file_for_once_in_the_environment_is_no_format_for_check():
    environ = {"BEDROCK_BATCH_EXPORTER_OUTPUT": "/var/lib/bedrock.prom"}

    assert options("once", **environ).output == "/var/lib/bedrock.prom"
    assert options("check", **environ).output is None


@pytest.mark.parametrize(
    "principal",
    [
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "arn:aws-us-gov:iam::111122223333:role/a/path/exporter",
        "arn:aws:iam::111122223333:user/exporter@example.com",
        "arn:aws:sts::111122223333:assumed-role/exporter/i-0123",
    ],
)
def test_principals_that_iam_knows(principal):
    assert options("iam-policy", "trust", "--principal", principal).principal == principal


def test_every_flag_has_its_variable():
    variables = {flag.name: flag.variable for flag in FLAGS}

    assert variables["web.listen-address"] == "BEDROCK_BATCH_EXPORTER_WEB_LISTEN_ADDRESS"
    assert len(set(variables.values())) == len(FLAGS)


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--log.levle=debug"], {}, "unknown argument '--log.levle=debug'; did you mean --log.level?"),
        (["--log.level=loud"], {}, "--log.level: expected one of debug, info, warn, error, got 'loud'"),
        ([], {"BEDROCK_BATCH_EXPORTER_LOG_LEVEL": "loud"}, "BEDROCK_BATCH_EXPORTER_LOG_LEVEL: expected one of debug, "),
        (["serv"], {}, "unknown command 'serv'; did you mean serve?"),
        (["serve", "more"], {}, "serve: expected nothing more, got 'more'"),
        (["iam-policy"], {}, "iam-policy: expected one of member, trust, hub, got nothing"),
        (["iam-policy", "members"], {}, "iam-policy: expected one of member, trust, hub, got 'members'"),
        (["--web.listen-address=10042"], {}, "--web.listen-address: expected [host]:port such as :10042, "),
        (["--web.listen-address=::1:10042"], {}, "--web.listen-address: expected [host]:port such as :10042, "),
        (["--web.listen-address=:99999"], {}, "--web.listen-address: expected [host]:port such as :10042, "),
        (["--web.telemetry-path=metrics"], {}, "--web.telemetry-path: expected a path such as /metrics, of "),
        (["--web.telemetry-path=/a b?c"], {}, "--web.telemetry-path: expected a path such as /metrics, of letters, "),
        (["--web.telemetry-path=/"], {}, "--web.telemetry-path: expected a path such as /metrics, of letters, "),
        (["--web.max-requests=-1"], {}, "--web.max-requests: expected a whole number from 0, got '-1'"),
        (["--web.enable-lifecycle=maybe"], {}, "--web.enable-lifecycle: expected true or false, got 'maybe'"),
        (["demo", "--config.file=x.yaml"], {}, "--config.file: demo has no use for it, it brings its own "),
        (["demo", "--config.check"], {}, "--config.check: demo has no use for it"),
        (["demo", "--shard=0"], {}, "--shard: demo has no use for it"),
        (["demo", "--total-shards=1"], {}, "--total-shards: demo has no use for it"),
        (["iam-policy", "trust", "--principal=foo"], {}, "--principal: expected an ARN such as arn:aws:iam::"),
        (["--config.file"], {}, "argument --config.file: expected one argument"),
        (["check", "--output=yaml"], {}, "--output: expected table or json after check, got 'yaml'"),
        (
            ["--shard=3", "--total-shards=3"],
            {},
            "--shard: expected a whole number from 0 to 2, less than --total-shards, got 3",
        ),
        (["--shard=1"], {}, "--shard: expected a whole number from 0 to 0"),
        (["--total-shards=0"], {}, "--total-shards: expected a whole number from 1, got '0'"),
        (["--output=x"], {}, "--output: belongs to the command once or check, not to serve"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(arguments, environ, message):
    with pytest.raises(UsageError) as caught:
        options(*arguments, **environ)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_metrics_take_no_other_path_that_is_served():
    for path in routes(SITE).keys() - {"/metrics"}:
        with pytest.raises(UsageError, match=r"^--web\.telemetry-path: expected a path "):
            options(f"--web.telemetry-path={path}")

    assert options("--web.telemetry-path=/probe/v1.0_a~b-c").web_telemetry_path == "/probe/v1.0_a~b-c"


def test_help_tells_every_command_and_flag(capsys):
    with pytest.raises(SystemExit) as caught:
        options("--help")

    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert all(f"--{flag.name}" in told for flag in FLAGS)
    assert "once" in told
    assert "BEDROCK_BATCH_EXPORTER_" in told


def test_version(capsys):
    with pytest.raises(SystemExit):
        options("--version")

    assert capsys.readouterr().out == "bedrock-batch-exporter 1.2.3\n"
