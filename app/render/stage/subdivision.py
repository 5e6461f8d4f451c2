"""Catmull-Clark subdivision of polygon meshes, with creases, corners and boundaries.

Rules: Catmull and Clark (1978); sharp edges that soften by one a level: DeRose, Kass, Truong, "Subdivision Surfaces in
Character Animation" (1998), as OpenSubdiv and so USD have them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

MOST_FACES = 60_000
"""Quads of the result that are not exceeded."""
MOST_LEVELS = 2
INFINITE = 10.0
"""Sharpness from which on an edge never softens."""


@dataclass(frozen=True, eq=False)
class Cage:
    """A polygon mesh to be subdivided.

    Attributes:
        points: [n, 3].
        counts: corners of each face [f].
        indices: point of each corner [c].
        creases: sharp edges as point pairs [k, 2], lower number first.
        sharpness: of each of them [k].
        corners: sharp points and their sharpness, as rows (point, sharpness) [m, 2].
        boundary_corners: whether a point of the boundary with a single face stays where it is ("edgeAndCorner").
        values: what varies over the corners of faces, by name: [c, w].
        parents: face of the first mesh that each face comes from [f].
    """

    points: np.ndarray
    counts: np.ndarray
    indices: np.ndarray
    creases: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    sharpness: np.ndarray = field(default_factory=lambda: np.zeros(0))
    corners: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    boundary_corners: bool = True
    values: dict[str, np.ndarray] = field(default_factory=dict)
    parents: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class _Edges:
    """Edges of a cage.

    Attributes:
        ends: [e, 2] points, lower number first.
        of_corner: the edge from each corner to the next [c].
        faces: how many faces meet in each [e].
        sharpness: [e]; boundaries are infinitely sharp.
    """

    ends: np.ndarray
    of_corner: np.ndarray
    faces: np.ndarray
    sharpness: np.ndarray


def subdivide(cage: Cage) -> tuple[Cage, np.ndarray]:
    """The cage refined once or twice, as its size allows, and which of its points lie on sharp edges [n] bool."""
    corner_count = len(cage.indices)
    for _ in range(MOST_LEVELS):
        if corner_count > MOST_FACES:
            break
        cage = _refine(cage)
        corner_count *= 4
    edges = _find_edges(cage)
    sharp = np.zeros(len(cage.points), bool)
    sharp[edges.ends[edges.sharpness >= 1.0]] = True
    sharp[cage.corners[cage.corners[:, 1] >= 1.0, 0].astype(np.int64)] = True
    return cage, sharp


def crease_edges(indices: np.ndarray, lengths: np.ndarray, sharpness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges [k, 2] and sharpness [k] of USD's creases: chains of points, one sharpness a chain or an edge."""
    indices, lengths = np.asarray(indices, np.int64), np.asarray(lengths, np.int64)
    if not len(lengths) or lengths.sum() != len(indices) or (lengths < 2).any():
        return np.zeros((0, 2), np.int64), np.zeros(0)
    last = np.zeros(len(indices), bool)
    last[np.cumsum(lengths) - 1] = True
    starts = np.flatnonzero(~last)
    pairs = np.sort(np.stack([indices[starts], indices[starts + 1]], axis=1), axis=1)
    per_chain = np.asarray(sharpness, float)
    if len(per_chain) == len(lengths):
        return pairs, np.repeat(per_chain, lengths - 1)
    if len(per_chain) == len(pairs):
        return pairs, per_chain
    return np.zeros((0, 2), np.int64), np.zeros(0)


def _next_corner(counts: np.ndarray) -> np.ndarray:
    """The corner after each within its face."""
    out = np.arange(counts.sum()) + 1
    ends = np.cumsum(counts)
    out[ends - 1] = ends - counts
    return out


