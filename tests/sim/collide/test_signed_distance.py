"""Signed distances against geometry: zero on the surface, unit normals, gradients, brute force."""

import numpy as np
import pytest

import engine as en
from sim.collide.shape_types import BOX, CAPSULE, CONE, CYLINDER, ELLIPSOID, PLANE, SPHERE
from sim.collide.signed_distance import shape_distance

SHAPES = {
    "sphere": (SPHERE, (0.8, 0.0, 0.0)),
    "box": (BOX, (0.5, 0.7, 0.9)),
    "capsule": (CAPSULE, (0.4, 0.6, 0.0)),
    "cylinder": (CYLINDER, (0.6, 0.5, 0.0)),
    "cone": (CONE, (0.7, 0.8, 0.0)),
    "plane": (PLANE, (0.0, 0.0, 0.0)),
    "ellipsoid": (ELLIPSOID, (0.9, 0.6, 0.4)),
    "flat ellipsoid": (ELLIPSOID, (0.5, 0.9, 0.05)),
    "finite plane": (PLANE, (0.6, 0.4, 0.0)),
}


@en.kernel
def measure(
    kind: int, scale: en.vec3, p: en.array(dtype=en.vec3), d: en.array(dtype=float), n: en.array(dtype=en.vec3)
):
    i = en.tid()
    distance, normal = shape_distance(kind, scale, en.uint64(0), p[i], 10.0)
    d[i] = distance
    n[i] = normal


def distances(name, points):
    kind, scale = SHAPES[name]
    kind = int(getattr(kind, "value", kind))
    p = en.array(points.astype(np.float32), dtype=en.vec3)
    d, n = en.zeros(len(points), dtype=float), en.zeros(len(points), dtype=en.vec3)
    en.launch(measure, dim=len(points), inputs=[kind, en.vec3(*scale), p], outputs=[d, n])
    return d.numpy().copy(), n.numpy().copy()


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(5000, 3))


@pytest.mark.parametrize("name", SHAPES)
def test_walking_the_distance_along_the_normal_meets_the_surface(name, points):
    d, n = distances(name, points)
    np.testing.assert_allclose(np.linalg.norm(n, axis=1), 1.0, atol=1e-5)
    on_surface, _ = distances(name, points - d[:, None] * n)
    assert np.abs(on_surface).max() < 2e-6


@pytest.mark.parametrize("name", [n for n in SHAPES if n != "finite plane"])
def test_normal_is_the_gradient_of_the_distance(name, points):
    _, n = distances(name, points)
    h = 1e-3
    gradient = np.stack(
        [(distances(name, points + h * e)[0] - distances(name, points - h * e)[0]) / (2 * h) for e in np.eye(3)], axis=1
    )
    assert (np.abs(gradient - n).max(axis=1) > 2e-2).mean() < 2e-3  # creases inside are the exception


@pytest.mark.parametrize("name", ["box", "capsule", "cylinder", "cone", "sphere"])
def test_distance_is_that_to_the_nearest_surface_point(name, points):
    """Brute force over surface points got by projecting a cloud."""
    cloud = np.random.default_rng(1).normal(size=(40000, 3)) * 0.8
    d, n = distances(name, cloud)
    surface = cloud - d[:, None] * n
    query = points[:100]
    nearest = np.linalg.norm(query[:, None] - surface[None], axis=2).min(axis=1)
    found, _ = distances(name, query)
    assert (np.abs(found) <= nearest + 1e-5).all()
    assert (np.abs(found) >= nearest - 0.05).all()


@pytest.mark.parametrize("name", SHAPES)
def test_degenerate_points_give_finite_normals(name):
    d, n = distances(name, np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, -0.8, 0.0], [0.0, 0.8, 0.0]]))
    assert np.isfinite(d).all() and np.isfinite(n).all()
    np.testing.assert_allclose(np.linalg.norm(n, axis=1), 1.0, atol=1e-5)
