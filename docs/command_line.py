"""Writes `docs/command-line.md` from the parser's tables."""

from exporter.cli import COMMANDS, PROGRAM

HEAD = f"""\
# Command line

Generated from `exporter/cli.py` by `make docs`; do not edit.

```
{PROGRAM} [FLAGS] [COMMAND]
```

| command | does |
| --- | --- |
"""

TAIL = """
The flags, and the variables of the environment that stand for them, are in
[configuration.md](configuration.md#flags-and-the-environment).

## Exit codes and signals

| code | means |
| --- | --- |
| 0 | done; for `serve` and `demo`: stopped by a signal |
| 1 | a target, or the discovery of targets, failed (`check`, `once`); no listening on an address; stdout is full |
| 2 | a flag, a file or a value cannot be used; stderr says which, what was expected and what came |
| 130 | interrupted by Ctrl-C (`check`, `once`) |

SIGTERM and SIGINT stop the process: it finishes the scrapes under way and exits within 5 s. SIGHUP reads the
configuration anew, as POST to `/-/reload` does with `--web.enable-lifecycle`.
"""


def render() -> str:
    """Return the page."""
    commands = "".join(f"| `{name}` | {text} |\n" for name, text in COMMANDS.items())
    return HEAD + commands + TAIL
