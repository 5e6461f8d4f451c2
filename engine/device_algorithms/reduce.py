"""Sums and inner products of arrays, in an order that depends on their shape alone."""

from __future__ import annotations

import math
from typing import Any

import engine as en
from engine.device_algorithms.blocks import as_scalars, checked_array, cut
from engine.errors import EngineError, EngineIndexError

LANES = 8
"""Partial sums of a thread: additions of floats that need not wait for each other."""


@en.kernel
def sum_part(
    a: en.array3d(dtype=Any), size: int, partial: en.array3d(dtype=Any)
):  # one thread per (part of the axis, row, column)
    part, row, column = en.tid()
    first = part * size
    end = en.min(first + size, a.shape[1])
    sums = en.zeros(shape=LANES, dtype=a.dtype)
    rounds = (end - first) / LANES
    for k in range(rounds):
        i = first + LANES * k
        for lane in range(LANES):
            sums[lane] = sums[lane] + a[row, i + lane, column]
    for i in range(first + LANES * rounds, end):
        sums[0] = sums[0] + a[row, i, column]
    partial[part, row, column] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + (
        (sums[4] + sums[5]) + (sums[6] + sums[7])
    )


@en.kernel
def multiply_part(a: en.array3d(dtype=Any), b: en.array3d(dtype=Any), size: int, partial: en.array3d(dtype=Any)):
    """As `sum_part`, of the products of two arrays."""
    part, row, column = en.tid()
    first = part * size
    end = en.min(first + size, a.shape[1])
    sums = en.zeros(shape=LANES, dtype=a.dtype)
    rounds = (end - first) / LANES
    for k in range(rounds):
        i = first + LANES * k
        for lane in range(LANES):
            sums[lane] = sums[lane] + a[row, i + lane, column] * b[row, i + lane, column]
    for i in range(first + LANES * rounds, end):
        sums[0] = sums[0] + a[row, i, column] * b[row, i, column]
    partial[part, row, column] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + (
        (sums[4] + sums[5]) + (sums[6] + sums[7])
    )


@en.kernel
def add_parts(partial: en.array3d(dtype=Any), group: int, out: en.array(dtype=Any)):
    """Sum of the parts, and of `group` neighbouring columns; one thread per result."""
    i = en.tid()
    columns = partial.shape[2] / group
    row = i / columns
    first = (i % columns) * group
    total = out.dtype(0)
    for column in range(first, first + group):
        for part in range(partial.shape[0]):
            total = total + partial[part, row, column]
    out[i] = total


def array_sum(values: Any, out: Any = None, value_count: int | None = None, axis: int | None = None) -> Any:
    """Sum of an array, by component where its elements are vectors or matrices.

    Args:
        values: Numbers, vectors or matrices.
        out: Array for the result; None: it is returned.
        value_count: How many values along the axis to add; None: all.
        axis: Add along this axis only (it stays, with length 1); None: all elements.

    Returns:
        Without `out`: a number or NumPy array if `axis` is None, else an array. With `out`: that array.
    """
    checked_array("array_sum()", values)
    return _reduce("array_sum()", values, None, out, value_count, axis)


def array_inner(a: Any, b: Any, out: Any = None, count: int | None = None, axis: int | None = None) -> Any:
    """Inner product of two arrays; vectors and matrices count as their components.

    Args:
        a: Numbers, vectors or matrices.
        b: Array of the same type and shape.
        out: Array of scalars for the result; None: it is returned.
        count: How many elements along the axis to use; None: all.
        axis: Multiply and add along this axis only (it stays, with length 1); None: all elements.

    Returns:
        Without `out`: a number if `axis` is None, else an array. With `out`: that array.

    Raises:
        EngineError: Arrays of different type or shape.
    """
    checked_array("array_inner()", a)
    checked_array("array_inner()", b)
    if a.dtype is not b.dtype:
        raise EngineError(f"array_inner() got {a.dtype} and {b.dtype}; expected one type")
    if a.shape != b.shape and not (count is not None and axis is None):
        raise EngineError(f"array_inner() got shapes {a.shape} and {b.shape}; expected equal ones")
    return _reduce("array_inner()", a, b, out, count, axis)


def _reduce(what: str, a: Any, b: Any, out: Any, count: int | None, axis: int | None) -> Any:
    if axis is not None and not -a.ndim <= axis < a.ndim:
        raise EngineIndexError(f"{what} got axis {axis}; the array has {a.ndim} dimensions")
    inner = b is not None
    width = a.dtype.count if not inner or axis is not None else 1
    if axis is None:
        rows, length, columns, shape = 1, a.size, width, (1,)
        if inner:
            length *= a.dtype.count
            count = None if count is None else count * a.dtype.count
    else:
        axis %= a.ndim
        rows, length = math.prod(a.shape[:axis]), a.shape[axis]
        columns = math.prod(a.shape[axis + 1 :]) * width
        shape = tuple(1 if d == axis else n for d, n in enumerate(a.shape))
    used = length if count is None else int(count)
    if not 0 <= used <= length:
        raise EngineError(f"{what} got count {count}; there are {length} along the axis")
    scalar = a.dtype.scalar
    kept = a.dtype if not inner else scalar
    result = out if out is not None else en.empty(shape, dtype=kept, device=a.device)
    if result.dtype is not kept or result.size != math.prod(shape):
        raise EngineError(
            f"{what} got out of {result.dtype}, {result.size} elements; expected {kept}, {math.prod(shape)}"
        )
    if rows == 1 and columns == width and _adds_by_hand(a, b, result):
        from engine.cuda.reduce import add_up

        add_up(scalar, a, b, result, used, width)
        return out if out is not None else result.numpy()[0] if axis is None else result
    parts, size = cut(used) if rows * columns < 256 else (1, max(used, 1))
    partial = en.empty((parts, rows, columns), dtype=scalar, device=a.device)
    arrays = [_three(what, x, (rows, length, columns), used) for x in ((a, b) if inner else (a,))]
    group = width if inner else 1
    if partial.size:
        en.launch(multiply_part if inner else sum_part, partial.shape, [*arrays, size], [partial])
        target = as_scalars(result, (rows * columns // group,))
        en.launch(add_parts, rows * columns // group, [partial, group], [target])
    if out is not None:
        return out
    return result.numpy()[0] if axis is None else result


def _adds_by_hand(a: Any, b: Any, result: Any) -> bool:
    """Whether a GPU adds these with kernels whose threads work together."""
    arrays = [x for x in (a, b, result) if x is not None]
    if not all(x.device.is_cuda and x.is_contiguous for x in arrays):
        return False
    from engine.cuda.native import may_skip_launches
    from engine.cuda.scan import SCALARS

    return a.dtype.scalar.name in SCALARS and may_skip_launches(a.device)


def _three(what: str, a: Any, shape: tuple[int, int, int], used: int) -> Any:
    """An array as (rows, along the axis, columns) of scalars, cut to `used` along the axis."""
    return as_scalars(a.contiguous(), shape)[:, :used]
