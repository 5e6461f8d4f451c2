"""Mesh topology: checks it, triangulates it, removes what is degenerate. NumPy throughout, no work per face."""

from __future__ import annotations

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read.reading import Reading
from usd_io.read.values import array, token

_FIX = "repair the mesh in the program that made it"


def read_triangles(reading: Reading, prim: Usd.Prim) -> tuple[np.ndarray, np.ndarray] | None:
    """Points [n, 3] float64 in prim space (stage units) and triangles [m, 3] int32, wound right-handed.

    Faces in ``holeIndices`` are left out; n-gons are cut into triangles (concave ones by ear clipping); degenerate
    triangles are removed with a warning. The control cage is taken, whatever the subdivision scheme.

    Returns:
        None, with a warning, for a mesh without points or faces.

    Raises:
        SceneError: for non-finite points, indices out of range or counts that do not add up.
    """
    points = array(reading, prim, "points", 3)
    counts = array(reading, prim, "faceVertexCounts", dtype=np.int64)
    indices = array(reading, prim, "faceVertexIndices", dtype=np.int64)
    path = prim.GetPath().pathString
    if points is None or len(points) == 0 or counts is None or len(counts) == 0:
        reading.log.add(path, "the mesh is empty (no points or no faces); it is left out", kind="empty mesh")
        return None
    indices = np.zeros(0, np.int64) if indices is None else indices
    _require_valid_topology(reading, prim, len(points), counts, indices)
    counts, indices = _without_holes(reading, prim, counts, indices)
    triangles = triangulate(points, counts, indices)
    if token(reading, prim, "orientation", "rightHanded") == "leftHanded":
        triangles = triangles[:, ::-1]
    triangles = without_degenerate(reading, path, points, triangles)
    if len(triangles) == 0:
        reading.log.add(path, "no face of the mesh has an area; it is left out", kind="flat mesh")
        return None
    return points, np.ascontiguousarray(triangles, dtype=np.int32)


def _require_valid_topology(
    reading: Reading, prim: Usd.Prim, point_count: int, counts: np.ndarray, indices: np.ndarray
) -> None:
    where = reading.at(prim)
    if counts.min() < 0 or int(counts.sum()) != len(indices):
        raise SceneError(
            where,
            f"faceVertexCounts add up to {int(counts.sum())} (smallest {int(counts.min())}), "
            f"but there are {len(indices)} faceVertexIndices",
            expected="counts that are not negative and add up to the number of indices",
            next_step=_FIX,
        )
    require_indices_in_range(where, "faceVertexIndices", indices, point_count)


def require_indices_in_range(where: str, name: str, indices: np.ndarray, point_count: int) -> None:
    """SceneError naming the first index that is negative or not below ``point_count``."""
    bad = (indices < 0) | (indices >= point_count)
    if bad.any():
        first = np.argwhere(bad)[0]
        raise SceneError(
            f"{where} {name}[{first[0]}]",
            f"got index {indices[tuple(first)]} ({int(bad.sum())} out of range)",
            expected=f"0 to {point_count - 1}, there are {point_count} points",
            next_step=_FIX,
        )


