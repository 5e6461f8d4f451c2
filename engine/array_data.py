"""Python data as NumPy arrays: shapes, elements, dtype inference, components in trailing dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import types as T
from engine.brain_float import from_bits, is_numpy_type, to_bits
from engine.errors import EngineError, EngineValueError


def tail(dtype: Any) -> tuple[int, ...]:
    """The trailing dimensions that hold the components of an element."""
    return () if dtype.kind in ("scalar", "struct") else dtype.shape


def element_type(dtype: Any) -> Any:
    """`dtype` as an element type of arrays; raises EngineError if it is none."""
    t = T.as_type(dtype)
    if getattr(t, "kind", "array") == "array":
        raise EngineError(f"array: got dtype {T.type_name(t)}; expected a type such as float, int, vec3 or a struct")
    return t


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of sizes; raises EngineError for anything else."""
    try:
        sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        out = tuple(int(s) for s in sizes)
        fits = all(s == o and o >= 0 for s, o in zip(sizes, out)) and 1 <= len(out) <= 4
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise EngineValueError(f"array: got shape {shape}; expected 1 to 4 non-negative integers")
    return out


def element(dtype: Any, value: Any) -> Any:
    """One element, given as NumPy data, as a Python value."""
    if dtype.kind == "struct":
        return dtype.from_numpy(value)
    if dtype.scalar is T.bfloat16:
        value = from_bits(value if np.asarray(value).dtype == np.uint16 else np.asarray(value).view(np.uint16))
    if dtype.kind == "scalar":
        return value.item() if hasattr(value, "item") else value
    return dtype(*np.ravel(value).tolist())


def numbers(value: Any) -> Any:
    """An element, array or NumPy data as something NumPy can assign from."""
    if hasattr(value, "numpy") and hasattr(value, "dtype"):
        return value.numpy()
    if isinstance(value, T.Composite):
        return np.array(value._values).reshape(value.shape)
    if hasattr(type(value), "__engine_struct__"):
        return type(value).__engine_struct__.to_numpy(value)
    if isinstance(value, (list, tuple)):
        return np.array([numbers(v) for v in value])
    return np.asarray(value) if hasattr(value, "__array_interface__") else value


def storable(dtype: Any, values: Any) -> Any:
    """NumPy data as elements of `dtype` lie in memory: numbers of bfloat16 as bits."""
    if dtype.kind == "struct" or dtype.scalar is not T.bfloat16:
        return values
    values = np.asarray(values)
    if values.dtype == np.uint16:  # bits already
        return values
    return values.view(np.uint16) if is_numpy_type(values.dtype) else to_bits(values)


def values_of(data: Any, dtype: Any, ndim: int | None) -> tuple[np.ndarray, Any]:
    """`data` as a NumPy array with the components of `dtype` in its trailing dimensions; Any infers the type."""
    dtype = dtype if dtype is Any else element_type(dtype)
    if not isinstance(data, np.ndarray):
        data, found = _from_sequence(data)
        dtype = found if dtype is Any and found is not None else dtype
    if dtype is Any:
        dtype = T.bfloat16 if is_numpy_type(data.dtype) else T.as_type(data.dtype)
        if not isinstance(dtype, T.ScalarType):
            raise EngineError(f"array: NumPy dtype {data.dtype} has no engine type; give dtype=")
    if dtype.kind == "struct":
        if data.dtype != dtype.np_dtype:
            raise EngineError(f"array: got data of NumPy dtype {data.dtype}; expected that of struct {dtype.name}")
        return data if data.ndim else data.reshape(1), dtype
    if is_numpy_type(data.dtype):
        data = data.view(np.uint16) if dtype.scalar is T.bfloat16 else data.astype(np.float32)
    elif dtype.scalar is T.bfloat16 and data.dtype != np.uint16 and data.dtype.kind in "biuf":
        data = to_bits(data)
    if data.dtype.kind not in "biuf":
        raise EngineError(f"array: cannot make {T.type_name(dtype)} from data of NumPy dtype {data.dtype}; give dtype=")
    values = _with_components(data.astype(dtype.np_dtype, copy=False), dtype)
    got = values.ndim - len(tail(dtype))
    if ndim is not None and got != ndim:
        raise EngineError(f"array: got {got} dimensions; expected {ndim}")
    return values, dtype


def _from_sequence(data: Any) -> tuple[np.ndarray, Any]:
    """A list or scalar as a NumPy array, and the element type that its items say, or None."""
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    struct = getattr(type(first), "__engine_struct__", None)
    try:
        if struct is not None:
            items = data if isinstance(data, (list, tuple)) else [data]
            out = np.zeros(len(items), dtype=struct.np_dtype)
            for k, item in enumerate(items):
                out[k] = struct.to_numpy(item)
            return out, struct
        values = np.asarray(numbers(data))
    except (ValueError, TypeError, AttributeError) as error:
        raise EngineError(f"array: the data is not a regular grid of numbers: {error}") from None
    if isinstance(first, T.Composite):
        return values, type(first)
    if isinstance(first, np.generic):
        return values, None
    # plain Python numbers: float is float32 and int is int32, as in kernels
    return values, {np.dtype(np.float64): T.float32, np.dtype(np.int64): T.int32}.get(values.dtype)


def _with_components(values: np.ndarray, dtype: Any) -> np.ndarray:
    """`values` with exactly the trailing dimensions of `dtype`, and at least one before them."""
    inner = tail(dtype)
    if values.size == 0 and inner and values.ndim < 1 + len(inner):
        return values.reshape((0, *inner))
    if inner and values.shape[values.ndim - len(inner) :] != inner:
        if values.ndim and values.shape[-1] == dtype.count:
            values = values.reshape(values.shape[:-1] + inner)
        elif values.size % dtype.count == 0 and values.ndim == 1:
            values = values.reshape((-1, *inner))
        elif len(inner) == 1 and values.ndim > 1 and values.shape[-1] == 1 and values.shape[-2] == dtype.count:
            values = values.reshape(values.shape[:-1])  # columns
        elif len(inner) == 1 and values.ndim and values.shape[-1] and values.shape[-1] % dtype.count == 0:
            values = values.reshape((*values.shape[:-1], -1, *inner))  # several elements in a row
        else:
            expected = f"(..., {', '.join(map(str, inner))})"
            raise EngineError(f"array: got data of shape {values.shape}; expected {expected} for {T.type_name(dtype)}")
    return values.reshape((1, *values.shape)) if values.ndim == len(inner) else values
