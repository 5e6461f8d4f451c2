"""Closest points of two convex cores, or how deep they overlap: GJK, then EPA, in the frame of the first.

Gilbert, Johnson, Keerthi 1988; van den Bergen, "Collision Detection in Interactive 3D Environments", 2003.
EPA here starts from any tetrahedron in the difference of the shapes, not from one around the origin: it always pushes out
the face whose plane is lowest over the origin, below zero as well, so what GJK leaves behind at touching shapes needs no
care, and shapes that turn out to be apart by rounding get their (small) distance.
"""

import engine as en
from sim.collide.convex_shapes import Convex, HullTable, support
from sim.collide.simplex import nearest_on_simplex, nearest_on_triangle

GJK_TURNS = en.constant(40)
MAX_VERTICES = en.constant(40)
MAX_FACES = en.constant(80)
MAX_EDGES = en.constant(80)


@en.struct
class Closest:
    """found: 0 if the cores are farther apart than asked for. gap: distance, negative for an overlap [m].

    normal: unit, from b to a. on_a, on_b: nearest (or deepest) points of the cores. All in the frame of a.
    corners: how many the simplex has where the search ended (see `closest_points_from`).
    """

    found: int
    gap: float
    normal: en.vec3
    on_a: en.vec3
    on_b: en.vec3
    corners: int


@en.struct
class Difference:
    """Corner of the difference a - b of two shapes: w = p - (point of b), p on a; where supports were found."""

    p: en.vec3
    w: en.vec3
    hint_a: int
    hint_b: int


@en.func
def difference(
    a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, d: en.vec3, hint_a: int, hint_b: int
) -> Difference:
    """The corner of a - b farthest along d; x_a = R x_b + t."""
    s = Difference()
    p, ha = support(a, hulls, d, hint_a)
    q, hb = support(b, hulls, -(en.transpose(R) * d), hint_b)
    s.p = p
    s.w = p - (R * q + t)
    s.hint_a = ha
    s.hint_b = hb
    return s


@en.func
def keep_weighted(w: en.array(dtype=en.vec3), p: en.array(dtype=en.vec3), weights: en.vec4, count: int):
    """Moves the corners with a weight to the front; returns their weights and number."""
    kept = 0
    left = en.vec4(0.0, 0.0, 0.0, 0.0)
    for k in range(count):
        if weights[k] > 0.0:
            w[kept] = w[k]
            p[kept] = p[k]
            left[kept] = weights[k]
            kept = kept + 1
    return left, kept


@en.func
def closest_points(a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, reach: float) -> Closest:
    """Nearest points of two cores that are closer than `reach`, or the deepest overlap."""
    w = en.zeros(shape=4, dtype=en.vec3)
    p = en.zeros(shape=4, dtype=en.vec3)
    return closest_points_from(a, b, R, t, hulls, reach, w, p, 0)


@en.func
def closest_points_from(
    a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, reach: float, w: en.array(dtype=en.vec3),
    p: en.array(dtype=en.vec3), corners: int,
) -> Closest:  # fmt: skip
    """As `closest_points`, beginning with `corners` (up to three) corners of the difference: p on a, w = p - (point of b).

    w and p, of four, receive the simplex where the search ended: that of the nearest points, of the separating plane, or
    the deepest face. Where bodies have hardly moved since, it is the answer already and one support confirms it.
    """
    size = a.size + b.size
    exact = 1.0e-6 * size
    s = Difference()
    s.hint_a = -1
    s.hint_b = -1
    weights = en.vec4(1.0, 0.0, 0.0, 0.0)
    count = int(corners)
    v = en.vec3(0.0, 0.0, 0.0)
    if count > 0:
        weights, _inside = nearest_on_simplex(w, count)
        for k in range(count):
            v = v + w[k] * weights[k]
        nearest = 1.0e30
        for k in range(count):
            nearest = en.min(nearest, en.dot(w[k], w[k]))
        if en.dot(v, v) <= nearest * 1.0001:
            weights, count = keep_weighted(w, p, weights, count)
        else:
            # a sliver, whose weights are rounding
            count = 0
    if count == 0:
        start = -t
        if en.dot(start, start) < exact * exact:
            start = en.vec3(1.0, 0.0, 0.0)
        s = difference(a, b, R, t, hulls, -start, -1, -1)
        w[0] = s.w
        p[0] = s.p
        weights = en.vec4(1.0, 0.0, 0.0, 0.0)
        count = 1
        v = s.w
    vv = en.dot(v, v)
    far = False
    touching = False
    turn = 0
    going = True
    while going and turn < GJK_TURNS:
        turn = turn + 1
        if vv < exact * exact:
            touching = True
            going = False
        else:
            s = difference(a, b, R, t, hulls, -v, s.hint_a, s.hint_b)
            vw = en.dot(v, s.w)
            length = en.sqrt(vv)
            known = False
            for k in range(count):
                e = s.w - w[k]
                if en.dot(e, e) <= 1.0e-14 * size * size:
                    known = True
            if vw > reach * length:
                far = True
                going = False
            elif known or vv - vw <= (0.3 * exact + 1.0e-5 * length) * length:
                going = False
            else:
                w[count] = s.w
                p[count] = s.p
                fresh, inside = nearest_on_simplex(w, count + 1)
                if inside:
                    touching = True
                    going = False
                    count = count + 1
                else:
                    near = en.vec3(0.0, 0.0, 0.0)
                    for k in range(count + 1):
                        near = near + w[k] * fresh[k]
                    nn = en.dot(near, near)
                    if nn >= vv:
                        going = False
                    else:
                        weights, count = keep_weighted(w, p, fresh, count + 1)
                        v = near
                        vv = nn
    result = Closest()
    result.found = 0
    result.corners = count
    if not far:
        length = en.sqrt(vv)
        result.found = 1
        if touching or length < 10.0 * exact:
            result = overlap(a, b, R, t, hulls, w, p, count)
            if result.gap > reach:
                result.found = 0
        else:
            on_a = en.vec3(0.0, 0.0, 0.0)
            for k in range(count):
                on_a = on_a + p[k] * weights[k]
            result.gap = length
            result.normal = v / length
            result.on_a = on_a
            result.on_b = on_a - v
            if length > reach:
                result.found = 0
    return result


