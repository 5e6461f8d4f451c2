"""Memory that kernels use for themselves, one piece for each stream: what is on a stream runs one after the other.

Asking the pool costs more than a small kernel. Graphs get pieces of their own, which live as long as they do.
"""

from __future__ import annotations

from typing import Any

_LEAST = 1 << 16  # bytes of a piece
_MOST = 1 << 25  # bytes that a stream keeps; larger pieces are allocated for each use


def zeros(device: Any, size: int) -> int:
    """Address of `size` bytes that are zero; the work put on the current stream with them must leave them so."""
    return _piece(device, "zeros", size, True)


def room(device: Any, size: int) -> int:
    """Address of `size` bytes with any contents, for work put on the current stream before the next call."""
    return _piece(device, "room", size, False)


def _piece(device: Any, name: str, size: int, zero: bool) -> int:
    if device.captures:
        return device.memory.allocate(size, zero).ctypes.data  # which the graph keeps
    pieces = device.stream.scratch
    address, held, _ = pieces.get(name, (0, 0, None))
    if held < size:
        held = max(_LEAST, 1 << (size - 1).bit_length())
        data = device.memory.allocate(held, zero)
        address = data.ctypes.data
        # a large piece goes back when the next one takes its place, in the order of the stream
        pieces[name] = (address, held if held <= _MOST else 0, data)
    return address
