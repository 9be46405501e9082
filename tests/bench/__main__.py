"""`make bench`: this exporter beside others, in one run on one machine, as CPU time and ratios.

First it is verified that all answer with the same samples. What is measured is CPU time of the contender's process
alone, medians of interleaved runs; the fake Bedrock and this program are processes of their own.
"""

import gzip
import os
import platform
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.contender import COLLECTOR, GAUGES, GO, OURS, Contender, World, build_go, contenders
from tests.bench.naive import FAMILIES
from tests.bench.world import START_SECONDS

Row = tuple[str, dict[str, str], str]
"""What was measured, by contender, and the ratios."""


def main() -> None:
    began = time.monotonic()
    go = build_go()
    rows = [
        *polls(10_000, 500, go, ticks=20, naive_ticks=3),
        *polls(100_000, 500, go, ticks=20, naive_ticks=1),
        *one_page(),
        *scrapes(go),
    ]
    print(table(rows))
    print(f"\n{machine()}; {time.monotonic() - began:.0f} s")


def polls(history: int, active: int, go: str | None, *, ticks: int, naive_ticks: int) -> list[Row]:
    """Measure polls of a fleet that moves: 20 jobs submitted and 20 finished between two polls."""
    world = World(history, active)
    try:
        with contenders(world, [OURS, GO, GAUGES], go) as found:
            cpu: dict[str, list[float]] = {name: [] for name in found}
            calls: dict[str, list[int]] = {name: [] for name in found}
            first = {name: one.order(poll=START_SECONDS) for name, one in found.items() if name != GAUGES}
            for tick in range(ticks):
                now = world.tick()
                for name in rotated(list(found), tick):
                    if name == GAUGES and tick >= naive_ticks:
                        continue
                    before = world.calls()
                    cpu[name].append(found[name].order(poll=now))
                    calls[name].append(world.calls() - before)
                if tick == naive_ticks - 1:
                    verify(found)
            memory = {name: one.memory_mebibytes() for name, one in found.items()}
    finally:
        world.close()
    what = f"H = {history // 1000}k, A = {active}"
    return [
        cpu_row(f"poll, {what}", cpu),
        (f"first poll, {what}", {name: milliseconds(one) for name, one in first.items()}, ""),
        (f"calls a poll, {what}", {name: f"{statistics.mean(numbers):.1f}" for name, numbers in calls.items()}, ""),
        (f"memory, {what}, MiB", {name: f"{one:.0f}" for name, one in memory.items()}, ""),
    ]


def one_page() -> list[Row]:
    """Count the calls of a fleet that fits a page."""
    world = World(300, 200)
    try:
        with contenders(world, [OURS], None) as found:
            found[OURS].order(poll=START_SECONDS)
            before = world.calls()
            for _ in range(10):
                found[OURS].order(poll=world.tick())
            calls = (world.calls() - before) / 10
    finally:
        world.close()
    return [("calls a poll, H = 300, A = 200", {OURS: f"{calls:.1f}"}, "")]


def scrapes(go: str | None) -> list[Row]:
    """Measure scrapes with gzip at 10,000 active jobs and 100,000 in the lookback, and what polls do to them."""
    world = World(90_000, 10_000)
    rows: list[Row] = []
    try:
        with contenders(world, [OURS, GO, GAUGES, COLLECTOR], go) as found:
            for one in found.values():
                one.order(poll=START_SECONDS)
            verify(found)
            cpu: dict[str, list[float]] = {name: [] for name in found}
            size = {}
            for turn in range(15):
                for name in rotated(list(found), turn):
                    if turn >= 4 and name in (GAUGES, COLLECTOR):
                        continue
                    before = found[name].order(cpu=0)
                    size[name] = len(found[name].scrape())
                    cpu[name].append(found[name].order(cpu=0) - before)
            rows += [
                cpu_row("scrape, gzip, A = 10k", cpu),
                ("its body, KiB", {name: f"{one / 1024:.0f}" for name, one in size.items()}, ""),
                (
                    "memory, H = 90k, A = 10k, MiB",
                    {name: f"{one.memory_mebibytes():.0f}" for name, one in found.items()},
                    "",
                ),
            ]
            for name in (GAUGES, COLLECTOR):
                found.pop(name).close()
            rows += [latencies(name, one, world) for name, one in found.items()]
    finally:
        world.close()
    return rows


def latencies(name: str, one: Contender, world: World) -> Row:
    """Measure how long scrapes take: alone, while the exporter polls without a pause, and sixteen at once."""

    def timed(_: int = 0) -> float:
        began = time.perf_counter()
        one.scrape()
        return (time.perf_counter() - began) * 1000

    idle = statistics.median(timed() for _ in range(20))
    one.order(hammer=12.0)
    end = time.monotonic() + 11.0
    polling = []
    while time.monotonic() < end:
        polling.append(timed())
        time.sleep(0.05)
    time.sleep(2.0)
    with ThreadPoolExecutor(16) as scrapers:
        together = max(scrapers.map(timed, range(48)))
    p99 = statistics.quantiles(polling, n=100)[98]
    return (
        f"scrape of {name}, wall: idle, p99 while polling, worst of 16 at once",
        {name: f"{idle:.0f}, {p99:.0f}, {together:.0f} ms"},
        f"{p99 / idle:.1f} x idle",
    )


def verify(found: dict[str, Contender]) -> None:
    """Hold all contenders to the same samples."""
    pages = {name: samples(one) for name, one in found.items()}
    expected = pages[OURS]
    assert len(expected) > 1000
    for name, page in pages.items():
        missing, more = expected.keys() - page.keys(), page.keys() - expected.keys()
        assert not missing | more, (
            f"{name}: {len(missing)} samples are missing, {len(more)} too many: {[*missing, *more][:3]}"
        )
        wrong = [key for key, value in expected.items() if abs(page[key] - value) > 0.002]
        assert not wrong, f"{name}: {len(wrong)} values differ: {wrong[:3]} {page[wrong[0]]} {expected[wrong[0]]}"
    print(f"{len(found)} contenders answer with the same {len(expected)} samples", file=sys.stderr)


def samples(one: Contender) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(gzip.decompress(one.scrape()).decode())
        if family.name in FAMILIES
        for sample in family.samples
        if family.name != "bedrock_batch_jobs" or sample.value  # the zeros are ours alone
    }


def rotated(names: list[str], turn: int) -> list[str]:
    place = turn % len(names)
    return names[place:] + names[:place]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.{1 if seconds < 0.1 else 0}f} ms"


def cpu_row(what: str, cpu: dict[str, list[float]]) -> Row:
    medians = {name: statistics.median(one) for name, one in cpu.items()}
    ratios = [
        f"1/{other / medians[OURS]:.0f} of {name}"
        if other > 2 * medians[OURS]
        else f"{medians[OURS] / other:.2f} of {name}"
        for name, other in medians.items()
        if name != OURS
    ]
    return (what, {name: milliseconds(one) for name, one in medians.items()}, ", ".join(ratios))


def table(rows: list[Row]) -> str:
    names = [name for name in (OURS, GO, GAUGES, COLLECTOR) if any(name in row[1] for row in rows)]
    lines = [("CPU unless said otherwise", *names, "ratios"), ("---",) * (len(names) + 2)]
    lines += [(what, *(values.get(name, "") for name in names), ratios) for what, values, ratios in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    model = (
        info.read_text().partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
        if info.exists()
        else ""
    )
    return f"{os.cpu_count()} x {model or platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