@en.func
def first_tetrahedron(
    a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, w: en.array(dtype=en.vec3),
    p: en.array(dtype=en.vec3),
) -> bool:  # fmt: skip
    """Four corners of the difference that span a volume, into w and p; False if it has none."""
    small = 1.0e-4 * (a.size + b.size)
    found = False
    for axis in range(3):
        if not found:
            d = en.vec3(0.0, 0.0, 0.0)
            d[axis] = 1.0
            s = difference(a, b, R, t, hulls, d, -1, -1)
            w[0] = s.w
            p[0] = s.p
            s = difference(a, b, R, t, hulls, -d, -1, -1)
            w[1] = s.w
            p[1] = s.p
            found = en.length(w[1] - w[0]) > small
    if found:
        e = en.normalize(w[1] - w[0])
        d = en.vec3(1.0, 0.0, 0.0)
        if en.abs(e[1]) < en.abs(e[0]) and en.abs(e[1]) <= en.abs(e[2]):
            d = en.vec3(0.0, 1.0, 0.0)
        elif en.abs(e[2]) < en.abs(e[0]):
            d = en.vec3(0.0, 0.0, 1.0)
        d = en.normalize(d - e * en.dot(d, e))
        best = 0.0
        for turn in range(4):
            s = difference(a, b, R, t, hulls, d, -1, -1)
            off = s.w - w[0]
            off = off - e * en.dot(off, e)
            if en.length(off) > best:
                best = en.length(off)
                w[2] = s.w
                p[2] = s.p
            d = -d
            if turn == 1:
                d = en.cross(e, d)
        found = best > small
    if found:
        n = en.normalize(en.cross(w[1] - w[0], w[2] - w[0]))
        best = 0.0
        for _side in range(2):
            s = difference(a, b, R, t, hulls, n, -1, -1)
            if en.abs(en.dot(s.w - w[0], n)) > best:
                best = en.abs(en.dot(s.w - w[0], n))
                w[3] = s.w
                p[3] = s.p
            n = -n
        found = best > 0.1 * small
    return found


@en.func
def put_face(
    w: en.array(dtype=en.vec3), f: int, i: int, j: int, k: int, corner: en.array(dtype=en.vec3i),
    normal: en.array(dtype=en.vec3), height: en.array(dtype=float),
):  # fmt: skip
    """Face f through corners i j k, counter-clockwise from outside; one without area is never pushed out."""
    n = en.cross(w[j] - w[i], w[k] - w[i])
    length = en.length(n)
    corner[f] = en.vec3i(i, j, k)
    if length > 1.0e-20:
        normal[f] = n / length
        height[f] = en.dot(n / length, w[i])
    else:
        normal[f] = en.vec3(0.0, 0.0, 0.0)
        height[f] = 1.0e30


@en.func
def toggle_edge(edge: en.array(dtype=en.vec2i), count: int, i: int, j: int) -> int:
    """Adds the edge i j of a face that goes, or removes it when the face on its other side went too."""
    n = int(count)
    found = -1
    for k in range(n):
        e = edge[k]
        if e[0] == j and e[1] == i:
            found = k
    if found >= 0:
        n = n - 1
        edge[found] = edge[n]
    elif n < MAX_EDGES:
        edge[n] = en.vec2i(i, j)
        n = n + 1
    return n


