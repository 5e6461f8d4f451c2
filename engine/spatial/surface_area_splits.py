"""Splits of a hierarchy by surface area: the nodes of one level at a time, one thread for each, on the host.

Method: binned SAH, Wald, "On fast Construction of SAH-based Bounding Volume Hierarchies", RT 2007. Each node has one thread
and ranges of its own, so the same boxes always give the same tree.
"""

from __future__ import annotations

import numpy as np

import engine as en
from engine.capture import NotRecorded

INFINITY = float("inf")
BINS = 16


@en.func
def _centre(lower: en.vec3, upper: en.vec3) -> en.vec3d:
    half = en.float64(0.5)
    return en.vec3d(lower) * half + en.vec3d(upper) * half


@en.func
def _bin(centre: en.vec3d, axis: int, low: en.float64, scale: en.float64) -> int:
    return en.min(int((centre[axis] - low) * scale), BINS - 1)


@en.func
def _half_area(low: en.vec3, high: en.vec3) -> en.float64:
    """Half the surface of a box, in double so that huge boxes do not overflow."""
    size = en.vec3d(high) - en.vec3d(low)
    return size[0] * size[1] + size[1] * size[2] + size[2] * size[0]


@en.kernel(max_unroll=3)
def split_nodes(
    lower: en.array(dtype=en.vec3),
    upper: en.array(dtype=en.vec3),
    start: en.array(dtype=int),
    count: en.array(dtype=int),
    halve: en.array(dtype=int),
    smallest: int,
    order: en.array(dtype=int),
    room: en.array(dtype=int),
    first: en.array(dtype=int),
    box_lower: en.array(dtype=en.vec3),
    box_upper: en.array(dtype=en.vec3),
):
    """The box of each node of a level; of those with `smallest` boxes or more also the size of the first half.

    The boxes of a node are `order[start : start + count]`, which is put in order of the bins along the longest axis.
    `halve` marks nodes that must be split into equal halves.
    """
    node = en.tid()
    begin = start[node]
    n = count[node]
    end = begin + n
    low = en.vec3(INFINITY, INFINITY, INFINITY)
    high = -low
    c_low = en.vec3d(low)
    c_high = -c_low
    for k in range(begin, end):
        i = order[k]
        low = en.min(low, lower[i])
        high = en.max(high, upper[i])
        c = _centre(lower[i], upper[i])
        c_low = en.min(c_low, c)
        c_high = en.max(c_high, c)
    box_lower[node] = low
    box_upper[node] = high
    if n >= smallest:
        extent = c_high - c_low
        axis = 0
        if extent[1] > extent[0]:
            axis = 1
        if extent[2] > extent[axis]:
            axis = 2
        zero = en.float64(0.0)
        scale = zero
        if extent[axis] > zero:
            scale = en.float64(BINS) / extent[axis]
        counts = en.zeros(shape=BINS, dtype=int)
        lows = en.zeros(shape=BINS, dtype=en.vec3)
        highs = en.zeros(shape=BINS, dtype=en.vec3)
        for b in range(BINS):
            lows[b] = en.vec3(INFINITY, INFINITY, INFINITY)
            highs[b] = -lows[b]
        for k in range(begin, end):
            i = order[k]
            b = _bin(_centre(lower[i], upper[i]), axis, c_low[axis], scale)
            counts[b] = counts[b] + 1
            lows[b] = en.min(lows[b], lower[i])
            highs[b] = en.max(highs[b], upper[i])

        areas = en.zeros(shape=BINS, dtype=en.float64)  # of the boxes in bins from each on
        low = en.vec3(INFINITY, INFINITY, INFINITY)
        high = -low
        for k in range(BINS - 1):
            b = BINS - 1 - k
            low = en.min(low, lows[b])
            high = en.max(high, highs[b])
            areas[b] = _half_area(low, high)
        low = en.vec3(INFINITY, INFINITY, INFINITY)
        high = -low
        best = en.float64(INFINITY)
        size = n / 2
        below = 0
        for b in range(BINS - 1):
            low = en.min(low, lows[b])
            high = en.max(high, highs[b])
            below = below + counts[b]
            if below > 0 and below < n and halve[node] == 0:
                cost = _half_area(low, high) * en.float64(below) + areas[b + 1] * en.float64(n - below)
                if cost < best:
                    best = cost
                    size = below
        first[node] = size

        at = begin
        for b in range(BINS):
            there = counts[b]
            counts[b] = at
            at = at + there
        for k in range(begin, end):
            i = order[k]
            b = _bin(_centre(lower[i], upper[i]), axis, c_low[axis], scale)
            room[counts[b]] = i
            counts[b] = counts[b] + 1
        for k in range(begin, end):
            order[k] = room[k]


class SurfaceAreaSplits:
    """Boxes that are split level by level.

    Attributes:
        order: Numbers of the boxes; the nodes of a level are ranges of it.
    """

    def __init__(self, lower: np.ndarray, upper: np.ndarray):
        self._lower, self._upper = (en.array(a, dtype=en.vec3, device="cpu", copy=False) for a in (lower, upper))
        self._order = en.array(np.arange(len(lower), dtype=np.int32), device="cpu")
        self._room = en.empty(len(lower), dtype=en.int32, device="cpu")
        self.order = self._order.numpy()

    def split(
        self, start: np.ndarray, count: np.ndarray, halve: np.ndarray, smallest: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes of the nodes with these ranges, and the sizes of the first halves of those with `smallest` or more."""
        ranges = [en.array(a.astype(np.int32), device="cpu") for a in (start, count, halve)]
        first = en.zeros(len(start), dtype=en.int32, device="cpu")
        low, high = (en.empty(len(start), dtype=en.vec3, device="cpu") for _ in range(2))
        inputs = [self._lower, self._upper, *ranges, smallest]
        with NotRecorded():  # the tree is made now, whatever is recording
            outputs = [self._order, self._room, first, low, high]
            en.launch(split_nodes, len(start), inputs, outputs, device="cpu", record_tape=False)
        return low.numpy(), high.numpy(), first.numpy()
