"""Engine arrays over memory that another library owns: shared or refused, never copied."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import types as T
from engine.array_types import MAX_DIMS
from engine.arrays import array
from engine.device import get_device
from engine.errors import EngineError


def share(values: np.ndarray, dtype: Any, source: str, remedy: str, scalar: T.ScalarType | None = None) -> array:
    """An array over the memory of `values`, whose trailing dimensions are the components of `dtype`.

    Args:
        values: the foreign memory, seen by NumPy; it is kept alive.
        dtype: element type, or None for the scalar type of `values`.
        source: what `values` was, for messages ("from_torch: a tensor").
        remedy: how to make a copy that fits, for messages ("tensor.contiguous()").
        scalar: type of the numbers where NumPy has none for it (bfloat16).

    Raises:
        EngineError: element type, shape or strides do not fit, so that only a copy could be wrapped.
    """
    return array._view(*_fitted(values, dtype, source, remedy, scalar), get_device("cpu"))


def _fitted(values: np.ndarray, dtype: Any, source: str, remedy: str, scalar: Any) -> tuple[np.ndarray, Any]:
    """`values` with the components of `dtype` in trailing dimensions, and `dtype`; never reads them."""
    scalar = scalar or scalar_type_of(values.dtype, source)
    dtype = scalar if dtype is None or dtype is Any else T.as_type(dtype)
    if getattr(dtype, "kind", None) in (None, "struct", "array"):
        raise EngineError(
            f"{source} cannot be an array of {T.type_name(dtype)}; expected a number, vector or matrix type"
        )
    if dtype.scalar is not scalar:
        if not same_bits(dtype.scalar, scalar):
            raise EngineError(
                f"{source} of {scalar.name} was asked for as {T.type_name(dtype)}; shared memory keeps its type: "
                f"convert the source to {dtype.scalar.name} first, or ask for another dtype"
            )
        values = values.view(dtype.np_dtype)
    values = _with_components(values, dtype, source)
    head = values.ndim - len(dtype.shape)
    if head > MAX_DIMS:
        raise EngineError(f"{source} has {head} dimensions of {T.type_name(dtype)}; expected 1 to {MAX_DIMS}")
    step = values.itemsize
    for extent, stride in zip(reversed(values.shape[head:]), reversed(values.strides[head:])):
        if extent > 1 and stride != step and values.size:
            raise EngineError(
                f"{source} has strides of {values.strides} bytes; the components of each {T.type_name(dtype)} must lie "
                f"side by side in memory; make a packed copy: {remedy}"
            )
        step *= extent
    return values, dtype


def share_cuda(data: Any, dtype: Any, source: str = "", scalar: T.ScalarType | None = None) -> array:
    """An array over the GPU memory of an object with `__cuda_array_interface__`, which it keeps alive.

    The current stream of the device waits for the stream that the object names.

    Raises:
        EngineError: there is no such GPU, or only a copy would fit `dtype`.
    """
    facts = data.__cuda_array_interface__
    source = source or f"a {type(data).__name__} on a GPU"
    shape, number = tuple(facts["shape"]), np.dtype(facts["typestr"])
    pointer = facts["data"][0]
    device = get_device(f"cuda:{_ordinal_of(pointer)}") if pointer else get_device("cuda")
    strides = facts.get("strides")
    if strides is None:
        strides = tuple(int(number.itemsize * np.prod(shape[k + 1 :], dtype=np.int64)) for k in range(len(shape)))
    if any(s < 0 for s in strides):
        raise EngineError(f"{source} has negative strides; pass a packed copy")
    reach = sum((n - 1) * s for n, s in zip(shape, strides)) + number.itemsize if all(shape) else 0
    places = (
        np.ndarray(shape, number, device.memory.at(pointer or 1, reach, data), strides=strides)
        if reach
        else np.empty(shape, number)
    )
    stream = facts.get("stream")
    if stream is not None and int(stream) > 2 and int(stream) != device.stream.cuda_stream and not device.captures:
        from engine.streams import Stream

        device.stream.wait_stream(Stream(device, cuda_stream=int(stream)))
    values, dtype = _fitted(places, dtype, source, "make it contiguous first", scalar)
    return array._view(device.memory.wrap(values), dtype, device, data)


def _ordinal_of(pointer: int) -> int:
    """The CUDA device that memory belongs to."""
    from engine.cuda.driver import binding, call

    get_device("cuda")
    which = binding().CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    return int(call("cuPointerGetAttribute", which, pointer))


def adopt(a: Any, dtype: Any) -> array | None:
    """An array over another library's array or tensor in host memory; None if `a` is no such thing.

    Raises:
        EngineError: it is one, but only a copy would fit `dtype`.
    """
    if type(a).__module__.partition(".")[0] == "torch" and hasattr(a, "detach"):
        from engine.interop.torch import from_torch  # shares the gradient too

        return from_torch(a, dtype)
    if hasattr(a, "__cuda_array_interface__"):
        return share_cuda(a, dtype)
    if hasattr(a, "__array_interface__"):
        return share(np.asarray(a), dtype, f"a {type(a).__name__}", "pass a contiguous copy")
    if hasattr(a, "__dlpack__"):
        from engine.interop.dlpack import from_dlpack

        return from_dlpack(a, dtype)
    return None


def _with_components(values: np.ndarray, dtype: Any, source: str) -> np.ndarray:
    tail = tuple(dtype.shape)
    if values.ndim >= len(tail) and values.shape[values.ndim - len(tail) :] == tail:
        pass
    elif tail and values.ndim and values.shape[-1] == dtype.count:
        values = values.reshape(values.shape[:-1] + tail)
    else:
        wanted = ", ".join(("...", *map(str, tail)))
        raise EngineError(f"{source} has shape {tuple(values.shape)}; expected ({wanted}) for {T.type_name(dtype)}")
    return values[None] if values.ndim == len(tail) else values


def scalar_type_of(dtype: np.dtype, source: str) -> T.ScalarType:
    """The engine type of NumPy numbers; raises EngineError where there is none (complex numbers, text, big endian)."""
    found = T.as_type(dtype)
    if not isinstance(found, T.ScalarType):
        raise EngineError(
            f"{source} of {dtype} has no engine type; expected bool, an integer, float16, float32 or float64"
        )
    return found


def same_bits(a: T.ScalarType, b: T.ScalarType) -> bool:
    """Whether memory of one type may be read as the other: integers of one size, and bool with 8-bit integers."""
    return a is b or (a.size == b.size and not a.is_float and not b.is_float)
