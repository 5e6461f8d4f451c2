"""Height fields and triangle meshes as contact search sees them: cells, and which edges stand out."""

import numpy as np

import engine as en
from sim.geometry.height_field import HeightField

CLUSTER = 16
FLAT_EDGE = float(np.cos(np.radians(3.0)))


@en.struct
class SurfaceTable:
    """height: heights of all fields, row after row. rows, columns, first: of each field, where its heights are.

    half: half extents (x, y). edges: for each triangle of each mesh, three bits: edge k (opposite to corner k) stands
    out, being a border or convex; and more, see `edge_flags`. edge_first: where a shape's triangles begin.
    ball: neighbouring triangles in clusters, each in a ball (center, radius). members: triangles, cluster after cluster.
    member_start: where the members of each cluster begin. ball_start, ball_end: clusters of each shape.
    """

    height: en.array(dtype=float)
    rows: en.array(dtype=int)
    columns: en.array(dtype=int)
    first: en.array(dtype=int)
    half: en.array(dtype=en.vec2)
    edges: en.array(dtype=int)
    edge_first: en.array(dtype=int)
    ball: en.array(dtype=en.vec4)
    members: en.array(dtype=int)
    member_start: en.array(dtype=int)
    ball_start: en.array(dtype=int)
    ball_end: en.array(dtype=int)


def surface_table(fields: list[HeightField], meshes: list, mesh_of_shape: np.ndarray) -> SurfaceTable:
    """The table of some fields and meshes; `mesh_of_shape` numbers the mesh of each shape, -1 for none."""
    table = SurfaceTable()
    grids = [f.heights for f in fields] or [np.zeros((1, 1), dtype=np.float32)]
    table.height = en.array(np.concatenate([g.ravel() for g in grids]), dtype=float)
    table.rows = en.array(np.array([g.shape[0] for g in grids], dtype=np.int32), dtype=int)
    table.columns = en.array(np.array([g.shape[1] for g in grids], dtype=np.int32), dtype=int)
    table.first = en.array(np.cumsum([0] + [g.size for g in grids[:-1]]).astype(np.int32), dtype=int)
    half = np.array([[f.hx, f.hy] for f in fields] or [[1.0, 1.0]], dtype=np.float32)
    table.half = en.array(half, dtype=en.vec2)
    flags = [edge_flags(m.vertices, m.triangles) for m in meshes]
    starts = np.cumsum([0] + [len(f) for f in flags])
    table.edges = en.array(np.concatenate([*flags, [0]]).astype(np.int32), dtype=int)
    first = np.where(mesh_of_shape >= 0, starts[np.maximum(mesh_of_shape, 0)], 0)
    table.edge_first = en.array(first.astype(np.int32), dtype=int)
    balls, members, sizes = zip(*(clusters(m.vertices, m.triangles) for m in meshes)) if meshes else ((), (), ())
    ends = np.cumsum([0] + [len(b) for b in balls])
    table.ball = en.array(np.concatenate([*balls, np.zeros((1, 4))]).astype(np.float32), dtype=en.vec4)
    table.members = en.array(np.concatenate([*members, [0]]).astype(np.int32), dtype=int)
    table.member_start = en.array(np.cumsum(np.concatenate([[0], *sizes])).astype(np.int32), dtype=int)
    known = mesh_of_shape >= 0
    table.ball_start = en.array(np.where(known, ends[np.maximum(mesh_of_shape, 0)], 0).astype(np.int32), dtype=int)
    last = ends[np.minimum(np.maximum(mesh_of_shape, 0) + 1, len(ends) - 1)]
    table.ball_end = en.array(np.where(known, last, 0).astype(np.int32), dtype=int)
    return table


def clusters(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles in clusters of `CLUSTER` along a space-filling curve: balls [n, 4], members, cluster sizes."""
    corners = np.asarray(points, dtype=np.float64)[triangles]
    middle = corners.mean(axis=1)
    low = middle.min(axis=0)
    cells = ((middle - low) / max(float(np.ptp(middle, axis=0).max()), 1e-30) * 1023.0).astype(np.int64)
    code = np.zeros(len(cells), dtype=np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    order = np.argsort(code, kind="stable")
    first = np.arange(0, len(order), CLUSTER)
    size = np.diff(np.append(first, len(order)))
    of = np.repeat(np.arange(len(first)), size)
    upper = np.maximum.reduceat(corners[order].max(axis=1), first)
    lower = np.minimum.reduceat(corners[order].min(axis=1), first)
    center = 0.5 * (lower + upper)
    far = np.linalg.norm(corners[order] - center[of][:, None], axis=2).max(axis=1)
    radius = np.maximum.reduceat(far, first) * (1.0 + 1e-6)
    return np.column_stack([center, radius]), order, size


def edge_flags(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Bits 0 to 2: the edge opposite to that corner stands out; bit 3: the surface is open.

    Bits 4 to 6: the triangle is the first that has the corner. Shape [triangles].
    """
    points, number = np.unique(np.asarray(points, dtype=np.float64), axis=0, return_inverse=True)
    triangles = number.reshape(-1)[triangles]
    a, b, c = (points[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    tail, head = triangles[:, [1, 2, 0]].ravel(), triangles[:, [2, 0, 1]].ravel()
    key = np.minimum(tail, head) * np.int64(len(points)) + np.maximum(tail, head)
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    is_first = np.append(True, sorted_key[1:] != sorted_key[:-1])
    start = np.flatnonzero(is_first)
    count = np.diff(np.append(start, len(order)))
    out = np.ones(len(key), dtype=bool)
    paired = start[count == 2]
    h0, h1 = order[paired], order[paired + 1]
    t0, t1 = h0 // 3, h1 // 3
    # convex where the far corner of the neighbour lies below
    far = points[triangles[t1, h1 % 3]] - points[tail[h0]]
    below = np.einsum("ij,ij->i", far, normal[t0]) < 0.0
    bent = np.einsum("ij,ij->i", normal[t0], normal[t1]) < FLAT_EDGE
    stands_out = below & bent
    out[h0] = out[h1] = stands_out
    is_open = bool((count != 2).any())
    owner = np.zeros(triangles.size, dtype=bool)
    owner[np.unique(triangles.ravel(), return_index=True)[1]] = True
    return out.reshape(-1, 3) @ np.array([1, 2, 4]) + 8 * is_open + owner.reshape(-1, 3) @ np.array([16, 32, 64])
