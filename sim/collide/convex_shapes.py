"""Convex shapes as contact search sees them: a core with a support function, and a radius around it.

Sphere and capsule are a point and a segment with a radius; everything else is its own core. Hulls live in two arrays
shared by all shapes (see `HullTable`): vertices are climbed from neighbour to neighbour, so a support costs some tens of
products also for a hull of hundreds of vertices.
"""

import numpy as np

import engine as en
from sim.collide.pair_table import ShapeTable
from sim.collide.shape_types import BOX, CAPSULE, CONE, CONVEX, CYLINDER, ELLIPSOID, SPHERE, TRIANGLE
from sim.geometry.hull_topology import HullTopology

HEADER = en.constant(16)
"""Numbers in front of a hull's lists: see `HullTable`."""


@en.struct
class Convex:
    """A convex shape in its own frame.

    kind, scale: as in `shape_geo`. hull: place in the hull table. radius: thickness around the core [m].
    p0, p1, p2: corners, for a triangle. size: a length that tolerances refer to [m].
    """

    kind: int
    scale: en.vec3
    hull: int
    radius: float
    size: float
    p0: en.vec3
    p1: en.vec3
    p2: en.vec3


@en.struct
class HullTable:
    """All hulls of a model.

    xyz: vertices of a hull, then its face normals. number: for a hull at h,
    [h]: first vertex in xyz, [h+1]: vertex count, [h+2]: first normal in xyz, [h+3]: face count,
    [h+4], [h+5], [h+6]: where the rows of neighbours, of faces around a vertex, and of corners begin: row i is
    number[number[row + i]] to number[number[row + i + 1]]. [h+7] .. [h+12]: extreme vertices along -x +x -y +y -z +z.
    """

    xyz: en.array(dtype=en.vec3)
    number: en.array(dtype=int)


def hull_table(topologies: list[HullTopology]) -> tuple[HullTable, list[int]]:
    """The table for some hulls, and the place of each."""
    xyz: list[np.ndarray] = [np.zeros((1, 3))]
    number: list[np.ndarray] = []
    places, points, used = [], 1, 0
    for hull in topologies:
        places.append(used)
        n, f = len(hull.vertices), len(hull.faces)
        extremes = [int(sign(hull.vertices[:, k])) for k in range(3) for sign in (np.argmin, np.argmax)]
        lists, starts, at = [], [], used + HEADER
        for rows in (hull.neighbors, hull.faces_of_vertex, hull.faces):
            starts.append(at)
            ends = np.cumsum([0, *map(len, rows)])
            lists += [at + len(ends) + ends, np.concatenate([*rows, np.zeros(0, dtype=np.int64)])]
            at += len(ends) + int(ends[-1])
        header = np.zeros(int(HEADER), dtype=np.int64)
        header[:13] = [points, n, points + n, f, *starts, *extremes]
        number += [header, *lists]
        xyz += [hull.vertices, hull.normals]
        points, used = points + n + f, at
    table = HullTable()
    table.xyz = en.array(np.concatenate(xyz).astype(np.float32), dtype=en.vec3)
    table.number = en.array(np.concatenate([*number, [0]]).astype(np.int32), dtype=int)
    return table, places


@en.func
def climb(hulls: HullTable, hull: int, d: en.vec3, hint: int) -> int:
    """The vertex farthest along d (in the unscaled frame), from vertex `hint` or, for -1, from an extreme one."""
    first = hulls.number[hull]
    rows = hulls.number[hull + 4]
    v = int(hint)
    if v < 0:
        x = en.abs(d[0])
        y = en.abs(d[1])
        z = en.abs(d[2])
        k = 7 + en.where(d[0] > 0.0, 1, 0)
        if y > x and y >= z:
            k = 9 + en.where(d[1] > 0.0, 1, 0)
        elif z > x:
            k = 11 + en.where(d[2] > 0.0, 1, 0)
        v = hulls.number[hull + k]
    best = en.dot(hulls.xyz[first + v], d)
    moving = True
    while moving:
        moving = False
        start = hulls.number[rows + v]
        end = hulls.number[rows + v + 1]
        for k in range(start, end):
            w = hulls.number[k]
            s = en.dot(hulls.xyz[first + w], d)
            if s > best:
                best = s
                v = w
                moving = True
    return v


