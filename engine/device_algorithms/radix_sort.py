"""Stable sorting of keys with values: one counting sort per digit, from the lowest digit up.

Every pass counts the digits of each block, turns the counts into places, and moves the block's pairs there. Each
number has one writing thread, and a stable sort has one result: it does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as en
from engine.device_algorithms.blocks import cut
from engine.errors import EngineError
from engine.once import made_once

DIGIT_BITS = 8
DIGITS = 1 << DIGIT_BITS

_SIGN_32, _SIGN_64 = 1 << 31, 1 << 63


@en.func
def order_bits_unsigned(key: Any):
    return key


@en.func
def order_bits_int32(key: en.int32):
    return en.bitcast(key, en.uint32) ^ en.uint32(_SIGN_32)


@en.func
def order_bits_int64(key: en.int64):
    return en.bitcast(key, en.uint64) ^ en.uint64(_SIGN_64)


@en.func
def order_bits_float32(key: en.float32):
    bits = en.bitcast(key + 0.0, en.uint32)  # -0 and 0 are equal
    return en.where(bits >= en.uint32(_SIGN_32), ~bits, bits | en.uint32(_SIGN_32))


@en.func
def order_bits_float64(key: en.float64):
    bits = en.bitcast(key + 0.0, en.uint64)
    return en.where(bits >= en.uint64(_SIGN_64), ~bits, bits | en.uint64(_SIGN_64))


#: Key type → function whose unsigned result orders as the keys do.
ORDER_BITS = {
    en.int32: order_bits_int32,
    en.uint32: order_bits_unsigned,
    en.float32: order_bits_float32,
    en.int64: order_bits_int64,
    en.uint64: order_bits_unsigned,
    en.float64: order_bits_float64,
}


@made_once
def _kernels(key_type: Any) -> tuple[Any, Any, Any]:
    """The kernels of a pass for one type of keys, and the one that sorts segments."""
    order_bits = ORDER_BITS[key_type]
    word = en.uint32 if key_type.bits == 32 else en.uint64

    @en.func
    def digit_of(key: Any, shift: int, mask: int) -> int:
        return int((order_bits(key) >> word(shift)) & word(mask))

    @en.kernel
    def count_digits(
        keys: en.array(dtype=Any),
        first: int,
        count: int,
        size: int,
        shift: int,
        mask: int,
        counts: en.array2d(dtype=int),
    ):
        """How often each digit occurs in a block; one thread per block."""
        block = en.tid()
        for d in range(counts.shape[1]):
            counts[block, d] = 0
        for i in range(block * size, en.min((block + 1) * size, count)):
            d = digit_of(keys[first + i], shift, mask)
            counts[block, d] = counts[block, d] + 1

    @en.kernel
    def move_pairs(
        keys: en.array(dtype=Any),
        values: en.array(dtype=Any),
        first: int,
        count: int,
        size: int,
        shift: int,
        mask: int,
        places: en.array2d(dtype=int),
        target: int,
    ):
        """Move the pairs of a block from `first` on to their places from `target` on; one thread per block."""
        block = en.tid()
        for i in range(block * size, en.min((block + 1) * size, count)):
            key = keys[first + i]
            d = digit_of(key, shift, mask)
            place = places[block, d]
            places[block, d] = place + 1
            keys[target + place] = key
            values[target + place] = values[first + i]

    @en.kernel
    def sort_segments(
        keys: en.array(dtype=Any),
        values: en.array(dtype=Any),
        starts: en.array(dtype=int),
        ends: en.array(dtype=int),
        half: int,
    ):
        """Merge sort of a segment between the two halves of the arrays; one thread per segment."""
        segment = en.tid()
        first = starts[segment]
        count = ends[segment] - first
        source = first
        target = half + first
        width = 1
        while width < count:
            left = 0
            while left < count:
                middle = en.min(left + width, count)
                end = en.min(left + 2 * width, count)
                a = left
                b = middle
                for k in range(left, end):
                    take_a = b >= end
                    if a < middle and b < end:
                        take_a = order_bits(keys[source + a]) <= order_bits(keys[source + b])
                    pick = en.where(take_a, a, b)
                    keys[target + k] = keys[source + pick]
                    values[target + k] = values[source + pick]
                    a = a + en.where(take_a, 1, 0)
                    b = b + en.where(take_a, 0, 1)
                left = left + 2 * width
            swap = source
            source = target
            target = swap
            width = 2 * width
        if source != first:
            for k in range(count):
                keys[first + k] = keys[source + k]
                values[first + k] = values[source + k]

    return count_digits, move_pairs, sort_segments


@en.kernel
def rank_digits(counts: en.array2d(dtype=int), totals: en.array(dtype=int)):
    """Counts of a digit to the places of the blocks among its pairs; one thread per digit."""
    d = en.tid()
    total = en.int32(0)
    for block in range(counts.shape[0]):
        n = counts[block, d]
        counts[block, d] = total
        total = total + n
    totals[d] = total


@en.kernel
def place_digits(totals: en.array(dtype=int), counts: en.array2d(dtype=int)):
    """Places among all pairs; one thread per digit."""
    d = en.tid()
    before = en.int32(0)
    for k in range(d):
        before = before + totals[k]
    for block in range(counts.shape[0]):
        counts[block, d] = counts[block, d] + before


def _check(what: str, keys: Any, values: Any, count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise TypeError(f"{what}: count must be an integer, got {type(count).__name__}")
    if count < 0:
        raise ValueError(f"{what}: count must be non-negative, got {count}")
    if not isinstance(keys, en.array) or keys.dtype not in ORDER_BITS:
        names = ", ".join(t.name for t in ORDER_BITS)
        raise EngineError(f"{what} got keys of {getattr(keys, 'dtype', type(keys).__name__)}; expected one of {names}")
    if not isinstance(values, en.array):
        raise EngineError(f"{what} got values of type {type(values).__name__}; expected an array")
    for name, a in (("keys", keys), ("values", values)):
        if a.ndim != 1 or not a.is_contiguous:
            raise EngineError(f"{what} requires a contiguous {name} array of one dimension")
        if a.size < 2 * count:
            raise EngineError(
                f"{what} got {a.size} {name}; keys and values must be large enough to contain 2*count elements "
                f"({2 * count}): the second half is scratch"
            )
    return int(count)


def radix_sort_pairs(keys: Any, values: Any, count: int, *, begin_bit: int = 0, end_bit: int | None = None) -> None:
    """Sort the first `count` keys in ascending order, values along with them; equal keys keep their order.

    Args:
        keys: int32, uint32, float32, int64, uint64 or float64, at least `2 * count` long (the second half is scratch).
        values: Array of any type, at least `2 * count` long.
        count: How many pairs to sort.
        begin_bit: Bits of the keys below this one are not looked at.
        end_bit: Nor from this one on; None: all bits.

    Raises:
        EngineError: Arrays of other types, too short, or strided.
    """
    count = _check("radix_sort_pairs()", keys, values, count)
    if count == 0:
        return
    if keys.device.is_cuda and _sorts_by_hand(keys, values, count, begin_bit, end_bit):
        return
    count_digits, move_pairs, _ = _kernels(keys.dtype)
    bits = keys.dtype.bits if end_bit is None else min(int(end_bit), keys.dtype.bits)
    blocks, size = cut(count)
    totals = en.empty(DIGITS, dtype=en.int32, device=keys.device)
    source, target = 0, count
    for shift in range(begin_bit, bits, DIGIT_BITS):
        mask = (1 << min(DIGIT_BITS, bits - shift)) - 1
        counts = en.empty((blocks, DIGITS), dtype=en.int32, device=keys.device)
        en.launch(count_digits, blocks, [keys, source, count, size, shift, mask], [counts])
        en.launch(rank_digits, DIGITS, [counts], [totals])
        en.launch(place_digits, DIGITS, [totals], [counts])
        en.launch(move_pairs, blocks, [keys, values, source, count, size, shift, mask, counts, target])
        source, target = target, source
    if source != 0:
        en.copy(keys, keys, dest_offset=0, src_offset=source, count=count)
        en.copy(values, values, dest_offset=0, src_offset=source, count=count)


def _sorts_by_hand(keys: Any, values: Any, count: int, begin_bit: int, end_bit: int | None) -> bool:
    """Sorts with kernels whose threads work together, where the GPU can; returns whether it did."""
    from engine.cuda.native import may_skip_launches
    from engine.cuda.sort import sort_pairs

    if not may_skip_launches(keys.device):
        return False
    end = keys.dtype.bits if end_bit is None else min(int(end_bit), keys.dtype.bits)
    if begin_bit < end:
        sort_pairs(keys, values, count, begin_bit, end)
    return True


def segmented_sort_pairs(
    keys: Any, values: Any, count: int, segment_start_indices: Any, segment_end_indices: Any = None
) -> None:
    """Sort each segment of the first `count` pairs by itself; equal keys keep their order.

    Args:
        keys: As for `radix_sort_pairs`, at least `2 * count` long.
        values: Array of any type, at least `2 * count` long.
        count: Pairs that the segments cover.
        segment_start_indices: First pair of every segment, `array(int32)`; with the end of the last one appended where
            `segment_end_indices` is None.
        segment_end_indices: End of every segment, `array(int32)`.

    Raises:
        EngineError: Arrays of other types, too short, or strided.
    """
    what = "segmented_sort_pairs()"
    count = _check(what, keys, values, count)
    starts, ends = segment_start_indices, segment_end_indices
    if ends is None:
        starts, ends = starts[:-1], starts[1:]
    for name, a in (("segment_start_indices", starts), ("segment_end_indices", ends)):
        if a.dtype is not en.int32 or a.ndim != 1:
            raise EngineError(f"{what}: {name} must be one-dimensional int32, got {a.ndim}d {a.dtype}")
    if starts.shape != ends.shape:
        raise EngineError(f"{what} got {starts.shape[0]} starts and {ends.shape[0]} ends; expected one of each")
    if count == 0 or starts.shape[0] == 0:
        return
    en.launch(_kernels(keys.dtype)[2], starts.shape[0], [keys, values, starts, ends, count])
