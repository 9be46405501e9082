"""Writes the generated documents: `make docs`. A test compares them with what is committed."""

from pathlib import Path

from docs import configuration, metrics

ROOT = Path(__file__).parents[1]
PAGES = {
    "docs/metrics.md": metrics.render,
    "docs/configuration.md": configuration.render,
    "config.schema.json": configuration.render_schema,
}
"""Each generated file and what renders it."""


def main() -> None:
    """Write every page."""
    for path, render in PAGES.items():
        (ROOT / path).write_text(render())


if __name__ == "__main__":
    main()
