import numpy as np
import pytest

from tests.engine.spatial.mesh_kernels import make_mesh, run_rays
from tests.engine.spatial.mesh_oracles import CLOSED_SHAPES, box, first_hits, sphere, torus


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def rays_around(points, count, seed):
    rng = np.random.default_rng(seed)
    lower, upper = points.min(0), points.max(0)
    size = (upper - lower).max()
    starts = rng.uniform(lower - size, upper + size, (count, 3)).astype(np.float32)
    targets = rng.uniform(lower, upper, (count, 3))
    return starts, unit(targets - starts).astype(np.float32)


@pytest.mark.parametrize("shape", CLOSED_SHAPES)
def test_first_hit_matches_brute_force(shape):
    points, faces = CLOSED_SHAPES[shape]()
    starts, directions = rays_around(points, 2000, seed=1)
    got = run_rays(make_mesh(points, faces), starts, directions)
    want, margin = first_hits(points, faces, starts, directions)
    clear = margin > 1e-4
    assert clear.mean() > 0.6
    assert np.array_equal(got["found"][clear], np.isfinite(want[clear]))
    hit = clear & np.isfinite(want)
    assert hit.sum() > 100
    np.testing.assert_allclose(got["t"][hit], want[hit], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got["position"][hit], starts[hit] + want[hit, None] * directions[hit], atol=2e-4)
    a, b, c = (points[faces[got["face"][hit], k]].astype(np.float64) for k in range(3))
    normal = unit(np.cross(b - a, c - a))
    np.testing.assert_allclose(got["normal"][hit], normal, atol=1e-4)
    assert np.array_equal(got["sign"][hit], np.where((normal * directions[hit]).sum(1) < 0, 1.0, -1.0))


@pytest.mark.parametrize("make", [sphere, torus, box])
def test_rays_at_edges_and_points_do_not_slip_through(make):
    points, faces = make()
    rng = np.random.default_rng(2)
    weights = rng.uniform(0, 1, (len(faces), 3))
    weights[:, 2] = 0
    weights[::3, 1] = 0
    weights /= weights.sum(1, keepdims=True)
    targets = (points[faces] * weights[..., None]).sum(1)
    # from inside a closed surface every ray hits something
    inside = np.array([0.9, 0.1, 0.0]) if make is torus else np.array([0.05, -0.1, 0.02])
    starts = np.broadcast_to(inside, targets.shape).astype(np.float32)
    got = run_rays(make_mesh(points, faces), starts, (targets - starts).astype(np.float32))
    assert got["found"].all()
    if make is not torus:  # convex: the target is the first thing that the ray meets
        np.testing.assert_allclose(got["t"], 1.0, atol=1e-5)


def test_axis_aligned_rays_through_a_grid_of_points():
    """Rays that run exactly through points and along coordinate planes of the boxes."""
    n = 8
    x, y = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1).astype(np.float32)
    i, j = (k.ravel() for k in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    a = i * (n + 1) + j
    faces = np.vstack([np.stack([a, a + n + 1, a + 1], 1), np.stack([a + 1, a + n + 1, a + n + 2], 1)]).astype(np.int32)
    mesh = make_mesh(points, faces)
    for zero in (0.0, -0.0):
        down = np.broadcast_to(np.array([zero, zero, -1], np.float32), points.shape)
        got = run_rays(mesh, points + np.array([0, 0, 2], np.float32), down)
        assert got["found"].all()
        np.testing.assert_allclose(got["t"], 2.0)


def test_parallel_rays_miss():
    mesh = make_mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32))
    starts = np.array([[-1, 0.2, 0], [-1, 0.2, 0.1], [0.2, 0.2, 0]], np.float32)
    directions = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    assert not run_rays(mesh, starts, directions)["found"].any()


def test_side_and_barycentric_convention():
    mesh = make_mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32))
    starts = np.array([[0.2, 0.3, 1], [0.2, 0.3, -1]], np.float32)
    directions = np.array([[0, 0, -2], [0, 0, 2]], np.float32)
    got = run_rays(mesh, starts, directions)
    np.testing.assert_allclose(got["t"], [0.5, 0.5])
    assert got["sign"].tolist() == [1.0, -1.0]
    np.testing.assert_allclose(got["normal"], [[0, 0, 1], [0, 0, 1]])
    np.testing.assert_allclose(got["position"], [[0.2, 0.3, 0]] * 2, atol=1e-6)


def test_max_t_and_hits_behind_the_start_are_left_out():
    mesh = make_mesh(*box())
    starts = np.array([[5, 0, 0], [5, 0, 0], [0, 0, 0]], np.float32)
    directions = np.array([[-1, 0, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    assert run_rays(mesh, starts, directions)["found"].tolist() == [True, False, True]
    assert run_rays(mesh, starts, directions, max_t=4.4)["found"].tolist() == [False, False, True]
    assert run_rays(mesh, starts, directions, max_t=float("inf"))["found"].tolist() == [True, False, True]


def test_a_direction_of_zero_or_not_a_number_hits_nothing():
    mesh = make_mesh(*box())
    starts = np.array([[0.1, 0.1, 0.1], [5, 0, 0], [np.nan, 0, 0]], np.float32)
    directions = np.array([[0, 0, 0], [np.nan, 0, 0], [1, 0, 0]], np.float32)
    assert not run_rays(mesh, starts, directions)["found"].any()
