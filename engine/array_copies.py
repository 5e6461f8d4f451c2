"""Copies between arrays, on any devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import types as T
from engine.array_making import like
from engine.arrays import array, note_array_write
from engine.capture import record_copy, refuse_host_write
from engine.device import get_device
from engine.errors import EngineError
from engine.held_arrays import held_arrays, hold


def clone(src: array, device: Any = None, requires_grad: bool | None = None, pinned: bool | None = None) -> array:
    """A packed copy of `src`."""
    out = like(src, None if type(src) is not array else device, requires_grad, pinned)
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
    note_array_write(dest, src)
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