@en.func
def push_out(
    w: en.array(dtype=en.vec3), at: int, faces: int, seen: int, exact: float, corner: en.array(dtype=en.vec3i),
    normal: en.array(dtype=en.vec3), height: en.array(dtype=float),
) -> int:  # fmt: skip
    """Replaces the faces that corner `at` sees, `seen` and those joined to it, by a fan; returns the number of faces."""
    edge = en.zeros(shape=80, dtype=en.vec2i)
    edges = 0
    left = int(faces)
    f = int(seen)
    while f >= 0:
        c = corner[f]
        edges = toggle_edge(edge, edges, c[0], c[1])
        edges = toggle_edge(edge, edges, c[1], c[2])
        edges = toggle_edge(edge, edges, c[2], c[0])
        left = left - 1
        corner[f] = corner[left]
        normal[f] = normal[left]
        height[f] = height[left]
        f = -1
        for k in range(left):
            if f < 0 and en.dot(normal[k], w[at]) - height[k] > exact:
                c = corner[k]
                for e in range(edges):
                    i = edge[e][0]
                    j = edge[e][1]
                    if (i == c[1] and j == c[0]) or (i == c[2] and j == c[1]) or (i == c[0] and j == c[2]):
                        f = k
    for k in range(edges):
        if left < MAX_FACES:
            put_face(w, left, edge[k][0], edge[k][1], at, corner, normal, height)
            left = left + 1
    if edges == 0:
        left = 0
    return left


@en.func
def overlap(
    a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, simplex_w: en.array(dtype=en.vec3),
    simplex_p: en.array(dtype=en.vec3), simplex_count: int,
) -> Closest:  # fmt: skip
    """EPA: the least translation that separates two overlapping cores; the simplex receives the deepest face."""
    size = a.size + b.size
    w = en.zeros(shape=40, dtype=en.vec3)
    p = en.zeros(shape=40, dtype=en.vec3)
    corner = en.zeros(shape=80, dtype=en.vec3i)
    normal = en.zeros(shape=80, dtype=en.vec3)
    height = en.zeros(shape=80, dtype=float)
    result = Closest()
    result.found = 0
    solid = False
    if simplex_count == 4:
        for k in range(4):
            w[k] = simplex_w[k]
            p[k] = simplex_p[k]
        n = en.cross(w[1] - w[0], w[2] - w[0])
        solid = en.abs(en.dot(n, w[3] - w[0])) > 1.0e-5 * size * en.length(n)
    if not solid:
        solid = first_tetrahedron(a, b, R, t, hulls, w, p)
    if not solid:
        return result
    if en.dot(en.cross(w[1] - w[0], w[2] - w[0]), w[3] - w[0]) > 0.0:
        x = w[1]
        w[1] = w[2]
        w[2] = x
        x = p[1]
        p[1] = p[2]
        p[2] = x
    put_face(w, 0, 0, 1, 2, corner, normal, height)
    put_face(w, 1, 0, 3, 1, corner, normal, height)
    put_face(w, 2, 1, 3, 2, corner, normal, height)
    put_face(w, 3, 2, 3, 0, corner, normal, height)
    corners = 4
    faces = 4
    c = corner[0]
    n = normal[0]
    d = -1.0e30
    going = True
    while going:
        best = 0
        for f in range(faces):
            if height[f] < height[best]:
                best = f
        # around the origin the lowest face only ever rises; if not, rounding has broken the surface, and the last face is
        # the answer (as long as the origin is outside, a new face may face it better than all before)
        if d > 1.0e-5 * size and height[best] < d - 1.0e-5 * size:
            going = False
        else:
            c = corner[best]
            n = normal[best]
            d = height[best]
            s = difference(a, b, R, t, hulls, n, -1, -1)
            if en.dot(n, s.w) - d <= 2.0e-5 * size + 1.0e-3 * en.abs(d) or corners == MAX_VERTICES:
                going = False
        if going:
            w[corners] = s.w
            p[corners] = s.p
            faces = push_out(w, corners, faces, best, 1.0e-7 * size, corner, normal, height)
            corners = corners + 1
            going = faces > 0
    # weights of the foot of the origin in the face
    o = n * d
    u = nearest_on_triangle(w[c[0]] - o, w[c[1]] - o, w[c[2]] - o)
    on_a = p[c[0]] * u[0] + p[c[1]] * u[1] + p[c[2]] * u[2]
    result.found = 1
    result.gap = -d
    result.normal = -n
    result.on_a = on_a
    result.on_b = on_a - (w[c[0]] * u[0] + w[c[1]] * u[1] + w[c[2]] * u[2])
    result.corners = 3
    for k in range(3):
        simplex_w[k] = w[c[k]]
        simplex_p[k] = p[c[k]]
    return result