def _find_edges(cage: Cage) -> _Edges:
    n = len(cage.points)
    after = cage.indices[_next_corner(cage.counts)]
    low, high = np.minimum(cage.indices, after), np.maximum(cage.indices, after)
    keys, of_corner, faces = np.unique(low * n + high, return_inverse=True, return_counts=True)
    ends = np.stack([keys // n, keys % n], axis=1)
    sharpness = np.where(faces == 2, 0.0, INFINITE)
    if len(cage.creases):
        wanted = cage.creases[:, 0] * n + cage.creases[:, 1]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = keys[place] == wanted
        np.maximum.at(sharpness, place[found], cage.sharpness[found])
    return _Edges(ends, of_corner, faces, sharpness)


def _sums(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sums of rows [k, w] by index, [count, w]."""
    return np.stack([np.bincount(index, v, minlength=count) for v in values.T], axis=1)


def _refine(cage: Cage) -> Cage:
    """One level: every corner of every face becomes a quad."""
    edges = _find_edges(cage)
    p, n, faces = np.asarray(cage.points, float), len(cage.points), len(cage.counts)
    face_of = np.repeat(np.arange(faces), cage.counts)
    after = _next_corner(cage.counts)
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    face_points = _sums(face_of, p[cage.indices], faces) / cage.counts[:, None]
    middles = 0.5 * (p[edges.ends[:, 0]] + p[edges.ends[:, 1]])
    around = _sums(edges.of_corner, face_points[face_of], len(edges.ends))
    smooth = (2.0 * middles + around) / (2.0 + edges.faces[:, None])
    blend = np.clip(edges.sharpness, 0.0, 1.0)[:, None]
    edge_points = blend * middles + (1.0 - blend) * smooth
    new_points = np.concatenate(
        [_vertex_points(cage, edges, p, face_points, face_of, middles), edge_points, face_points]
    )
    quads = np.stack(
        [cage.indices, n + edges.of_corner, n + len(edges.ends) + face_of, n + edges.of_corner[before]], axis=1
    )

    def spread(values: np.ndarray) -> np.ndarray:
        """Linear within each face, at the corners of its quads."""
        middle = _sums(face_of, values, faces) / cage.counts[:, None]
        parts = (values, 0.5 * (values + values[after]), middle[face_of], 0.5 * (values + values[before]))
        return np.stack(parts, axis=1).reshape(-1, values.shape[1])

    kept = (edges.sharpness > 1.0) & (edges.faces == 2)
    softer = np.where(edges.sharpness[kept] >= INFINITE, edges.sharpness[kept], edges.sharpness[kept] - 1.0)
    middle_number = n + np.flatnonzero(kept)
    creases = np.concatenate([np.stack([edges.ends[kept, k], middle_number], axis=1) for k in (0, 1)])
    corners = cage.corners[cage.corners[:, 1] > 1.0].copy()
    corners[:, 1] = np.where(corners[:, 1] >= INFINITE, corners[:, 1], corners[:, 1] - 1.0)
    return replace(
        cage,
        points=new_points,
        counts=np.full(len(quads), 4),
        indices=quads.ravel(),
        creases=creases,
        sharpness=np.tile(softer, 2),
        corners=corners,
        values={name: spread(values) for name, values in cage.values.items()},
        parents=face_of if cage.parents is None else cage.parents[face_of],
    )


def _vertex_points(
    cage: Cage, edges: _Edges, p: np.ndarray, face_points: np.ndarray, face_of: np.ndarray, middles: np.ndarray
) -> np.ndarray:
    """Where the points go: smooth, along a crease, or nowhere, and between these while sharpness fades."""
    n = len(p)
    ends, both = edges.ends.ravel(), np.repeat(np.arange(len(edges.ends)), 2)
    valence = np.maximum(np.bincount(ends, minlength=n), 1)[:, None]
    face_count = np.bincount(cage.indices, minlength=n)
    mean_face = _sums(cage.indices, face_points[face_of], n) / np.maximum(face_count, 1)[:, None]
    mean_middle = _sums(ends, middles[both], n) / valence
    smooth = (mean_face + 2.0 * mean_middle + (valence - 3.0) * p) / valence
    sharp = edges.sharpness[both] > 0.0
    count = np.bincount(ends[sharp], minlength=n)
    strength = np.bincount(ends[sharp], edges.sharpness[both][sharp], minlength=n) / np.maximum(count, 1)
    others = edges.ends[:, ::-1].ravel()
    crease = 0.75 * p + 0.125 * _sums(ends[sharp], p[others[sharp]], n)
    own = np.zeros(n)
    rows = cage.corners[:, 0].astype(np.int64)
    inside = (rows >= 0) & (rows < n)
    own[rows[inside]] = cage.corners[inside, 1]
    if cage.boundary_corners:
        own[(face_count == 1) & (count == 2)] = INFINITE
    fixed = np.clip(np.maximum(own, np.where(count > 2, strength, 0.0)), 0.0, 1.0)[:, None]
    along = np.where(count == 2, np.clip(strength, 0.0, 1.0), 0.0)[:, None]
    out = along * crease + (1.0 - along) * smooth
    out = fixed * p + (1.0 - fixed) * out
    return np.where((face_count == 0)[:, None], p, out)
