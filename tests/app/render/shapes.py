"""Scenes for tests, made by hand."""

import numpy as np

from app.render.scene import Geometry, MeshItem

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def box(half: float = 0.5) -> Geometry:
    """A box with sharp edges."""
    points = (half * CORNERS[QUADS]).reshape(-1, 3)
    a, b, c = (points[k::4] for k in range(3))
    normals = np.repeat(np.cross(b - a, c - a), 4, axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    first = 4 * np.arange(6)[:, None]
    triangles = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])]).astype(np.int32)
    return Geometry(points.astype(np.float32), triangles, normals.astype(np.float32))


def card(half: float = 0.5) -> Geometry:
    """A square in the x-y plane facing +z, with texture coordinates."""
    points = half * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    return Geometry(points, np.array([[0, 1, 2], [0, 2, 3]], np.int32), normals, uvs)


def at(*positions) -> np.ndarray:
    """Matrices [n, 4, 4] that move to positions."""
    matrices = np.tile(np.eye(4, dtype=np.float32), (len(positions), 1, 1))
    matrices[:, :3, 3] = positions
    return matrices


def still(path: str, geometry: Geometry, *positions, color=(0.8, 0.8, 0.8, 1.0), **more) -> MeshItem:
    """An item that no body carries, at positions."""
    places = at(*(positions or [(0, 0, 0)]))
    return MeshItem(
        path,
        geometry=geometry,
        transforms=places,
        bodies=np.full(len(places), -1, np.int32),
        color=np.array(color, np.float32),
        **more,
    )
