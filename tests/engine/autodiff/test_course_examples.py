"""What the course and the blog show of autodiff, in our own kernels: early returns, chains of launches, particles on grids."""

import numpy as np
import pytest

import engine as en

f64 = en.float64
DT, DX = 0.02, 0.25


@en.func
def simple(a: float, b: float):
    return en.sin(a) + a * b


@en.kernel
def run_simple(a: en.array(dtype=float), b: en.array(dtype=float), s: en.array(dtype=float)):
    s[0] = simple(a[0], b[0])


def test_the_simple_function_has_the_known_derivatives():
    a, b = (en.array([v], dtype=float, requires_grad=True) for v in (0.7, -1.3))
    s = en.zeros(1, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(run_simple, dim=1, inputs=[a, b], outputs=[s])
    tape.backward(s)
    assert a.grad.numpy()[0] == pytest.approx(np.cos(0.7) - 1.3, rel=1e-6)
    assert b.grad.numpy()[0] == pytest.approx(0.7, rel=1e-6)


@en.func
def barycentric_of_closest(a: en.vec3d, b: en.vec3d, c: en.vec3d, p: en.vec3d):
    """Barycentric coordinates of the closest point of a triangle, region by region (Ericson 2005, 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    along_b, along_c = en.dot(ab, ap), en.dot(ac, ap)
    if along_b <= 0.0 and along_c <= 0.0:
        return en.vec3d(1.0, 0.0, 0.0)
    bp = p - b
    b_b, b_c = en.dot(ab, bp), en.dot(ac, bp)
    if b_b >= 0.0 and b_c <= b_b:
        return en.vec3d(0.0, 1.0, 0.0)
    area_c = along_b * b_c - b_b * along_c
    if area_c <= 0.0 and along_b >= 0.0 and b_b <= 0.0:
        t = along_b / (along_b - b_b)
        return en.vec3d(f64(1.0) - t, t, 0.0)
    cp = p - c
    c_b, c_c = en.dot(ab, cp), en.dot(ac, cp)
    if c_c >= 0.0 and c_b <= c_c:
        return en.vec3d(0.0, 0.0, 1.0)
    area_b = c_b * along_c - along_b * c_c
    if area_b <= 0.0 and along_c >= 0.0 and c_c <= 0.0:
        t = along_c / (along_c - c_c)
        return en.vec3d(f64(1.0) - t, 0.0, t)
    area_a = b_b * c_c - c_b * b_c
    if area_a <= 0.0 and (b_c - b_b) >= 0.0 and (c_b - c_c) >= 0.0:
        t = (b_c - b_b) / ((b_c - b_b) + (c_b - c_c))
        return en.vec3d(0.0, f64(1.0) - t, t)
    whole = f64(1.0) / (area_a + area_b + area_c)
    return en.vec3d(area_a * whole, area_b * whole, area_c * whole)


@en.kernel
def distances(corners: en.array(dtype=en.vec3d), p: en.array(dtype=en.vec3d), d: en.array(dtype=f64)):
    i = en.tid()
    a, b, c = corners[0], corners[1], corners[2]
    w = barycentric_of_closest(a, b, c, p[i])
    d[i] = en.length(p[i] - (a * w[0] + b * w[1] + c * w[2]))


def test_closest_point_with_early_returns_in_every_region():
    corners = en.array([[0.0, 0.0, 0.1], [1.0, 0.1, 0.0], [0.2, 0.9, 0.2]], dtype=en.vec3d)
    places = [(-0.5, -0.6), (1.6, 0.0), (0.1, 1.7), (0.5, -0.5), (1.0, 0.9), (-0.6, 0.5), (0.4, 0.3)]
    p = en.array([(x, y, 0.7) for x, y in places], dtype=en.vec3d)
    assert en.gradcheck(distances, 7, [corners, p], [en.zeros(7, dtype=f64)])


@en.kernel
def stage(x: en.array(dtype=float), k: float, y: en.array(dtype=float)):
    i = en.tid()
    y[i] = en.sin(x[i]) * k


def test_intermediate_arrays_of_a_chain_have_their_gradients():
    a = en.array([0.3, 1.1], dtype=float, requires_grad=True)
    b, c = (en.zeros(2, dtype=float, requires_grad=True) for _ in range(2))
    with en.Tape() as tape:
        en.launch(stage, dim=2, inputs=[a, 2.0], outputs=[b])
        en.launch(stage, dim=2, inputs=[b, 3.0], outputs=[c])
    tape.backward(grads={c: en.ones_like(c)})
    to_b = 3.0 * np.cos(b.numpy())
    np.testing.assert_allclose(c.grad.numpy(), 1.0)
    np.testing.assert_allclose(b.grad.numpy(), to_b, rtol=1e-6)
    np.testing.assert_allclose(a.grad.numpy(), to_b * 2.0 * np.cos(a.numpy()), rtol=1e-6)


@en.struct
class Particles:
    x: en.array(dtype=en.vec3d)
    v: en.array(dtype=en.vec3d)
    mass: en.array(dtype=f64)


@en.struct
class Grid:
    mass: en.array3d(dtype=f64)
    momentum: en.array3d(dtype=en.vec3d)


@en.func
def spline(offset: en.vec3d):
    """Quadratic B-spline weights: a row for each axis, a column for each of three nodes."""
    half, three_quarters = f64(0.5), f64(0.75)
    rows = en.mat33d()
    for axis in range(3):
        t = offset[axis]
        rows[axis, 0] = half * (f64(1.5) - t) * (f64(1.5) - t)
        rows[axis, 1] = three_quarters - (t - f64(1.0)) * (t - f64(1.0))
        rows[axis, 2] = half * (t - half) * (t - half)
    return rows


@en.kernel
def to_grid(particles: Particles, grid: Grid):
    p = en.tid()
    place = particles.x[p] / f64(DX)
    ix, iy, iz = int(place[0] - f64(0.5)), int(place[1] - f64(0.5)), int(place[2] - f64(0.5))
    w = spline(place - en.vec3d(f64(ix), f64(iy), f64(iz)))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                share = w[0, i] * w[1, j] * w[2, k] * particles.mass[p]
                en.atomic_add(grid.mass, ix + i, iy + j, iz + k, share)
                en.atomic_add(grid.momentum, ix + i, iy + j, iz + k, share * particles.v[p])


@en.kernel
def from_grid(grid: Grid, particles: Particles, after: Particles):
    p = en.tid()
    place = particles.x[p] / f64(DX)
    ix, iy, iz = int(place[0] - f64(0.5)), int(place[1] - f64(0.5)), int(place[2] - f64(0.5))
    w = spline(place - en.vec3d(f64(ix), f64(iy), f64(iz)))
    v = en.vec3d()
    for i in range(3):
        for j in range(3):
            for k in range(3):
                mass = grid.mass[ix + i, iy + j, iz + k]
                if mass > f64(0.0):
                    v += grid.momentum[ix + i, iy + j, iz + k] * (w[0, i] * w[1, j] * w[2, k] / mass)
    after.v[p] = v
    after.x[p] = particles.x[p] + v * f64(DT)
    after.mass[p] = particles.mass[p]


def test_particles_to_a_grid_and_back():
    rng = np.random.default_rng(0)
    n, shape = 4, (8, 8, 8)

    def step(x, v, mass, x1, v1):
        grid = Grid()
        grid.mass, grid.momentum = en.zeros(shape, dtype=f64), en.zeros(shape, dtype=en.vec3d)
        before = Particles(x, v, mass)
        after = Particles(x1, v1, en.zeros(n, dtype=f64))
        en.launch(to_grid, dim=n, inputs=[before], outputs=[grid])
        en.launch(from_grid, dim=n, inputs=[grid, before], outputs=[after])

    x = en.array(rng.uniform(0.5, 1.3, (n, 3)), dtype=en.vec3d)
    v, mass = en.array(rng.normal(size=(n, 3)), dtype=en.vec3d), en.array(rng.uniform(0.5, 1.0, n), dtype=f64)
    out = [en.zeros(n, dtype=en.vec3d) for _ in range(2)]
    assert en.gradcheck(step, inputs=[x, v, mass], outputs=out, rtol=1e-4, atol=1e-6)
