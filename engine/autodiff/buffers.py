"""Memory as a tape sees it: whatever arrays share it, with its versions over time and its gradient."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from engine import brain_float
from engine import types as T
from engine.arrays import array
from engine.autodiff.backend import Backend, backend
from engine.autodiff.errors import GradientError, TapeError
from engine.device import Device


class Buffer:
    """A block of memory that arrays on a tape lie in.

    Attributes:
        low, high: Addresses of its first byte, and of the one after its last.
        backend: The device that it is memory of.
        version: How many recorded operations wrote to it so far.
        snapshots: Copies of older versions.
        varied: Whether it depends on an array with `requires_grad`.
        has_gradient: Whether, in the backward pass, a gradient has arrived.
        touched: Whether an operation on the tape used its contents before the tape wrote them.
        is_changed_unseen: Whether it was written where the tape did not record.
        is_internal: Whether only a spatial structure writes it, which says so itself.
    """

    def __init__(self, low: int, high: int, owner: Any, device: Device):
        self.low, self.high, self.owner = low, high, owner
        self.backend = backend(device)
        self.version = 0
        self.used_low = self.used_high = 0
        self.snapshots: dict[int, Copy] = {}
        self.readers: list[Any] = []
        self.varied = self.has_gradient = self.touched = self.is_internal = self.is_changed_unseen = False
        self.fingerprint: int | None = None
        #: version, bounds and fingerprint of what the first launch that read this version found
        self.found: tuple[int, int, int, int] | None = None
        self.leaves: list[array] = []
        self._delta: int | None = None
        self._memory: Any = None
        self._synced = False
        self._retained: list[tuple[array, np.ndarray]] = []

    # contents --------------------------------------------------------------------------------------------------
    def snapshot(self) -> None:
        """Keeps the present contents, if that was not done yet."""
        if self.version not in self.snapshots:
            self.snapshots[self.version] = Copy(self.backend, self.used_low, self.used_high, self.used_low)

    def address(self, version: int, ptr: int) -> int:
        """Where the contents of `version` of what lies at `ptr` are kept."""
        return ptr if version == self.version else self.snapshots[version].address(ptr)

    def copy(self, version: int) -> Copy:
        """A copy of the contents of `version`."""
        if version == self.version:
            return Copy(self.backend, self.used_low, self.used_high, self.used_low)
        kept = self.snapshots[version]
        return Copy(self.backend, kept.low, kept.high, kept.address(kept.low))

    def current_fingerprint(self) -> int | None:
        return self.backend.fingerprint(self.used_low, self.used_high - self.used_low)

    def note_found(self) -> None:
        """Remembers the contents that a launch is about to read, unless an earlier one did."""
        if (self.found is None or self.found[0] != self.version) and not self.is_internal:
            low, high = self.used_low, self.used_high
            now = self.backend.fingerprint(low, high - low)
            self.found = None if now is None else (self.version, low, high, now)

    def check_found(self) -> None:
        """Marks the buffer as changed unseen if it no longer holds what was found."""
        if self.found is not None and self.found[0] == self.version:
            _, low, high, then = self.found
            self.is_changed_unseen = self.is_changed_unseen or self.backend.fingerprint(low, high - low) != then

    # gradient --------------------------------------------------------------------------------------------------
    def add_leaf(self, leaf: array) -> None:
        if not any(leaf is other for other in self.leaves):
            self.leaves.append(leaf)

    def begin_gradient(self) -> None:
        """Gets gradient memory: that of the one array whose `grad` covers everything, else memory of its own."""
        self.has_gradient = False
        self._delta = None
        self._synced = False
        self._retained = []
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
        refuse_brain(*leaves)
        self._own_memory()
        self._synced = True
        for leaf in leaves:
            self.backend.add(self.gradient_of(leaf), leaf.grad._data)

    def use(self, a: array) -> None:
        """Notes which part of the memory the tape uses."""
        low, high = byte_bounds(a)
        self.used_low = low if not self.used_high else min(self.used_low, low)
        self.used_high = max(self.used_high, high)

    def is_covered_by(self, a: array) -> bool:
        """Whether a dense array is all that the tape uses of the memory."""
        return a.is_contiguous and a.ptr <= self.used_low and self.used_high <= a.ptr + a._data.nbytes

    @property
    def gradient_memory(self) -> Any:
        """What keeps the gradient alive."""
        return self._memory

    def _own_memory(self) -> None:
        self._memory = self.backend.allocate(self.used_high - self.used_low, self.used_low, zero=True)
        self._delta = self._memory.ctypes.data - self.used_low

    def retain(self) -> None:
        """Sets aside the gradients of arrays with `retain_grad`, the first time that the backward pass comes to a write."""
        if self.has_gradient and not self._retained:
            wanted = [leaf for leaf in self.leaves if leaf.retain_grad]
            self._retained = [(leaf, packed(self.backend, self.gradient_of(leaf))) for leaf in wanted]

    def end_gradient(self) -> None:
        """Gives the gradient to the arrays that asked for it."""
        if self._synced:
            for leaf in self.leaves:
                self.backend.zero(leaf.grad._data)
                self.backend.add(leaf.grad._data, self.gradient_of(leaf))
        for leaf, gradient in self._retained:
            self.backend.zero(leaf.grad._data)
            self.backend.add(leaf.grad._data, gradient)
        self._retained = []

    def gradient_address(self, ptr: int) -> int:
        if self._delta is None:
            self._own_memory()
        self.has_gradient = True
        return ptr + self._delta

    def gradient_of(self, a: array) -> np.ndarray:
        """The gradient of an array in this buffer: memory of its shape (see `backend`)."""
        address = self.gradient_address(a.ptr)
        return self.backend.view(address, a._data, self._memory)


class Copy:
    """The contents of memory from `low` to `high`, taken from the address `source`."""

    def __init__(self, backend: Backend, low: int, high: int, source: int):
        self.low, self.high, self.backend = low, high, backend
        self.data = backend.allocate(high - low, low, zero=False)
        backend.copy_bytes(self.data.ctypes.data, source, high - low)

    def put_word(self, index: int, value: int) -> None:
        """Sets one uint64 of the memory itself, not of the copy."""
        word = self.backend.allocate(8, 0, zero=False).view(np.uint64)
        self.backend.write(word, np.uint64(value))
        self.backend.copy_bytes(self.low + 8 * index, word.ctypes.data, 8)

    def put_back(self) -> None:
        """Makes the memory hold what it held."""
        self.backend.copy_bytes(self.low, self.data.ctypes.data, self.high - self.low)

    def address(self, ptr: int) -> int:
        return self.data.ctypes.data + ptr - self.low


def byte_bounds(a: array) -> tuple[int, int]:
    """First address and one past the last of the memory that an array uses."""
    reach = [(n - 1) * step for n, step in zip(a.shape, a.strides)] if a.size else []
    low = a.ptr + sum(r for r in reach if r < 0)
    return low, (a.ptr + sum(r for r in reach if r > 0) + a.dtype.size if a.size else a.ptr)


def memory_of(a: array) -> tuple[int, int, Any]:
    """Bounds of the memory block that an array lies in, and its owner."""
    if isinstance(a._owner, array) and a._owner.device is a.device:
        found, (low, high) = memory_of(a._owner), byte_bounds(a)
        if found[0] <= low and high <= found[1]:
            return found
    data = a._data
    while isinstance(data.base, np.ndarray):
        data = data.base
    if isinstance(data, np.ndarray) and data.flags.c_contiguous:
        return data.ctypes.data, data.ctypes.data + data.nbytes, data
    return (*byte_bounds(a), data)


def has_float(dtype: Any) -> bool:
    if dtype.kind == "struct":
        return any(has_float(t) for t in dtype.fields.values() if t.kind != "array")
    return dtype.scalar.is_float


def is_brain(a: array) -> bool:
    """Whether an array holds bfloat16, which memory shows as bits."""
    return a.dtype.kind != "struct" and a.dtype.scalar is T.bfloat16


def refuse_brain(*arrays: array) -> None:
    """Raises GradientError for arrays whose gradients the tape cannot add up itself."""
    if any(is_brain(a) for a in arrays):
        raise GradientError(
            "a copy of a bfloat16 array, or one that shares its memory with others, has no gradient on a tape; copy in a "
            "kernel, or keep it in float32"
        )


def set_values(a: array, backend: Backend, target: np.ndarray, value: Any) -> None:
    """Sets memory that belongs to an array from an array, a NumPy array or a number."""
    given = value._numbers() if isinstance(value, array) else np.asarray(value)
    if is_brain(a):
        given = brain_float.to_bits(given)
    backend.write(target, given if given.ndim == 0 else given.reshape(target.shape))


def packed(backend: Backend, source: np.ndarray) -> np.ndarray:
    """A copy of the floats of memory, row by row without gaps."""
    out = backend.allocate(source.nbytes, 0, zero=True).view(source.dtype).reshape(source.shape)
    backend.add(out, source)
    return out


def add_from(there: Backend, values: np.ndarray, here: Backend, target: np.ndarray) -> None:
    """Adds packed memory of one device to memory of one that may be another."""
    if here is not there:
        fetched = there.read(values)
        values = here.allocate(values.nbytes, 0, zero=False).view(values.dtype).reshape(values.shape)
        here.write(values, fetched)
    here.add(target, values.reshape(target.shape))


class Marks(NamedTuple):
    """Which buffers (by first address) and arrays (by id) a tape knew at some time."""

    buffers: set[int]
    arrays: set[int]


def _weak(owner: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(owner)
    except TypeError:  # memory of another library: taken to last
        return lambda: owner


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
            buffer = None
            for other in self._by_low.values():
                if other.low <= low and high <= other.high and low < high:
                    buffer = other  # other arrays saw more of the same memory
                    break
                if low < other.high and other.low < high:
                    raise TapeError(
                        f"two arrays on the tape share a part of their memory ({a.dtype.__name__}, shape {a.shape}); "
                        "make them views of one array, or copies"
                    )
            if buffer is None:
                buffer = self._by_low[low] = self.make(low, high, owner, a.device)
        self._by_array[id(a)] = (buffer, a)
        buffer.use(a)
        self._note_leaf(buffer, a)
        return buffer

    @staticmethod
    def _note_leaf(buffer: Buffer, a: array) -> None:
        leaf: Any = a
        while isinstance(leaf, array):
            if leaf.grad is not None:
                buffer.add_leaf(leaf)
                buffer.varied = True
                break
            leaf = leaf._owner

    def known(self, a: array) -> Buffer | None:
        """The buffer that an array lies in, if the tape has met it."""
        found = self._by_array.get(id(a))
        return found[0] if found is not None else self.at(*memory_of(a)[:2])

    def make(self, low: int, high: int, owner: Any, device: Device) -> Buffer:
        """A new buffer."""
        return Buffer(low, high, owner, device)

    def at(self, low: int, high: int) -> Buffer | None:
        """The buffer with these bounds, if it is known."""
        found = self._by_low.get(low)
        return found if found is not None and found.high == high else None

    def release(self) -> None:
        """Lets go of contents and readers, which refer to each other: memory is free at once, not when Python looks."""
        for b in self._by_low.values():
            b.readers, b.snapshots = [], {}

    def marks(self) -> Marks:
        """What is known now."""
        return Marks(set(self._by_low), set(self._by_array))

    def drop_temporaries(self, before: Marks) -> list[Buffer]:
        """Forgets memory first seen after `before` that nothing else holds any more; returns what was forgotten."""
        arrays = [self._by_array.pop(k) for k in list(self._by_array) if k not in before.arrays]
        buffers = [self._by_low.pop(low) for low in list(self._by_low) if low not in before.buffers]
        views = [(b, weakref.ref(a)) for b, a in arrays]
        owners = [(b, _weak(b.owner), [weakref.ref(leaf) for leaf in b.leaves]) for b in buffers]
        for b in buffers:
            b.owner, b.leaves = None, []
        arrays.clear()
        dropped = []
        for b, owner, leaves in owners:
            b.owner = owner()
            if b.owner is None:
                dropped.append(b)
            else:
                self._by_low[b.low] = b
                b.leaves = [leaf for leaf in (ref() for ref in leaves) if leaf is not None]
        gone = set(map(id, dropped))
        for b, view in views:
            a = view()
            if a is not None and id(b) not in gone:
                self._by_array[id(a)] = (b, a)
        return dropped

    def arrays(self) -> list[array]:
        return [a for _, a in self._by_array.values()]
