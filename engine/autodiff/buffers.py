"""Memory as a tape sees it: whatever arrays share it, with its versions over time and its gradient."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from engine.arrays import array
from engine.autodiff.errors import TapeError
from engine.cpu import jit


class Buffer:
    """A block of memory that arrays on a tape lie in.

    Attributes:
        low, high: Addresses of its first byte, and of the one after its last.
        version: How many recorded operations wrote to it so far.
        snapshots: Copies of older versions.
        varied: Whether it depends on an array with `requires_grad`.
        has_gradient: Whether, in the backward pass, a gradient has arrived.
        touched: Whether an operation on the tape used its contents before the tape wrote them.
    """

    def __init__(self, low: int, high: int, owner: Any):
        self.low, self.high, self.owner = low, high, owner
        self.version = 0
        self.used_low = self.used_high = 0
        self.snapshots: dict[int, Copy] = {}
        self.readers: list[Any] = []
        self.varied = self.has_gradient = self.touched = False
        self.fingerprint: int | None = None
        self.leaves: list[array] = []
        self._delta: int | None = None
        self._memory: Any = None
        self._synced = False

    # contents --------------------------------------------------------------------------------------------------
    def snapshot(self) -> None:
        """Keeps the present contents, if that was not done yet."""
        if self.version not in self.snapshots:
            self.snapshots[self.version] = Copy(self.used_low, self.used_high, self.used_low)

    def address(self, version: int, ptr: int) -> int:
        """Where the contents of `version` of what lies at `ptr` are kept."""
        return ptr if version == self.version else self.snapshots[version].address(ptr)

    def copy(self, version: int) -> Copy:
        """A copy of the contents of `version`."""
        if version == self.version:
            return Copy(self.used_low, self.used_high, self.used_low)
        kept = self.snapshots[version]
        return Copy(kept.low, kept.high, kept.address(kept.low))

    def current_fingerprint(self) -> int:
        return _fingerprint()(self.used_low, self.used_high - self.used_low)

    # gradient --------------------------------------------------------------------------------------------------
    def add_leaf(self, leaf: array) -> None:
        if not any(leaf is other for other in self.leaves):
            self.leaves.append(leaf)

    def begin_gradient(self) -> None:
        """Gets gradient memory: that of the one array whose `grad` covers everything, else memory of its own."""
        self.has_gradient = False
        self._delta = None
        self._synced = False
        leaves = self.leaves
        if not leaves:
            return
        self.has_gradient = True
        first = leaves[0]
        if len(leaves) == 1 and first.is_contiguous and first.grad.is_contiguous:
            if first.ptr <= self.used_low and self.used_high <= first.ptr + first._data.nbytes:
                self._delta = first.grad.ptr - first.ptr
                self._memory = first.grad
                return
        self._own_memory()
        self._synced = True
        for leaf in leaves:
            accumulate(self.gradient_of(leaf), leaf.grad.numpy())

    def use(self, a: array) -> None:
        """Notes which part of the memory the tape uses."""
        low, high = byte_bounds(a)
        self.used_low = low if not self.used_high else min(self.used_low, low)
        self.used_high = max(self.used_high, high)

    def _own_memory(self) -> None:
        self._memory = aligned_bytes(self.used_high - self.used_low, self.used_low, zero=True)
        self._delta = self._memory.ctypes.data - self.used_low

    def end_gradient(self) -> None:
        """Gives the gradient to the arrays that asked for it."""
        if self._synced:
            for leaf in self.leaves:
                leaf.grad.numpy()[...] = self.gradient_of(leaf)

    def gradient_address(self, ptr: int) -> int:
        if self._delta is None:
            self._own_memory()
        self.has_gradient = True
        return ptr + self._delta

    def gradient_of(self, a: array) -> np.ndarray:
        """The gradient of an array in this buffer, as a NumPy view of its shape."""
        address = self.gradient_address(a.ptr)
        low, high = byte_bounds(a)
        raw = (ctypes.c_uint8 * (high - low)).from_address(address + low - a.ptr)
        raw.memory = self._memory  # lives as long as the view
        return view_of(raw, a.ptr - low, a)


def view_of(memory: Any, offset: int, a: array) -> np.ndarray:
    """Bytes seen with the type, shape and strides of an array whose first element lies at `offset`."""
    data = a._data
    return np.ndarray(data.shape, data.dtype, memory, offset, data.strides) if data.size else np.empty_like(data)


def aligned_bytes(size: int, like: int, zero: bool = False) -> np.ndarray:
    """Bytes whose address has the same alignment as the address `like`."""
    raw = np.zeros(size + 64, np.uint8) if zero else np.empty(size + 64, np.uint8)
    start = (like - raw.ctypes.data) % 64
    return raw[start : start + size]


class Copy:
    """The contents of memory from `low` to `high`, taken from the address `source`."""

    def __init__(self, low: int, high: int, source: int):
        self.low, self.high = low, high
        self.data = aligned_bytes(high - low, low)
        ctypes.memmove(self.data.ctypes.data, source, high - low)

    def address(self, ptr: int) -> int:
        return self.data.ctypes.data + ptr - self.low


def byte_bounds(a: array) -> tuple[int, int]:
    """First address and one past the last of the memory that an array uses."""
    reach = [(n - 1) * step for n, step in zip(a.shape, a.strides)] if a.size else []
    low = a.ptr + sum(r for r in reach if r < 0)
    return low, (a.ptr + sum(r for r in reach if r > 0) + a.dtype.size if a.size else a.ptr)


def memory_of(a: array) -> tuple[int, int, Any]:
    """Bounds of the memory block that an array lies in, and its owner."""
    data = a._data
    while isinstance(data.base, np.ndarray):
        data = data.base
    if isinstance(data, np.ndarray) and data.flags.c_contiguous:
        return data.ctypes.data, data.ctypes.data + data.nbytes, data
    return (*byte_bounds(a), data)


def accumulate(target: np.ndarray, values: np.ndarray) -> None:
    """Adds gradients, field by field for structs."""
    if target.dtype.names:
        for name in target.dtype.names:
            accumulate(target[name], values[name])
    elif target.dtype.kind == "f":
        target += values.reshape(target.shape)


_FINGERPRINT = r"""
define i64 @fingerprint(ptr %data, i64 %n) {
entry:
  %words = lshr i64 %n, 3
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %body ]
  %h = phi i64 [ -3750763034362895579, %entry ], [ %h3, %body ]
  %more = icmp ult i64 %i, %words
  br i1 %more, label %body, label %tail
