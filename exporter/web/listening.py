"""Addresses: from `[host]:port` to sockets that listen."""

import contextlib
import resource
import socket
from typing import Any

BACKLOG = 1024
"""Connections that the kernel holds until they are accepted; it caps this at net.core.somaxconn."""
HIGHEST_PORT = 65535
EVERYWHERE = {"", "::"}


class ListenError(Exception):
    """An address that cannot be listened on, in one line."""


def split(address: str) -> tuple[str, int]:
    """Return the host, without brackets, and the port of `[host]:port`. Raises ValueError with what is expected."""
    host, separator, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not separator or not port.isdecimal() or int(port) > HIGHEST_PORT or (":" in bare and bare == host):
        raise ValueError("expected [host]:port such as :10042, 127.0.0.1:10042 or [::1]:10042")
    return bare, int(port)


def bind(address: str) -> list[socket.socket]:
    """Listen on `[host]:port`; without a host or with `[::]` that is every address of either family."""
    where = f"--web.listen-address {address}"
    try:
        bare, port = split(address)
    except ValueError as error:
        raise ListenError(f"{where}: {error}") from None
    sockets: list[socket.socket] = []
    try:
        if bare in EVERYWHERE:
            if socket.has_dualstack_ipv6():
                return [_listening(socket.AF_INET6, ("::", port), dual=True)]
            return [_listening(socket.AF_INET, ("", port), dual=False)]
        for family, _, _, _, resolved in dict.fromkeys(socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)):
            sockets.append(_listening(family, resolved, dual=False))
    except (OSError, UnicodeError) as error:  # UnicodeError: a host such as a..b, that no name can be
        for sock in sockets:
            sock.close()
        raise ListenError(f"{where}: {getattr(error, 'strerror', None) or error}") from error
    return sockets


def _listening(family: int, address: Any, *, dual: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def text_of(address: Any) -> str:
    """Return a socket's address as one writes it."""
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_files_limit() -> int:
    """Raise the soft limit of open files to the hard one, as Go's programs do, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
