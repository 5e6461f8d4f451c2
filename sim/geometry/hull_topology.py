"""A convex mesh as contact search walks it: neighbours of vertices, flat faces as polygons."""

from dataclasses import dataclass

import numpy as np

from sim.geometry.hull import convex_hull

MAX_CORNERS = 12
"""A polygon keeps at most this many corners, evenly chosen."""
FLAT = float(np.cos(np.radians(1.0)))
"""Triangles whose normals differ less belong to one face..."""
FLATNESS = 2e-4
"""...if their corners lie within this part of the hull's size of its plane."""
CONVEX_TOLERANCE = 2e-5
"""How far a vertex of a convex mesh may lie outside a face, as a part of the mesh's size."""


@dataclass(frozen=True)
class HullTopology:
    """Vertices, edges and faces of a convex polyhedron.

    Attributes:
        vertices: [n, 3] float64.
        neighbors: Neighbours of each vertex along edges of the triangulation.
        faces: Corners of each flat face, counter-clockwise seen from outside.
        normals: Outward unit normal of each face, [faces, 3].
    """

    vertices: np.ndarray
    neighbors: list[np.ndarray]
    faces: list[np.ndarray]
    normals: np.ndarray

    @property
    def faces_of_vertex(self) -> list[np.ndarray]:
        """Faces around each vertex, also those that dropped it as a corner (see ``MAX_CORNERS``)."""
        rows: list[list[int]] = [[] for _ in self.vertices]
        if not self.faces:
            return [np.zeros(0, dtype=np.int32) for _ in rows]
        for f, corners in enumerate(self.faces):
            for v in corners:
                rows[v].append(f)
        fallback = np.argmax(self.vertices @ self.normals.T - self._offsets(), axis=1)
        return [np.array(r if r else [fallback[v]], dtype=np.int32) for v, r in enumerate(rows)]

    def _offsets(self) -> np.ndarray:
        return np.array([self.vertices[c].mean(axis=0) @ n for c, n in zip(self.faces, self.normals)])


def is_convex(points: np.ndarray, triangles: np.ndarray) -> bool:
    """Whether a closed triangle mesh bounds a convex body (wound outward or inward)."""
    points = np.asarray(points, dtype=np.float64)
    welded, number = np.unique(points, axis=0, return_inverse=True)
    corners = number.reshape(-1)[triangles]
    edges = np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges[:, 0] * np.int64(len(welded)) + edges[:, 1], return_counts=True)
    if (uses != 2).any():
        return False
    used = welded[np.unique(corners)]
    tolerance = CONVEX_TOLERANCE * float(np.linalg.norm(np.ptp(used, axis=0)))
    middle = used.mean(axis=0)
    for first in range(0, len(corners), 256):
        a, b, c = (welded[corners[first : first + 256, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal, axis=1)
        keep = length > 1e-9 * tolerance
        normal = normal[keep] / length[keep, None]
        height = (used - middle) @ normal.T - np.einsum("ij,ij->i", a[keep] - middle, normal)
        # outward on one face and inward on another is no surface of a body
        if not ((height < tolerance).all() or (height > -tolerance).all()):
            return False
    return True


def hull_topology(points: np.ndarray, triangles: np.ndarray | None = None) -> HullTopology | None:
    """Topology of a convex mesh, or of the hull of ``points``; None for flat points."""
    if triangles is None:
        hull = convex_hull(points)
        if hull is None:
            return None
        points, triangles = hull
    points, number = np.unique(np.asarray(points, dtype=np.float64), axis=0, return_inverse=True)
    triangles = number.reshape(-1)[np.asarray(triangles)].reshape(-1, 3)
    triangles = triangles[(triangles != np.roll(triangles, 1, axis=1)).all(axis=1)]
    used, number = np.unique(triangles, return_inverse=True)
    points, triangles = points[used], number.reshape(-1, 3)
    a, b, c = (points[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    if np.einsum("ij,ij->", a - points.mean(axis=0), normals) < 0.0:
        triangles, normals = triangles[:, ::-1], -normals
    edges = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    rows = np.searchsorted(both[:, 0], np.arange(len(points) + 1))
    neighbors = [both[rows[v] : rows[v + 1], 1].astype(np.int32) for v in range(len(points))]
    faces, face_normals = _flat_faces(points, triangles, normals)
    return HullTopology(points, neighbors, faces, face_normals)


def _flat_faces(points, triangles, normals) -> tuple[list[np.ndarray], np.ndarray]:
    """Grows faces over triangles that lie in one plane, the largest triangles first."""
    area = np.linalg.norm(normals, axis=1)
    unit = normals / np.maximum(area, 1e-300)[:, None]
    flat = FLATNESS * float(np.linalg.norm(np.ptp(points, axis=0)))
    beside: dict[tuple[int, int], int] = {}
    for t, corners in enumerate(triangles.tolist()):
        for k in range(3):
            beside[corners[k], corners[(k + 1) % 3]] = t
    taken = np.zeros(len(triangles), dtype=bool)
    faces, face_normals = [], []
    for seed in np.argsort(-area, kind="stable").tolist():
        if taken[seed]:
            continue
        taken[seed] = True
        group, height = [seed], points[triangles[seed, 0]] @ unit[seed]
        for t in group:
            corners = triangles[t].tolist()
            for k in range(3):
                other = beside.get((corners[(k + 1) % 3], corners[k]), t)
                if taken[other]:
                    continue
                # slivers have no direction of their own
                alike = unit[other] @ unit[seed] > FLAT or area[other] < 1e-6 * area[seed]
                if alike and (np.abs(points[triangles[other]] @ unit[seed] - height) < flat).all():
                    taken[other] = True
                    group.append(other)
        loop = _outline(triangles[group])
        if loop is None:
            loop = triangles[seed]
        normal = normals[group].sum(axis=0)
        faces.append(_fewer(points, loop).astype(np.int32))
        face_normals.append(normal / max(np.linalg.norm(normal), 1e-300))
    return faces, np.array(face_normals)


def _outline(triangles: np.ndarray) -> np.ndarray | None:
    """Border of a patch of triangles as one loop, or None if it is not one."""
    edges = {(int(t[k]), int(t[(k + 1) % 3])) for t in triangles for k in range(3)}
    border = dict(e for e in edges if (e[1], e[0]) not in edges)
    if len(border) != sum((e[1], e[0]) not in edges for e in edges):
        return None
    start = min(border)
    loop = [start]
    while border[loop[-1]] != start and len(loop) <= len(border):
        loop.append(border[loop[-1]])
    return np.array(loop) if len(loop) == len(border) else None


def _fewer(points: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """The loop without corners on a straight edge, and without every so many of too many."""
    p = points[loop]
    before, after = p - np.roll(p, 1, axis=0), np.roll(p, -1, axis=0) - p
    bend = np.linalg.norm(np.cross(before, after), axis=1)
    straight = bend < 1e-4 * np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    if (~straight).sum() >= 3:
        loop = loop[~straight]
    if len(loop) > MAX_CORNERS:
        loop = loop[np.arange(MAX_CORNERS) * len(loop) // MAX_CORNERS]
    return loop
