"""Copies between memory of any strides, as kernels: on every device, and part of a graph that is being captured."""

from __future__ import annotations

import itertools
import math
from typing import Any

import engine as en
from engine.capture import recording_of
from engine.once import made_once

_UNITS = {1: en.uint8, 2: en.uint16, 4: en.uint32, 8: en.uint64}
_GRID = 4


_FLOATS = {2: en.float16, 4: en.float32, 8: en.float64}


def _make(unit: Any, other: Any, adds: bool) -> Any:
    @en.kernel(module="engine.strided", enable_backward=False)
    def move_units(
        target: en.uint64,
        source: en.uint64,
        t0: en.int64,
        t1: en.int64,
        t2: en.int64,
        t3: en.int64,
        s0: en.int64,
        s1: en.int64,
        s2: en.int64,
        s3: en.int64,
    ):
        """Copies, or adds, units of memory from one layout to another; strides count units."""
        i, j, k, m = en.tid()
        to = en.int64(i) * t0 + en.int64(j) * t1 + en.int64(k) * t2 + en.int64(m) * t3
        come = en.int64(i) * s0 + en.int64(j) * s1 + en.int64(k) * s2 + en.int64(m) * s3
        value = unit(en.ptr_load(other, source, come))
        if en.static(adds):
            value = en.ptr_load(unit, target, to) + value
        en.ptr_store(unit, target, to, value)

    return move_units


@made_once
def copy_kernel(size: int) -> Any:
    """The kernel that copies units of 1, 2, 4 or 8 bytes."""
    return _make(_UNITS[size], _UNITS[size], False)


@made_once
def add_kernel(size: int, other: int) -> Any:
    """The kernel that adds floats of one size to floats of another."""
    return _make(_FLOATS[size], _FLOATS[other], True)


def copy_strided(device: Any, target: Any, source: Any, keep: Any = ()) -> None:
    """Copies memory to memory on one device, in the order of its stream or into the graph that is being captured.

    Args:
        device: Where both are.
        target, source: NumPy arrays, or what a device has instead; the source broadcasts to the target's shape.
        keep: What must live as long as a graph that contains the copy.
    """
    axes = _axes(target, source)
    size = target.itemsize
    places = (target.ctypes.data, source.ctypes.data)
    unit = math.gcd(8, size, *places, *(abs(x) for _, t, s in axes for x in (t, s)))
    if size > unit:
        axes.append((size // unit, unit, unit))
    _move(device, copy_kernel(unit), _merged(axes), (unit, unit), places, (target, source, keep))


def add_strided(device: Any, target: Any, source: Any) -> None:
    """Adds floats to floats of any size, of the same shape, as `copy_strided` copies; elements must not overlap."""
    places = (target.ctypes.data, source.ctypes.data)
    units = (target.itemsize, source.itemsize)
    _move(device, add_kernel(*units), _merged(_axes(target, source)), units, places, (target, source))


def _axes(target: Any, source: Any) -> list[tuple[int, int, int]]:
    """Extent, stride of the target and stride of the source of every axis that has more than one place."""
    lead = len(target.shape) - len(source.shape)
    steps = [0] * lead + [0 if n == 1 else s for n, s in zip(source.shape, source.strides)]
    return [(n, t, s) for n, t, s in zip(target.shape, target.strides, steps) if n != 1]


def _move(device: Any, kernel: Any, axes: list, units: tuple[int, int], places: tuple[int, int], keep: Any) -> None:
    inner, outer = axes[-_GRID:], axes[:-_GRID]
    count, to, come = ([row[k] for row in inner] for k in range(3))
    pad = [0] * (_GRID - len(inner))
    strides = [*pad, *(t // units[0] for t in to), *pad, *(s // units[1] for s in come)]
    for place in itertools.product(*(range(n) for n, _, _ in outer)):
        t, s = (base + sum(i * row[k] for i, row in zip(place, outer)) for k, base in ((1, places[0]), (2, places[1])))
        inputs = [en.uint64(t), en.uint64(s), *strides]
        en.launch(kernel, [1] * len(pad) + count, inputs, device=device, record_tape=False)
    graph = recording_of(device)
    if graph is not None:
        graph.keep.append(keep)


def _merged(axes: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Axes of (extent, stride, stride), with those joined that follow each other in both layouts."""
    out: list[tuple[int, int, int]] = []
    for n, t, s in axes:
        if out:
            outer, to, come = out[-1]
            if to == n * t and come == n * s and outer * n < 2**31:
                out[-1] = (outer * n, t, s)
                continue
        out.append((n, t, s))
    return out or [(1, 0, 0)]
