"""Checks and converts what a caller hands to ``ModelBuilder``; every failure is a ``SimError`` that names the place."""

import numpy as np

from sim.errors import SimError

# Beyond these, float32 areas, volumes and inverse masses overflow.
LARGEST_LENGTH = 1.0e9
LIGHTEST = 1.0e-20
HEAVIEST = 1.0e30


def as_floats(value, where: str, what: str) -> np.ndarray:
    """Any nesting of numbers as a finite float64 array (finite in float32 as well)."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SimError(where, f"{what} = {value!r}"[:200], "numbers") from error
    # float32 overflows above 3.4e38; one comparison also rejects NaN and infinity.
    bad = ~(np.abs(array) <= 3.0e38)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise SimError(
            where,
            f"{what}{list(place) if place else ''} = {array[place]} ({int(bad.sum())} such values)",
            "finite numbers",
            "look for a division by zero or an unset value in the source data",
        )
    return array


def as_vector(value, size: int, where: str, what: str) -> np.ndarray:
    """One vector of ``size`` numbers."""
    array = as_floats(value, where, what)
    if array.shape != (size,):
        raise SimError(where, f"{what} of shape {array.shape}", f"{size} numbers")
    return array


def as_points(value, where: str, what: str) -> np.ndarray:
    """Points or vectors as an array of shape [n, 3]."""
    array = as_floats(value, where, what)
    if array.size == 0:
        return array.reshape(0, 3)
    if array.ndim == 1 and array.size % 3 == 0:
        array = array.reshape(-1, 3)
    if array.ndim != 2 or array.shape[1] != 3:
        raise SimError(where, f"{what} of shape {array.shape}", "shape (n, 3)")
    if max(array.max(), -array.min()) > LARGEST_LENGTH:
        row = int(np.argmax(np.abs(array).max(axis=1)))
        raise SimError(where, f"{what}[{row}] = {array[row].tolist()}", f"coordinates below {LARGEST_LENGTH:g}")
    return array


def as_quat(value, where: str, what: str = "rot") -> np.ndarray:
    """A unit quaternion (x, y, z, w); normalised here."""
    q = as_vector(value, 4, where, what)
    length = np.linalg.norm(q)
    if length < 1e-12:
        raise SimError(where, f"{what} = {q.tolist()}", "a rotation quaternion (x, y, z, w) with non-zero length")
    return q / length


def as_transform(value, where: str, what: str) -> np.ndarray:
    """A rigid transform as 7 numbers (px, py, pz, qx, qy, qz, qw), or a pair (p, q); None means identity."""
    if value is None:
        return np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    if isinstance(value, (tuple, list)) and len(value) == 2:
        value = np.concatenate([as_vector(value[0], 3, where, f"{what}.p"), as_vector(value[1], 4, where, f"{what}.q")])
    x = as_vector(value, 7, where, what)
    if np.abs(x[:3]).max() > LARGEST_LENGTH:
        raise SimError(where, f"{what} at {x[:3].tolist()}", f"coordinates below {LARGEST_LENGTH:g} m")
    return np.concatenate([x[:3], as_quat(x[3:], where, f"{what}.q")])


def as_scalars(value, count: int, where: str, what: str, *, minimum: float | None = None) -> np.ndarray:
    """One number for all, or one per element: shape [count]."""
    array = as_floats(value, where, what)
    if array.ndim > 1 or (array.ndim == 1 and len(array) != count):
        raise SimError(where, f"{what} of shape {array.shape}", f"one number, or {count} of them")
    if minimum is not None and array.size and array.min() < minimum:
        index = int(np.argmin(array)) if array.ndim else 0
        place = f"{what}[{index}]" if array.ndim else what
        raise SimError(where, f"{place} = {array.min()}", f"at least {minimum}")
    return np.broadcast_to(array, (count,))


def as_masses(value, count: int, where: str, what: str) -> np.ndarray:
    """Masses [kg], shape [count]: zero (fixed), or of a size whose inverse float32 can hold."""
    masses = as_scalars(value, count, where, what, minimum=0.0)
    bad = ((masses > 0.0) & (masses < LIGHTEST)) | (masses > HEAVIEST)
    if bad.any():
        index = int(np.argmax(bad))
        raise SimError(
            where, f"{what}[{index}] = {masses[index]:g} kg", f"0 (fixed), or from {LIGHTEST:g} to {HEAVIEST:g} kg"
        )
    return masses


def as_number(value, where: str, what: str, *, minimum: float | None = None) -> float:
    """One finite number."""
    array = as_floats(value, where, what)
    if array.ndim:
        raise SimError(where, f"{what} of shape {array.shape}", "one number")
    if minimum is not None and array < minimum:
        raise SimError(where, f"{what} = {array}", f"at least {minimum}")
    return float(array)


def as_positive(value, where: str, what: str) -> float:
    """One finite number above zero."""
    number = as_number(value, where, what)
    if number <= 0.0:
        raise SimError(where, f"{what} = {number}", "a number above zero")
    return number


def as_length(value, where: str, what: str) -> float:
    """One length above zero [m]."""
    length = as_positive(value, where, what)
    if length > LARGEST_LENGTH:
        raise SimError(where, f"{what} = {length:g} m", f"at most {LARGEST_LENGTH:g} m")
    return length


def as_count(value, where: str, what: str, *, minimum: int = 1) -> int:
    """One whole number."""
    number = as_number(value, where, what)
    if isinstance(value, (bool, np.bool_)) or number != int(number) or number < minimum:
        raise SimError(where, f"{what} = {value}", f"a whole number, at least {minimum}")
    return int(number)


def as_integers(value, width: int, where: str, what: str) -> np.ndarray:
    """Whole numbers as int64 of shape [n, width]; flat input is folded."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iu":
            floats = as_floats(array, where, what)
            array = floats.astype(np.int64)
            if not np.array_equal(array, floats):
                raise SimError(where, f"{what} with fractional parts", "whole numbers")
    except (TypeError, ValueError) as error:
        if isinstance(error, SimError):
            raise
        raise SimError(where, f"{what} = {value!r}"[:200], f"whole numbers, shape (n, {width})") from error
    if array.size == 0:
        return np.empty((0, width), dtype=np.int64)
    if array.ndim == 1 and array.size % width == 0:
        array = array.reshape(-1, width)
    if array.ndim != 2 or array.shape[1] != width:
        raise SimError(where, f"{what} of shape {array.shape}", f"shape (n, {width}), or flat with {width} per element")
    return array.astype(np.int64, copy=False)


def as_indices(value, width: int, count: int, where: str, what: str, of: str, *, lowest: int = 0) -> np.ndarray:
    """Indices into ``count`` things, int64 of shape [n, width], checked to lie in [lowest, count)."""
    array = as_integers(value, width, where, what)
    if array.size and (array.min() < lowest or array.max() >= count):
        row, column = (int(i) for i in np.argwhere((array < lowest) | (array >= count))[0])
        raise SimError(
            where,
            f"{what}[{row}][{column}] = {array[row, column]}",
            f"an index from {lowest} to {count - 1}, as there are {count} {of}",
            f"add the {of} first" if count == 0 else "",
        )
    return array
