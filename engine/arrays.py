"""Typed N-d arrays, and how they are made, viewed and copied."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from engine import brain_float
from engine import types as T
from engine.array_data import as_shape, element, element_type, numbers, storable, tail, values_of
from engine.capture import record_copy, record_fill, refuse_host_write
from engine.device import Device, get_device, is_cuda_available
from engine.errors import EngineError, EngineValueError
from engine.taping import active_tape, note_write, watching

MAX_DIMS = 4
_SHORT_ROW = 16  # rows of N-d arrays up to this length are compiled in, so that strides are constants


class ArrayType:
    """The type of an array parameter: element type and number of dimensions."""

    kind = "array"
    kind_is_array = True
    scalar = T.pointer

    def __init__(self, dtype: Any, ndim: int = 1):
        self.dtype, self.ndim = (dtype if dtype is Any else T.as_type(dtype)), int(ndim)
        self.count = 1 + 2 * self.ndim  # address, shape, strides
        self.size, self.align = 8 * self.count, 8

    @property
    def name(self) -> str:
        return f"array{self.ndim}d({T.type_name(self.dtype)})"

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and (self.dtype, self.ndim) == (other.dtype, other.ndim)

    def __hash__(self) -> int:
        return hash((id(self.dtype), self.ndim))


class FixedArrayType(ArrayType):
    """The type of a local array, whose shape is part of it. Functions return such arrays by value."""

    def __init__(self, dtype: Any, shape: Any):
        self.shape = as_shape(shape)
        super().__init__(dtype, len(self.shape))

    @property
    def name(self) -> str:
        return f"fixedarray({T.type_name(self.dtype)}, {self.shape})"

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and (self.dtype, self.shape) == (other.dtype, other.shape)

    def __hash__(self) -> int:
        return hash((id(self.dtype), self.shape))

    @property
    def plain(self) -> ArrayType:
        """The type of arrays of any shape that may take it."""
        return ArrayType(self.dtype, self.ndim)


class FixedValue:
    """The elements of a local array, as functions return them."""

    kind = "fixed"
    scalar = T.int32

    def __init__(self, array: FixedArrayType):
        self.array, self.dtype = array, array.dtype
        self.elements = math.prod(array.shape)
        self.count = self.elements * self.dtype.count
        self.size, self.align = self.elements * self.dtype.size, self.dtype.align
        self.name = array.name

    def __eq__(self, other) -> bool:
        return isinstance(other, FixedValue) and self.array == other.array

    def __hash__(self) -> int:
        return hash(self.array)


class fixedarray:
    """Annotation of functions that return a local array: `-> fixedarray(dtype=float, shape=(2, 3))`."""

    def __new__(cls, dtype: Any = Any, shape: Any = None):
        if shape is None or dtype is Any:
            raise EngineError("fixedarray: got no shape or dtype; write fixedarray(dtype=float, shape=(2, 3))")
        return FixedArrayType(dtype, shape)


def _allocate(shape: tuple[int, ...], dtype: Any, device: Device, pinned: bool = False) -> Any:
    full = shape + tail(dtype)
    size = math.prod(full) * dtype.np_dtype.itemsize
    raw = _allocate_pinned(size) if pinned else device.memory.allocate(size, False)
    return raw.view(dtype.np_dtype).reshape(full)


def _allocate_strided(shape: tuple, strides: tuple, dtype: Any, device: Device) -> Any:
    """New memory with steps of its own between the elements of each dimension, in bytes."""
    size = sum((n - 1) * s for n, s in zip(shape, strides)) + dtype.size if math.prod(shape) else 0
    inner = np.empty((1, *tail(dtype)), dtype.np_dtype).strides[1:]
    raw = device.memory.allocate(size, False).view(dtype.np_dtype)
    if not size:
        return raw.reshape(shape + tail(dtype))
    return device.memory.strided(raw, shape + tail(dtype), (*strides, *inner))


def _allocate_pinned(size: int) -> np.ndarray:
    from engine.cuda.memory import allocate_pinned

    return allocate_pinned(size)


def _foreign(ptr: int, capacity: int, shape: tuple, strides: Any, dtype: Any, owner: Any, device: Device) -> Any:
    """Array contents over memory that is not ours; whoever holds them holds `owner`."""
    step, packed = dtype.np_dtype.itemsize, []
    for extent in reversed(shape + tail(dtype)):
        packed.insert(0, step)
        step *= extent
    steps = packed if strides is None else [*as_shape(strides), *packed[len(shape) :]]
    reach = sum((n - 1) * s for n, s in zip(shape + tail(dtype), steps)) + dtype.np_dtype.itemsize
    if device.is_cuda:
        base = device.memory.at(ptr, max(reach, capacity), owner)
        places = np.ndarray(shape + tail(dtype), dtype.np_dtype, base, strides=tuple(steps))
        return device.memory.wrap(places)
    buffer = (ctypes.c_uint8 * max(reach, capacity)).from_address(ptr)
    buffer.owner = owner
    return np.ndarray(shape + tail(dtype), dtype.np_dtype, buffer, strides=tuple(steps))


def _is_dense(shape: tuple[int, ...], strides: tuple[int, ...], step: int) -> bool:
    """Whether elements of `step` bytes lie in memory row by row without gaps."""
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent > 1 and stride != step:
            return False
        step *= extent
    return True


class Arithmetic:
    """Operators on whole arrays, element by element as in kernels."""

    __array_priority__ = 1000  # so that a NumPy scalar plus an array comes to the array

    def __add__(self, o):
        return _operate("add", self, o)

    def __radd__(self, o):
        return _operate("add", o, self)

    def __sub__(self, o):
        return _operate("sub", self, o)

    def __rsub__(self, o):
        return _operate("sub", o, self)

    def __mul__(self, o):
        return _operate("mul", self, o)

    def __rmul__(self, o):
        return _operate("mul", o, self)

    def __truediv__(self, o):
        return _operate("div", self, o)

    def __rtruediv__(self, o):
        return _operate("div", o, self)

    def __floordiv__(self, o):
        return _operate("floordiv", self, o)

    def __rfloordiv__(self, o):
        return _operate("floordiv", o, self)

    def __mod__(self, o):
        return _operate("mod", self, o)

    def __rmod__(self, o):
        return _operate("mod", o, self)

    def __pow__(self, o):
        return _operate("pow", self, o)

    def __rpow__(self, o):
        return _operate("pow", o, self)

    def __iadd__(self, o):
        return _change("add", self, o)

    def __isub__(self, o):
        return _change("sub", self, o)

    def __imul__(self, o):
        return _change("mul", self, o)

    def __itruediv__(self, o):
        return _change("div", self, o)

    def __ifloordiv__(self, o):
        return _change("floordiv", self, o)

    def __imod__(self, o):
        return _change("mod", self, o)

    def __ipow__(self, o):
        return _change("pow", self, o)

    def __neg__(self):
        return _operate("neg", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return _operate("abs", self)


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
                self._data = _allocate(head, self.dtype, self.device, self.pinned)
                self.device.memory.write(self._data, values)
        else:
            self.dtype = element_type(dtype)
            shape = as_shape(shape if shape is not None else length)
            if ptr is not None and math.prod(shape):
                self._data = _foreign(ptr, capacity, shape, strides, self.dtype, owner, self.device)
            elif strides is not None:
                self._data = _allocate_strided(shape, as_shape(strides), self.dtype, self.device)
            else:
                self._data = _allocate(shape, self.dtype, self.device, self.pinned)
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
        self.is_contiguous = self.size == 0 or _is_dense(self.shape, self.strides, self.dtype.size)
        #: what a kernel receives: address, shape, strides in bytes
        self._slots = (self.ptr, *self.shape, *self.strides)
        #: length of rows that is compiled in, 0 if none is; the layout that kernels are compiled for; memory from, to
        self._row = self.shape[-1] if self.ndim > 1 and self.shape[-1] <= _SHORT_ROW else 0
        self._layout = (self.dtype, self.ndim, self.is_contiguous, self._row, self.device.ordinal)
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
        return _is_dense(self._data.shape[first:], self._data.strides[first:], self._data.itemsize)

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
        flat = self.numpy().reshape((self.size, *tail(self.dtype)))
        if self.dtype.kind == "scalar":
            return flat.tolist()
        return [element(self.dtype, row) for row in flat]

    def assign(self, source: Any) -> array:
        """Copies `source` (array, NumPy array or list of the same shape) into this array."""
        if isinstance(source, array) and source.dtype.np_dtype == self.dtype.np_dtype and source.size == self.size:
            copy(self, source)
            return self
        self._keep(source)
        values = storable(self.dtype, np.asarray(numbers(source)))
        _note_write(self, source)
        refuse_host_write(self.device, "assign() from Python data")
        if values.size != self._data.size:
            raise EngineError(f"array.assign: got shape {values.shape}; expected {self._data.shape}")
        self.device.memory.write(self._data, values.reshape(self._data.shape))
        return self

    def zero_(self) -> None:
        """Sets every element to zero."""
        _note_write(self)
        if not record_fill(self, 0):
            self.device.memory.zero(self._data)

    def fill_(self, value: Any) -> None:
        """Sets every element to `value`."""

        self._keep(value)
        value = self._fillable(value)
        _note_write(self)
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
        _note_write(self, value, index)
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
        return self if self.is_contiguous else clone(self)

    def view(self, dtype: Any) -> array:
        """The same memory seen as elements of another type.

        A type of the same size keeps the shape. A vector type may be taken apart into scalars, and scalars put together
        into vectors, along a last dimension of that length.
        """
        dtype = T.as_type(dtype)
        if not self.is_contiguous:
            return clone(self).view(dtype)
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
        return self if get_device(device) == self.device else clone(self, device)

    def astype(self, dtype: Any) -> array:
        """A copy with numbers of another type."""
        if self.device.is_cuda and self.dtype.kind != "struct":
            out = array(shape=self.shape, dtype=dtype, device=self.device)
            _convert(self.contiguous(), out)
        else:
            out = array(self._numbers(), dtype=dtype, device=self.device)
        _note_write(out, self)
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


def _operate(name: str, *operands: Any) -> Any:
    """A builtin on every element of arrays; with NumPy arrays NumPy computes."""
    if any(isinstance(o, np.ndarray) for o in operands):
        return getattr(np, _NUMPY_NAMES.get(name, name))(
            *(o.numpy() if isinstance(o, Arithmetic) else o for o in operands)
        )
    from engine.elementwise import map
    from engine.library.registry import BUILTINS

    like = next(o for o in operands if isinstance(o, Arithmetic))
    return map(BUILTINS[name], *(_adapted(o, like) for o in operands))


def _adapted(operand: Any, like: Any) -> Any:
    """A plain number as one of the array's scalar type, if it is one; else the operand itself."""
    if type(operand) not in (int, float) or like.dtype.kind == "struct":
        return operand
    scalar = like.dtype.scalar
    fits = scalar.is_float or (scalar.is_int and type(operand) is int and scalar.low <= operand <= scalar.high)
    return scalar(operand) if fits else operand


