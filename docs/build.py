"""Writes the generated documents: `make docs`. A test compares them with what is committed."""

from pathlib import Path

from docs import command_line, configuration, metrics

ROOT = Path(__file__).parents[1]
PAGES = {
    "config.schema.json": configuration.render_schema,
    "docs/command-line.md": command_line.render,
    "docs/configuration.md": configuration.render,
    "docs/metrics.md": metrics.render,
}
"""Each generated file and what renders it."""


def main() -> None:
    """Write every page."""
    for path, render in PAGES.items():
        (ROOT / path).write_text(render())


if __name__ == "__main__":
    main()
