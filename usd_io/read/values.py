"""Attribute values as checked Python and NumPy values.

Every getter returns ``default`` where there is no value and raises SceneError, naming the prim, where the value
is not of the expected kind or not finite. USD Physics uses ``-inf`` for "the simulator decides": it counts as no value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read.reading import LARGEST, Reading

_NEXT = "correct the value in the file"


def _raw(reading: Reading, prim: Usd.Prim, name: str) -> Any:
    attribute = prim.GetAttribute(name)
    return attribute.Get(reading.time) if attribute else None


def unbounded(reading: Reading, prim: Usd.Prim, name: str) -> float | None:
    """A number that may be infinite, or not be one; None where there is no value."""
    value = _raw(reading, prim, name)
    return None if value is None else _number(reading, prim, name, value)


def _number(reading: Reading, prim: Usd.Prim, name: str, value: Any) -> float:
    where = f"{reading.at(prim)} {name}"
    if isinstance(value, (str, bytes)) or np.ndim(value) != 0:
        raise SceneError(where, f"got {value!r}", expected="a number", next_step=_NEXT)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SceneError(where, f"got {value!r}", expected="a number", next_step=_NEXT) from None


def scalar(
    reading: Reading,
    prim: Usd.Prim,
    name: str,
    default: float | None = None,
    *,
    low: float | None = None,
    above: float | None = None,
) -> float | None:
    """A finite number, at least ``low`` and greater than ``above`` where given."""
    value = _raw(reading, prim, name)
    if value is None:
        return default
    where, number = f"{reading.at(prim)} {name}", _number(reading, prim, name, value)
    if number == -np.inf:
        return default
    bound = f" of at least {low:g}" if low is not None else f" greater than {above:g}" if above is not None else ""
    out_of_bounds = (low is not None and number < low) or (above is not None and number <= above)
    if not np.isfinite(number) or out_of_bounds:
        raise SceneError(where, f"got {number:g}", expected=f"a finite number{bound}", next_step=_NEXT)
    return number


def integer(reading: Reading, prim: Usd.Prim, name: str, *, low: int) -> int | None:
    """A whole number of at least ``low``, or None."""
    number = scalar(reading, prim, name, low=low)
    if number is None:
        return None
    if number != int(number):
        raise SceneError(f"{reading.at(prim)} {name}", f"got {number:g}", expected="a whole number", next_step=_NEXT)
    return int(number)


def boolean(reading: Reading, prim: Usd.Prim, name: str, default: bool) -> bool:
    """A truth value."""
    value = _raw(reading, prim, name)
    return default if value is None else bool(value)


def token(reading: Reading, prim: Usd.Prim, name: str, default: str) -> str:
    """A token or string."""
    value = _raw(reading, prim, name)
    return default if value is None else str(value)


def vector(reading: Reading, prim: Usd.Prim, name: str, size: int = 3) -> np.ndarray | None:
    """A finite vector, shape [size] float64; None when it has no value or holds the ``-inf`` sentinel."""
    value = _raw(reading, prim, name)
    if value is None:
        return None
    result = _as_array(reading, prim, name, value, np.float64)
    if result.shape != (size,):
        raise SceneError(
            f"{reading.at(prim)} {name}", f"got {value}", expected=f"a vector of {size} numbers", next_step=_NEXT
        )
    if (result == -np.inf).any():
        return None
    _require_finite(reading, prim, name, result)
    return result


def quaternion(reading: Reading, prim: Usd.Prim, name: str) -> np.ndarray | None:
    """A unit quaternion xyzw; None when it has no value or is zero (USD's "not given")."""
    value = _raw(reading, prim, name)
    if value is None or not hasattr(value, "GetImaginary"):
        return None
    result = np.array([*value.GetImaginary(), value.GetReal()], dtype=np.float64)
    _require_finite(reading, prim, name, result)
    length = float(np.linalg.norm(result))
    return result / length if length > 0 else None


def array(
    reading: Reading, prim: Usd.Prim, name: str, width: int = 1, dtype: type = np.float64, *, sentinel: bool = False
) -> np.ndarray | None:
    """A finite array, shape [n, width] or [n] for width 1; None when it has no value."""
    value = _raw(reading, prim, name)
    if value is None:
        return None
    result = _as_array(reading, prim, name, value, dtype)
    if result.size == 0:
        return np.zeros((0, width) if width > 1 else 0, dtype)
    if result.ndim != (2 if width > 1 else 1) or (width > 1 and result.shape[1] != width):
        raise SceneError(
            f"{reading.at(prim)} {name}",
            f"got an array of shape {result.shape}",
            expected=f"an array of {width} numbers an entry" if width > 1 else "a flat array of numbers",
            next_step=_NEXT,
        )
    if np.issubdtype(dtype, np.floating) and not sentinel:
        _require_finite(reading, prim, name, result)
    return result


def _as_array(reading: Reading, prim: Usd.Prim, name: str, value: Any, dtype: type) -> np.ndarray:
    try:
        return np.array(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        raise SceneError(
            f"{reading.at(prim)} {name}", f"got {str(value)[:80]}", expected="numbers", next_step=_NEXT
        ) from None


def _require_finite(reading: Reading, prim: Usd.Prim, name: str, result: np.ndarray) -> None:
    good = np.isfinite(result)
    if good.all() and np.abs(result).max(initial=0.0) <= LARGEST:
        return
    bad = ~good | (np.abs(np.where(good, result, 0.0)) > LARGEST)
    first = np.argwhere(bad)[0]
    raise SceneError(
        f"{reading.at(prim)} {name}[{first[0]}]",
        f"got {result[tuple(first)]:g} ({int(bad.sum())} such value{'s' if bad.sum() > 1 else ''})",
        expected=f"finite numbers up to {LARGEST:g}",
        next_step=_NEXT,
    )
