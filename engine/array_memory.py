"""The memory behind arrays: new, with strides of its own, pinned, or somebody else's."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from engine.array_data import as_shape, tail
from engine.device import Device


def allocate(shape: tuple[int, ...], dtype: Any, device: Device, pinned: bool = False) -> Any:
    full = shape + tail(dtype)
    size = math.prod(full) * dtype.np_dtype.itemsize
    raw = _allocate_pinned(size) if pinned else device.memory.allocate(size, False)
    return raw.view(dtype.np_dtype).reshape(full)


def allocate_strided(shape: tuple, strides: tuple, dtype: Any, device: Device) -> Any:
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


def memory_elsewhere(
    ptr: int, capacity: int, shape: tuple, strides: Any, dtype: Any, owner: Any, device: Device
) -> Any:
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


def is_dense(shape: tuple[int, ...], strides: tuple[int, ...], step: int) -> bool:
    """Whether elements of `step` bytes lie in memory row by row without gaps."""
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent > 1 and stride != step:
            return False
        step *= extent
    return True
