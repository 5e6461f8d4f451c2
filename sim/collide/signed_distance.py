"""Signed distance and outward normal of every shape type, in the frame of the shape.

`smooth_shape_distance` is the table, one row per type; `shape_distance` adds meshes. Scales as in the builder: sphere (r, -, -); box half extents;
capsule, cylinder, cone (radius, half height, -) along y, the cone's apex at +half height; plane (width, length, -)
with normal +y, infinite when either is zero; ellipsoid semi-axes; mesh per-axis scale.
Distances are exact [m] (for a mesh with unequal scales: exact for the unscaled mesh, then mapped).
"""

import engine as en
from sim.collide.shape_types import BOX, CAPSULE, CONE, CYLINDER, ELLIPSOID, MESH, PLANE, SPHERE

FAR = en.constant(1.0e9)


@en.func
def direction_or_up(d: en.vec3) -> en.vec3:
    """d / |d|, and +y for the zero vector, so that a normal always exists."""
    length = en.length(d)
    n = en.vec3(0.0, 1.0, 0.0)
    if length > 1.0e-12:
        n = d / length
    return n


@en.func
def sphere_distance(scale: en.vec3, p: en.vec3):
    return en.length(p) - scale[0], direction_or_up(p)


@en.func
def box_distance(scale: en.vec3, p: en.vec3):
    q = en.vec3(en.abs(p[0]) - scale[0], en.abs(p[1]) - scale[1], en.abs(p[2]) - scale[2])
    d = en.max(q[0], en.max(q[1], q[2]))
    n = en.vec3(0.0, 0.0, 0.0)
    if d > 0.0:
        outside = en.vec3(en.max(q[0], 0.0), en.max(q[1], 0.0), en.max(q[2], 0.0))
        d = en.length(outside)
        n = outside / d
    else:
        if d == q[1]:
            n = en.vec3(0.0, 1.0, 0.0)
        elif d == q[0]:
            n = en.vec3(1.0, 0.0, 0.0)
        else:
            n = en.vec3(0.0, 0.0, 1.0)
    sx = en.where(p[0] < 0.0, -1.0, 1.0)
    sy = en.where(p[1] < 0.0, -1.0, 1.0)
    sz = en.where(p[2] < 0.0, -1.0, 1.0)
    return d, en.vec3(n[0] * sx, n[1] * sy, n[2] * sz)


@en.func
def capsule_distance(scale: en.vec3, p: en.vec3):
    axis = en.vec3(0.0, en.clamp(p[1], -scale[1], scale[1]), 0.0)
    d = p - axis
    length = en.length(d)
    n = en.vec3(1.0, 0.0, 0.0)
    if length > 1.0e-12:
        n = d / length
    return length - scale[0], n


@en.func
def cylinder_distance(scale: en.vec3, p: en.vec3):
    r = en.sqrt(p[0] * p[0] + p[2] * p[2])
    radial = en.vec3(1.0, 0.0, 0.0)
    if r > 1.0e-12:
        radial = en.vec3(p[0] / r, 0.0, p[2] / r)
    axial = en.vec3(0.0, en.where(p[1] < 0.0, -1.0, 1.0), 0.0)
    dr = r - scale[0]
    dy = en.abs(p[1]) - scale[1]
    d = en.max(dr, dy)
    n = radial
    if dr > 0.0 and dy > 0.0:
        d = en.sqrt(dr * dr + dy * dy)
        n = radial * (dr / d) + axial * (dy / d)
    elif dy > dr:
        n = axial
    return d, n


@en.func
def cone_distance(scale: en.vec3, p: en.vec3):
    radius = scale[0]
    h = scale[1]
    r = en.sqrt(p[0] * p[0] + p[2] * p[2])
    radial = en.vec3(1.0, 0.0, 0.0)
    if r > 1.0e-12:
        radial = en.vec3(p[0] / r, 0.0, p[2] / r)
    up = en.vec3(0.0, 1.0, 0.0)
    # side in the (r, y) half plane: from the rim (radius, -h) to the apex (0, h); outward normal (2h, radius)/slant
    slant = en.sqrt(radius * radius + 4.0 * h * h)
    nr = 2.0 * h / slant
    ny = radius / slant
    side = (r - radius) * nr + (p[1] + h) * ny
    base = -h - p[1]
    d = en.max(side, base)
    n = radial * nr + up * ny
    if d <= 0.0:
        if base > side:
            n = -up
    else:
        # closest point of the closed profile: on the side, else on the base
        t = en.clamp(((radius - r) * radius + (p[1] + h) * 2.0 * h) / (slant * slant), 0.0, 1.0)
        er = r - radius * (1.0 - t)
        ey = p[1] + h - 2.0 * h * t
        d = en.sqrt(er * er + ey * ey)
        gr = er
        gy = ey
        br = r - en.min(r, radius)
        by = p[1] + h
        db = en.sqrt(br * br + by * by)
        if base > 0.0 and db < d:
            d = db
            gr = br
            gy = by
        if d > 1.0e-12:
            n = radial * (gr / d) + up * (gy / d)
    return d, n


