"""Queries restricted to a group, and the mesh queries that count, ask for any hit, or take a sphere."""

from typing import Any

import numpy as np
import pytest

import engine as en

rng = np.random.default_rng(7)
LOW = (rng.random((400, 3)) * 8).astype(np.float32)
HIGH = LOW + rng.random((400, 3)).astype(np.float32)
BOX = (en.vec3(2.0, 2.0, 2.0), en.vec3(5.0, 6.0, 5.0))


@en.kernel
def boxes_of_group(id: en.uint64, low: en.vec3, high: en.vec3, group: int, seen: en.array(dtype=int)):
    for k in en.bvh_query_aabb(id, low, high, en.bvh_get_group_root(id, group)):
        seen[k] = seen[k] + 1


@en.kernel
def boxes(id: en.uint64, low: en.vec3, high: en.vec3, seen: en.array(dtype=int)):
    for k in en.bvh_query_aabb(id, low, high):
        seen[k] = seen[k] + 1


def expected_boxes():
    low, high = np.array(BOX[0]), np.array(BOX[1])
    return ((LOW <= high) & (HIGH >= low)).all(axis=1)


@pytest.mark.parametrize("count", [1, 3, 9, 70, 400])
def test_boxes_of_one_group(count):
    groups = (rng.permutation(400) % count * 11 - 5).astype(np.int32)
    bvh = en.Bvh(en.array(LOW, dtype=en.vec3), en.array(HIGH, dtype=en.vec3), groups=en.array(groups))
    for group in np.unique(groups)[:5]:
        seen = en.zeros(400, dtype=int)
        en.launch(boxes_of_group, 1, [bvh.id, *BOX, int(group)], [seen])
        np.testing.assert_array_equal(seen.numpy(), expected_boxes() & (groups == group))
    for group in (None, 10**6):  # all of them; a group that does not exist means all too
        seen = en.zeros(400, dtype=int)
        if group is None:
            en.launch(boxes, 1, [bvh.id, *BOX], [seen])
        else:
            en.launch(boxes_of_group, 1, [bvh.id, *BOX, group], [seen])
        np.testing.assert_array_equal(seen.numpy(), expected_boxes())


def test_refit_and_rebuild_keep_groups():
    groups = (np.arange(400) % 4).astype(np.int32)
    lows, highs = en.array(LOW, dtype=en.vec3), en.array(HIGH, dtype=en.vec3)
    bvh = en.Bvh(lows, highs, groups=en.array(groups))
    for update in (bvh.refit, bvh.rebuild):
        moved = (rng.random((400, 3)) * 8).astype(np.float32)
        lows.assign(moved)
        highs.assign(moved + 1)
        update()
        seen = en.zeros(400, dtype=int)
        en.launch(boxes_of_group, 1, [bvh.id, *BOX, 2], [seen])
        hit = ((moved <= np.array(BOX[1])) & (moved + 1 >= np.array(BOX[0]))).all(axis=1)
        np.testing.assert_array_equal(seen.numpy(), hit & (groups == 2))


POINTS = ((rng.random((300, 1, 3)) * 8) + (rng.random((300, 3, 3)) - 0.5) * 2).astype(np.float32)


def soup(**kw):
    return en.Mesh(en.array(POINTS.reshape(-1, 3), dtype=en.vec3), en.array(np.arange(900), dtype=int), **kw)


@en.kernel
def rays(
    id: en.uint64, start: en.array(dtype=en.vec3), dir: en.vec3, group: int, counts: en.array(dtype=int),
    any: en.array(dtype=int), first: en.array(dtype=int),
):  # fmt: skip
    i = en.tid()
    counts[i] = en.mesh_query_ray_count_intersections(id, start[i], dir)
    any[i] = int(en.mesh_query_ray_anyhit(id, start[i], dir, 3.0))
    hit = en.mesh_query_ray(id, start[i], dir, 1.0e6, en.mesh_get_group_root(id, group))
    first[i] = en.where(hit.result, hit.face, -1)


def hits_of(start, dir):
    """Distances along the ray to every triangle, infinite where it misses (Möller and Trumbore 1997, in float64)."""
    a, b, c = POINTS.astype(np.float64).transpose(1, 0, 2)
    e1, e2 = b - a, c - a
    p = np.cross(dir, e2)
    det = (e1 * p).sum(1)
    s = start - a
    u = (s * p).sum(1) / det
    q = np.cross(s, e1)
    v = (q @ dir) / det
    t = (e2 * q).sum(1) / det
    return np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0), t, np.inf)


def test_rays_that_count_and_rays_in_a_group():
    groups = (np.arange(300) % 7).astype(np.int32)
    mesh = soup(groups=en.array(groups))
    start = (rng.random((60, 3)) * 8).astype(np.float32)
    dir = np.array([0.3, 0.5, 0.8])
    counts, any, first = (en.zeros(60, dtype=int) for _ in range(3))
    en.launch(rays, 60, [mesh.id, en.array(start, dtype=en.vec3), en.vec3(*dir), 4], [counts, any, first])
    t = np.array([hits_of(s.astype(np.float64), dir) for s in start])
    np.testing.assert_array_equal(counts.numpy(), np.isfinite(t).sum(axis=1))
    np.testing.assert_array_equal(any.numpy(), t.min(axis=1) < 3.0)
    own = np.where(groups == 4, t, np.inf)
    np.testing.assert_array_equal(first.numpy(), np.where(np.isfinite(own.min(axis=1)), own.argmin(axis=1), -1))