def _change(name: str, place: Any, operand: Any) -> Any:
    """A builtin on every element of an array and an operand, stored into that array."""
    from engine.elementwise import map
    from engine.library.registry import BUILTINS

    if isinstance(operand, np.ndarray) and operand.ndim:
        operand = array(operand, dtype=place.dtype, device=place.device)
    map(BUILTINS[name], place, _adapted(operand, place), out=place)
    return place


_NUMPY_NAMES = {"sub": "subtract", "mul": "multiply", "div": "divide", "floordiv": "floor_divide", "mod": "fmod",
                "pow": "power", "neg": "negative", "abs": "absolute"}  # fmt: skip


def _note_write(dest: array, source: Any = None, index: Any = ...) -> None:
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


def empty(
    shape: Any = None,
    dtype: Any = float,
    device: Any = None,
    requires_grad: bool = False,
    length: Any = None,
    pinned: bool = False,
    **kw,
) -> array:
    """Array of `shape` with unspecified contents."""
    if shape is None:
        shape = length if length is not None else kw.get("n", 0)
    retain, strides = bool(kw.get("retain_grad", False)), kw.get("strides")
    kinds = {"requires_grad": requires_grad, "retain_grad": retain, "pinned": pinned}
    return array(shape=shape, dtype=dtype, strides=strides, device=device, **kinds)


