"""Prefix sums: totals of blocks, a scan of the totals, and the scans of the blocks behind them."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.device_algorithms.blocks import checked_array, cut, flat
from engine.errors import EngineError


@en.kernel
def add_up_blocks(values: en.array(dtype=Any), size: int, totals: en.array(dtype=Any)):
    """Sum of every block; one thread per block. Four partial sums, so that additions do not wait for each other."""
    block = en.tid()
    first = block * size
    end = en.min(first + size, values.shape[0])
    a = values.dtype(0)
    b = values.dtype(0)
    c = values.dtype(0)
    d = values.dtype(0)
    quads = (end - first) / 4
    for k in range(quads):
        i = first + 4 * k
        a = a + values[i]
        b = b + values[i + 1]
        c = c + values[i + 2]
        d = d + values[i + 3]
    for i in range(first + 4 * quads, end):
        a = a + values[i]
    totals[block] = (a + b) + (c + d)


@en.kernel
def scan_totals(totals: en.array(dtype=Any)):
    """Totals to what lies before each block; one thread."""
    before = totals.dtype(0)
    for k in range(totals.shape[0]):
        total = totals[k]
        totals[k] = before
        before = before + total


@en.kernel
def scan_blocks(
    values: en.array(dtype=Any), size: int, before: en.array(dtype=Any), inclusive: bool, sums: en.array(dtype=Any)
):
    """Scan of every block; one thread per block. Only one addition in four waits for the one before."""
    block = en.tid()
    first = block * size
    end = en.min(first + size, values.shape[0])
    total = before[block]
    quads = (end - first) / 4
    for k in range(quads):
        i = first + 4 * k
        a = values[i]
        ab = a + values[i + 1]
        abc = ab + values[i + 2]
        abcd = abc + values[i + 3]
        if inclusive:
            sums[i] = total + a
            sums[i + 1] = total + ab
            sums[i + 2] = total + abc
            sums[i + 3] = total + abcd
        else:
            sums[i] = total
            sums[i + 1] = total + a
            sums[i + 2] = total + ab
            sums[i + 3] = total + abc
        total = total + abcd
    for i in range(first + 4 * quads, end):
        value = values[i]
        if inclusive:
            total = total + value
            sums[i] = total
        else:
            sums[i] = total
            total = total + value


def array_scan(in_array: Any, out_array: Any, inclusive: bool = True) -> None:
    """Prefix sums of an array; `out_array` may be `in_array`.

    Args:
        in_array: Numbers or vectors (summed by component).
        out_array: Array of the same type and size for the sums.
        inclusive: Whether sum `i` contains element `i`.

    Raises:
        EngineError: Arrays of different type or size.
    """
    checked_array("array_scan()", in_array)
    checked_array("array_scan()", out_array)
    if in_array.dtype is not out_array.dtype:
        raise EngineError(f"array_scan() got {in_array.dtype} and {out_array.dtype}; in and out must have one type")
    if in_array.size != out_array.size:
        raise EngineError(f"array_scan() got {in_array.size} and {out_array.size} elements; sizes must agree")
    values, sums = flat("array_scan()", in_array), flat("array_scan()", out_array)
    if values.size == 0:
        return
    if _scans_by_hand(values, sums):
        from engine.cuda.scan import scan

        scan(values, sums, bool(inclusive))
        return
    blocks, size = cut(values.size)
    totals = en.empty(blocks, dtype=values.dtype, device=values.device)
    en.launch(add_up_blocks, blocks, [values, size], [totals])
    en.launch(scan_totals, 1, [], [totals])
    en.launch(scan_blocks, blocks, [values, size, totals, bool(inclusive)], [sums])


def _scans_by_hand(values: Any, sums: Any) -> bool:
    """Whether a GPU scans these with kernels whose threads work together."""
    if not (values.device.is_cuda and values.is_contiguous and sums.is_contiguous):
        return False
    from engine.cuda.native import may_skip_launches
    from engine.cuda.scan import SCALARS

    return values.dtype.scalar.name in SCALARS and may_skip_launches(values.device)