@en.func
def hull_vertex(hulls: HullTable, c: Convex, v: int) -> en.vec3:
    """Vertex `v` of a hull, scaled."""
    return en.cw_mul(hulls.xyz[hulls.number[c.hull] + v], c.scale)


@en.func
def support(c: Convex, hulls: HullTable, d: en.vec3, hint: int):
    """The point of the core farthest along d, and for hulls its vertex (`hint` for the next, similar direction)."""
    p = en.vec3(0.0, 0.0, 0.0)
    v = int(hint)
    kind = c.kind
    s = c.scale
    if kind == CONVEX:
        v = climb(hulls, c.hull, en.cw_mul(d, s), v)
        p = hull_vertex(hulls, c, v)
    elif kind == BOX:
        p = en.vec3(
            en.where(d[0] < 0.0, -s[0], s[0]), en.where(d[1] < 0.0, -s[1], s[1]), en.where(d[2] < 0.0, -s[2], s[2])
        )
    elif kind == CAPSULE:
        p = en.vec3(0.0, en.where(d[1] < 0.0, -s[1], s[1]), 0.0)
    elif kind == CYLINDER or kind == CONE:
        r = en.sqrt(d[0] * d[0] + d[2] * d[2])
        f = en.where(r > 1.0e-12, s[0] / en.max(r, 1.0e-12), 0.0)
        rim = en.vec3(d[0] * f, -s[1], d[2] * f)
        if kind == CYLINDER:
            p = en.vec3(rim[0], en.where(d[1] < 0.0, -s[1], s[1]), rim[2])
        else:
            p = rim
            if d[1] * s[1] > en.dot(d, rim):
                p = en.vec3(0.0, s[1], 0.0)
    elif kind == ELLIPSOID:
        q = en.cw_mul(d, s)
        p = en.cw_mul(q, s) / en.max(en.length(q), 1.0e-30)
    elif kind == TRIANGLE:
        a = en.dot(c.p0, d)
        b = en.dot(c.p1, d)
        e = en.dot(c.p2, d)
        p = c.p0
        if b > a and b >= e:
            p = c.p1
        elif e > a:
            p = c.p2
    return p, v


@en.func
def ring_corner(radius: float, y: float, k: int, turn: en.vec3, up: float) -> en.vec3:
    """Corner k of an octagon of circumradius `radius` at height y that has a corner in the direction (turn.x, turn.z).

    Counter-clockwise seen from outside, where up is +1 for a top and -1 for a bottom.
    """
    c = 1.0
    s = 0.0
    if k == 1 or k == 7:
        c = 0.70710678
    if k == 2 or k == 6:
        c = 0.0
    if k == 3 or k == 5:
        c = -0.70710678
    if k == 4:
        c = -1.0
    if k == 1 or k == 3:
        s = 0.70710678
    if k == 2:
        s = 1.0
    if k == 5 or k == 7:
        s = -0.70710678
    if k == 6:
        s = -1.0
    s = -s * up
    return en.vec3(radius * (turn[0] * c - turn[2] * s), y, radius * (turn[0] * s + turn[2] * c))


