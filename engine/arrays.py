"""Typed N-d arrays and their views."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import brain_float
from engine import types as T
from engine.array_arithmetic import Arithmetic
from engine.array_data import as_shape, element, element_type, numbers, storable, tail, values_of
from engine.array_layout import shared_layout
from engine.array_memory import allocate, allocate_strided, is_dense, memory_elsewhere
from engine.array_types import MAX_DIMS, ArrayType
from engine.capture import record_fill, refuse_host_write
from engine.device import Device, get_device, is_cuda_available
from engine.errors import EngineError, EngineValueError
from engine.taping import active_tape, note_write, watching

_SHORT_ROW = 16  # rows of N-d arrays up to this length are compiled in, so that strides are constants


class array(Arithmetic):
    """A typed array of 1 to 4 dimensions, of scalars, vectors, matrices, quaternions, transforms or structs.

    `array(data, dtype=vec3)` copies data (NumPy array, list or other array); `copy=False` shares a NumPy array's memory.
    `array(dtype=vec3)` and `array2d(dtype=float)` without data are the annotations of kernel parameters.

    Attributes:
        dtype: element type.   shape, ndim, size: in elements.   strides: in bytes.   ptr: address of element 0.
        pinned: whether it is host memory that GPUs copy to and from while the host goes on.
        grad: array of gradients where `requires_grad` was asked for, else None.
        retain_grad: whether `grad` is left by a tape as the gradient of the contents after the last write on it, where
            it would otherwise be that of the contents before the first.
    """

    deleter = None  # memory is freed with its owner, never by a function; here for programs that ask

    # an array annotation is an instance too, so that array(dtype=...) reads the same in both places
    def __new__(cls, data: Any = None, dtype: Any = Any, shape: Any = None, *args, ndim: int | None = None, **kw):
        if data is None and shape is None and kw.get("ptr") is None and not kw.get("length"):
            return ArrayType(dtype, ndim or 1)
        return super().__new__(cls)

    def __class_getitem__(cls, dtype):
        dtype, ndim = dtype if isinstance(dtype, tuple) else (dtype, 1)
        return ArrayType(dtype, ndim if isinstance(ndim, int) else ndim.__args__[0])

    def __init__(
        self,
        data: Any = None,
        dtype: Any = Any,
        shape: Any = None,
        strides: Any = None,
        length: int = 0,
        ptr: int | None = None,
        capacity: int = 0,
        device: Any = None,
        copy: bool = True,
        ndim: int | None = None,
        requires_grad: bool = False,
        owner: Any = None,
        retain_grad: bool = False,
        pinned: bool = False,
    ):
        self.device: Device = get_device(device)
        #: asked for without a GPU it is ordinary memory, which then serves as well
        self.pinned = bool(pinned) and self.device.is_cpu and is_cuda_available()
        if data is not None and hasattr(data, "__cuda_array_interface__") and not isinstance(data, array):
            data = _over_cuda_memory(data, dtype)
            if not copy and data.device == self.device:
                ptr, shape, strides, dtype, owner, data = data.ptr, data.shape, data.strides, data.dtype, data, None
        if data is not None:
            if isinstance(data, array):
                data, dtype = data._numbers(), data.dtype if dtype is Any else dtype
            values, self.dtype = values_of(data, dtype, ndim)
            if shape is not None:
                values = self._reshaped(values, as_shape(shape) + tail(self.dtype))
            self._data = values
            if (
                copy
                or self.pinned
                or not self.device.is_cpu
                or not values.flags.writeable
                or not self._components_adjoin()
            ):
                head = values.shape[: values.ndim - len(tail(self.dtype))]
                self._data = allocate(head, self.dtype, self.device, self.pinned)
                self.device.memory.write(self._data, values)
        else:
            self.dtype = element_type(dtype)
            shape = as_shape(shape if shape is not None else length)
            if ptr is not None and math.prod(shape):
                self._data = memory_elsewhere(ptr, capacity, shape, strides, self.dtype, owner, self.device)
            elif strides is not None:
                self._data = allocate_strided(shape, as_shape(strides), self.dtype, self.device)
            else:
                self._data = allocate(shape, self.dtype, self.device, self.pinned)
        self._owner = owner
        self._keep(data)
        self._bind()
        self.grad: array | None = None
        self._requires_grad = self._retain_grad = False
        self.requires_grad = requires_grad
        if retain_grad:
            self.retain_grad = True

    def _keep(self, value: Any) -> None:
        """Keeps alive what structs in `value` refer to: an element holds addresses only."""
        if self.dtype.kind == "struct" and isinstance(value, (list, tuple)):
            for item in value:
                self._keep(item)
        elif hasattr(type(value), "__engine_struct__"):
            from engine.held_arrays import hold

            hold(self, self.dtype.arrays(value))

    @classmethod
    def _view(cls, data: np.ndarray, dtype: Any, device: Device, owner: Any = None) -> array:
        out = object.__new__(cls)
        out.device, out.dtype, out._data, out._owner = device, dtype, data, owner
        out.grad, out._requires_grad, out._retain_grad = None, False, False
        out.pinned = getattr(owner, "pinned", False)
        out._bind()
        return out

    def _view_with_gradient(self, data: np.ndarray, same_part: Any) -> array:
        """A view of this array's memory whose gradient is the same part of this array's gradient."""
        out = array._view(data, self.dtype, self.device, self)
        if self._requires_grad and self.grad is not None:
            out.grad, out._requires_grad = same_part(self.grad), True
        return out

    def _bind(self) -> None:
        data = self._data
        self.ndim = data.ndim - len(tail(self.dtype))
        if not 1 <= self.ndim <= MAX_DIMS:
            raise EngineError(f"array: got {self.ndim} dimensions; expected 1 to {MAX_DIMS}")
        if not self._components_adjoin():
            raise EngineError(
                f"array: the components of each {T.type_name(self.dtype)} must lie side by side in memory"
            )
        self.shape = data.shape[: self.ndim]
        self.strides = data.strides[: self.ndim]
        self.size = math.prod(self.shape)
        self.ptr = data.ctypes.data
        self.is_contiguous = self.size == 0 or is_dense(self.shape, self.strides, self.dtype.size)
        #: what a kernel receives: address, shape, strides in bytes
        self._slots = (self.ptr, *self.shape, *self.strides)
        #: length of rows that is compiled in, 0 if none is; the layout that kernels are compiled for; memory from, to
        self._row = self.shape[-1] if self.ndim > 1 and self.shape[-1] <= _SHORT_ROW else 0
        self._layout = shared_layout((self.dtype, self.ndim, self.is_contiguous, self._row, self.device.ordinal))
        self._span = self._memory_span()

    @property
    def capacity(self) -> int:
        """Bytes from the first element to the end of the last."""
        low, high = self._span
        return high - low

    def _memory_span(self) -> tuple[int, int]:
        if self.size == 0:
            return 0, 0
        if self.is_contiguous:
            return self.ptr, self.ptr + self.size * self.dtype.size
        reach = [(n - 1) * step for n, step in zip(self.shape, self.strides)]
        low = self.ptr + sum(r for r in reach if r < 0)
        return low, self.ptr + sum(r for r in reach if r > 0) + self.dtype.size

    def _components_adjoin(self) -> bool:
        first = self._data.ndim - len(tail(self.dtype))
        return is_dense(self._data.shape[first:], self._data.strides[first:], self._data.itemsize)

    @staticmethod
    def _reshaped(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return values.reshape(shape)
        except ValueError as error:
            raise EngineError(f"array: {error}") from None

    # gradients -------------------------------------------------------------------------------------------------
    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self._requires_grad = bool(wanted)
        if wanted and self.grad is None:
            from engine.array_making import zeros

            self.grad = zeros(self.shape, self.dtype, self.device)
        elif not wanted:
            self.grad, self._retain_grad = None, False

    @property
    def retain_grad(self) -> bool:
        return self._retain_grad

    @retain_grad.setter
    def retain_grad(self, wanted: bool) -> None:
        if wanted and not self._requires_grad:
            raise EngineValueError(
                "array: retain_grad=True needs an array with a gradient; give requires_grad=True too"
            )
        self._retain_grad = bool(wanted)

    # contents --------------------------------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """The contents as a NumPy array (components in trailing dimensions): shared on the CPU, a copy from CUDA."""
        found = self.device.memory.read(self._data)
        return brain_float.shown(found) if self._is_brain else found

    def _numbers(self) -> np.ndarray:
        """The contents in a type that NumPy computes with."""
        found = self.device.memory.read(self._data)
        return brain_float.from_bits(found) if self._is_brain else found

    @property
    def _is_brain(self) -> bool:
        return self.dtype.kind != "struct" and self.dtype.scalar is T.bfloat16

    def list(self) -> list:
        """The contents as a flat list of element values."""
        if self.dtype.kind == "scalar":
            return self._numbers().ravel().tolist()
        return [element(self.dtype, row) for row in self.numpy().reshape((self.size, *tail(self.dtype)))]

    def assign(self, source: Any) -> array:
        """Copies `source` (array, NumPy array or list of the same shape) into this array."""
        if isinstance(source, array) and source.dtype.np_dtype == self.dtype.np_dtype and source.size == self.size:
            from engine.array_copies import copy

            copy(self, source)
            return self
        self._keep(source)
        values = storable(self.dtype, np.asarray(numbers(source)))
        note_array_write(self, source)
        refuse_host_write(self.device, "assign() from Python data")
        if values.size != self._data.size:
            raise EngineError(f"array.assign: got shape {values.shape}; expected {self._data.shape}")
        self.device.memory.write(self._data, values.reshape(self._data.shape))
        return self

    def zero_(self) -> None:
        """Sets every element to zero."""
        note_array_write(self)
        if not record_fill(self, 0):
            self.device.memory.zero(self._data)

    def fill_(self, value: Any) -> None:
        """Sets every element to `value`."""
        self._keep(value)
        value = self._fillable(value)
        note_array_write(self)
        if not record_fill(self, value):
            self.device.memory.fill(self._data, value)

    def _fillable(self, value: Any) -> Any:
        """`value` as NumPy data that fits one element: a number, or all components."""
        got = np.asarray(numbers(value))
        inner = tail(self.dtype)
        if got.size == self.dtype.count and got.shape != inner and got.dtype.kind != "V":
            got = got.reshape(inner)
        if got.shape not in ((), inner):
            raise EngineError(f"array.fill_: got {got.size} numbers; expected one, or one {T.type_name(self.dtype)}")
        return storable(self.dtype, got)

    def fill(self, value: Any) -> None:
        self.fill_(value)

    # views -----------------------------------------------------------------------------------------------------
    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        if len(index) > self.ndim:
            raise EngineError(f"array has {self.ndim} dimensions; got {len(index)} indices")
        if any(isinstance(i, (array, np.ndarray, list)) for i in index):
            return self._indexed(index)
        if not self.device.is_cpu and len(index) == self.ndim and all(isinstance(i, (int, np.integer)) for i in index):
            return element(self.dtype, self.device.memory.read(self._data[index])[()])
        part = self._data[index]
        if np.ndim(part) == len(tail(self.dtype)):
            return element(self.dtype, part)
        return self._view_with_gradient(part, lambda gradient: gradient[index])

    def _indexed(self, index: tuple) -> Any:
        """`a[rows, :, k]` where some indices are arrays: those dimensions are seen through them."""
        from engine.indexed_arrays import indexedarray

        chosen = [i if isinstance(i, (array, np.ndarray, list)) else None for i in index]
        part = self[tuple(slice(None) if c is not None else i for c, i in zip(chosen, index))]
        kept = [c for c, i in zip(chosen, index) if not isinstance(i, (int, np.integer))]
        return indexedarray(part, kept)

    def __setitem__(self, index, value):
        refuse_host_write(self.device, "assigning to elements")
        note_array_write(self, value, index)
        self._keep(value)
        try:
            if self.device.is_cpu:
                self._data[index] = storable(self.dtype, numbers(value))
            else:
                self.device.memory.write(self._data[index], storable(self.dtype, numbers(value)))
        except (ValueError, TypeError) as error:
            raise EngineError(f"array: {error}") from None

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def reshape(self, shape: Any) -> array:
        """A view of other shape over the same memory; one size may be -1. Raises EngineError if it does not fit."""
        if not self.is_contiguous:
            raise EngineError("array.reshape: the array is a strided view, not contiguous; call contiguous() first")
        sizes = [int(s) for s in ((shape,) if isinstance(shape, (int, np.integer)) else shape)]
        if sizes.count(-1) == 1:
            known = -math.prod(sizes)
            sizes[sizes.index(-1)] = self.size // known if known else 0
        wanted = as_shape(sizes)
        if math.prod(wanted) != self.size:
            raise EngineError(f"array.reshape: got shape {wanted} for {self.size} elements")
        data = self._data.reshape(wanted + tail(self.dtype))
        return self._view_with_gradient(data, lambda gradient: gradient.reshape(wanted))

    def flatten(self) -> array:
        return self.reshape((self.size,))

    def transpose(self, axes: Any = None) -> array:
        axes = tuple(axes) if axes is not None else tuple(reversed(range(self.ndim)))
        data = self._data.transpose(axes + tuple(range(self.ndim, self._data.ndim)))
        return self._view_with_gradient(data, lambda gradient: gradient.transpose(axes))

    def contiguous(self) -> array:
        """This array if it is contiguous, else a packed copy."""
        from engine.array_copies import clone

        return self if self.is_contiguous else clone(self)

    def view(self, dtype: Any) -> array:
        """The same memory seen as elements of another type.

        A type of the same size keeps the shape. A vector type may be taken apart into scalars, and scalars put together
        into vectors, along a last dimension of that length.
        """
        dtype = T.as_type(dtype)
        if not self.is_contiguous:
            return self.contiguous().view(dtype)
        if dtype.size == self.dtype.size:
            shape = self.shape
        elif dtype.kind == "scalar" and dtype.size == self.dtype.scalar.size and self.dtype.kind != "struct":
            shape = (*self.shape, *tail(self.dtype))
        elif self.dtype is dtype.scalar and self.shape[self.ndim - len(tail(dtype)) :] == tail(dtype):
            shape = self.shape[: self.ndim - len(tail(dtype))]
        else:
            raise EngineError(
                f"array.view: {T.type_name(dtype)} has {dtype.size} bytes, {T.type_name(self.dtype)} {self.dtype.size}"
            )
        flat = self._data.reshape(-1).view(dtype.np_dtype)
        out = array._view(flat.reshape(shape + tail(dtype)), dtype, self.device, self)
        if self.grad is not None and dtype.kind != "struct" and dtype.scalar.is_float:
            out.grad, out._requires_grad = self.grad.view(dtype), True
        return out

    def to(self, device: Any) -> array:
        from engine.array_copies import clone

        return self if get_device(device) == self.device else clone(self, device)

    def astype(self, dtype: Any) -> array:
        """A copy with numbers of another type."""
        if self.device.is_cuda and self.dtype.kind != "struct":
            out = array(shape=self.shape, dtype=dtype, device=self.device)
            _convert(self.contiguous(), out)
        else:
            out = array(self._numbers(), dtype=dtype, device=self.device)
        note_array_write(out, self)
        return out

    # protocols -------------------------------------------------------------------------------------------------
    @property
    def __array_interface__(self) -> dict:
        if not self.device.is_cpu:
            raise AttributeError("an array on a CUDA device has no __array_interface__; use .numpy()")
        return self._data.__array_interface__

    @property
    def __cuda_array_interface__(self) -> dict:
        if not self.device.is_cuda:
            raise AttributeError("an array on the CPU has no __cuda_array_interface__")
        return {
            "shape": self._data.shape,
            "typestr": self._data.dtype.str,
            "data": (self.ptr, False),
            "strides": None if self.is_contiguous else self._data.strides,
            "stream": self.device.stream.cuda_stream or 1,
            "version": 3,
        }

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __dlpack__(self, **kw):
        if self.dtype.kind == "struct" or self.dtype.scalar is T.bfloat16:  # neither NumPy nor its DLPack has them
            raise BufferError(
                f"an array of {T.type_name(self.dtype)} cannot be exported; use to_torch() or array.numpy()"
            )
        if not self.device.is_cpu:
            from engine.interop.cuda_dlpack import export

            return export(self, kw.get("stream"))
        return self._data.__dlpack__(**kw)

    def __dlpack_device__(self):
        return (1, 0) if self.device.is_cpu else (2, self.device.ordinal)

    def __repr__(self) -> str:
        return f"array(shape={self.shape}, dtype={T.type_name(self.dtype)}, device={self.device})\n{self.numpy()}"


def note_array_write(dest: array, source: Any = None, index: Any = ...) -> None:
    """Tells the tape that records, if any, that `dest` (or its part at `index`) is about to be written."""
    tape = active_tape()
    if tape is None:
        if watching:
            note_write(dest.device, *dest._span)
        return
    if not isinstance(source, array):
        tape.record_fill(dest, index)
        return
    part = dest._data[index]
    if isinstance(part, np.ndarray) and not np.may_share_memory(part, dest._data):
        raise EngineError("assigning an array to chosen elements is not recorded on a tape; use a slice, or a kernel")
    tape.record_copy(dest if index is ... else array._view(part, dest.dtype, dest.device, dest), source)


def _convert(source: array, out: array) -> None:
    """Converts numbers where they are; not seen by tapes."""
    from engine.device_algorithms.cast import array_cast
    from engine.taping import NotTaped

    with NotTaped():
        array_cast(source, out)


def _over_cuda_memory(data: Any, dtype: Any) -> array:
    """An array over GPU memory of another library."""
    from engine.foreign import share_cuda

    return share_cuda(data, dtype)


class _ArrayOf:
    """`array1d` … `array4d`: annotations (`array2d(dtype=float)`, `array2d[float]`) and constructors."""

    def __init__(self, ndim: int):
        self.ndim, self.__name__ = ndim, f"array{ndim}d"
        self.__doc__ = f"`array` of {ndim} dimensions; as an annotation or with data."

    def __getitem__(self, dtype: Any) -> ArrayType:
        return ArrayType(dtype, self.ndim)

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if not args and set(kw) <= {"dtype"}:
            return ArrayType(kw.get("dtype", Any), self.ndim)
        return array(*args, ndim=self.ndim, **kw)

    def __repr__(self) -> str:
        return self.__name__


array1d, array2d, array3d, array4d = (_ArrayOf(n) for n in (1, 2, 3, 4))
