import numpy as np
import pytest

import engine as en
from tests.engine.spatial.mesh_kernels import make_mesh, run_points, run_rays
from tests.engine.spatial.mesh_oracles import CLOSED_SHAPES, queries_around, torus


def twisted(points):
    angle = 0.8 * points[:, 2:3]
    x, y, z = points.T[..., None]
    c, s = np.cos(angle), np.sin(angle)
    return np.hstack([c * x - s * y, s * x + c * y, 1.5 * z + 0.3 * x]).astype(np.float32)


@pytest.mark.parametrize("shape", CLOSED_SHAPES)
def test_refit_answers_as_a_new_mesh(shape):
    points, faces = CLOSED_SHAPES[shape]()
    moved = twisted(points)
    queries = queries_around(moved, faces, 200, seed=1)
    mesh = make_mesh(points, faces)
    mesh.points.assign(moved)
    mesh.refit()
    fresh = make_mesh(moved, faces)
    got, want = run_points(mesh, queries), run_points(fresh, queries)
    np.testing.assert_allclose(got["distance"], want["distance"], rtol=1e-6, atol=1e-6)
    assert np.array_equal(got["sign"], want["sign"])
    directions = np.roll(queries, 1, axis=0) - queries
    got, want = run_rays(mesh, queries, directions), run_rays(fresh, queries, directions)
    assert np.array_equal(got["found"], want["found"])
    np.testing.assert_allclose(got["t"], want["t"], rtol=1e-6)


def test_assigning_points_refits():
    points, faces = torus()
    mesh = make_mesh(points, faces)
    mesh.points = en.array(points + np.array([10, 0, 0], np.float32), dtype=en.vec3)
    np.testing.assert_allclose(run_points(mesh, np.array([[11.4, 0, 0]], np.float32))["distance"], [0.05], atol=1e-3)
    with pytest.raises(en.EngineError, match="got 1 points; expected 288"):
        mesh.points = en.zeros(1, dtype=en.vec3)


def test_refit_without_movement_changes_no_bit():
    mesh = make_mesh(*torus())
    before = [a.numpy().copy() for a in (mesh._nodes, mesh._packets, mesh._feature_normals)]
    mesh.refit()
    for old, new in zip(before, (mesh._nodes, mesh._packets, mesh._feature_normals)):
        assert old.tobytes() == new.numpy().tobytes()


def test_refit_can_be_captured():
    points, faces = torus()
    mesh = make_mesh(points, faces)
    with en.ScopedCapture() as capture:
        mesh.refit()
    mesh.points.assign(points + np.array([10, 0, 0], np.float32))
    en.capture_launch(capture.graph)
    got = run_points(mesh, np.array([[11.4, 0, 0]], np.float32))
    np.testing.assert_allclose(got["distance"], [0.05], atol=1e-3)
