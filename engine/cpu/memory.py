"""Memory of the host: what an array's contents are made of on the CPU."""

from __future__ import annotations

import numpy as np

_ALIGN = 64


class HostMemory:
    """Allocation and transfer of array contents; the CUDA backend has the same methods."""

    def allocate(self, size: int, zero: bool) -> np.ndarray:
        """`size` bytes, aligned to a cache line."""
        raw = (np.zeros if zero else np.empty)(size + _ALIGN, dtype=np.uint8)
        start = -raw.ctypes.data % _ALIGN
        return raw[start : start + size]

    def read(self, data: np.ndarray) -> np.ndarray:
        """The contents as a NumPy array on the host (shared, not copied)."""
        return data

    def write(self, data: np.ndarray, values) -> None:
        """Sets the contents from host values that broadcast to its shape."""
        data[...] = values

    def zero(self, data: np.ndarray) -> None:
        data[...] = np.zeros((), data.dtype)

    def fill(self, data: np.ndarray, value: np.ndarray) -> None:
        """Sets every element to one value with the trailing dimensions of an element."""
        data[...] = value

    def strided(self, raw: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
        """Allocated memory with steps of its own between elements."""
        return np.lib.stride_tricks.as_strided(raw, shape, strides)
