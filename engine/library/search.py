# ruff: noqa: F811
"""Search in sorted arrays."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_GROUP = "Utility"


@library(_GROUP)
def lower_bound(arr: en.array(dtype=Any), value: Any):
    """Index (int32) of the first element of an ascending array that is not below `value`; of the last if all are.

    `lower_bound(arr, arr_begin, arr_end, value)` looks among the elements [arr_begin, arr_end). Not differentiable.
    """
    return _lower_bound(arr, 0, len(arr), value)


@library(_GROUP)
def lower_bound(arr: en.array(dtype=Any), arr_begin: int, arr_end: int, value: Any):
    return _lower_bound(arr, arr_begin, arr_end, value)


@en.func
def _lower_bound(arr: en.array(dtype=Any), first: int, last: int, value: Any):
    low, high = first, last - 1
    while low < high:
        middle = low + (high - low) // 2
        if arr[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
