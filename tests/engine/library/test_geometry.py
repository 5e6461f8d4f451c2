"""Closest points and intersections against sampling and linear programming."""

import numpy as np
import pytest
import scipy.optimize

import engine as en

rng = np.random.default_rng(8)


def brute_distance(p1, q1, p2, q2):
    result = scipy.optimize.lsq_linear(np.stack([q1 - p1, p2 - q2], axis=1), p2 - p1, bounds=(0, 1), tol=1e-14)
    return np.linalg.norm(result.fun)


@en.kernel
def edges(p1: en.array(dtype=en.vec3), q1: en.array(dtype=en.vec3), p2: en.array(dtype=en.vec3), q2: en.array(dtype=en.vec3),
          out: en.array(dtype=en.vec3)):  # fmt: skip
    i = en.tid()
    out[i] = en.closest_point_edge_edge(p1[i], q1[i], p2[i], q2[i], 1.0e-8)


def test_closest_points_of_segments():
    ends = rng.integers(-2, 3, (300, 4, 3)).astype(np.float32)  # parallel, crossing and degenerate ones among them
    ends[:100] = rng.normal(size=(100, 4, 3))
    arrays = [en.array(ends[:, k], dtype=en.vec3) for k in range(4)]
    out = en.zeros(len(ends), dtype=en.vec3)
    en.launch(edges, len(ends), inputs=arrays, outputs=[out])
    for (p1, q1, p2, q2), (s, t, d) in zip(ends.astype(float), out.numpy().astype(float)):
        assert 0 <= s <= 1 and 0 <= t <= 1
        assert np.linalg.norm(p1 + s * (q1 - p1) - p2 - t * (q2 - p2)) == pytest.approx(d, abs=1e-5)
        assert d == pytest.approx(brute_distance(p1, q1, p2, q2), abs=2e-4)


def separated(v, u):
    """Whether a plane lies strictly between two triangles: a linear program for its normal and offset."""
    a = np.vstack(
        [np.hstack([-v, np.ones((3, 1)), np.ones((3, 1))]), np.hstack([u, -np.ones((3, 1)), np.ones((3, 1))])]
    )
    bounds = [(-1, 1)] * 3 + [(None, None), (0, 1)]
    return scipy.optimize.linprog([0, 0, 0, 0, -1], A_ub=a, b_ub=np.zeros(6), bounds=bounds).x[4]


@en.kernel
def triangles(v: en.array2d(dtype=en.vec3d), u: en.array2d(dtype=en.vec3d), out: en.array(dtype=int)):
    i = en.tid()
    out[i] = en.intersect_tri_tri(v[i, 0], v[i, 1], v[i, 2], u[i, 0], u[i, 1], u[i, 2])


@pytest.mark.parametrize("flat", [False, True], ids=["space", "one plane"])
def test_triangles_intersect_unless_a_plane_separates_them(flat):
    pairs = rng.normal(size=(300, 2, 3, 3))
    if flat:
        pairs[..., 2] = 0.5
    v, u = (en.array(pairs[:, k], dtype=en.vec3d) for k in range(2))
    out = en.zeros(len(pairs), dtype=int)
    en.launch(triangles, len(pairs), inputs=[v, u], outputs=[out])
    gaps = np.array([separated(a, b) for a, b in pairs])
    clear = (gaps < 1e-9) | (gaps > 1e-6)
    np.testing.assert_array_equal(out.numpy()[clear] == 0, gaps[clear] > 1e-6)
    assert 30 < out.numpy().sum() < 270


def test_triangles_that_touch_intersect():
    a = [en.vec3(0, 0, 0), en.vec3(1, 0, 0), en.vec3(0, 1, 0)]
    assert en.intersect_tri_tri(*a, en.vec3(0.2, 0.2, 0), en.vec3(0.2, 0.2, 1), en.vec3(0.5, 0.2, 1)) == 1
    assert en.intersect_tri_tri(*a, en.vec3(0.2, 0.2, 0.01), en.vec3(0.2, 0.2, 1), en.vec3(0.5, 0.2, 1)) == 0
