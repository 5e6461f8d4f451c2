"""Samples of simple shapes and distributions. Every function advances the state (uint32) that it is given."""

from __future__ import annotations

import engine as en
from engine.library.functions import library

_GROUP = "Random"


@library(_GROUP, mutates=(0,))
def sample_cdf(state: en.uint32, cdf: en.array(dtype=float)):
    """Index drawn with the cumulative distribution `cdf` (ascending, ending in 1). Advances the state; not differentiable."""
    u = en.randf(state)
    return en.min(en.lower_bound(cdf, u), len(cdf) - 1), state


@library(_GROUP, mutates=(0,))
def sample_triangle(state: en.uint32):
    """Two barycentric coordinates (vec2), uniform over a triangle. Advances the state; not differentiable."""
    root = en.sqrt(en.randf(state))
    v = en.randf(state)
    return en.vec2(1.0 - root, v * root), state


@library(_GROUP, mutates=(0,))
def sample_unit_ring(state: en.uint32):
    """Point (vec2) uniform on the unit circle. Advances the state; not differentiable."""
    angle = 6.283185307179586 * en.randf(state)
    return en.vec2(en.cos(angle), en.sin(angle)), state


@library(_GROUP, mutates=(0,))
def sample_unit_disk(state: en.uint32):
    """Point (vec2) uniform in the unit disk. Advances the state; not differentiable."""
    radius = en.sqrt(en.randf(state))
    angle = 6.283185307179586 * en.randf(state)
    return en.vec2(radius * en.cos(angle), radius * en.sin(angle)), state


@en.func
def _on_sphere(height: float, turn: float):
    """Point of the unit sphere at a height z in [-1, 1] and a fraction of a turn about z (Archimedes)."""
    radius = en.sqrt(en.max(0.0, 1.0 - height * height))
    angle = 6.283185307179586 * turn
    return en.vec3(radius * en.cos(angle), radius * en.sin(angle), height)


@library(_GROUP, mutates=(0,))
def sample_unit_sphere_surface(state: en.uint32):
    """Point (vec3) uniform on the unit sphere. Advances the state; not differentiable."""
    height = 1.0 - 2.0 * en.randf(state)
    turn = en.randf(state)
    return _on_sphere(height, turn), state


@library(_GROUP, mutates=(0,))
def sample_unit_sphere(state: en.uint32):
    """Point (vec3) uniform in the unit ball. Advances the state; not differentiable."""
    height = 1.0 - 2.0 * en.randf(state)
    turn = en.randf(state)
    radius = en.cbrt(en.randf(state))
    return radius * _on_sphere(height, turn), state


@library(_GROUP, mutates=(0,))
def sample_unit_hemisphere_surface(state: en.uint32):
    """Point (vec3) uniform on the upper half (z >= 0) of the unit sphere. Advances the state; not differentiable."""
    height = en.randf(state)
    turn = en.randf(state)
    return _on_sphere(height, turn), state


@library(_GROUP, mutates=(0,))
def sample_unit_hemisphere(state: en.uint32):
    """Point (vec3) uniform in the upper half (z >= 0) of the unit ball. Advances the state; not differentiable."""
    height = en.randf(state)
    turn = en.randf(state)
    radius = en.cbrt(en.randf(state))
    return radius * _on_sphere(height, turn), state


@library(_GROUP, mutates=(0,))
def sample_unit_square(state: en.uint32):
    """Point (vec2) uniform in the unit square about the origin. Advances the state; not differentiable."""
    x = en.randf(state) - 0.5
    y = en.randf(state) - 0.5
    return en.vec2(x, y), state


@library(_GROUP, mutates=(0,))
def sample_unit_cube(state: en.uint32):
    """Point (vec3) uniform in the unit cube about the origin. Advances the state; not differentiable."""
    x = en.randf(state) - 0.5
    y = en.randf(state) - 0.5
    z = en.randf(state) - 0.5
    return en.vec3(x, y, z), state


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
            product *= en.randf(state)
            count += 1
        return en.uint32(en.max(count, 0)), state
    spread = en.sqrt(lam)
    b = 0.931 + 2.53 * spread
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    limit = 0.9277 - 3.6224 / (b - 2.0)
    accepted, k = False, 0.0
    while not accepted:
        u = en.randf(state) - 0.5
        v = en.randf(state)
        us = 0.5 - en.abs(u)
        k = en.floor((2.0 * a / us + b) * u + lam + 0.43)
        if us >= 0.07 and v <= limit:
            accepted = k >= 0.0
        elif k >= 0.0 and us > 0.0 and not (us < 0.013 and v > us) and v > 0.0:
            left = en.log(v * inverse_alpha / (a / (us * us) + b))
            accepted = left <= k * en.log(lam) - lam - _log_factorial(k)
    return en.uint32(k), state
