"""Writes `docs/command-line.md` from the parser's tables."""

from exporter.cli import COMMANDS, FLAGS, PREFIX, PROGRAM, Flag

HEAD = f"""\
# Command line

Generated from `exporter/cli.py` by `make docs`; do not edit.

```
{PROGRAM} [FLAGS] [COMMAND]
```

| command | does |
| --- | --- |
"""

FLAGS_HEAD = f"""
Each flag can come from the environment: `{PREFIX}` and its name in capitals, with `_` for `.` and `-`. A flag goes
before the environment, the environment before the default. A switch is on by being there, and in the environment by
`true`, `yes`, `on` or `1`.

| flag | default | meaning |
| --- | --- | --- |
"""

TAIL = """
## Exit codes and signals

| code | means |
| --- | --- |
| 0 | done; for `serve` and `demo`: stopped by a signal |
| 1 | a target failed (`once`), or an address could not be listened on |
| 2 | a flag, a file or a value cannot be used; stderr says which, what was expected and what came |

SIGTERM and SIGINT stop the process: it finishes the scrapes under way and exits within 5 s. SIGHUP reads the
configuration anew, as POST to `/-/reload` does with `--web.enable-lifecycle`.
"""


def render() -> str:
    """Return the page."""
    commands = "".join(f"| `{name}` | {text} |\n" for name, text in COMMANDS.items())
    return HEAD + commands + FLAGS_HEAD + "".join(map(_row, FLAGS)) + TAIL


def _row(flag: Flag) -> str:
    value = "" if flag.is_switch else f" {flag.metavar}"
    default = ", ".join(flag.default) if isinstance(flag.default, tuple) else flag.default
    shown = "" if default in (None, False) else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    only = f" (only `{'`, `'.join(flag.commands)}`)" if flag.commands else ""
    return f"| `--{flag.name}{value}` | {shown} | {flag.help}{only} |\n"