def zeros(
    shape: Any = None, dtype: Any = float, device: Any = None, requires_grad: bool = False, length: Any = None, **kw
) -> array:
    """Array of `shape` filled with zeros."""
    out = empty(shape, dtype, device, requires_grad, length, **kw)
    out.device.memory.zero(out._data)
    record_fill(out, 0)
    return out


def full(
    shape: Any = None,
    value: Any = 0,
    dtype: Any = Any,
    device: Any = None,
    requires_grad: bool = False,
    length: Any = None,
    **kw,
) -> array:
    """Array of `shape` with every element equal to `value`; its type tells the dtype if none is given."""
    if dtype is Any and isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value):
        grid = values_of(value, Any, None)
        dtype = T.type_for_shape(grid[0].shape, grid[1])  # a vector or matrix for each element
    if dtype is Any:
        known = isinstance(value, (T.Composite, bool, int, float)) and not isinstance(value, np.generic)
        dtype = type(value) if known or hasattr(type(value), "__engine_struct__") else np.asarray(value).dtype
    return _filled(empty(shape, dtype, device, requires_grad, length, **kw), value)


def _filled(out: array, value: Any) -> array:
    """`out` with its first contents: there now, and again in every run of a graph that makes the array."""
    value = out._fillable(value)
    out.device.memory.fill(out._data, value)
    record_fill(out, value)
    return out


