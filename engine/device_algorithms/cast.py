"""Conversion of arrays from one type of number to another."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.device_algorithms.blocks import as_scalars, checked_array
from engine.errors import EngineError


@en.kernel
def convert(values: en.array(dtype=Any), out: en.array(dtype=Any)):
    i = en.tid()
    out[i] = out.dtype(values[i])


def array_cast(in_array: Any, out_array: Any, count: int | None = None) -> None:
    """Convert numbers, component by component: float64 to float32, vec3 to vec3d or to three floats, and so on.

    Args:
        in_array: What to convert.
        out_array: Array for the results, with room for as many numbers.
        count: How many elements of `in_array` to convert; None: all.

    Raises:
        EngineError: `out_array` is of another size, or a strided array.
    """
    for name, a in (("in_array", in_array), ("out_array", out_array)):
        checked_array("array_cast()", a)
        if not a.is_contiguous:
            raise EngineError(f"array_cast(): {name} is a strided view; expected a contiguous array")
    width = in_array.dtype.count
    numbers = in_array.size * width if count is None else int(count) * width
    room = out_array.size * out_array.dtype.count
    if numbers > in_array.size * width or numbers > room or (count is None and numbers != room):
        raise EngineError(f"array_cast() got {numbers} numbers for {room} places")
    if numbers:
        en.launch(convert, numbers, [as_scalars(in_array, (numbers,))], [as_scalars(out_array, (numbers,))])
