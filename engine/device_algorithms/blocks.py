"""How the algorithms cut arrays into blocks, and views of arrays as plain rows of scalars.

The cut depends on the length alone, never on the number of threads: sums of floats have the same bits everywhere.
"""

from __future__ import annotations

import math
from typing import Any

import engine as en
from engine.errors import EngineError

_MOST_BLOCKS = 256
_SMALLEST_BLOCK = 1024


def cut(count: int) -> tuple[int, int]:
    """(blocks, elements of a block) for `count` elements; one thread handles a block."""
    blocks = min(_MOST_BLOCKS, max(1, -(-count // _SMALLEST_BLOCK)))
    return blocks, max(1, -(-count // blocks))


def checked_array(what: str, values: Any) -> Any:
    """`values` if it is an array of numbers, vectors or the like."""
    if not isinstance(values, en.array) or values.dtype.kind == "struct":
        got = values.dtype if isinstance(values, en.array) else type(values).__name__
        raise EngineError(f"{what} got {got}; expected an array of numbers or vectors")
    return values


def as_scalars(values: Any, shape: tuple[int, ...]) -> Any:
    """The same memory as an array of scalars of another shape; `values` must be contiguous."""
    scalar = values.dtype.scalar
    if math.prod(shape) == 0:
        return en.zeros(shape, dtype=scalar, device=values.device)
    return en.array(ptr=values.ptr, shape=shape, dtype=scalar, device=values.device, owner=values)


def flat(what: str, values: Any) -> Any:
    """`values` as one dimension over the same memory."""
    checked_array(what, values)
    return values if values.ndim == 1 else values.flatten()
