"""A look at the structure of a binary USD file before OpenUSD reads it.

OpenUSD believes the counts in such a file: a broken one of a kilobyte can make it allocate memory until there is none. Here those
that head the file's sections are compared with the sections' sizes (layout: OpenUSD, pxr/usd/sdf/crateFile.h). What stands in
the values themselves is not looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

MAGIC = b"PXR-USDC"
DENSEST = 1024
"""Most numbers for a byte: four in one of the integer coding, 255 times as many through LZ4."""
LZ4_RATIO = 256
_SECTION = struct.Struct("<16sqq")
_COMPRESSED_SINCE = (0, 4, 0)


def crate_flaw(file: Path) -> str | None:
    """What cannot be true of a binary USD file; None for a plausible one, or one of another kind."""
    size = file.stat().st_size
    with file.open("rb") as stream:

        def words(at: int, count: int) -> tuple[int, ...]:
            stream.seek(at)
            return struct.unpack(f"<{count}Q", stream.read(8 * count))

        head = stream.read(24)
        if not head.startswith(MAGIC):
            return None
        if len(head) < 24:
            return "it ends within its header"
        toc = struct.unpack("<q", head[16:])[0]
        if not 24 <= toc <= size - 8:
            return f"its table of contents stands at byte {toc} of {size}"
        (sections,) = words(toc, 1)
        if sections > (size - toc - 8) // _SECTION.size:
            return f"its table of contents lists {sections} sections, more than it has room for"
        stream.seek(toc + 8)
        table = [_SECTION.unpack(stream.read(_SECTION.size)) for _ in range(sections)]
        for label, start, length in table:
            name = label.split(b"\0")[0].decode("ascii", "replace")
            if start < 0 or length < 8 or start + length > size:
                return f"its section {name} reaches from byte {start} to {start + length} of {size}"
            if tuple(head[8:11]) >= _COMPRESSED_SINCE and name in _COUNTS:
                flaw = _COUNTS[name](lambda n, at=start: words(at, n), length)
                if flaw is not None:
                    return f"its section {name} {flaw}"
    return None


def _tokens(words: Callable[[int], tuple[int, ...]], length: int) -> str | None:
    if length < 24:
        return f"has {length} bytes"
    count, unpacked, packed = words(3)
    if packed > length - 24 or unpacked > LZ4_RATIO * max(packed, 1) or count > unpacked:
        return f"says {count} tokens of {unpacked} bytes in {packed}, and has {length}"
    return None


def _plain(words: Callable[[int], tuple[int, ...]], length: int) -> str | None:
    (count,) = words(1)
    return f"says {count} entries and has {length} bytes" if 4 * count > length - 8 else None


def _packed(words: Callable[[int], tuple[int, ...]], length: int) -> str | None:
    (count,) = words(1)
    return f"says {count} entries and has {length} bytes" if count > DENSEST * length else None


_COUNTS: dict[str, Callable[[Callable[[int], tuple[int, ...]], int], str | None]] = {
    "TOKENS": _tokens,
    "STRINGS": _plain,
    "FIELDS": _packed,
    "FIELDSETS": _packed,
    "PATHS": _packed,
    "SPECS": _packed,
}