@en.func
def feature(c: Convex, hulls: HullTable, d: en.vec3, poly: en.array(dtype=en.vec3)):
    """The face, side line or point of a shape that faces the unit direction d most.

    Returns:
        Number of corners written to `poly` (up to 12; 2: a line; 0: only a point) and the outward unit normal there.
    """
    count = 0
    n = d
    kind = c.kind
    s = c.scale
    if kind == BOX:
        x = en.abs(d[0])
        y = en.abs(d[1])
        z = en.abs(d[2])
        k = 0
        if y > x and y >= z:
            k = 1
        elif z > x:
            k = 2
        ku = (k + 1) % 3
        kv = (k + 2) % 3
        side = en.where(d[k] < 0.0, -1.0, 1.0)
        n = en.vec3(0.0, 0.0, 0.0)
        n[k] = side
        for i in range(4):
            p = en.vec3(0.0, 0.0, 0.0)
            p[k] = side * s[k]
            p[ku] = en.where(i == 0 or i == 3, -side, side) * s[ku]
            p[kv] = en.where(i < 2, -1.0, 1.0) * s[kv]
            poly[i] = p
        count = 4
    elif kind == CONVEX:
        v = climb(hulls, c.hull, en.cw_mul(d, s), -1)
        row = hulls.number[c.hull + 5] + v
        best = -2.0
        face = 0
        for k in range(hulls.number[row], hulls.number[row + 1]):
            f = hulls.number[k]
            m = en.normalize(en.cw_div(hulls.xyz[hulls.number[c.hull + 2] + f], s))
            along = en.dot(m, d)
            if along > best:
                best = along
                face = f
                n = m
        row = hulls.number[c.hull + 6] + face
        start = hulls.number[row]
        count = hulls.number[row + 1] - start
        for k in range(count):
            poly[k] = hull_vertex(hulls, c, hulls.number[start + k])
    elif kind == CAPSULE:
        poly[0] = en.vec3(0.0, -s[1], 0.0)
        poly[1] = en.vec3(0.0, s[1], 0.0)
        count = 2
    elif kind == CYLINDER or kind == CONE:
        r = en.sqrt(d[0] * d[0] + d[2] * d[2])
        # upright within half a degree the octagon keeps its place
        radial = en.vec3(1.0, 0.0, 0.0)
        if r > 1.0e-2:
            radial = en.vec3(d[0] / r, 0.0, d[2] / r)
        up = -1.0
        cap = -d[1]
        side = r
        lean = en.vec3(radial[0], 0.0, radial[2])
        top = radial * s[0] + en.vec3(0.0, s[1], 0.0)
        if kind == CYLINDER:
            up = en.where(d[1] < 0.0, -1.0, 1.0)
            cap = en.abs(d[1])
        else:
            slant = en.sqrt(s[0] * s[0] + 4.0 * s[1] * s[1])
            lean = (radial * (2.0 * s[1]) + en.vec3(0.0, s[0], 0.0)) / slant
            side = en.dot(lean, d)
            top = en.vec3(0.0, s[1], 0.0)
        if cap >= side:
            n = en.vec3(0.0, up, 0.0)
            for i in range(8):
                poly[i] = ring_corner(s[0], up * s[1], i, radial, up)
            count = 8
        else:
            n = lean
            poly[0] = radial * s[0] - en.vec3(0.0, s[1], 0.0)
            poly[1] = top
            count = 2
    elif kind == TRIANGLE:
        n = en.normalize(en.cross(c.p1 - c.p0, c.p2 - c.p0))
        poly[0] = c.p0
        poly[1] = c.p1
        poly[2] = c.p2
        if en.dot(n, d) < 0.0:
            n = -n
            poly[1] = c.p2
            poly[2] = c.p1
        count = 3
    return count, n


@en.func
def convex_of(kind: int, scale: en.vec3, hull: int, skin: float, size: float) -> Convex:
    """The shape from its row in the model's tables, with a skin around it; `size` is half its diagonal."""
    c = Convex()
    c.kind = kind
    c.scale = scale
    c.hull = hull
    c.radius = skin
    if kind == SPHERE or kind == CAPSULE:
        c.radius = skin + scale[0]
    c.size = size
    return c


@en.func
def convex_in(shapes: ShapeTable, s: int) -> Convex:
    """The shape in a row of the model's tables."""
    size = en.length(shapes.upper_s[s] - shapes.lower_s[s]) * 0.5
    return convex_of(shapes.kind[s], shapes.scale[s], shapes.hull[s], shapes.thickness[s], size)
