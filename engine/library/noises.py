# ruff: noqa: F811
"""Gradient noise (Perlin 2002): smooth, band-limited, zero at the lattice points, from 1 to 4 dimensions.

Each lattice cell's corners carry a random unit gradient, found by hashing the corner's coordinates with the state. The
noise is the interpolation, by the quintic 6t⁵ - 15t⁴ + 10t³, of the gradients' linear functions.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library
from engine.library.sampling import rand_next, unit_float

_GROUP = "Random"


@en.func
def _mixed(i: int, prime: en.uint32) -> en.uint32:
    """A lattice coordinate times a large prime, modulo 2³² (spatial hash of Teschner et al. 2003)."""
    return en.mul(en.uint32(i), prime)


@en.func
def _gradient(state: en.uint32, i: int) -> float:
    """Slope in [-1, 1) of a lattice point in one dimension."""
    return 2.0 * en.randf(en.add(_mixed(i, en.uint32(73856093)), state)) - 1.0


@en.func
def _gradient2(state: en.uint32, i: int, j: int) -> en.vec2:
    s = _mixed(i, en.uint32(73856093)) ^ en.add(_mixed(j, en.uint32(19349663)), state)
    return en.normalize(en.sample_unit_square(s))


@en.func
def _gradient3(state: en.uint32, i: int, j: int, k: int) -> en.vec3:
    s = _mixed(i, en.uint32(73856093)) ^ _mixed(j, en.uint32(19349663))
    return en.normalize(en.sample_unit_cube(s ^ en.add(_mixed(k, en.uint32(83492791)), state)))


@en.func
def _gradient4(state: en.uint32, i: int, j: int, k: int, n: int) -> en.vec4:
    s = _mixed(i, en.uint32(73856093)) ^ _mixed(j, en.uint32(19349663)) ^ _mixed(k, en.uint32(83492791))
    s = s ^ en.add(_mixed(n, en.uint32(10001659)), state)
    a = rand_next(s)
    b = rand_next(a)
    c = rand_next(b)
    d = rand_next(c)
    return en.normalize(en.vec4(unit_float(a), unit_float(b), unit_float(c), unit_float(d)) - en.vec4(0.5))


@en.func
def _fade(t: float) -> float:
    return t * t * t * (t * (t * 6.0 - 15.0) + 10.0)


@en.func
def _fade_slope(t: float) -> float:
    return 30.0 * t * t * (t * (t - 2.0) + 1.0)


@en.func
def _turned(i: int, period: int) -> int:
    """A lattice coordinate within its period; 0 means no period."""
    if period <= 0:
        return i
    r = i % period
    return en.where(r < 0, r + period, r)


@en.func
def _noise1(state: en.uint32, x: float, px: int) -> en.vec2:
    """Noise in one dimension: its slope, then its value."""
    i = int(en.floor(x))
    d = x - float(i)
    g0, g1 = _gradient(state, _turned(i, px)), _gradient(state, _turned(i + 1, px))
    v0, v1 = g0 * d, g1 * (d - 1.0)
    s = _fade(d)
    return en.vec2(g0 + (g1 - g0) * s + (v1 - v0) * _fade_slope(d), v0 + (v1 - v0) * s)


@en.func
def _noise2(state: en.uint32, p: en.vec2, px: int, py: int) -> en.vec3:
    """Noise in two dimensions: its gradient, then its value."""
    i, j = int(en.floor(p[0])), int(en.floor(p[1]))
    dx, dy = p[0] - float(i), p[1] - float(j)
    i0, i1, j0, j1 = _turned(i, px), _turned(i + 1, px), _turned(j, py), _turned(j + 1, py)
    a = _edge2(_gradient2(state, i0, j0), _gradient2(state, i1, j0), dx, dy)
    b = _edge2(_gradient2(state, i0, j1), _gradient2(state, i1, j1), dx, dy - 1.0)
    t = _fade(dy)
    out = a + (b - a) * t
    return en.vec3(out[0], out[1] + (b[2] - a[2]) * _fade_slope(dy), out[2])


@en.func
def _edge2(g0: en.vec2, g1: en.vec2, dx: float, dy: float) -> en.vec3:
    """Interpolation along x between two lattice points: gradient (x, y), then value."""
    v0, v1 = g0[0] * dx + g0[1] * dy, g1[0] * (dx - 1.0) + g1[1] * dy
    s = _fade(dx)
    g = g0 + (g1 - g0) * s
    return en.vec3(g[0] + (v1 - v0) * _fade_slope(dx), g[1], v0 + (v1 - v0) * s)


@en.func
def _edge3(g0: en.vec3, g1: en.vec3, d: en.vec3) -> en.vec4:
    v0, v1 = en.dot(g0, d), en.dot(g1, d) - g1[0]
    s = _fade(d[0])
    g = g0 + (g1 - g0) * s
    return en.vec4(g[0] + (v1 - v0) * _fade_slope(d[0]), g[1], g[2], v0 + (v1 - v0) * s)


@en.func
def _noise3(state: en.uint32, p: en.vec3, px: int, py: int, pz: int) -> en.vec4:
    """Noise in three dimensions: its gradient, then its value."""
    i, j, k = int(en.floor(p[0])), int(en.floor(p[1])), int(en.floor(p[2]))
    d = en.vec3(p[0] - float(i), p[1] - float(j), p[2] - float(k))
    i0, i1 = _turned(i, px), _turned(i + 1, px)
    layer = en.vec4()
    for n in range(2):
        kn = _turned(k + n, pz)
        dz = d[2] - float(n)
        a = _edge3(
            _gradient3(state, i0, _turned(j, py), kn),
            _gradient3(state, i1, _turned(j, py), kn),
            en.vec3(d[0], d[1], dz),
        )
        b = _edge3(
            _gradient3(state, i0, _turned(j + 1, py), kn),
            _gradient3(state, i1, _turned(j + 1, py), kn),
            en.vec3(d[0], d[1] - 1.0, dz),
        )
        row = a + (b - a) * _fade(d[1])
        row = row + en.vec4(0.0, (b[3] - a[3]) * _fade_slope(d[1]), 0.0, 0.0)
        if n == 0:
            layer = row
        else:
            slope = (row[3] - layer[3]) * _fade_slope(d[2])
            layer = layer + (row - layer) * _fade(d[2]) + en.vec4(0.0, 0.0, slope, 0.0)
    return layer


vec5 = en.types.vector(5, float)


@en.func
def _edge4(g0: en.vec4, g1: en.vec4, d: en.vec4) -> vec5:
    v0, v1 = en.dot(g0, d), en.dot(g1, d) - g1[0]
    s = _fade(d[0])
    g = g0 + (g1 - g0) * s
    return vec5(g[0] + (v1 - v0) * _fade_slope(d[0]), g[1], g[2], g[3], v0 + (v1 - v0) * s)


@en.func
def _layer4(state: en.uint32, d: en.vec4, i0: int, i1: int, j0: int, j1: int, k: int, t: int) -> vec5:
    a = _edge4(_gradient4(state, i0, j0, k, t), _gradient4(state, i1, j0, k, t), d)
    e = en.vec4(d[0], d[1] - 1.0, d[2], d[3])
    b = _edge4(_gradient4(state, i0, j1, k, t), _gradient4(state, i1, j1, k, t), e)
    slope = (b[4] - a[4]) * _fade_slope(d[1])
    return a + (b - a) * _fade(d[1]) + vec5(0.0, slope, 0.0, 0.0, 0.0)


@en.func
def _noise4(state: en.uint32, p: en.vec4, px: int, py: int, pz: int, pt: int) -> vec5:
    """Noise in four dimensions: its gradient, then its value."""
    i, j, k, t = int(en.floor(p[0])), int(en.floor(p[1])), int(en.floor(p[2])), int(en.floor(p[3]))
    d = en.vec4(p[0] - float(i), p[1] - float(j), p[2] - float(k), p[3] - float(t))
    i0, i1, j0, j1 = _turned(i, px), _turned(i + 1, px), _turned(j, py), _turned(j + 1, py)
    out = vec5()
    for m in range(2):
        tm = _turned(t + m, pt)
        dt = d[3] - float(m)
        low = _layer4(state, en.vec4(d[0], d[1], d[2], dt), i0, i1, j0, j1, _turned(k, pz), tm)
        high = _layer4(state, en.vec4(d[0], d[1], d[2] - 1.0, dt), i0, i1, j0, j1, _turned(k + 1, pz), tm)
        slab = low + (high - low) * _fade(d[2])
        slab = slab + vec5(0.0, 0.0, (high[4] - low[4]) * _fade_slope(d[2]), 0.0, 0.0)
        if m == 0:
            out = slab
        else:
            slope = (slab[4] - out[4]) * _fade_slope(d[3])
            out = out + (slab - out) * _fade(d[3]) + vec5(0.0, 0.0, 0.0, slope, 0.0)
    return out


@library(_GROUP)
def noise(state: en.uint32, x: float):
    """Gradient noise of a number (1D) or a vec2, vec3, vec4, about in [-1, 1]; the state chooses the pattern.

    Differentiable in the position, with a continuous second derivative.
    """
    return _noise1(state, x, 0)[1]


@library(_GROUP)
def noise(state: en.uint32, xy: en.vec2):
    return _noise2(state, xy, 0, 0)[2]


@library(_GROUP)
def noise(state: en.uint32, xyz: en.vec3):
    return _noise3(state, xyz, 0, 0, 0)[3]


@library(_GROUP)
def noise(state: en.uint32, xyzt: en.vec4):
    return _noise4(state, xyzt, 0, 0, 0, 0)[4]


@library(_GROUP)
def pnoise(state: en.uint32, x: float, px: int):
    """Gradient noise that repeats after a whole number of cells `px` (`py`, `pz`, `pt`) along each axis.

    Differentiable in the position, with a continuous second derivative.
    """
    return _noise1(state, x, px)[1]


@library(_GROUP)
def pnoise(state: en.uint32, xy: en.vec2, px: int, py: int):
    return _noise2(state, xy, px, py)[2]


@library(_GROUP)
def pnoise(state: en.uint32, xyz: en.vec3, px: int, py: int, pz: int):
    return _noise3(state, xyz, px, py, pz)[3]


@library(_GROUP)
def pnoise(state: en.uint32, xyzt: en.vec4, px: int, py: int, pz: int, pt: int):
    return _noise4(state, xyzt, px, py, pz, pt)[4]


@library(_GROUP)
def curlnoise(state: en.uint32, xy: en.vec2, octaves: Any = 1, lacunarity: float = 2.0, gain: float = 0.5):
    """Divergence-free vector field from gradient noise (Bridson et al. 2007), summed over octaves.

    In the plane the gradient turned by a quarter; in space (and time, for a vec4) the curl of three noises. Every
    octave is finer by `lacunarity` and weaker by `gain`. Differentiable in the position.
    """
    total, frequency, amplitude = en.vec2(), 1.0, 1.0
    for _ in range(int(octaves)):
        g = _noise2(state, frequency * xy, 0, 0)
        total += amplitude * en.vec2(g[0], g[1])
        amplitude *= gain
        frequency *= lacunarity
    return en.vec2(-total[1], total[0])


@library(_GROUP)
def curlnoise(state: en.uint32, xyz: en.vec3, octaves: Any = 1, lacunarity: float = 2.0, gain: float = 0.5):
    a = en.rand_init(int(state), 10019689)
    b = en.rand_init(int(state), 13112221)
    total, frequency, amplitude = en.vec3(), 1.0, 1.0
    for _ in range(int(octaves)):
        p = frequency * xyz
        f, g, h = _noise3(state, p, 0, 0, 0), _noise3(a, p, 0, 0, 0), _noise3(b, p, 0, 0, 0)
        total += amplitude * en.vec3(h[1] - g[2], f[2] - h[0], g[0] - f[1])
        amplitude *= gain
        frequency *= lacunarity
    return total


@library(_GROUP)
def curlnoise(state: en.uint32, xyzt: en.vec4, octaves: Any = 1, lacunarity: float = 2.0, gain: float = 0.5):
    a = en.rand_init(int(state), 10019689)
    b = en.rand_init(int(state), 13112221)
    total, frequency, amplitude = en.vec3(), 1.0, 1.0
    for _ in range(int(octaves)):
        p = frequency * xyzt
        f, g, h = _noise4(state, p, 0, 0, 0, 0), _noise4(a, p, 0, 0, 0, 0), _noise4(b, p, 0, 0, 0, 0)
        total += amplitude * en.vec3(h[1] - g[2], f[2] - h[0], g[0] - f[1])
        amplitude *= gain
        frequency *= lacunarity
    return total
