"""Scan, sort, run-length encoding, sums and casts of arrays: everything runs as kernels, so it can be captured."""

from engine.device_algorithms.cast import array_cast
from engine.device_algorithms.radix_sort import radix_sort_pairs, segmented_sort_pairs
from engine.device_algorithms.reduce import array_inner, array_sum
from engine.device_algorithms.runlength import runlength_encode
from engine.device_algorithms.scan import array_scan

__all__ = [
    "array_cast",
    "array_inner",
    "array_scan",
    "array_sum",
    "radix_sort_pairs",
    "runlength_encode",
    "segmented_sort_pairs",
]
