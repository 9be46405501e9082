"""Writes `docs/configuration.md` and `config.schema.json` from the configuration's model."""

import json
from typing import Any, get_args

from pydantic.fields import FieldInfo

from exporter.cli import FLAGS, Flag
from exporter.config import schema
from exporter.config.kinds import Kind
from exporter.config.settings import SECTIONS, Section

HEAD = """\
# Configuration

Generated from `exporter/config/settings.py` by `make docs`; do not edit.

The exporter runs without a file: it then watches the account of its own credentials in the region of the usual AWS
chain. [`config.example.yaml`](../config.example.yaml) shows every key with its default. Its first line names
[`config.schema.json`](../config.schema.json), so that editors complete and check the file while you type.

`bedrock-batch-exporter --config.check --config.file=FILE` tells every mistake of a file at once, each with its place:

```
config.yaml: poll_interval: expected a duration such as 60s, 10m or 8d, got 60
config.yaml: accounts[2]: unknown key 'regoins', did you mean 'regions'?
config.yaml: accounts[2].regions[0]: expected an AWS region such as us-east-1, got 'us-esat-1'
```
"""

TITLES = {
    (): "The top level",
    ("accounts",): "Each of `accounts`",
    ("organization",): "`organization`",
    ("job_names",): "`job_names`",
}

TAIL = """
## How values are read

- **Durations** are written as in Prometheus: `500ms`, `60s`, `1h30m`, `8d`, with the units `y` (365 days), `w`
  (7 days), `d`, `h`, `m`, `s` and `ms` in this order. A plain number is refused: it does not say of what.
- **Regions** are checked against those that this version knows. One that AWS opened since is used all the same, and
  remarked on in the log.
- **Account ids** stand in quotes: without them YAML reads a number, and a leading zero is lost.
- **Regular expressions** have Python's syntax and may match anywhere in the name: `^scratch-` leaves out what begins
  so, `^nightly$` is that name alone. (Prometheus anchors its own at both ends; here you do.)
- **`${NAME}`** in a value, or in a part of one, is the environment variable of that name, as it is: nothing in it is
  read as YAML or expanded again, and an unset one is a mistake. Where a number is expected, its digits are one. `$${`
  stands for the characters `${` themselves. Keys are never expanded.
- **`null`** leaves a key out that has no default. A section or a list whose content is all commented out is left out
  too.
- **YAML** is read by the rules of version 1.2: `no`, `on` and dates are text. A key stands once. Anchors and `<<` work,
  tags do not.

## What must hold

- `stale_after` is longer than `poll_interval` and than `poll_timeout`; `finished_job_retention` is at most `lookback`.
- An account is reached by `role_arn`, by `profile`, or (neither) by the exporter's own credentials; `external_id`
  needs a `role_arn`.
- No account is there twice in the same region. Two roles of the same account id are the same account.
- `endpoint_url` is one address for all regions, without user and password.

What is allowed but probably not meant (a `lookback` of 7 days or less, a `stale_after` that one failed poll exceeds) is
a warning in the log.

## Secrets

An `external_id` is in no log, no message about a mistake, and on no page: `/config` shows `<secret>` in its place.
Better not to write it into the file: `external_id: ${EXTERNAL_ID}`.

## Flags and the environment

What must be known before a file is read, or about the process rather than about AWS, is a flag. Each can come from the
environment too; the flag wins over the variable, the variable over the default. The AWS credentials and region come
from the usual chain (`AWS_PROFILE`, `AWS_REGION`, `~/.aws`, the role of the machine or pod).

| flag | variable | default | meaning |
| --- | --- | --- | --- |
"""


def render() -> str:
    """Return the page."""
    flags = "".join(
        f"| `--{flag.name}` | `{flag.variable}` | {_flag_default(flag)} | {flag.help} |\n" for flag in FLAGS
    )
    return HEAD + "".join(_table(path, section) for path, section in SECTIONS.items()) + TAIL + flags


def render_schema() -> str:
    """Return the JSON Schema as the text of its file."""
    return json.dumps(schema(), indent=2) + "\n"


def _flag_default(flag: Flag) -> str:
    of = f"only for {' and '.join(f'`{command}`' for command in flag.commands)}" if flag.commands else ""
    value = flag.default[0] if flag.repeatable else flag.default
    default = "off" if flag.is_switch else "" if value is None else f"`{value}`"
    return "; ".join(part for part in (default, of) if part)


def _table(path: tuple[str, ...], section: type[Section]) -> str:
    rows = "".join(_row(path, info.alias or field, info) for field, info in section.model_fields.items())
    header = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
    return f"\n## {TITLES[path]}\n\n{section.__doc__}\n\n{header}{rows}"


def _row(path: tuple[str, ...], key: str, info: FieldInfo) -> str:
    default = "required" if info.is_required() else _default(info.default)
    kind = _kind(info)
    type_ = kind.described() if kind else f"[{'list' if key == 'accounts' else 'section'}](#{_anchor((*path, key))})"
    return f"| `{key}` | {type_} | {default} | {info.description} |\n"


def _default(value: Any) -> str:
    return "" if value in (None, {}) else "none" if value == [] else f"`{value}`"


def _anchor(path: tuple[str, ...]) -> str:
    return TITLES[path].lower().replace("`", "").replace(" ", "-")


def _kind(info: FieldInfo) -> Kind | None:
    """Return the kind of value, which stands in the annotation itself or within an optional one."""
    inner = [part for one in get_args(info.annotation) for part in getattr(one, "__metadata__", ())]
    return next((part for part in (*info.metadata, *inner) if isinstance(part, Kind)), None)
