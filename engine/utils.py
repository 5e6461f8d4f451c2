"""The name under which users know `engine.device_algorithms` and the timer; nothing is defined here."""

from engine.device_algorithms import (
    array_cast,
    array_inner,
    array_scan,
    array_sum,
    radix_sort_pairs,
    runlength_encode,
    segmented_sort_pairs,
)
from engine.timing import ScopedTimer

__all__ = [
    "ScopedTimer",
    "array_cast",
    "array_inner",
    "array_scan",
    "array_sum",
    "radix_sort_pairs",
    "runlength_encode",
    "segmented_sort_pairs",
]