def ones(
    shape: Any = None, dtype: Any = float, device: Any = None, requires_grad: bool = False, length: Any = None, **kw
) -> array:
    """Array of `shape` filled with ones."""
    return full(shape, 1, dtype, device, requires_grad, length, **kw)


def _like(src: array, device, requires_grad, pinned: bool | None = None) -> array:
    wanted = src.requires_grad if requires_grad is None else requires_grad
    pinned = getattr(src, "pinned", False) if pinned is None else pinned
    return array(shape=src.shape, dtype=src.dtype, device=device or src.device, requires_grad=wanted, pinned=pinned)


def empty_like(src: array, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None) -> array:
    """Array of the shape and type of `src` with unspecified contents."""
    return _like(src, device, requires_grad, pinned)


def zeros_like(src: array, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None) -> array:
    """Array of the shape and type of `src` filled with zeros."""
    wanted = src.requires_grad if requires_grad is None else requires_grad
    pinned = getattr(src, "pinned", False) if pinned is None else pinned
    return zeros(src.shape, src.dtype, device or src.device, wanted, pinned=pinned)


def ones_like(src: array, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None) -> array:
    """Array of the shape and type of `src` filled with ones."""
    return full_like(src, 1, device, requires_grad, pinned)


def full_like(
    src: array, value: Any, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None
) -> array:
    """Array of the shape and type of `src` with every element equal to `value`."""
    return _filled(_like(src, device, requires_grad, pinned), value)


def clone(src: array, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None) -> array:
    """A packed copy of `src`."""
    out = _like(src, None if type(src) is not array else device, requires_grad, pinned)
    copy(out, src)
    return out if device is None or get_device(device) == out.device else clone(out, device)


def copy(
    dest: array, src: array, dest_offset: int = 0, src_offset: int = 0, count: int = 0, stream: Any = None
) -> None:
    """Copies `count` elements (0: as many as `src` has), offsets in elements; raises EngineError if they do not fit.

    Between pinned host memory and a GPU, both contiguous, the copy runs on `stream` (the current one if None) while
    the host goes on: synchronise before reading the destination or changing the source. Other copies from or to the
    host have finished when this returns.
    """
    if not (isinstance(dest, array) and isinstance(src, array)):
        _copy_indexed(dest, src, dest_offset or src_offset or count)
        return
    if dest.dtype.np_dtype != src.dtype.np_dtype:
        raise EngineError(
            f"copy: the arrays do not fit: destination dtype={T.type_name(dest.dtype)}, source "
            f"dtype={T.type_name(src.dtype)}; convert one, e.g. with astype()"
        )
    _check_range(dest_offset, src_offset, count)
    if dest_offset or src_offset or count or src.size < dest.size:
        count = count or src.size - src_offset
        if src_offset + count > src.size:
            raise EngineError(
                f"copy: {count} elements from offset {src_offset} do not fit the {src.size} of the source"
            )
        if dest_offset + count > dest.size:
            raise EngineError(
                f"copy: {count} elements at offset {dest_offset} do not fit the {dest.size} of the destination"
            )
        dest, src = _span(dest, dest_offset, count), _span(src, src_offset, count)
    if dest.size != src.size or (dest.shape != src.shape and not (dest.is_contiguous and src.is_contiguous)):
        raise EngineError(
            f"copy: the arrays do not fit: destination shape={dest.shape}, source shape={src.shape}; "
            "give count= or arrays of one shape"
        )
    _note_write(dest, src)
    if stream is not None:
        from engine.streams import ScopedStream

        with ScopedStream(stream, sync_enter=False):
            _transfer(dest, src)
    else:
        _transfer(dest, src)


