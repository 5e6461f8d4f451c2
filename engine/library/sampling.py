"""Samples of simple shapes and distributions.

In kernels every function advances the state (uint32) that it is given. Numbers of Python scope cannot change in place:
there, `rand_next(state)` is the next one. The functions are written with `rand_next`, so that they mean the same in both.
"""

from __future__ import annotations

import engine as en
from engine.library.functions import library
from engine.library.registry import BUILTINS

_GROUP = "Random"
rand_next = BUILTINS["rand_next"]


@en.func
def unit_float(bits: en.uint32) -> float:
    """Number in [0, 1) from the upper 24 bits of a new state, as `randf`."""
    return float(bits >> en.uint32(8)) * 5.9604644775390625e-08


@library(_GROUP, mutates=(0,))
def sample_cdf(state: en.uint32, cdf: en.array(dtype=float)):
    """Index drawn with the cumulative distribution `cdf` (ascending, ending in 1). Advances the state; not differentiable."""
    s = rand_next(state)
    return en.lower_bound(cdf, unit_float(s)), s


@library(_GROUP, mutates=(0,))
def sample_triangle(state: en.uint32):
    """Two barycentric coordinates (vec2), uniform over a triangle. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    root = en.sqrt(unit_float(a))
    return en.vec2(1.0 - root, unit_float(b) * root), b


@library(_GROUP, mutates=(0,))
def sample_unit_ring(state: en.uint32):
    """Point (vec2) uniform on the unit circle. Advances the state; not differentiable."""
    a = rand_next(state)
    angle = 6.283185307179586 * unit_float(a)
    return en.vec2(en.cos(angle), en.sin(angle)), a


@library(_GROUP, mutates=(0,))
def sample_unit_disk(state: en.uint32):
    """Point (vec2) uniform in the unit disk. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    radius, angle = en.sqrt(unit_float(a)), 6.283185307179586 * unit_float(b)
    return en.vec2(radius * en.cos(angle), radius * en.sin(angle)), b


@en.func
def _on_sphere(height: float, turn: float):
    """Point of the unit sphere at a height z in [-1, 1] and a fraction of a turn about z (Archimedes)."""
    radius = en.sqrt(en.max(0.0, 1.0 - height * height))
    angle = 6.283185307179586 * turn
    return en.vec3(radius * en.cos(angle), radius * en.sin(angle), height)


@library(_GROUP, mutates=(0,))
def sample_unit_sphere_surface(state: en.uint32):
    """Point (vec3) uniform on the unit sphere. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    return _on_sphere(1.0 - 2.0 * unit_float(a), unit_float(b)), b


@library(_GROUP, mutates=(0,))
def sample_unit_sphere(state: en.uint32):
    """Point (vec3) uniform in the unit ball. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    c = rand_next(b)
    return en.cbrt(unit_float(c)) * _on_sphere(1.0 - 2.0 * unit_float(a), unit_float(b)), c


@library(_GROUP, mutates=(0,))
def sample_unit_hemisphere_surface(state: en.uint32):
    """Point (vec3) uniform on the upper half (z >= 0) of the unit sphere. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    return _on_sphere(unit_float(a), unit_float(b)), b


@library(_GROUP, mutates=(0,))
def sample_unit_hemisphere(state: en.uint32):
    """Point (vec3) uniform in the upper half (z >= 0) of the unit ball. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    c = rand_next(b)
    return en.cbrt(unit_float(c)) * _on_sphere(unit_float(a), unit_float(b)), c


@library(_GROUP, mutates=(0,))
def sample_unit_square(state: en.uint32):
    """Point (vec2) uniform in the unit square about the origin. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    return en.vec2(unit_float(a) - 0.5, unit_float(b) - 0.5), b


@library(_GROUP, mutates=(0,))
def sample_unit_cube(state: en.uint32):
    """Point (vec3) uniform in the unit cube about the origin. Advances the state; not differentiable."""
    a = rand_next(state)
    b = rand_next(a)
    c = rand_next(b)
    return en.vec3(unit_float(a) - 0.5, unit_float(b) - 0.5, unit_float(c) - 0.5), c


@en.func
def _log_factorial(k: float):
    """Natural logarithm of k!, by Stirling's series from 10 on and by summing up below."""
    if k < 10.0:
        total, i = 0.0, 2.0
        while i <= k:
            total += en.log(i)
            i += 1.0
        return total
    r = 1.0 / k
    series = r * (0.08333333333333333 - r * r * (0.002777777777777778 - r * r * 0.0007936507936507937))
    return (k + 0.5) * en.log(k) - k + 0.9189385332046727 + series


@library(_GROUP, mutates=(0,))
def poisson(state: en.uint32, lam: float):
    """Number of events (uint32) of a Poisson process with mean `lam`. Advances the state; not differentiable.

    Knuth's product of uniforms below a mean of 10, else transformed rejection with squeeze (Hörmann 1993, PTRS).
    """
    if lam < 10.0:
        limit, product, count = en.exp(-lam), 1.0, (-1)
        while product > limit:
            state = rand_next(state)
            product *= unit_float(state)
            count += 1
        return en.uint32(en.max(count, 0)), state
    spread = en.sqrt(lam)
    b = 0.931 + 2.53 * spread
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    limit = 0.9277 - 3.6224 / (b - 2.0)
    accepted, k = False, 0.0
    while not accepted:
        state = rand_next(state)
        u = unit_float(state) - 0.5
        state = rand_next(state)
        v = unit_float(state)
        us = 0.5 - en.abs(u)
        k = en.floor((2.0 * a / us + b) * u + lam + 0.43)
        if us >= 0.07 and v <= limit:
            accepted = k >= 0.0
        elif k >= 0.0 and us > 0.0 and not (us < 0.013 and v > us) and v > 0.0:
            left = en.log(v * inverse_alpha / (a / (us * us) + b))
            accepted = left <= k * en.log(lam) - lam - _log_factorial(k)
    return en.uint32(k), state
