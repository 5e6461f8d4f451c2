"""Convexity, hull faces as polygons, neighbours; support by climbing against all vertices."""

import numpy as np
import pytest
import trimesh

import engine as en
import sim
from sim.collide.convex_shapes import HullTable, convex_of, hull_table, support
from sim.collide.shape_types import CONVEX
from sim.geometry.hull import convex_hull
from sim.geometry.hull_topology import hull_topology, is_convex


def mesh_of(shape) -> sim.Mesh:
    return sim.Mesh(shape.vertices, shape.faces)


CONVEX_SHAPES = {
    "box": trimesh.creation.box((1.0, 2.0, 3.0)),
    "cylinder": trimesh.creation.cylinder(0.5, 1.0, sections=40),
    "ball": trimesh.creation.icosphere(3),
    "cone": trimesh.creation.cone(0.5, 1.0),
}
HOLLOW_SHAPES = {
    "ring": trimesh.creation.annulus(0.3, 0.5, 0.2),
    "torus": trimesh.creation.torus(1.0, 0.3),
    "open box": trimesh.Trimesh(*(lambda b: (b.vertices, b.faces[:-2]))(trimesh.creation.box())),
}


@pytest.mark.parametrize("name", CONVEX_SHAPES)
def test_convex_meshes_are_known_as_such_whichever_way_they_are_wound(name):
    mesh = mesh_of(CONVEX_SHAPES[name])
    assert mesh.is_convex
    assert is_convex(mesh.vertices, mesh.triangles[:, ::-1])
    assert mesh.convex_hull() is mesh


@pytest.mark.parametrize("name", HOLLOW_SHAPES)
def test_others_are_not(name):
    mesh = mesh_of(HOLLOW_SHAPES[name])
    assert not mesh.is_convex
    assert mesh.convex_hull().is_convex


def test_faces_are_whole_polygons_with_outward_normals():
    hull = hull_topology(*(lambda b: (b.vertices, b.faces))(CONVEX_SHAPES["box"]))
    assert sorted(len(f) for f in hull.faces) == [4] * 6
    for face, normal in zip(hull.faces, hull.normals):
        corners = hull.vertices[face]
        np.testing.assert_allclose(corners @ normal, np.abs(normal) @ [0.5, 1.0, 1.5], atol=1e-12)
        turn = np.cross(corners[1] - corners[0], corners[2] - corners[1])
        assert turn @ normal > 0.0
    # the caps of a fine cylinder keep twelve of their forty corners
    cylinder = hull_topology(*(lambda b: (b.vertices, b.faces))(CONVEX_SHAPES["cylinder"]))
    assert sorted(len(f) for f in cylinder.faces)[-2:] == [12, 12]


@pytest.mark.parametrize("seed", range(4))
def test_climbing_finds_the_farthest_vertex(seed, device):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(200, 3)) * rng.uniform(0.1, 2.0, 3)
    hull = hull_topology(*convex_hull(points))
    directions = rng.normal(size=(500, 3)).astype(np.float32)
    with en.ScopedDevice(device):
        table, places = hull_table([hull_topology(*convex_hull(rng.normal(size=(50, 3)))), hull])
        found = en.zeros(500, dtype=en.vec3)
        en.launch(farthest, dim=500, inputs=[places[1], table, en.array(directions, dtype=en.vec3)], outputs=[found])
    best = (hull.vertices @ directions.T).max(axis=0)
    np.testing.assert_allclose(np.einsum("ij,ij->i", found.numpy(), directions), best, atol=2e-6)


@en.kernel
def farthest(place: int, hulls: HullTable, d: en.array(dtype=en.vec3), found: en.array(dtype=en.vec3)):
    i = en.tid()
    c = convex_of(CONVEX, en.vec3(1.0, 1.0, 1.0), place, 0.0, 1.0)
    p, _v = support(c, hulls, d[i], -1)
    found[i] = p


def test_a_flat_mesh_has_no_hull():
    flat = sim.Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [1, 3, 2]], compute_inertia=False)
    assert flat.hull_topology is None
    with pytest.raises(sim.SimError, match="plane"):
        flat.convex_hull()
