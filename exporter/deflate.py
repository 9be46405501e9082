"""Gzip of which parts are compressed once: a part is a run of DEFLATE blocks that may be put anywhere in a stream.

One stream, not several one after the other: some readers, browsers among them, stop after the first.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias

from isal import isal_zlib

LEVEL = 1
"""Of 0 to 3: half a second of zlib's default is a few milliseconds here, for a body a fifth larger."""
WORTH_BYTES = 16_384
"""From which size on a part is compressed on its own: below it the ends of the blocks would weigh."""
STORED_BYTES = 1024
"""Up to which size a part is stored as it is. To compress it would save little, and a compressor gives up the
interpreter's lock, which is not soon had again while polls parse."""
RAW = -15
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
END = b"\x03\0"
"""The last block of a stream, empty."""


@dataclass(frozen=True, slots=True)
class Deflated:
    """A part of a body, compressed. It is not kept as it was: that is many times the size and quickly had again."""

    data: bytes
    checksum: int
    length: int

    @classmethod
    def of(cls, plain: bytes) -> Self:
        """Compress a part, or store it where that is not worth while."""
        if len(plain) < STORED_BYTES:
            head = struct.pack("<BHH", 0, len(plain), len(plain) ^ 0xFFFF)
            return cls(head + plain, isal_zlib.crc32(plain), len(plain))
        compressor = isal_zlib.compressobj(level=LEVEL, wbits=RAW)
        data = compressor.compress(plain) + compressor.flush(isal_zlib.Z_SYNC_FLUSH)
        return cls(data, isal_zlib.crc32(plain), len(plain))

    def plain(self) -> bytes:
        """Return the part as it was."""
        data: bytes = isal_zlib.decompressobj(wbits=RAW).decompress(self.data)
        return data


Part: TypeAlias = bytes | Deflated


def part(plain: bytes) -> Part:
    """Return a part of a body in the form in which it is best kept."""
    return Deflated.of(plain) if len(plain) >= WORTH_BYTES else plain


def plain(parts: Iterable[Part]) -> bytes:
    """Return a body as it is."""
    return b"".join(part if isinstance(part, bytes) else part.plain() for part in parts)


def gzipped(parts: Iterable[Part]) -> bytes:
    """Return a body in gzip. What is compressed already is taken as it is."""
    pieces, checksum, length = [HEADER], 0, 0
    for deflated in _deflated(parts):
        pieces.append(deflated.data)
        checksum = isal_zlib.crc32_combine(checksum, deflated.checksum, deflated.length)
        length += deflated.length
    return b"".join([*pieces, END, struct.pack("<II", checksum, length & 0xFFFFFFFF)])


def _deflated(parts: Iterable[Part]) -> Iterator[Deflated]:
    """Return the parts compressed, those between two that are so already together."""
    loose: list[bytes] = []
    for one in parts:
        if isinstance(one, bytes):
            loose.append(one)
        else:
            if loose:
                yield Deflated.of(b"".join(loose))
                loose = []
            yield one
    if loose:
        yield Deflated.of(b"".join(loose))
