"""The command line: flags spelled as in the Prometheus family, each from the environment as well."""

import argparse
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from exporter.web.listening import split

PROGRAM = "bedrock-batch-exporter"
PREFIX = "BEDROCK_BATCH_EXPORTER_"
DEFAULT_ADDRESS = ":10042"
TAKEN_PATHS = ("/", "/config", "/targets")
"""What else is served, beside the probes under `/-/`."""
COMMANDS = {
    "serve": "poll for ever and serve the metrics over HTTP (the default)",
    "check": "make one call to every target and print a table with hints; exit 1 if a target failed",
    "once": "poll every target once and print the metrics; exit 1 if a target failed",
    "iam-policy": "print an IAM policy: member (the role in each account), trust (who may assume it), "
    "hub (the exporter's own)",
    "demo": "serve a simulated AWS whose jobs move while you watch; needs the extra [demo]",
}


class UsageError(Exception):
    """A flag or a value that cannot be used, in one line."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag: its name without the dashes, how to read its text, and what it is without one."""

    name: str
    help: str
    read: Callable[[str], Any] = str
    default: Any = None
    metavar: str | None = None
    repeatable: bool = False
    commands: tuple[str, ...] = ()
    """The commands that it belongs to; none: all."""
    useless_to: tuple[str, ...] = ()
    """Those of them that would ignore it."""

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag."""
        return PREFIX + self.name.upper().replace(".", "_").replace("-", "_")

    @property
    def attribute(self) -> str:
        """The flag's name in the parsed options."""
        return self.name.replace(".", "_").replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Whether the flag is on by being there."""
        return self.read is _switch


def _switch(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("expected true or false")
    return words[text.lower()]


def _one_of(*values: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError(f"expected one of {', '.join(values)}")
        return text

    return read


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ValueError(f"expected a whole number from {least}")
        return int(text)

    return read


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 10_000:  # noqa: PLR2004 - a day in nine seconds
        raise ValueError("expected a factor above 0 and up to 10000")
    return speed


def _path(text: str) -> str:
    if not re.fullmatch("/[A-Za-z0-9/_.~-]+", text):
        raise ValueError("expected a path such as /metrics, of letters, digits and / _ . ~ -")
    if text in TAKEN_PATHS or text.startswith("/-/"):
        raise ValueError(f"expected a path other than {', '.join(TAKEN_PATHS)} and those under /-/")
    return text


def _address(text: str) -> str:
    split(text)
    return text


def _principal(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}|arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root|[a-z-]+/[!-~]+)", text):
        raise ValueError("expected an ARN such as arn:aws:iam::111122223333:role/exporter, or 12 digits")
    return text


FLAGS = (
    Flag(
        "config.file",
        "the configuration; without one: own credentials, own region",
        metavar="FILE",
        useless_to=("demo",),
    ),
    Flag("config.check", "validate the configuration and exit", _switch, default=False, useless_to=("demo",)),
    Flag(
        "web.listen-address",
        "address to listen on; may be repeated (in the environment: separated by commas)",
        _address,
        (DEFAULT_ADDRESS,),
        metavar="[HOST]:PORT",
        repeatable=True,
    ),
    Flag(
        "web.config.file",
        "TLS, client certificates, users and headers, in the format of Prometheus' exporter-toolkit",
        metavar="FILE",
    ),
    Flag("web.telemetry-path", "path of the metrics", _path, "/metrics", metavar="PATH"),
    Flag("web.enable-lifecycle", "allow POST /-/reload", _switch, default=False),
    Flag(
        "web.max-requests", "requests served at once; more are answered 503 (0: no limit)", _whole(0), 40, metavar="N"
    ),
    Flag(
        "aws.botocore-parser",
        "read AWS's answers with botocore's own parser: slower, a way out should a page be misread",
        _switch,
        default=False,
        useless_to=("demo",),
    ),
    Flag("shard", "which share of the targets to poll, from 0", _whole(0), 0, metavar="N", useless_to=("demo",)),
    Flag("total-shards", "how many exporters share the targets", _whole(1), 1, metavar="N", useless_to=("demo",)),
    Flag("log.level", "debug, info, warn or error", _one_of("debug", "info", "warn", "error"), "info", metavar="LEVEL"),
    Flag("log.format", "logfmt or json", _one_of("logfmt", "json"), "logfmt", metavar="FORMAT"),
    Flag(
        "output",
        "once: a file to write, atomically, instead of stdout; check: table or json (the variable is for once alone)",
        metavar="FILE|FORMAT",
        commands=("once", "check"),
    ),
    Flag(
        "principal",
        "who may assume the role: the ARN of the exporter's role, or the id of its account",
        _principal,
        metavar="ARN",
        commands=("iam-policy",),
    ),
    Flag("external-id", "the external id that the role demands", metavar="ID", commands=("iam-policy",)),
    Flag(
        "demo.speed",
        "how many times faster than real the simulated jobs live",
        _speed,
        60.0,
        metavar="FACTOR",
        commands=("demo",),
    ),
)
"""Every flag. Those of `FLAGS` with commands are given after their command."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(arguments: Sequence[str], environ: Mapping[str, str], version: str) -> argparse.Namespace:
    """Return the options: a flag over the environment over the default. Raises UsageError."""
    parser = _Parser(
        PROGRAM,
        description="Prometheus exporter for Amazon Bedrock batch inference jobs.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<12}{text}" for name, text in COMMANDS.items())
        + f"\n\nEach flag can come from the environment: {PREFIX} and its name in capitals, with _ for . and -.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", default="serve", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("subject", nargs="?", metavar="SUBJECT", help=argparse.SUPPRESS)
    for flag in FLAGS:
        only = f" (only: {', '.join(flag.commands)})" if flag.commands else ""
        default = "" if flag.default in (None, False) else f" (default {_shown(flag.default)})"
        about: dict[str, Any] = {"dest": flag.attribute, "help": flag.help + only + default, "default": None}
        if flag.is_switch:
            parser.add_argument(f"--{flag.name}", nargs="?", metavar="=true|false", **about)
        else:
            about |= {"metavar": flag.metavar, "action": "append" if flag.repeatable else "store"}
            parser.add_argument(f"--{flag.name}", **about)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version}")
    # A switch takes a value after = alone: the word that follows it is the command.
    switches = {f"--{flag.name}" for flag in FLAGS if flag.is_switch}
    options, unknown = parser.parse_known_args([f"{word}=true" if word in switches else word for word in arguments])
    if unknown:
        raise UsageError(
            f"unknown argument {unknown[0]!r}" + _nearest(unknown[0], [f"--{flag.name}" for flag in FLAGS])
        )
    if options.command not in COMMANDS:
        raise UsageError(f"unknown command {options.command!r}" + _nearest(options.command, COMMANDS))
    subjects = {"iam-policy": ("member", "trust", "hub")}.get(options.command, ())
    if (options.subject or "") not in (subjects or ("",)):
        expected = f"expected one of {', '.join(subjects)}" if subjects else "expected nothing more"
        got = "nothing" if options.subject is None else repr(options.subject)
        raise UsageError(f"{options.command}: {expected}, got {got}")
    for flag in FLAGS:
        setattr(options, flag.attribute, _value(flag, getattr(options, flag.attribute), options.command, environ))
    if options.command == "check" and options.output not in {None, "table", "json"}:
        raise UsageError(f"--output: expected table or json after check, got {options.output!r}")
    if options.shard >= options.total_shards:
        expected = f"a whole number from 0 to {options.total_shards - 1}, less than --total-shards"
        raise UsageError(f"--shard: expected {expected}, got {options.shard}")
    return options