body:
  %p = getelementptr i64, ptr %data, i64 %i
  %w = load i64, ptr %p, align 1
  %h1 = xor i64 %h, %w
  %h2 = mul i64 %h1, -7046029254386353131
  %up = lshr i64 %h2, 29
  %h3 = xor i64 %h2, %up
  %i1 = add i64 %i, 1
  br label %head
tail:
  %at = shl i64 %words, 3
  br label %bytes
bytes:
  %j = phi i64 [ %at, %tail ], [ %j1, %byte ]
  %g = phi i64 [ %h, %tail ], [ %g2, %byte ]
  %left = icmp ult i64 %j, %n
  br i1 %left, label %byte, label %out
byte:
  %q = getelementptr i8, ptr %data, i64 %j
  %b = load i8, ptr %q, align 1
  %c = zext i8 %b to i64
  %g1 = xor i64 %g, %c
  %g2 = mul i64 %g1, -7046029254386353131
  %j1 = add i64 %j, 1
  br label %bytes
out:
  ret i64 %g
}
"""


@functools.cache
def _fingerprint() -> Any:
    code = jit.load_object(jit.compile_text(_FINGERPRINT, level=2), ["fingerprint"])
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(code["fingerprint"])
    function.code = code  # lives as long as the function
    return function


class Buffers:
    """All buffers of a tape, by address."""

    def __init__(self) -> None:
        self._by_low: dict[int, Buffer] = {}
        self._by_array: dict[int, tuple[Buffer, array]] = {}

    def __iter__(self):
        return iter(self._by_low.values())

    def of(self, a: array) -> Buffer:
        """The buffer of an array; raises TapeError if it overlaps another one in part."""
        found = self._by_array.get(id(a))
        if found is not None:
            return found[0]
        low, high, owner = memory_of(a)
        buffer = self._by_low.get(low)
        if buffer is None or buffer.high != high:
            for other in self._by_low.values():
                if low < other.high and other.low < high:
                    raise TapeError(
                        f"two arrays on the tape share a part of their memory ({a.dtype.__name__}, shape {a.shape}); "
                        "make them views of one array, or copies"
                    )
            buffer = self._by_low[low] = Buffer(low, high, owner)
        self._by_array[id(a)] = (buffer, a)
        buffer.use(a)
        leaf: Any = a
        while isinstance(leaf, array):
            if leaf.grad is not None:
                buffer.add_leaf(leaf)
                buffer.varied = True
                break
            leaf = leaf._owner
        return buffer

    def arrays(self) -> list[array]:
        return [a for _, a in self._by_array.values()]