@en.kernel
def spheres(id: en.uint64, centre: en.vec3, radius: float, near: en.array(dtype=int), boxed: en.array(dtype=int)):
    face = 0
    query = en.mesh_query_sphere(id, centre, radius)
    while en.mesh_query_next(query, face):
        near[face] = near[face] + 1
    for k in en.bvh_query_sphere(en.mesh_get_bvh(id), centre, radius):
        boxed[k] = boxed[k] + 1


@en.kernel
def distances(centre: en.vec3, points: en.array2d(dtype=en.vec3), out: en.array(dtype=float)):
    i = en.tid()
    out[i] = en.sqrt(en.triangle_distance_sq(points[i, 0], points[i, 1], points[i, 2], centre))


def test_spheres_reach_triangles_or_their_boxes():
    mesh, centre = soup(), en.vec3(4.0, 3.0, 5.0)
    near, boxed, d = en.zeros(300, dtype=int), en.zeros(300, dtype=int), en.zeros(300, dtype=float)
    en.launch(spheres, 1, [mesh.id, centre, 1.5], [near, boxed])
    en.launch(distances, 300, [centre, en.array(POINTS, dtype=en.vec3)], [d])
    np.testing.assert_array_equal(near.numpy(), d.numpy() <= 1.5)
    low, high = POINTS.min(axis=1), POINTS.max(axis=1)
    gap = np.linalg.norm(np.maximum(np.maximum(low - np.array(centre), np.array(centre) - high), 0), axis=1)
    np.testing.assert_array_equal(boxed.numpy(), gap <= 1.5)
    assert near.numpy().sum() < boxed.numpy().sum()


@en.kernel
def parity(id: en.uint64, points: en.array(dtype=en.vec3), sign: en.array(dtype=float), sign2: en.array(dtype=float)):
    i = en.tid()
    sign[i] = en.mesh_query_point_sign_parity(id, points[i], 100.0).sign
    s, face, u, v = float(0.0), 0, float(0.0), float(0.0)
    if en.mesh_query_point_sign_parity(id, points[i], 100.0, s, face, u, v):
        sign2[i] = s


def test_parity_does_not_care_which_way_faces_turn():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])  # some inwards, some outwards
    mesh = en.Mesh(en.array(corners, dtype=en.vec3), en.array(faces.ravel(), dtype=int))
    p = (rng.random((200, 3)) * 1.4 - 0.2).astype(np.float32)
    sign, sign2 = en.zeros(200, dtype=float), en.zeros(200, dtype=float)
    en.launch(parity, 200, [mesh.id, en.array(p, dtype=en.vec3)], [sign, sign2])
    inside = (p > 0).all(axis=1) & (p.sum(axis=1) < 1)
    np.testing.assert_array_equal(sign.numpy(), np.where(inside, -1.0, 1.0))
    np.testing.assert_array_equal(sign2.numpy(), sign.numpy())


@en.kernel
def neighbours(id: en.uint64, points: en.array(dtype=Any), radius: Any, group: int, counts: en.array2d(dtype=int)):
    i = en.tid()
    for k in en.hash_grid_query(id, points[i], radius):
        if en.length(points[i] - points[k]) <= radius:
            counts[i, 0] = counts[i, 0] + 1
    for k in en.hash_grid_query(id, points[i], radius, group):
        if en.length(points[i] - points[k]) <= radius:
            counts[i, 1] = counts[i, 1] + 1


@pytest.mark.parametrize("scalar", [en.float16, en.float32, en.float64], ids=lambda t: t.name)
def test_neighbours_of_every_precision_and_of_a_group(scalar):
    points = en.array(rng.random((300, 3)) * 4 - 2, dtype=en.types.vector(3, scalar))
    groups = (np.arange(300) % 3).astype(np.int32)
    grid = en.HashGrid(16, 16, 16, dtype=scalar)
    grid.build(points, 0.5, groups=en.array(groups))
    counts = en.zeros((300, 2), dtype=int)
    en.launch(neighbours, 300, [grid.id, points, scalar(0.5), 1], [counts])
    p = points.numpy()
    near = np.array([[np.sqrt(((a - b) ** 2).sum(dtype=p.dtype)) for b in p] for a in p]) <= p.dtype.type(0.5)
    slack = near.sum(axis=1)
    got = counts.numpy()
    if scalar is en.float16:  # the order of its roundings differs
        assert np.abs(got[:, 0] - slack).max() <= 1
    else:
        np.testing.assert_array_equal(got[:, 0], slack)
        np.testing.assert_array_equal(got[:, 1], near[:, groups == 1].sum(axis=1))


def test_mistakes_are_refused():
    low, high = en.array(LOW, dtype=en.vec3), en.array(HIGH, dtype=en.vec3)
    with pytest.raises(en.EngineError, match="one number for each of 400"):
        en.Bvh(low, high, groups=en.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="'sah', 'median', 'lbvh'"):
        soup(bvh_constructor="other")
    with pytest.raises(TypeError, match="float16, float32 or float64"):
        en.HashGrid(4, 4, 4, dtype=int)