def _transfer(dest: array, src: array) -> None:
    """Moves contents between arrays that fit each other, each on any device."""
    to, come = dest.device, src.device
    if dest.dtype.kind == "struct":
        from engine.held_arrays import held_arrays, hold

        hold(dest, held_arrays(src))
    if record_copy(dest, src):
        return
    dense = dest.is_contiguous and src.is_contiguous
    for graph in (*to.captures, *come.captures):
        graph.keep.append((dest, src))
    if to.is_cuda and come.is_cuda:
        source = src._data if src.shape == dest.shape else src._data.reshape(dest._data.shape)
        to.memory.copy(dest._data, source, come)
    elif to.is_cuda and src.pinned and dense:
        to.memory.write_from(dest._data, src._data)
    elif come.is_cuda and dest.pinned and dense:
        come.memory.read_into(dest._data, src._data)
    else:
        refuse_host_write(to, "a copy from ordinary host memory")
        to.memory.write(dest._data, come.memory.read(src._data).reshape(dest._data.shape))


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


def _copy_indexed(dest: Any, src: Any, part: Any) -> None:
    from engine.indexed_arrays import copy_elements, indexedarray

    for name, a in (("destination", dest), ("source", src)):
        if not isinstance(a, (array, indexedarray)):
            raise EngineError(f"copy: the {name} is {type(a).__name__}; expected an array")
    if part:
        raise EngineError(
            "copy: offsets and count need arrays without indices; call contiguous() on indexed or other views"
        )
    if dest.device != src.device:
        src = clone(src, dest.device)
    copy_elements(dest, src)


def _check_range(dest_offset: Any, src_offset: Any, count: Any) -> None:
    given = {"Destination offset": dest_offset, "Source offset": src_offset, "count": count}
    if not all(isinstance(v, (int, np.integer)) for v in given.values()):
        raise EngineError(f"copy: offsets and count must be integers, got {', '.join(map(str, given.values()))}")
    for name, v in given.items():
        if v < 0:
            raise EngineError(f"copy: {name} must be non-negative, got {v}")


def _span(a: array, first: int, count: int) -> array:
    """`count` elements of an array from `first` on, as a view; of a strided array of one dimension only."""
    if a.ndim > 1 and not a.is_contiguous:
        raise EngineError(
            f"copy: offsets and counts of strided arrays are only supported for 1-D ones, got shape {a.shape}; copy "
            "whole rows, or call contiguous() first"
        )
    return (a if a.ndim == 1 else a.flatten())[first : first + count]


def from_ptr(ptr: int, length: int, dtype: Any = Any, shape: Any = None, device: Any = None) -> array:
    """Array over memory that something else owns, and keeps alive; `array(ptr=…, shape=…)` says the same."""
    return array(ptr=ptr, shape=(length,) if shape is None else shape, dtype=dtype, device=device)


def from_numpy(
    arr: np.ndarray, dtype: Any = Any, shape: Any = None, device: Any = None, requires_grad: bool = False
) -> array:
    """Array over the memory of a NumPy array (copied only where type or layout do not fit)."""
    dtype = Any if dtype is None else dtype
    return array(arr, dtype=dtype, shape=shape, device=device, copy=False, requires_grad=requires_grad)
