"""Ask the exporter in this container whether it is healthy; exit 0 if so. Standard library only.

The listen address is that of the main process: its flag, else its environment, else the default.
"""

import http.client
import os
import re
import ssl
import sys
from pathlib import Path

TIMEOUT_SECONDS = 3.0


def address(command_line: bytes, environment: str) -> tuple[str, int]:
    """Return the host and the port to ask.

    `command_line` is that of the main process, its arguments divided by NUL; `environment` is what the variable of the
    flag holds. Where several addresses are given the first is asked.
    """
    flag = re.search(rb"--web\.listen-address[=\0]([^\0]+)", command_line)
    given = flag[1].decode() if flag else environment
    host, _, port = re.split(r"[\s,]", given.strip())[0].rpartition(":")
    return host.strip("[]").replace("0.0.0.0", "") or "localhost", int(port or 10042)  # noqa: S104


def answer(host: str, port: int) -> int:
    """Return the HTTP status of `/-/healthy`; TLS is tried where plain HTTP is not spoken."""
    unverified = ssl._create_unverified_context()  # noqa: S323, SLF001 - ourselves, by an address no certificate names
    plain = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        return status(plain)
    except (http.client.HTTPException, ConnectionResetError):
        return status(http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=unverified))


def status(connection: http.client.HTTPConnection) -> int:
    """Return the status of one request."""
    try:
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status
    finally:
        connection.close()


def main() -> int:
    """Return the exit code. A server that wants a password or a certificate is alive, and will not tell more."""
    variable = os.environ.get("BEDROCK_BATCH_EXPORTER_WEB_LISTEN_ADDRESS", "")
    try:
        host, port = address(Path("/proc/1/cmdline").read_bytes(), variable)
        got = answer(host, port)
    except ssl.SSLError as error:
        print(f"it speaks TLS, and not with us: {error}", file=sys.stderr)
        return 0
    except (OSError, ValueError) as error:
        print(f"no answer: {error}", file=sys.stderr)
        return 1
    return 0 if got in {200, 401} else 1


if __name__ == "__main__":
    sys.exit(main())
