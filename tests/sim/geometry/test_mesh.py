"""Meshes: mass properties against trimesh, topology against Euler's formula, bad input."""

import warnings

import numpy as np
import pytest
import trimesh

import sim
from sim.geometry.mesh_edges import mesh_edges


def blob(seed: int) -> trimesh.Trimesh:
    """A closed bumpy surface away from the origin."""
    rng = np.random.default_rng(seed)
    mesh = trimesh.creation.icosphere(subdivisions=3)
    mesh.vertices *= rng.uniform(0.6, 1.4, size=(len(mesh.vertices), 1)) * rng.uniform(0.5, 2.0, size=3)
    mesh.vertices += rng.uniform(-3, 3, size=3)
    return mesh


@pytest.mark.parametrize("seed", range(4))
def test_solid_mass_properties_match_trimesh(seed):
    oracle = blob(seed)
    mesh = sim.Mesh(oracle.vertices, oracle.faces)
    assert mesh.mass == pytest.approx(oracle.volume, rel=1e-5)
    assert np.allclose(mesh.com, oracle.center_mass, atol=1e-5)
    assert np.allclose(mesh.I, oracle.moment_inertia, rtol=1e-4, atol=1e-5)


def test_scaled_mesh_matches_the_scaled_oracle():
    oracle = blob(7)
    properties = sim.Mesh(oracle.vertices, oracle.faces).mass_properties(scale=(2.0, 0.5, 1.5), density=3.0)
    oracle.apply_scale((2.0, 0.5, 1.5))
    oracle.density = 3.0
    assert properties.mass == pytest.approx(oracle.mass, rel=1e-5)
    assert np.allclose(properties.inertia, oracle.moment_inertia, rtol=1e-4, atol=1e-4)


def test_inward_winding_gives_the_same_mass():
    oracle = blob(1)
    mesh = sim.Mesh(oracle.vertices, oracle.faces[:, ::-1])
    assert mesh.mass == pytest.approx(oracle.volume, rel=1e-5)
    assert np.allclose(mesh.I, oracle.moment_inertia, rtol=1e-4, atol=1e-5)


def test_hollow_sphere_mesh_matches_the_thin_shell_formula():
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    properties = sim.Mesh(ball.vertices, ball.faces, is_solid=False).mass_properties(density=1000.0, thickness=0.01)
    assert properties.mass == pytest.approx(1000 * 0.01 * np.pi, rel=2e-3)
    assert np.allclose(properties.inertia, 2 / 3 * properties.mass * 0.25 * np.eye(3), rtol=3e-3, atol=1e-6)


def test_open_surface_warns_only_when_its_mass_is_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plate = sim.Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [0, 1, 2, 0, 2, 3])
        builder = sim.ModelBuilder()
        builder.add_shape_mesh(-1, mesh=plate)
    with pytest.warns(sim.SimWarning, match="no volume"):
        assert plate.mass == pytest.approx(1.0)


@pytest.mark.parametrize(
    "vertices,indices,match",
    [
        ([[0, 0, 0]], [0, 1, 2], "index from 0 to 0"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, np.nan]], [0, 1, 2], "finite"),
        ([], [], "no triangle"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 1], "shape"),
        ([[0, 0], [1, 0], [0, 1]], [0, 1, 2], r"\(n, 3\)"),
    ],
)
def test_bad_meshes_say_what_is_wrong(vertices, indices, match):
    with pytest.raises(sim.SimError, match=match):
        sim.Mesh(vertices, indices)


def test_triangle_with_a_repeated_vertex_is_dropped_with_a_warning():
    with pytest.warns(sim.SimWarning, match="dropped 1 of 2"):
        mesh = sim.Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 1, 2, 0, 0, 1])
    assert mesh.indices.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "mesh,characteristic",
    [(trimesh.creation.icosphere(), 2), (trimesh.creation.torus(2.0, 0.5), 0), (trimesh.creation.annulus(1, 2, 1), 0)],
)
def test_edge_count_obeys_euler(mesh, characteristic):
    edges = mesh_edges(mesh.faces)
    assert len(mesh.vertices) - len(edges.indices) + len(mesh.faces) == characteristic
    assert (edges.triangle_count == 2).all()


def test_every_edge_row_names_its_two_triangles():
    mesh = trimesh.creation.icosphere(subdivisions=2)
    faces = {frozenset(f) for f in mesh.faces.tolist()}
    rows = mesh_edges(mesh.faces).indices.tolist()
    for o0, o1, a, b in rows:
        assert frozenset((o0, a, b)) in faces and frozenset((o1, a, b)) in faces and o0 != o1
    assert len({frozenset((a, b)) for _, _, a, b in rows}) == len(mesh.edges_unique)


def test_three_triangles_on_one_edge_are_marked():
    edges = mesh_edges(np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]]))
    assert edges.indices[0].tolist() == [2, -1, 0, 1]
    assert edges.triangle_count[0] == 3 and not edges.is_manifold[0]
