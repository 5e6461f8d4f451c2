"""New arrays: empty, filled, like others, over memory that exists."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import types as T
from engine.array_data import values_of
from engine.arrays import array
from engine.capture import record_fill


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


def like(src: array, device, requires_grad, pinned: bool | None = None) -> array:
    wanted = src.requires_grad if requires_grad is None else requires_grad
    pinned = getattr(src, "pinned", False) if pinned is None else pinned
    return array(shape=src.shape, dtype=src.dtype, device=device or src.device, requires_grad=wanted, pinned=pinned)


def empty_like(src: array, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None) -> array:
    """Array of the shape and type of `src` with unspecified contents."""
    return like(src, device, requires_grad, pinned)


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
    return _filled(like(src, device, requires_grad, pinned), value)


def from_ptr(ptr: int, length: int, dtype: Any = Any, shape: Any = None, device: Any = None) -> array:
    """Array over memory that something else owns, and keeps alive; `array(ptr=…, shape=…)` says the same."""
    return array(ptr=ptr, shape=(length,) if shape is None else shape, dtype=dtype, device=device)


def from_numpy(
    arr: np.ndarray, dtype: Any = Any, shape: Any = None, device: Any = None, requires_grad: bool = False
) -> array:
    """Array over the memory of a NumPy array (copied only where type or layout do not fit)."""
    dtype = Any if dtype is None else dtype
    return array(arr, dtype=dtype, shape=shape, device=device, copy=False, requires_grad=requires_grad)