def _without_holes(
    reading: Reading, prim: Usd.Prim, counts: np.ndarray, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    holes = array(reading, prim, "holeIndices", dtype=np.int64)
    if holes is None or len(holes) == 0:
        return counts, indices
    require_indices_in_range(reading.at(prim), "holeIndices", holes, len(counts))
    keep = np.ones(len(counts), bool)
    keep[holes] = False
    return counts[keep], indices[np.repeat(keep, counts)]


def triangulate(points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Triangles [m, 3] of polygons given by vertex counts and flat indices; faces of fewer than 3 vertices vanish."""
    starts = np.cumsum(counts) - counts
    parts = [indices[starts[counts == 3][:, None] + np.arange(3)]]
    quads = indices[starts[counts == 4][:, None] + np.arange(4)]
    if len(quads):
        parts.append(_split_quads(points, quads))
    large = counts > 4
    if large.any():
        parts.append(_split_polygons(points, counts[large], starts[large], indices))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _split_quads(points: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Cuts along 0-2, or along 1-3 where 0-2 would turn a triangle over (concave quads)."""
    a, b, c, d = (points[quads[:, k]] for k in range(4))
    along_02 = _dot(np.cross(b - a, c - a), np.cross(c - a, d - a)) >= 0.0
    first = np.where(along_02[:, None], quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    second = np.where(along_02[:, None], quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.stack([first, second], axis=1).reshape(-1, 3)


def _split_polygons(points: np.ndarray, counts: np.ndarray, starts: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Fans for convex polygons, ear clipping for the (few) concave ones."""
    fan_counts = counts - 2
    face = np.repeat(np.arange(len(counts)), fan_counts)
    step = np.arange(len(face)) - np.repeat(np.cumsum(fan_counts) - fan_counts, fan_counts)
    base = starts[face]
    fans = np.stack([indices[base], indices[base + step + 1], indices[base + step + 2]], axis=1)
    p, q, r = (points[fans[:, k]] for k in range(3))
    normals = np.cross(q - p, r - p)
    total = np.zeros((len(counts), 3))
    np.add.at(total, face, normals)
    concave = np.zeros(len(counts), bool)
    concave[face[_dot(normals, total[face]) < 0.0]] = True
    if not concave.any():
        return fans
    clipped = [_clip_ears(points, indices[s : s + n]) for s, n in zip(starts[concave], counts[concave])]
    return np.concatenate([fans[~concave[face]], *clipped])


def _clip_ears(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Ear clipping of one polygon in the plane of its Newell normal (Meisters 1975)."""
    corners = points[polygon]
    normal = np.cross(corners, np.roll(corners, -1, axis=0)).sum(axis=0)
    drop = int(np.argmax(np.abs(normal)))
    flat = np.delete(corners, drop, axis=1)
    sign = np.sign(normal[drop]) * (-1.0 if drop == 1 else 1.0) or 1.0
    remaining = list(range(len(polygon)))
    triangles = []
    while len(remaining) > 3:
        ear = next((k for k in range(len(remaining)) if _is_ear(flat, remaining, k, sign)), 0)
        before, after = remaining[ear - 1], remaining[(ear + 1) % len(remaining)]
        triangles.append([before, remaining[ear], after])
        del remaining[ear]
    triangles.append(remaining)
    return polygon[np.array(triangles)]


def _is_ear(flat: np.ndarray, remaining: list[int], k: int, sign: float) -> bool:
    i, j, m = remaining[k - 1], remaining[k], remaining[(k + 1) % len(remaining)]
    a, b, c = flat[i], flat[j], flat[m]
    if sign * _cross2(b - a, c - a) <= 0.0:
        return False
    others = flat[[n for n in remaining if n not in (i, j, m)]]
    inside = (
        (sign * _cross2(b - a, others - a) >= 0.0)
        & (sign * _cross2(c - b, others - b) >= 0.0)
        & (sign * _cross2(a - c, others - c) >= 0.0)
    )
    return not inside.any()


def _cross2(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", u, v)


def triangle_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area of each triangle, shape [m]."""
    p, q, r = (points[triangles[:, k]] for k in range(3))
    return 0.5 * np.linalg.norm(np.cross(q - p, r - p), axis=1)


def without_degenerate(reading: Reading, path: str, points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Drops triangles that repeat a vertex or are thinner than 1e-7 of their longest edge, with one warning."""
    p, q, r = (points[triangles[:, k]] for k in range(3))
    longest_sq = np.maximum.reduce([_dot(u, u) for u in (q - p, r - q, p - r)])
    good = 2.0 * triangle_areas(points, triangles) > 1e-7 * longest_sq
    if good.all():
        return triangles
    dropped = int((~good).sum())
    reading.log.add(
        path, f"{dropped} of {len(good)} triangles are degenerate (no area) and left out", kind="degenerate"
    )
    return triangles[good]


def non_manifold_edge_count(triangles: np.ndarray) -> int:
    """Number of edges shared by more than two triangles."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1).astype(np.int64)
    _, uses = np.unique(edges[:, 0] * (int(edges.max()) + 1) + edges[:, 1], return_counts=True)
    return int((uses > 2).sum())


def compact(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh without points that no triangle uses."""
    used, renumbered = np.unique(triangles, return_inverse=True)
    return points[used], renumbered.reshape(-1, 3).astype(np.int32)
