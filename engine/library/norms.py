"""Norms and normalisation of vectors beyond `length` and `normalize`."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_GROUP = "Vector"


@library(_GROUP)
def norm_l1(v: Any):
    """Sum of the sizes of the components. Differentiable; at a zero component a subgradient."""
    total = en.abs(v[0])
    for k in range(1, len(v)):
        total += en.abs(v[k])
    return total


@library(_GROUP)
def norm_l2(v: Any):
    """Euclidean length, as `length`. Differentiable away from zero."""
    return en.length(v)


@library(_GROUP)
def norm_huber(v: Any, delta: Any = 1.0):
    """Huber norm: half the squared length up to length `delta` [unit of v], straight beyond (Huber 1964).

    Differentiable everywhere, with a continuous first derivative.
    """
    squared = en.dot(v, v)
    d = type(squared)(delta)
    if squared <= d * d:
        return 0.5 * squared
    return d * (en.sqrt(squared) - 0.5 * d)


@library(_GROUP)
def norm_pseudo_huber(v: Any, delta: Any = 1.0):
    """Smooth Huber norm, delta · √(1 + |v|²/delta²): `delta` at zero, the length far away. Differentiable everywhere."""
    squared = en.dot(v, v)
    d = type(squared)(delta)
    return d * en.sqrt(1.0 + squared / (d * d))


@library(_GROUP)
def smooth_normalize(v: Any, delta: Any = 1.0):
    """v divided by its pseudo-Huber norm: the direction far away, zero at zero. Differentiable everywhere."""
    return v / norm_pseudo_huber(v, delta)
