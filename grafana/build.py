"""Writes the dashboards: `python -m grafana.build`."""

from pathlib import Path

from grafana import exporter, fleet, frame, job

HERE = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return what the code makes, by file."""
    dashboards = {
        name: frame.rendered(room.dashboard())
        for name, room in (("fleet", fleet), ("job", job), ("exporter", exporter))
    }
    return {HERE / "dashboards" / f"{name}.json": text for name, text in dashboards.items()}


def main() -> None:
    """Write them all."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(HERE.parent))


if __name__ == "__main__":
    main()
