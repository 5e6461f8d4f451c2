"""Triangulation keeps the area and the side of every polygon."""

from __future__ import annotations

import numpy as np
import pytest

from tests.call_count import python_calls
from usd_io.read.mesh import triangle_areas, triangulate


def polygon_area(points: np.ndarray) -> float:
    return 0.5 * np.linalg.norm(np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0))


def rotated(points: np.ndarray) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return points @ q.T


STAR = np.array(
    [[np.cos(t) * r, np.sin(t) * r, 0] for k, t in enumerate(np.arange(10) * np.pi / 5) for r in [(2, 0.6)[k % 2]]]
)
SHAPES = {
    "triangle": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float),
    "square": np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float),
    "arrowhead": np.array([[0, 0, 0], [2, 1, 0], [0, 2, 0], [0.5, 1, 0]], float),
    "arrowhead from its notch": np.array([[0.5, 1, 0], [0, 0, 0], [2, 1, 0], [0, 2, 0]], float),
    "hexagon": np.array([[np.cos(t), np.sin(t), 0] for t in np.arange(6) * np.pi / 3]),
    "star": STAR,
    "star from its notch": np.roll(STAR, 1, axis=0),
    "L": np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [1, 1, 0], [1, 2, 0], [0, 2, 0]], float),
}


@pytest.mark.parametrize("name", SHAPES)
def test_area_and_orientation_are_kept(name):
    points = rotated(SHAPES[name])
    triangles = triangulate(points, np.array([len(points)]), np.arange(len(points)))
    assert len(triangles) == len(points) - 2
    assert triangle_areas(points, triangles).sum() == pytest.approx(polygon_area(points))
    p = points[triangles]
    normals = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    outward = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    assert (normals @ outward > 0).all()


def test_mixed_faces_and_short_ones():
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 2, 0]], float)
    triangles = triangulate(points, np.array([2, 5, 0, 3, 4]), np.array([0, 1, 0, 1, 2, 4, 3, 0, 1, 2, 0, 1, 2, 3]))
    assert len(triangles) == 1 + 2 + 3
    assert triangle_areas(points, triangles).sum() == pytest.approx(0.5 + 1.0 + 1.5)


def test_holes_are_left_out(read_text):
    scene = read_text(
        """def Mesh "M" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {
    point3f[] points = [(0,0,0),(1,0,0),(1,1,0),(0,1,0),(0,0,1),(1,0,1),(1,1,1)]
    int[] faceVertexCounts = [4, 3]
    int[] faceVertexIndices = [0,1,2,3, 4,5,6]
    int[] holeIndices = [0]
}""",
        allow_empty=True,
    )
    assert len(scene.colliders[0].shape.triangles) == 1


@pytest.mark.parametrize("n", [20, 200])
def test_triangulation_runs_no_python_per_face(n):
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    a = (i * (n + 1) + j).ravel()
    quads = np.stack([a, a + 1, a + n + 2, a + n + 1], axis=1).ravel()
    grid = np.stack(np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    assert len(triangulate(grid, np.full(n * n, 4), quads)) == 2 * n * n
    assert python_calls(lambda: triangulate(grid, np.full(n * n, 4), quads)) < 400
