"""Surfaces from fields: closed, oriented, where they should be."""

import itertools

import numpy as np
import pytest
import trimesh

import engine as en
from engine.spatial.marching_cubes_tables import (
    CORNERS,
    EDGES,
    FACES,
    loops_of_case,
    marching_cubes_tables,
    triangles_of_loop,
)


def extract(values, threshold=0.0, lower=None, upper=None):
    field = en.array(np.ascontiguousarray(values, np.float32), dtype=en.float32)
    verts, indices = en.MarchingCubes.extract_surface_marching_cubes(field, threshold, lower, upper)
    return trimesh.Trimesh(verts.numpy(), indices.numpy().reshape(-1, 3), process=False)


def grid(n, extent=1.0):
    axis = np.linspace(-extent, extent, n)
    return np.meshgrid(axis, axis, axis, indexing="ij")


def closed_and_tidy(mesh):
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert set(np.unique(mesh.faces)) == set(range(len(mesh.vertices)))
    assert np.all(mesh.faces[:, 0] != mesh.faces[:, 1]) and np.all(mesh.faces[:, 1] != mesh.faces[:, 2])


def test_every_crossed_edge_is_on_one_loop():
    for case in range(256):
        crossed = {e for e, (a, b) in enumerate(EDGES) if (case >> a & 1) != (case >> b & 1)}
        edges = [e for loop in loops_of_case(case) for e in loop]
        assert sorted(edges) == sorted(crossed)
        assert all(len(loop) >= 3 for loop in loops_of_case(case))


def test_no_cut_of_a_loop_lies_in_a_face():
    for case in range(256):
        for loop in loops_of_case(case):
            border = {frozenset(pair) for pair in zip(loop, [*loop[1:], loop[0]])}
            for triangle in triangles_of_loop(loop):
                for a, b in itertools.combinations(triangle, 2):
                    if frozenset((a, b)) not in border:
                        ends = {*EDGES[a], *EDGES[b]}
                        assert not any(ends <= set(face) for face in FACES)


def test_tables_are_complete():
    tables = marching_cubes_tables()
    assert len(tables.case_to_triangles) == 257 and tables.case_to_triangles[:2] == (0, 0)
    assert tables.case_to_triangles[-1] * 3 == len(tables.triangle_edges)
    assert len(set(CORNERS)) == 8 and len(set(EDGES)) == 12


@pytest.mark.parametrize("n", [8, 33, 64])
def test_a_sphere_has_its_area_and_volume(n):
    x, y, z = grid(n)
    mesh = extract(np.sqrt(x * x + y * y + z * z), 0.7, (-1, -1, -1), (1, 1, 1))
    closed_and_tidy(mesh)
    h = 2 / (n - 1)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=3 * h * h)
    assert mesh.area == pytest.approx(4 * np.pi * 0.7**2, rel=4 * h * h)
    assert mesh.euler_number == 2
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.7, atol=h * h)


def test_normals_point_to_larger_values():
    x, y, z = grid(20)
    outward = extract(x * x + y * y + z * z, 0.5)
    inward = extract(-(x * x + y * y + z * z), -0.5)
    assert outward.volume > 0 > inward.volume


def test_a_torus_has_one_hole():
    x, y, z = grid(48, 1.2)
    mesh = extract(np.hypot(np.hypot(x, y) - 0.7, z), 0.3, (-1.2,) * 3, (1.2,) * 3)
    closed_and_tidy(mesh)
    assert mesh.euler_number == 0
    assert mesh.volume == pytest.approx(2 * np.pi**2 * 0.7 * 0.3**2, rel=0.02)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(12, 12, 12), (3, 20, 7), (2, 2, 40)])
def test_noise_gives_closed_surfaces(shape, seed):
    """Noise meets every case, the ambiguous ones next to each other too."""
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    padded = np.pad(values, 1, constant_values=5.0)
    closed_and_tidy(extract(padded, 0.1))


def test_noise_of_whole_numbers_at_the_threshold_is_closed():
    values = np.random.default_rng(1).integers(-1, 2, (14, 14, 14)).astype(np.float32)
    closed_and_tidy(extract(np.pad(values, 1, constant_values=5.0), 0.0))


def test_all_pairs_of_neighbouring_cells_agree():
    """Two cells that share a face: all 4096 ways of inside and outside."""
    bits = np.arange(4096)
    mesh_edges = 0
    for chunk in np.array_split(bits, 8):
        values = np.ones((4 * len(chunk), 5, 4), np.float32)
        for n, case in enumerate(chunk):
            inside = (case >> np.arange(12) & 1).reshape(2, 3, 2)
            values[4 * n + 1 : 4 * n + 3, 1:4, 1:3] = 1.0 - 2.0 * inside
        mesh = extract(values)
        closed_and_tidy(mesh)
        mesh_edges += len(mesh.edges)
    assert mesh_edges > 0


def test_where_vertices_lie_without_bounds():
    values = np.zeros((3, 4, 5), np.float32)
    values += np.arange(3)[:, None, None]
    mesh = extract(values, 0.25)
    np.testing.assert_allclose(mesh.vertices[:, 0], 0.25)
    assert mesh.bounds[1].tolist() == [0.25, 3.0, 4.0]


def test_a_field_without_the_value_gives_nothing():
    mesh = extract(np.zeros((4, 4, 4)), 1000.0)
    assert len(mesh.vertices) == 0 and len(mesh.faces) == 0


def test_values_that_are_not_finite_give_finite_vertices():
    values = np.zeros((5, 5, 5), np.float32)
    values[2, 2, 2], values[1, 1, 1], values[3, 3, 3] = np.nan, np.inf, -np.inf
    assert np.isfinite(extract(values, 0.5).vertices).all()


def test_the_object_keeps_its_last_surface_and_can_be_resized():
    x, y, z = grid(16)
    field = en.array((x * x + y * y + z * z).astype(np.float32))
    cubes = en.MarchingCubes(16, 16, 16)
    cubes.surface(field, 0.5)
    first = cubes.verts.numpy().copy()
    cubes.surface(field, 0.5)
    np.testing.assert_array_equal(cubes.verts.numpy(), first)
    with pytest.raises(en.EngineError, match="see resize"):
        cubes.surface(en.zeros((4, 4, 4), dtype=float), 0.5)
    cubes.resize(4, 4, 4)
    cubes.surface(en.zeros((4, 4, 4), dtype=float), 0.5)
    assert cubes.indices.shape == (0,)


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 8, 1), (0, 8, 8)])
def test_a_field_too_thin_for_cells_is_refused(shape):
    with pytest.raises(en.EngineError, match="at least 2 nodes on each axis"):
        en.MarchingCubes.extract_surface_marching_cubes(en.zeros(shape, dtype=float), 0.0)
