"""Catmull-Clark surfaces against what is known of them."""

import numpy as np
import pytest

from app.render.stage import from_stage
from app.render.stage.subdivision import INFINITE, Cage, _refine, crease_edges, subdivide
from tests.app.render.test_stage import stage_of

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def cube(**more):
    return Cage(CUBE, np.full(6, 4), FACES.ravel(), **more)


def grid(heights):
    """A sheet of quads over a lattice."""
    n, m = heights.shape
    x, y = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")
    index = np.arange(n * m).reshape(n, m)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return Cage(np.stack([x, y, heights], axis=-1).reshape(-1, 3).astype(float), np.full(len(quads), 4), quads.ravel())


def test_corner_edge_and_face_of_a_cube():
    fine = _refine(cube())
    assert len(fine.points) == 8 + 12 + 6 and len(fine.counts) == 24
    np.testing.assert_allclose(fine.points[:8], CUBE * 5 / 9)  # (Q + 2 R) / 3
    np.testing.assert_allclose(
        np.sort(np.abs(fine.points[8:20]), axis=1), np.tile([0.0, 0.75, 0.75], (12, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.sort(np.abs(fine.points[20:]), axis=1), np.tile([0.0, 0.0, 1.0], (6, 1)), atol=1e-12)


def test_regular_quads_are_a_bicubic_b_spline():
    heights = np.random.default_rng(1).normal(size=(5, 6))
    fine = _refine(grid(heights))
    smooth, middle = np.array([1, 6, 1]) / 8, np.array([0, 4, 4]) / 8
    place = {tuple(np.round(2 * p[:2]).astype(int)): p[2] for p in fine.points}

    def expected(i, j):
        """Knot insertion of the spline at (i, j) in half steps."""
        rows = heights[i // 2 - 1 : i // 2 + 2, j // 2 - 1 : j // 2 + 2]
        return (middle if i % 2 else smooth) @ rows @ (middle if j % 2 else smooth)

    for i in range(2, 7):
        for j in range(2, 9):
            assert place[(i, j)] == pytest.approx(expected(i, j), abs=1e-12)


def test_boundary_is_a_cubic_b_spline_and_corners_stay():
    heights = np.random.default_rng(2).normal(size=(5, 4))
    fine = _refine(grid(heights))
    edge, line = fine.points[: 5 * 4].reshape(5, 4, 3)[:, 0], grid(heights).points.reshape(5, 4, 3)[:, 0]
    np.testing.assert_allclose(edge[1:-1], (line[:-2] + 6 * line[1:-1] + line[2:]) / 8, atol=1e-12)
    np.testing.assert_allclose(edge[[0, -1]], line[[0, -1]])


def test_edge_only_boundaries_round_their_corners():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    kept = _refine(Cage(square, np.array([4]), np.arange(4)))
    np.testing.assert_allclose(kept.points[:4], square)
    rounded = _refine(Cage(square, np.array([4]), np.arange(4), boundary_corners=False))
    np.testing.assert_allclose(rounded.points[0], (0.125, 0.125, 0))


def test_sharp_edges_stay_where_they_are():
    low = np.sort(np.concatenate([np.stack([f, np.roll(f, -1)], 1) for f in FACES]), axis=1)
    creases = np.unique(low, axis=0)
    fine, sharp = subdivide(cube(creases=creases, sharpness=np.full(len(creases), INFINITE)))
    assert np.abs(np.abs(fine.points).max(axis=1) - 1).max() < 1e-12
    np.testing.assert_allclose(sharp, np.sort(np.abs(fine.points), axis=1)[:, 1] == 1.0)


def test_sharpness_one_is_sharp_for_one_level():
    creases = np.array([[0, 1]])
    one, half, none = (_refine(cube(creases=creases, sharpness=np.array([s]))) for s in (1.0, 0.5, 0.0))
    middle = [f.points[8:20][np.argmin(np.abs(f.points[8:20] - (-1, -1, 0)).sum(axis=1))] for f in (one, half, none)]
    np.testing.assert_allclose(middle[0], (-1, -1, 0))
    np.testing.assert_allclose(middle[2], (-0.75, -0.75, 0))
    np.testing.assert_allclose(middle[1], (-0.875, -0.875, 0))
    assert not len(one.creases) and not len(half.creases)


def test_values_stay_within_their_faces():
    uvs = np.tile([[0, 0], [1, 0], [1, 1], [0, 1]], (6, 1)).astype(float)
    fine = _refine(cube(values={"uv": uvs}))
    assert fine.values["uv"].shape == (96, 2)
    np.testing.assert_allclose(fine.values["uv"][:4], [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]])
    np.testing.assert_array_equal(fine.parents, np.repeat(np.arange(6), 4))


def test_creases_of_chains_and_of_edges():
    pairs, sharpness = crease_edges([3, 1, 2, 7, 5], [3, 2], [2.0, 4.0])
    np.testing.assert_array_equal(pairs, [[1, 3], [1, 2], [5, 7]])
    np.testing.assert_array_equal(sharpness, [2, 2, 4])
    np.testing.assert_array_equal(crease_edges([3, 1, 2, 7, 5], [3, 2], [1, 2, 3])[1], [1, 2, 3])
    assert not len(crease_edges([1, 2], [3], [1.0])[0])


MESH = """def Mesh "m" {{ point3f[] points = [(-1,-1,-1),(-1,-1,1),(-1,1,-1),(-1,1,1),(1,-1,-1),(1,-1,1),(1,1,-1),(1,1,1)]
    int[] faceVertexCounts = [4,4,4,4,4,4]
    int[] faceVertexIndices = [0,1,3,2,4,6,7,5,0,4,5,1,2,3,7,6,0,2,6,4,1,5,7,3]
    color3f[] primvars:displayColor = [(1,0,0),(0,1,0),(0,0,1),(1,1,0),(1,0,1),(0,1,1)] (interpolation = "uniform")
    {more} }}"""


def mesh_of(more):
    return from_stage(stage_of(MESH.format(more=more))).meshes[0].geometry


def test_a_mesh_that_asks_for_it_is_round():
    geometry = mesh_of('uniform token subdivisionScheme = "catmullClark"')
    assert len(geometry.triangles) == 6 * 16 * 2
    radius = np.linalg.norm(geometry.points, axis=1)
    assert radius.max() < 1.05 and radius.min() > 0.75
    outward = np.einsum("ij,ij->i", geometry.normals, geometry.points / radius[:, None])
    assert outward.min() > 0.93
    assert {tuple(c) for c in geometry.colors[:, :3].astype(int)} == {
        (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1),
    }  # fmt: skip


def test_one_that_says_nothing_keeps_its_polygons():
    assert len(mesh_of("").triangles) == 12


def test_holes_and_left_handed_faces_stay_so():
    holed = mesh_of('uniform token subdivisionScheme = "catmullClark"\n int[] holeIndices = [5]')
    assert len(holed.triangles) == 5 * 16 * 2
    turned = mesh_of('uniform token subdivisionScheme = "catmullClark"\n uniform token orientation = "leftHanded"')
    assert np.einsum("ij,ij->i", turned.normals, turned.points).max() < 0
