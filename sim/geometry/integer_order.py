"""Sorting non-negative integers in linear time."""

import numpy as np


def stable_order(keys: np.ndarray) -> np.ndarray:
    """Stable ``argsort`` of non-negative integers.

    NumPy's stable sort is a radix sort for 16-bit integers only; sorting 16-bit digits from low to high uses that, and
    takes the same time whatever the order of the input.
    """
    keys = np.asarray(keys)
    if len(keys) == 0:
        return np.empty(0, dtype=np.int64)
    bits = int(keys.max()).bit_length()
    order = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    for shift in range(16, bits, 16):
        digit = ((keys >> shift) & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    return order


def stable_order_of_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Stable order by ``first``, then by ``second``."""
    order = stable_order(second)
    return order[stable_order(first[order])]
