"""Convex hulls against SciPy's, closed whatever the points."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from sim.geometry.hull import MAX_VERTICES, convex_hull


def volume(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def near_coplanar(rng) -> np.ndarray:
    """Rings of a turned part with float32 rounding: many faces that are almost in one plane."""
    angle = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    rings = [
        [r * np.cos(angle), r * np.sin(angle), np.full(40, z)] for r, z in ((1, 0), (1, 1e-6), (0.8, 0.3), (0.8, 0.6))
    ]
    points = np.concatenate([np.array(ring).T for ring in rings]) * 0.05
    return (points + rng.normal(size=points.shape) * 2e-8).astype(np.float32)


POINTS = {
    "ball": lambda rng: rng.normal(size=(200, 3)),
    "sphere": lambda rng: (lambda p: p / np.linalg.norm(p, axis=1, keepdims=True))(rng.normal(size=(150, 3))),
    "lattice": lambda rng: np.round(rng.normal(size=(400, 3)) * 2.0) / 2.0,
    "rounded": lambda rng: np.round(rng.normal(size=(300, 3)), 1),
    "turned part": near_coplanar,
}


@pytest.mark.parametrize("kind", POINTS)
@pytest.mark.parametrize("seed", range(4))
def test_the_hull_is_closed_and_has_the_volume_of_scipys(kind, seed):
    points = np.asarray(POINTS[kind](np.random.default_rng(seed)), np.float64)
    vertices, triangles = convex_hull(points)
    assert len(vertices) < MAX_VERTICES
    # Euler: a closed surface of triangles without handles.
    assert len(triangles) == 2 * len(vertices) - 4
    edges = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    assert sorted(map(tuple, edges.tolist())) == sorted(map(tuple, edges[:, ::-1].tolist()))
    assert volume(vertices, triangles) == pytest.approx(ConvexHull(points).volume, rel=2e-5)
