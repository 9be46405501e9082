"""The command: reads flags, environment and signals, and answers with an exit code."""

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import prometheus_client
import structlog

from exporter import __version__, check, log
from exporter.aws import policy
from exporter.cli import PROGRAM, UsageError, parse
from exporter.clock import SystemClock
from exporter.config import ConfigError, load, plain
from exporter.roof import Exporter, hub_policy, read_config, wanted_of
from exporter.sharding import Shard
from exporter.web.listening import ListenError
from exporter.web.security import WebConfigFile
from exporter.web.server import Server
from exporter.web.webconfig import WebConfigError

DRAIN_SECONDS = 3.0
SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter's lock while another waits: a scrape asks for it many times amid a poll."""
OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT


class OutputError(Exception):
    """Stdout does not take what is written; it has no message where its reader has gone, as `head` does."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 something failed, 2 misused, 130 interrupted."""
    environ = os.environ
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments, environ, __version__)
        log.configure(options.log_level, options.log_format)
        threading.excepthook = _tell_of_dead_thread
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        return _run(options, environ)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OutputError as error:
        if str(error):
            print(f"{PROGRAM}: stdout: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
    except (ConfigError, WebConfigError) as error:
        print(*error.errors, sep="\n", file=sys.stderr)  # noqa: T201
    return MISUSED


def _run(options: Namespace, environ: Mapping[str, str]) -> int:
    if options.command == "iam-policy":
        return _print_policy(options, environ)
    if options.command == "demo":
        return _demo(options)
    if options.config_check:
        config = read_config(options.config_file, environ)
        wanted = wanted_of(config, options.config_file)
        _web_config(options.web_config_file)
        targets = check.counted(sum(len(scope.regions) for scope in wanted.scopes if scope.regions != "all"))
        found = f" besides those found by asking for {' and '.join(sorted(wanted.sources))}" if wanted.sources else ""
        _tell(f"{options.config_file or 'the defaults'}: valid, {targets}{found}\n")
        return OK
    exporter = _exporter(options, environ)
    match options.command:
        case "check":
            return _check(exporter, options, environ)
        case "once":
            return _once(exporter, options)
    return asyncio.run(_serve(exporter, options))


def _exporter(options: Namespace, environ: Mapping[str, str]) -> Exporter:
    return Exporter(
        lambda: read_config(options.config_file, environ),
        options.config_file,
        SystemClock(),
        environ.get("BEDROCK_BATCH_EXPORTER_REVISION", "unknown"),
        is_daemon=options.command == "serve",
        botocore_parser=options.aws_botocore_parser,
        shard=Shard(options.shard, options.total_shards),
        is_probing=options.command == "check",
    )


def _web_config(path: str | None) -> WebConfigFile | None:
    """Return the web configuration, which follows its files from here on. Raises WebConfigError."""

    def parse(text: str) -> Any:
        try:
            # Unlike the configuration it knows no ${NAME}: one file serves all exporters of a machine.
            return plain(text.replace("${", "$${"), str(path), {})
        except ConfigError as error:
            raise WebConfigError(error.errors) from None

    return None if path is None else WebConfigFile(Path(path), parse)


async def _serve(
    exporter: Exporter, options: Namespace, announce: Callable[[str], None] = lambda _address: None
) -> int:
    """Serve until a signal, then finish what is under way. `announce` is told the first address."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, exporter.reload))
    server = Server(
        exporter.site(options.web_telemetry_path, lifecycle=options.web_enable_lifecycle),
        listen=options.web_listen_address,
        web_config=_web_config(options.web_config_file),
        max_requests=options.web_max_requests,
    )
    try:
        await server.start()
    except ListenError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    be_smooth()
    threading.Thread(target=exporter.poller.run, name="schedule", daemon=True).start()
    threading.Thread(target=exporter.discovery.run, name="discovery", daemon=True).start()
    logger = structlog.get_logger()
    logger.info("listening", addresses=",".join(server.addresses), version=__version__)
    announce(server.addresses[0])
    await stop.wait()
    logger.info("stopping")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    exporter.poller.stop()
    exporter.discovery.stop()
    await server.drain(DRAIN_SECONDS)
    return OK


def be_smooth() -> None:
    """Keep scrapes from waiting for polls and for the collection of garbage."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is there by now stays for good: it need not be looked through again and again.
    gc.collect()
    gc.freeze()


def _once(exporter: Exporter, options: Namespace) -> int:
    """Poll every target once and write the metrics."""
    if options.output and not os.access(Path(options.output).parent, os.W_OK | os.X_OK):
        # Told before the polls rather than after them.
        raise UsageError(f"--output: {options.output}: expected a file in a directory that can be written to")
    exporter.discovery.refresh()
    while exporter.waiting_for():
        exporter.poller.step()
    text = exporter.exposition(openmetrics=False) + prometheus_client.generate_latest(exporter.registry).decode()
    if options.output:
        _write(Path(options.output), text)
    else:
        _tell(text)
    has_failed = any(state.failures_in_a_row for state in exporter.poller.snapshot.states.values())
    return FAILED if has_failed or exporter.discovery.failures else OK


def _write(path: Path, text: str) -> None:
    """Write a file that readers see whole or not at all."""
    file = None
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise UsageError(f"--output: {path}: {error.strerror}") from None
    finally:
        if file:
            Path(file.name).unlink(missing_ok=True)


def _check(exporter: Exporter, options: Namespace, environ: Mapping[str, str]) -> int:
    """Make one call to every target, side by side, and print what came of it."""
    if options.log_level != "debug":  # the table tells of every failure
        log.configure("error", options.log_format)
    exporter.discovery.refresh()
    while waiting := exporter.waiting_for():
        if sys.stderr.isatty():
            print(f"\r\x1b[K{check.counted(waiting)} left", end="", file=sys.stderr, flush=True)  # noqa: T201
        exporter.poller.step()
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201
    results, undiscovered = check.results_of(exporter.poller.snapshot), exporter.discovery.failures
    if options.output == "json":
        text = check.document(results, undiscovered)
    else:
        is_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if is_terminal else 0
        is_coloured = is_terminal and not environ.get("NO_COLOR")
        text = check.table(results, undiscovered, is_coloured=is_coloured, width=width)
    _tell(text)
    return FAILED if undiscovered or any(result.failure for result in results) else OK


def _print_policy(options: Namespace, environ: Mapping[str, str]) -> int:
    """Print one of the policies as JSON; that of the hub as the configuration needs it, if there is one."""
    if options.subject == "trust":
        if not options.principal:
            raise UsageError("iam-policy trust: expected --principal, the ARN of the role that the exporter runs as")
        document = policy.trust(options.principal, options.external_id)
    elif options.subject == "hub":
        config_file = options.config_file
        document = hub_policy(read_config(config_file, environ)) if config_file else policy.hub()
    else:
        document = policy.member()
    _tell(json.dumps(document, indent=2) + "\n")
    return OK


def _demo(options: Namespace) -> int:
    """Serve a simulated AWS and the exporter on it, until a signal."""
    try:
        from exporter.demo import run  # noqa: PLC0415 - only here is the extra needed
    except ModuleNotFoundError as error:
        raise UsageError(
            f"demo: {error.name} is not installed; expected the extra: pip install 'bedrock-batch-exporter[demo]'"
        ) from None
    simulation = run.start(speed=options.demo_speed)
    try:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]  # the demo sees the simulated AWS alone
        os.environ.update(run.environment(simulation))
        text = run.config_text(simulation)
        exporter = Exporter(lambda: load(text, "demo", {}), "demo", SystemClock(), "demo", is_daemon=True)
        return asyncio.run(_serve(exporter, options, lambda address: _greet(address, options)))
    finally:
        simulation.stop()


def _greet(address: str, options: Namespace) -> None:
    """Tell a person where to look."""
    port = address.rpartition(":")[2]
    _tell(
        f"""
A simulated AWS is running, {options.demo_speed:g} times faster than the real one: 3 accounts, 3 regions.

  page      http://127.0.0.1:{port}/
  metrics   http://127.0.0.1:{port}{options.web_telemetry_path}

To scrape it, add this to your prometheus.yml:

  scrape_configs:
    - job_name: bedrock-batch-exporter
      scrape_interval: 5s
      metrics_path: {options.web_telemetry_path}
      static_configs:
        - targets: ["127.0.0.1:{port}"]

Ctrl-C stops it.

"""
    )


def _tell(text: str) -> None:
    """Write to stdout, now. Raises OutputError."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer goes nowhere, or else Python would trip over it once more at its end.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise OutputError("" if isinstance(error, BrokenPipeError) else error.strerror) from None


def _tell_of_dead_thread(died: threading.ExceptHookArgs) -> None:
    name = died.thread.name if died.thread else "unknown"
    structlog.get_logger().error("a thread died", thread=name, exc_info=died.exc_value)


if __name__ == "__main__":
    sys.exit(main())