def _value(flag: Flag, given: Any, command: str, environ: Mapping[str, str]) -> Any:
    where = f"--{flag.name}"
    if given is not None and flag.commands and command not in flag.commands:
        raise UsageError(f"{where}: belongs to the command {' or '.join(flag.commands)}, not to {command}")
    if given is not None and command in flag.useless_to:
        raise UsageError(f"{where}: {command} has no use for it, it brings its own configuration")
    # A file for `once`, as in the environment of a cron job, is no format for `check`.
    is_for_another = flag.name == "output" and command == "check"
    if given is None and environ.get(flag.variable) and not is_for_another:
        where, given = flag.variable, environ[flag.variable]
        if flag.repeatable:
            given = [part.strip() for part in given.split(",")]
    if given is None:
        return flag.default
    texts = given if flag.repeatable else [given]
    values = []
    for text in texts:
        try:
            values.append(flag.read(text))
        except ValueError as error:
            raise UsageError(f"{where}: {error}, got {text!r}") from None
    return tuple(values) if flag.repeatable else values[0]


def _shown(default: Any) -> str:
    return (
        ", ".join(default) if isinstance(default, tuple) else f"{default:g}" if isinstance(default, float) else default
    )


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word.partition("=")[0], list(known), n=1)
    return f"; did you mean {near[0]}?" if near else "; see --help"
