"""Contact points of two convex shapes: the facing feature of one clipped against the facing face of the other.

Where a face faces the other shape (within some three degrees), the other's feature is clipped to its outline and every
corner within reach counts: the support polygon of a resting body. Parallel lines touch in two points. Otherwise the
closest points are the contact.
"""

import engine as en
from sim.collide.closest_points import Closest
from sim.collide.convex_shapes import Convex, HullTable, feature

FACING = en.constant(0.998)
ROOM = en.constant(28)


@en.func
def clip_to_outline(
    poly: en.array(dtype=en.vec3), count: int, outline: en.array(dtype=en.vec3), sides: int, n: en.vec3
) -> int:
    """Cuts a polygon (or a line, for two corners) to the prism over an outline with normal n; returns its corners."""
    other = en.zeros(shape=28, dtype=en.vec3)
    left = int(count)
    line = count == 2
    for k in range(sides):
        next_corner = k + 1
        if next_corner == sides:
            next_corner = 0
        q = outline[k]
        out = en.cross(outline[next_corner] - q, n)
        made = 0
        for c in range(left):
            p0 = poly[c]
            after = c + 1
            if after == left:
                after = 0
            p1 = poly[after]
            d0 = en.dot(out, p0 - q)
            d1 = en.dot(out, p1 - q)
            if line and after == 0:
                d1 = d0
            if d0 <= 0.0 and made < ROOM:
                other[made] = p0
                made = made + 1
            if ((d0 < 0.0 and d1 > 0.0) or (d0 > 0.0 and d1 < 0.0)) and made < ROOM:
                other[made] = p0 + (p1 - p0) * (d0 / (d0 - d1))
                made = made + 1
        for c in range(made):
            poly[c] = other[c]
        left = made
    return left


@en.func
def keep_eight(poly: en.array(dtype=en.vec3), gap: en.array(dtype=float), count: int, n: en.vec3) -> int:
    """Of more than eight points, those farthest in eight directions across n, the deeper the sooner; returns how many."""
    if count <= 8:
        return count
    u = en.vec3(1.0, 0.0, 0.0)
    if en.abs(n[0]) > 0.7:
        u = en.vec3(0.0, 1.0, 0.0)
    u = en.normalize(u - n * en.dot(u, n))
    v = en.cross(n, u)
    used = 0
    for k in range(8):
        # the points in front are chosen already
        angle = 0.785398 * float(k) + 0.1
        d = u * en.cos(angle) + v * en.sin(angle)
        best = -1.0e30
        at = -1
        for i in range(used, count):
            score = en.dot(d, poly[i]) - gap[i]
            if score > best:
                best = score
                at = i
        x = poly[at]
        poly[at] = poly[used]
        poly[used] = x
        g = gap[at]
        gap[at] = gap[used]
        gap[used] = g
        used = used + 1
    return used


@en.func
def face_contacts(
    outline: en.array(dtype=en.vec3), sides: int, n: en.vec3, poly: en.array(dtype=en.vec3), count: int,
    gap: en.array(dtype=float), reach: float,
) -> int:  # fmt: skip
    """Clips and keeps what is closer to the face than `reach`, at most eight points; heights go to `gap`."""
    made = clip_to_outline(poly, count, outline, sides, n)
    used = 0
    for c in range(made):
        p = poly[c]
        h = en.dot(n, p - outline[0])
        if h < reach:
            poly[used] = p
            gap[used] = h
            used = used + 1
    return keep_eight(poly, gap, used, n)


@en.func
def manifold(
    a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, near: Closest, reach: float,
    on_a: en.array(dtype=en.vec3), on_b: en.array(dtype=en.vec3),
):  # fmt: skip
    """Points of both cores, into arrays of nine, within `reach` of each other.

    Returns:
        Number of points and their common normal, from b to a; all in the frame of a.
    """
    n = near.normal
    face_a = en.zeros(shape=28, dtype=en.vec3)
    face_b = en.zeros(shape=28, dtype=en.vec3)
    gap = en.zeros(shape=28, dtype=float)
    used = 0
    count_a, normal_a = feature(a, hulls, -n, face_a)
    Rt = en.transpose(R)
    count_b, normal_b = feature(b, hulls, Rt * n, face_b)
    normal_b = R * normal_b
    for k in range(count_b):
        face_b[k] = R * face_b[k] + t
    facing_a = en.where(count_a >= 3, -en.dot(normal_a, n), 0.0)
    facing_b = en.where(count_b >= 3, en.dot(normal_b, n), 0.0)
    if count_b > 0 and facing_a >= facing_b - 1.0e-4 and facing_a > FACING:
        n = -normal_a
        used = face_contacts(face_a, count_a, normal_a, face_b, count_b, gap, reach)
        for c in range(used):
            on_b[c] = face_b[c]
            on_a[c] = face_b[c] - normal_a * gap[c]
    elif count_a > 0 and facing_b > FACING:
        n = normal_b
        used = face_contacts(face_b, count_b, normal_b, face_a, count_a, gap, reach)
        for c in range(used):
            on_a[c] = face_a[c]
            on_b[c] = face_a[c] - normal_b * gap[c]
    elif count_a == 2 and count_b == 2:
        along = en.normalize(face_a[1] - face_a[0])
        ahead = face_b[1] - face_b[0]
        if en.abs(en.dot(along, ahead)) > 0.999 * en.length(ahead):
            # both ends of the common stretch
            a1 = en.dot(along, face_a[1] - face_a[0])
            b0 = en.dot(along, face_b[0] - face_a[0])
            b1 = en.dot(along, face_b[1] - face_a[0])
            low = en.max(0.0, en.min(b0, b1))
            high = en.min(a1, en.max(b0, b1))
            if high > low + 1.0e-3 * a1:
                for e in range(2):
                    s = low
                    if e == 1:
                        s = high
                    pa = face_a[0] + along * s
                    f = (s - b0) / (b1 - b0)
                    pb = face_b[0] + ahead * f
                    if en.dot(n, pa - pb) < reach:
                        on_a[used] = pa
                        on_b[used] = pb
                        used = used + 1
    deepest = 1.0e30
    for c in range(used):
        deepest = en.min(deepest, en.dot(n, on_a[c] - on_b[c]))
    # the closest points themselves, where the corners miss them
    if used == 0:
        n = near.normal
    # a chosen face is the nearest but for rounding: what it misses by much is a curve or a corner
    if near.gap < deepest - 1.0e-3 * en.min(a.size, b.size):
        at = used
        if used == 8:
            at = 7
        on_a[at] = near.on_a
        on_b[at] = near.on_a - n * near.gap
        used = at + 1
    return used, n
