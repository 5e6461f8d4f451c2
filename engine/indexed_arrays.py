"""Arrays seen through index arrays: element `a[i]` is element `indices[i]` of the array behind."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from engine import types as T
from engine.array_arithmetic import Arithmetic
from engine.array_data import element, numbers
from engine.array_making import empty
from engine.array_types import MAX_DIMS, ArrayType
from engine.arrays import array
from engine.capture import recording, recording_of
from engine.device import Device
from engine.errors import EngineError
from engine.taping import active_tape


class IndexedArrayType(ArrayType):
    """The type of an `indexedarray` parameter: an array type followed by one address of indices per dimension."""

    def __init__(self, dtype: Any, ndim: int = 1):
        super().__init__(dtype, ndim)
        self.count = 1 + 3 * self.ndim
        self.size = 8 * self.count

    @property
    def name(self) -> str:
        return f"indexedarray{self.ndim}d({T.type_name(self.dtype)})"


@functools.lru_cache(maxsize=64)
def _every(count: int, device: Device) -> array:
    """Indices that leave a dimension as it is, so that kernels treat all dimensions alike."""
    return array(np.arange(count, dtype=np.int32), dtype=T.int32, device=device)


def _index_array(given: Any, extent: int, d: int, device: Device) -> array:
    if not isinstance(given, array):
        given = np.asarray(given)
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise EngineError(f"indexedarray: indices of dimension {d} must be a list of integers, got {given!r}"[:200])
        given = array(given.astype(np.int32), dtype=T.int32, device=device)
    if given.dtype is not T.int32 or given.ndim != 1 or given.device != device:
        got = f"{given.ndim}-d {T.type_name(given.dtype)} on {given.device}"
        raise EngineError(f"indexedarray: indices of dimension {d} are {got}; expected a 1-d int32 array on {device}")
    if given.size and recording_of(given.device) is None:
        low, high = int(given.numpy().min()), int(given.numpy().max())
        if low < 0 or high >= extent:
            raise EngineError(
                f"indexedarray: indices of dimension {d} reach from {low} to {high}; the array has {extent} there"
            )
    return given.contiguous()


class indexedarray(Arithmetic):
    """Part of an array, chosen by an array of indices (or None for all) for each dimension; shares the array's memory.

    `indexedarray(data, [rows, None])` or `data[rows]`. Without data, `indexedarray(dtype=float, ndim=2)` and
    `indexedarray[float, Literal[2]]` annotate kernel parameters.

    Attributes:
        data: the array behind.   indices: the index arrays, None where every element is taken.
        dtype, ndim, shape, size, device: as of an array.

    Raises:
        EngineError: too many index arrays, not of int32, on another device, or out of range (checked on the CPU).
    """

    is_contiguous = False

    def __new__(cls, data: Any = None, indices: Any = None, dtype: Any = Any, ndim: int | None = None, **_):
        if data is None:
            return IndexedArrayType(dtype, ndim or 1)
        return super().__new__(cls)

    def __class_getitem__(cls, dtype):
        dtype, ndim = dtype if isinstance(dtype, tuple) else (dtype, 1)
        return IndexedArrayType(dtype, ndim if isinstance(ndim, int) else ndim.__args__[0])

    def __init__(self, data: array, indices: Any = None, dtype: Any = Any, ndim: int | None = None):
        if not isinstance(data, array):
            raise EngineError(f"indexedarray: got {type(data).__name__}; expected an array and its indices")
        if (dtype is not Any and T.as_type(dtype) is not data.dtype) or ndim not in (None, data.ndim):
            raise EngineError(f"indexedarray: the array has {data.ndim} dimensions of {T.type_name(data.dtype)}")
        given = [indices] if isinstance(indices, array) else list(indices or [])
        if len(given) > data.ndim:
            raise EngineError(f"indexedarray: got {len(given)} index arrays for an array of {data.ndim} dimensions")
        given += [None] * (data.ndim - len(given))
        self.data, self.dtype, self.ndim, self.device = data, data.dtype, data.ndim, data.device
        self.indices = [
            None if i is None else _index_array(i, data.shape[d], d, data.device) for d, i in enumerate(given)
        ]
        self.index_arrays = [_every(n, data.device) if i is None else i for i, n in zip(self.indices, data.shape)]
        self.shape = tuple(i.size for i in self.index_arrays)
        self.size = math.prod(self.shape)
        self.strides = data.strides
        self._slots = (data.ptr, *self.shape, *data.strides, *(i.ptr for i in self.index_arrays))

    @property
    def grad(self) -> Any:
        """The same part of the gradient of the array behind; None if it has none."""
        return None if self.data.grad is None else indexedarray(self.data.grad, self.indices)

    @property
    def requires_grad(self) -> bool:
        return self.data.requires_grad

    # contents --------------------------------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """A copy of the chosen elements as a NumPy array."""
        if not self.device.is_cpu:
            return self.contiguous().numpy()
        return self.data._data[self._grid()]

    def _grid(self) -> tuple[np.ndarray, ...]:
        return np.ix_(*(i.numpy() for i in self.index_arrays))

    def list(self) -> list:
        return self.contiguous().list()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index):
        part = self.numpy()[index]
        inner = np.ndim(self.data._data) - self.ndim
        return (
            element(self.dtype, part) if np.ndim(part) == inner else array(part, dtype=self.dtype, device=self.device)
        )

    def contiguous(self) -> array:
        """The chosen elements as an array of their own."""
        out = empty(self.shape, self.dtype, self.device, self.requires_grad)
        copy_elements(out, self)
        return out

    def to(self, device: Any) -> Any:
        from engine.device import get_device

        return self if get_device(device) == self.device else self.contiguous().to(device)

    def assign(self, source: Any) -> indexedarray:
        """Sets the chosen elements from an array, NumPy array or list of the same shape."""
        if not isinstance(source, (array, indexedarray)):
            source = array(numbers(source), dtype=self.dtype, device=self.device)
        copy_elements(self, source)
        return self

    def zero_(self) -> None:
        self.fill_(0)

    def fill_(self, value: Any) -> None:
        """Sets every chosen element to `value`."""
        one = empty(1, self.dtype, self.device)
        one.fill_(value)
        if self.size:
            from engine import indexed_copy

            indexed_copy.fill(self, one)

    fill = fill_

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        return (
            f"indexedarray(shape={self.shape}, dtype={T.type_name(self.dtype)}, device={self.device})\n{self.numpy()}"
        )


def copy_elements(dest: Any, src: Any) -> None:
    """Copies all elements between arrays of one shape, either of which may be indexed; a kernel does it."""
    if dest.dtype is not src.dtype or tuple(dest.shape) != tuple(src.shape):
        raise EngineError(
            f"copy: got {T.type_name(src.dtype)} of shape {tuple(src.shape)} into {T.type_name(dest.dtype)} of shape "
            f"{tuple(dest.shape)}; an indexed array takes elements of the same type and shape"
        )
    if not dest.size:
        return
    if dest.device.is_cpu and src.device.is_cpu and recording() is None and active_tape() is None:
        values = src.numpy()
        if isinstance(dest, indexedarray):
            dest.data._data[dest._grid()] = values
        else:
            dest._data[...] = values
        return
    from engine import indexed_copy

    indexed_copy.copy(dest, src)


class _IndexedArrayOf:
    """`indexedarray1d` … `indexedarray4d`: constructors and annotations."""

    def __init__(self, ndim: int):
        self.ndim, self.__name__ = ndim, f"indexedarray{ndim}d"
        self.__doc__ = f"`indexedarray` of {ndim} dimensions; as an annotation or with data."

    def __getitem__(self, dtype: Any) -> IndexedArrayType:
        return IndexedArrayType(dtype, self.ndim)

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if not args and set(kw) <= {"dtype"}:
            return IndexedArrayType(kw.get("dtype", Any), self.ndim)
        return indexedarray(*args, ndim=self.ndim, **kw)

    def __repr__(self) -> str:
        return self.__name__


indexedarray1d, indexedarray2d, indexedarray3d, indexedarray4d = map(_IndexedArrayOf, range(1, MAX_DIMS + 1))
