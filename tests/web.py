"""What the tests of the web side share: a site, a clock, certificates and where they lie."""

from pathlib import Path

import trustme

from exporter.web.app import Exposition, Site

CA = trustme.CA()
SERVER = CA.issue_cert("localhost", "127.0.0.1")

SITE = Site(
    metrics=lambda accept, encoding, names: Exposition(f"{accept}|{encoding}|{names}".encode(), "text/plain"),
    healthy=lambda: None,
    ready=lambda: None,
    targets=list,
    config=lambda: "workers: 16\n",
    reload=None,
    version="1.2.3",
    started_seconds=0.0,
    now=lambda: 60.0,
)


class Clock:
    """Seconds that pass as the test says, so that files are looked at when it wants."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def furnish(home: Path) -> Path:
    """Put a server's certificate and key, and their CA, into a folder."""
    write(home, SERVER)
    CA.cert_pem.write_to_path(str(home / "ca.pem"))
    return home


def write(home: Path, certificate: trustme.LeafCert) -> None:
    certificate.cert_chain_pems[0].write_to_path(str(home / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(home / "key.pem"))
