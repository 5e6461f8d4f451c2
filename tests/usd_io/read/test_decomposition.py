"""Concave meshes by convex pieces: what they cover, one record for all, filters, mass, and what is said without coacd."""

from __future__ import annotations

import numpy as np
import pytest

import sim
from sim.geometry.hull_topology import is_convex
from sim.geometry.mesh_mass import solid_mesh
from usd_io.emit import emit
from usd_io.read import approximation, decomposition

# An L: two unit cubes' footprints of three, extruded by 1.
OUTLINE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
POINTS = [(x, y, z) for z in (0, 1) for x, y in OUTLINE]
FACES = [[5, 4, 3, 2, 1, 0], [6, 7, 8, 9, 10, 11], *([k, (k + 1) % 6, 6 + (k + 1) % 6, 6 + k] for k in range(6))]


def ell(name: str, extra: str = "") -> str:
    points = ", ".join(map(str, POINTS))
    return f"""def Mesh "{name}" (prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMeshCollisionAPI", "PhysicsRigidBodyAPI",
        "PhysicsMassAPI", "PhysicsFilteredPairsAPI"]) {{
        point3f[] points = [{points}]
        int[] faceVertexCounts = [{", ".join(str(len(f)) for f in FACES)}]
        int[] faceVertexIndices = [{", ".join(str(i) for f in FACES for i in f)}]
        float physics:density = 100
        uniform token physics:approximation = "convexDecomposition"
        {extra} }}
        """


def test_pieces_are_convex_and_fill_the_mesh(read_text):
    pytest.importorskip("coacd")
    scene = read_text(ell("A"))
    (record,) = scene.colliders
    assert len(record.shape.parts) >= 2 and not any("approximation" in w.message for w in scene.warnings)
    assert all(is_convex(points, triangles) for points, triangles in record.shape.parts)
    volume = sum(solid_mesh(np.asarray(p, dtype=np.float64), t).mass for p, t in record.shape.parts)
    assert volume == pytest.approx(3.0, rel=0.05)
    # the mass is that of the mesh itself
    assert scene.bodies[0].mass == pytest.approx(300.0, rel=1e-5)
    builder = sim.ModelBuilder()
    bindings = emit(scene, builder)
    assert builder.shape_count == len(record.shape.parts) and bindings.shapes == {"/A": 0}


def test_a_filtered_pair_filters_all_pieces(read_text):
    pytest.importorskip("coacd")
    builder = sim.ModelBuilder()
    scene = read_text(ell("A", "rel physics:filteredPairs = [</B>]") + ell("B") + ell("C"))
    emit(scene, builder)
    counts = [len(c.shape.parts) for c in scene.colliders]
    pairs = builder.finalize().shape_contact_pair_count
    assert pairs == counts[0] * counts[2] + counts[1] * counts[2]


def test_a_convex_mesh_is_its_own_hull(read_text):
    pytest.importorskip("coacd")
    cube = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    from sim.geometry.hull import convex_hull

    shape, _, _ = approximation.APPROXIMATIONS["convexDecomposition"](*convex_hull(cube), np.array([0.0, -1.0, 0.0]))
    assert shape.convex and not shape.parts


def test_without_the_package_the_mesh_itself_collides_and_the_warning_says_what_to_install(read_text, monkeypatch):
    monkeypatch.setattr(approximation, "can_decompose", lambda: False)
    scene = read_text(ell("A"))
    assert not scene.colliders[0].shape.parts and not scene.colliders[0].shape.convex
    assert any("simrun[decompose]" in w.message for w in scene.warnings)
    assert decomposition.can_decompose() in (True, False)
