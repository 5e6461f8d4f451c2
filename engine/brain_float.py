"""bfloat16 in Python scope: the upper half of a float32, as bits and as numbers.

NumPy has no such type. Arrays keep the bits as uint16; where the package `ml_dtypes` is installed, they are shown with
its type.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def to_bits(values: Any) -> np.ndarray:
    """Numbers as bits of bfloat16, rounded to nearest, halves to even; NaNs stay NaNs."""
    with np.errstate(over="ignore", invalid="ignore"):
        word = np.asarray(values, dtype=np.float32).view(np.uint32)
    rounded = (word.astype(np.uint64) + 0x7FFF + ((word >> 16) & 1)) >> 16
    quiet = (word >> 16) | 0x40
    return np.where((word & 0x7FFFFFFF) > 0x7F800000, quiet, rounded).astype(np.uint16)


def from_bits(bits: Any) -> np.ndarray:
    """Bits of bfloat16 as float32."""
    return (np.asarray(bits, dtype=np.uint16).astype(np.uint32) << 16).view(np.float32)


def rounded(value: Any) -> float:
    """The nearest number that bfloat16 has."""
    return float(from_bits(to_bits(float(value))))


class BFloat16(float):
    """A number made by `bfloat16(x)`; kernels take it as that type."""

    __slots__ = ()

    def __new__(cls, value: Any = 0.0):
        return super().__new__(cls, rounded(value))

    @property
    def value(self) -> float:
        return float(self)


@functools.cache
def numpy_type() -> np.dtype | None:
    """The NumPy type of `ml_dtypes`; None where that is not installed."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    return np.dtype(ml_dtypes.bfloat16)


def is_numpy_type(dtype: np.dtype) -> bool:
    return dtype.name == "bfloat16"


def shown(bits: np.ndarray) -> np.ndarray:
    """An array of bits as what a user sees: of the type of `ml_dtypes` if it is there."""
    found = numpy_type()
    return bits if found is None else bits.view(found)