@en.func
def ellipsoid_distance(scale: en.vec3, p: en.vec3):
    """Exact (Eberly, "Distance from a Point to an Ellipsoid"): one root, by Newton from the side where it is monotonic."""
    size = en.max(scale[0], en.max(scale[1], scale[2]))
    e = scale / size
    y = en.vec3(
        en.max(en.abs(p[0]) / size, 1.0e-6 * e[0]),
        en.max(en.abs(p[1]) / size, 1.0e-6 * e[1]),
        en.max(en.abs(p[2]) / size, 1.0e-6 * e[2]),
    )
    ee = en.cw_mul(e, e)
    ey = en.cw_mul(e, y)
    t = en.max(ey[0] - ee[0], en.max(ey[1] - ee[1], ey[2] - ee[2]))
    for _turn in range(12):
        r = en.vec3(ey[0] / (t + ee[0]), ey[1] / (t + ee[1]), ey[2] / (t + ee[2]))
        slope = 2.0 * (r[0] * r[0] / (t + ee[0]) + r[1] * r[1] / (t + ee[1]) + r[2] * r[2] / (t + ee[2]))
        t = t + en.max(en.dot(r, r) - 1.0, 0.0) / slope
    x = en.vec3(ee[0] * y[0] / (t + ee[0]), ee[1] * y[1] / (t + ee[1]), ee[2] * y[2] / (t + ee[2]))
    u = en.cw_div(y, e)
    d = en.length(y - x) * size * en.where(en.dot(u, u) < 1.0, -1.0, 1.0)
    n = en.normalize(en.cw_div(x, ee))
    sx = en.where(p[0] < 0.0, -1.0, 1.0)
    sy = en.where(p[1] < 0.0, -1.0, 1.0)
    sz = en.where(p[2] < 0.0, -1.0, 1.0)
    return d, en.vec3(n[0] * sx, n[1] * sy, n[2] * sz)


@en.func
def plane_distance(scale: en.vec3, p: en.vec3):
    d = p[1]
    n = en.vec3(0.0, 1.0, 0.0)
    if scale[0] > 0.0 and scale[1] > 0.0:
        # A finite plane is a one-sided sheet: it pushes up from at most a quarter of its size below.
        q = en.vec3(p[0] - en.clamp(p[0], -scale[0], scale[0]), p[1], p[2] - en.clamp(p[2], -scale[1], scale[1]))
        beside = q[0] != 0.0 or q[2] != 0.0
        if beside or p[1] < -0.25 * en.min(scale[0], scale[1]):
            d = en.length(q)
            n = direction_or_up(q)
    return d, n


@en.func
def mesh_distance(mesh: en.uint64, scale: en.vec3, p: en.vec3, max_distance: float):
    smallest = en.min(en.abs(scale[0]), en.min(en.abs(scale[1]), en.abs(scale[2])))
    d = FAR
    n = en.vec3(0.0, 1.0, 0.0)
    query = en.mesh_query_point(mesh, en.cw_div(p, scale), max_distance / smallest)
    if query.result:
        closest = en.cw_mul(en.mesh_eval_position(mesh, query.face, query.u, query.v), scale)
        delta = p - closest
        length = en.length(delta)
        d = length * query.sign
        if length > 1.0e-7 * (en.abs(p[0]) + en.abs(p[1]) + en.abs(p[2])) + 1.0e-12:
            n = delta * (query.sign / length)
        else:
            face_n = en.mesh_eval_face_normal(mesh, query.face)
            n = en.normalize(en.cw_div(face_n, scale))
    return d, n


@en.func
def smooth_shape_distance(kind: int, scale: en.vec3, p: en.vec3):
    """Distance of `p` from a shape that is not a mesh (negative inside) and the outward normal there, shape frame."""
    d = FAR
    n = en.vec3(0.0, 1.0, 0.0)
    if kind == SPHERE:
        d, n = sphere_distance(scale, p)
    elif kind == BOX:
        d, n = box_distance(scale, p)
    elif kind == CAPSULE:
        d, n = capsule_distance(scale, p)
    elif kind == PLANE:
        d, n = plane_distance(scale, p)
    elif kind == CYLINDER:
        d, n = cylinder_distance(scale, p)
    elif kind == CONE:
        d, n = cone_distance(scale, p)
    elif kind == ELLIPSOID:
        d, n = ellipsoid_distance(scale, p)
    return d, n


@en.func
def shape_distance(kind: int, scale: en.vec3, source: en.uint64, p: en.vec3, max_distance: float):
    """Distance of `p` from the surface (negative inside) and the outward normal there, shape frame.

    `max_distance` only bounds the search in a mesh; beyond it the distance is FAR.
    """
    d = FAR
    n = en.vec3(0.0, 1.0, 0.0)
    if kind == MESH:
        d, n = mesh_distance(source, scale, p, max_distance)
    else:
        d, n = smooth_shape_distance(kind, scale, p)
    return d, n


@en.func
def meshless_distance(kind: int, scale: en.vec3, source: en.uint64, p: en.vec3, max_distance: float):
    """`shape_distance` for scenes without meshes: the search in a mesh is most of its code, and of compile time."""
    d, n = smooth_shape_distance(kind, scale, p)
    return d, n


def distance_function(shape_types):
    """The cheapest of the two for a scene with these shape types."""
    return shape_distance if MESH in shape_types else meshless_distance
