"""Shapes and slow, obvious answers in float64 for the mesh tests."""

import numpy as np
import trimesh


def box() -> tuple[np.ndarray, np.ndarray]:
    m = trimesh.creation.box(extents=(1.0, 2.0, 0.5))
    return np.asarray(m.vertices, np.float32), np.asarray(m.faces, np.int32)


def sphere(subdivisions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    m = trimesh.creation.icosphere(subdivisions=subdivisions)
    return np.asarray(m.vertices, np.float32), np.asarray(m.faces, np.int32)


def torus() -> tuple[np.ndarray, np.ndarray]:
    m = trimesh.creation.torus(1.0, 0.35, major_sections=24, minor_sections=12)
    return np.asarray(m.vertices, np.float32), np.asarray(m.faces, np.int32)


def star() -> tuple[np.ndarray, np.ndarray]:
    """Prism over an eight-pointed star: acute ridges, deep valleys, points where ridges and flat faces meet."""
    n = 16
    angle = np.arange(n) * (2 * np.pi / n)
    radius = np.where(np.arange(n) % 2, 0.25, 1.0)
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    low = np.column_stack([ring, np.full(n, -0.2)])
    high = np.column_stack([ring, np.full(n, 0.2)])
    points = np.vstack([low, high, [[0, 0, -0.2], [0, 0, 0.2]]])
    i, j = np.arange(n), (np.arange(n) + 1) % n
    sides = np.vstack([np.stack([i, j, j + n], 1), np.stack([i, j + n, i + n], 1)])
    caps = np.vstack([np.stack([np.full(n, 2 * n), j, i], 1), np.stack([np.full(n, 2 * n + 1), i + n, j + n], 1)])
    return points.astype(np.float32), np.vstack([sides, caps]).astype(np.int32)


def spike() -> tuple[np.ndarray, np.ndarray]:
    """A needle-sharp, strongly skewed pyramid."""
    points = [[0, 0, 0], [1, 0, 0], [1, 0.05, 0], [0, 0.05, 0], [3, 0.5, 0.2]]
    faces = [[0, 2, 1], [0, 3, 2], [0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    return np.array(points, np.float32), np.array(faces, np.int32)


def notch() -> tuple[np.ndarray, np.ndarray]:
    """A box with a deep narrow notch: points in it are outside, between two inner walls."""
    outline = np.array([[0, 0], [2, 0], [2, 1], [1.05, 1], [1.0, 0.1], [0.95, 1], [0, 1]], float)
    n = len(outline)
    points = np.vstack([np.column_stack([outline, np.zeros(n)]), np.column_stack([outline, np.ones(n)])])
    tri2 = [[0, 1, 4], [1, 2, 3], [1, 3, 4], [0, 4, 5], [0, 5, 6]]
    faces = [t[::-1] for t in tri2] + [[a + n, b + n, c + n] for a, b, c in tri2]
    for i in range(n):
        j = (i + 1) % n
        faces += [[i, j, j + n], [i, j + n, i + n]]
    return points.astype(np.float32), np.array(faces, np.int32)


CLOSED_SHAPES = {"box": box, "sphere": sphere, "torus": torus, "star": star, "spike": spike, "notch": notch}


def closest(points, faces, queries, chunk: int = 64):
    """Distance to the closest point for every query, brute force."""
    a, b, c = (points[faces[:, k]].astype(np.float64) for k in range(3))
    out = []
    for start in range(0, len(queries), chunk):
        p = queries[start : start + chunk, None].astype(np.float64)
        best = np.minimum(np.minimum(_segment(a, b, p), _segment(b, c, p)), _segment(c, a, p))
        n = np.cross(b - a, c - a)
        nn = (n * n).sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            h = ((p - a) * n).sum(-1)
            foot = p - n * (h / nn)[..., None]
            inside = nn > 0
            for x, y in ((a, b), (b, c), (c, a)):
                inside = inside & ((np.cross(y - x, foot - x) * n).sum(-1) >= 0)
            best = np.where(inside, np.minimum(best, np.abs(h) / np.sqrt(nn)), best)
        out.append(best.min(1))
    return np.concatenate(out)


def _segment(a, b, p):
    e = b - a
    t = np.clip(((p - a) * e).sum(-1) / np.maximum((e * e).sum(-1), 1e-300), 0, 1)
    return np.linalg.norm(p - a - t[..., None] * e, axis=-1)


def winding(points, faces, queries, chunk: int = 64):
    """Generalised winding number: 1 inside, 0 outside a closed mesh (van Oosterom & Strackee 1983)."""
    out = []
    for start in range(0, len(queries), chunk):
        p = queries[start : start + chunk, None].astype(np.float64)
        a, b, c = (points[faces[:, k]].astype(np.float64) - p for k in range(3))
        la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
        volume = (a * np.cross(b, c)).sum(-1)
        scale = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
        out.append((2 * np.arctan2(volume, scale)).sum(1) / (4 * np.pi))
    return np.concatenate(out)


def first_hits(points, faces, starts, directions, chunk: int = 64):
    """(t, margin): t of the first hit or inf, by Moeller & Trumbore 1997; margin tells how far the ray stays from
    every edge it passes, in barycentric units, and from starting on a face, so that a test can leave out coin tosses;
    0 if it is almost in the plane of a face."""
    a, b, c = (points[faces[:, k]].astype(np.float64) for k in range(3))
    ts, margins = [], []
    for start in range(0, len(starts), chunk):
        o = starts[start : start + chunk, None].astype(np.float64)
        d = directions[start : start + chunk, None].astype(np.float64)
        h = np.cross(d, c - a)
        det = (h * (b - a)).sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            v = (h * (o - a)).sum(-1) / det
            q = np.cross(o - a, b - a)
            w = (q * d).sum(-1) / det
            t = (q * (c - a)).sum(-1) / det
            low = np.minimum(np.minimum(v, w), 1 - v - w)
        hit = (det != 0) & (low >= 0) & (t >= 0)
        ts.append(np.where(hit, t, np.inf).min(1))
        margin = np.where(t >= 0, np.abs(low), np.inf)
        margin = np.where(low > -1e-3, np.minimum(margin, np.abs(t)), margin)  # starts on the face
        size = [np.linalg.norm(x, axis=-1) for x in (d, b - a, c - a)]
        parallel = (np.abs(det) <= 1e-5 * size[0] * size[1] * size[2]) & (det != 0)
        margins.append(np.where(parallel, 0, margin).min(1))
    return np.concatenate(ts), np.concatenate(margins)


def queries_around(points, faces, count: int, seed: int) -> np.ndarray:
    """Points in and around a mesh, many of them nearest to an edge or a point of it."""
    rng = np.random.default_rng(seed)
    lower, upper = points.min(0), points.max(0)
    size = (upper - lower).max()
    anywhere = rng.uniform(lower - 0.5 * size, upper + 0.5 * size, (count, 3))
    corner = points[rng.integers(len(points), size=count)]
    f = faces[rng.integers(len(faces), size=count)]
    along = rng.uniform(0, 1, (count, 1))
    edge = points[f[:, 0]] * along + points[f[:, 1]] * (1 - along)
    weights = rng.dirichlet([1, 1, 1], count)
    face = (points[f] * weights[..., None]).sum(1)
    near = np.concatenate([corner, edge, face])
    offset = rng.normal(size=near.shape)
    offset /= np.linalg.norm(offset, axis=1)[:, None]
    near = near + offset * size * 10 ** rng.uniform(-3, 0, (len(near), 1))
    return np.concatenate([anywhere, near]).astype(np.float32)
