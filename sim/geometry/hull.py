"""Convex hull of points (quickhull, Barber, Dobkin and Huhdanpaa 1996), with NumPy over faces and points."""

import numpy as np

MAX_VERTICES = 256
"""A hull stops growing here: farthest points come first, so what is cut off is small."""


def convex_hull(points: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Hull vertices [n, 3] float64 and outward triangles [m, 3] int32; None when the points are flat."""
    points = np.unique(np.asarray(points, dtype=np.float64), axis=0)
    if len(points) < 4:
        return None
    low = points.min(axis=0)
    size = float(np.linalg.norm(points.max(axis=0) - low))
    tolerance = 1e-6 * size
    simplex = _first_tetrahedron(points, 10.0 * tolerance)
    if simplex is None:
        return None
    return _grow(points, simplex, tolerance)


def _first_tetrahedron(points: np.ndarray, tolerance: float) -> np.ndarray | None:
    axis = int(np.argmax(np.ptp(points, axis=0)))
    a, b = int(points[:, axis].argmin()), int(points[:, axis].argmax())
    along = points[b] - points[a]
    if np.linalg.norm(along) <= tolerance:
        return None
    off_line = np.linalg.norm(np.cross(points - points[a], along / np.linalg.norm(along)), axis=1)
    c = int(off_line.argmax())
    if off_line[c] <= tolerance:
        return None
    normal = np.cross(along, points[c] - points[a])
    off_plane = (points - points[a]) @ (normal / np.linalg.norm(normal))
    d = int(np.abs(off_plane).argmax())
    if abs(off_plane[d]) <= tolerance:
        return None
    if off_plane[d] > 0.0:
        b, c = c, b
    return np.array([[a, b, c], [a, d, b], [b, d, c], [c, d, a]])


def _grow(points: np.ndarray, faces: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    normals, offsets = _planes(points, faces)
    heights = points @ normals.T - offsets
    face_of = heights.argmax(axis=1)
    height = heights[np.arange(len(points)), face_of]
    outside = np.flatnonzero(height > tolerance)
    face_of, height = face_of[outside], height[outside]
    vertex_count = 4
    while len(outside) and vertex_count < MAX_VERTICES:
        farthest = int(height.argmax())
        apex = outside[farthest]
        above = normals @ points[apex] - offsets
        visible, horizon = _seen(faces, above, int(face_of[farthest]), 0.5 * tolerance, len(points))
        if horizon is None:  # Rounding left no clean outline, which takes nearly coplanar faces: the point is on them.
            outside, face_of, height = (np.delete(a, farthest) for a in (outside, face_of, height))
            continue
        fresh = np.column_stack([horizon, np.full(len(horizon), apex)])
        fresh_normals, fresh_offsets = _planes(points, fresh)
        orphan = visible[face_of]
        renumber = np.cumsum(~visible) - 1
        kept = int((~visible).sum())
        faces = np.concatenate([faces[~visible], fresh])
        normals = np.concatenate([normals[~visible], fresh_normals])
        offsets = np.concatenate([offsets[~visible], fresh_offsets])
        face_of = renumber[face_of]
        rows = points[outside[orphan]] @ fresh_normals.T - fresh_offsets
        face_of[orphan] = kept + rows.argmax(axis=1)
        height[orphan] = rows.max(axis=1)
        still = height > tolerance
        outside, face_of, height = outside[still], face_of[still], height[still]
        vertex_count += 1
    used, renumbered = np.unique(faces, return_inverse=True)
    return points[used], renumbered.reshape(-1, 3).astype(np.int32)


def _planes(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = (points[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    return normals, np.einsum("ij,ij->i", normals, a)


def _seen(faces: np.ndarray, above: np.ndarray, start: int, tolerance: float, n: int):
    """Which faces an apex sees, as one connected patch around a face, and its outline; None for one with a flaw.

    ``above`` is the apex' height over each face. Faces that are nearly coplanar with it are seen or not by rounding, so
    what is seen elsewhere does not count, and an outline that touches itself is tried again with other tolerances.
    """
    for least in (tolerance, 0.0, -tolerance):
        visible = _patch(faces, above > least, start, n)
        horizon = _horizon(faces[visible], n)
        if len(horizon) and len(np.unique(horizon[:, 0])) == len(horizon) and _is_disc(faces[visible], len(horizon)):
            return visible, horizon
    return None, None


def _patch(faces: np.ndarray, candidates: np.ndarray, start: int, n: int) -> np.ndarray:
    """The candidates that are connected with ``start`` over edges, ``start`` included."""
    rows = np.flatnonzero(candidates | (np.arange(len(faces)) == start))
    edges = faces[rows][:, [[0, 1], [1, 2], [2, 0]]]
    keys, reverse = (edges[..., i].ravel() * n + edges[..., 1 - i].ravel() for i in (0, 1))
    order = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys[order], reverse), len(keys) - 1)
    neighbour = np.where(keys[order][place] == reverse, order[place] // 3, -1).reshape(-1, 3)
    reached = rows == start
    while True:
        joined = reached | (reached[neighbour] & (neighbour >= 0)).any(axis=1)
        if np.array_equal(joined, reached):
            break
        reached = joined
    visible = np.zeros(len(faces), dtype=bool)
    visible[rows[reached]] = True
    return visible


def _is_disc(patch: np.ndarray, outline: int) -> bool:
    """Whether a patch has no holes: vertices - edges + faces = 1."""
    return len(np.unique(patch)) - (3 * len(patch) + outline) // 2 + len(patch) == 1


def _horizon(visible: np.ndarray, n: int) -> np.ndarray:
    """Directed edges of the visible faces whose opposite is not among them."""
    edges = visible[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    keys, reverse = edges[:, 0] * n + edges[:, 1], edges[:, 1] * n + edges[:, 0]
    return edges[~np.isin(keys, reverse)]
