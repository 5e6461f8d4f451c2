"""Quaternions (x, y, z, w), rigid transforms (position, quaternion) and spatial vectors (angular, linear)."""

from __future__ import annotations

from typing import Any

from engine import types as T
from engine.in_out import takes_out_parameters
from engine.lang.values import Val
from engine.library.linear_algebra import _flat
from engine.library.registry import BUILTINS, Emit, RuleError, builtin

_QUAT, _TF, _SPATIAL = "Quaternion", "Transform", "Spatial"


@builtin("quaternion", _QUAT)
def _quaternion_of(e: Emit, *args: Any, dtype: Any = None) -> Val:
    """Quaternion of x, y, z, w or of a 3-vector and w; zero without arguments."""
    return _quaternion(e, T.quaternion(_scalar_of(e, "quaternion()", args, dtype)), *args)


@builtin("transformation", _TF)
def _transformation_of(e: Emit, *args: Any, p: Any = None, q: Any = None, dtype: Any = None) -> Val:
    """Rigid transform of a position [m] and a quaternion; all zero without arguments. Differentiable."""
    parts = tuple(a for a in (*args, p, q) if a is not None)
    return _transform(e, T.transformation(_scalar_of(e, "transformation()", parts, dtype)), *args, p=p, q=q)


def _scalar_of(e: Emit, what: str, args: tuple, dtype: Any) -> T.ScalarType:
    if dtype is not None:
        return T.as_type(dtype)
    typed = [a.scalar for a in args if isinstance(a, Val) and (not a.literal or a.type is T.float64)]
    return typed[0] if typed else T.float32


@builtin("%quaternion", _QUAT)
def _quaternion(e: Emit, t: Any, *args: Any) -> Val:
    comps = _flat(e, t, args)
    if not comps:
        return e.zero(t)
    if len(comps) != 4:
        raise RuleError(f"{t.name}() got {len(comps)} numbers; expected 4 (x, y, z, w) or a 3-vector and w")
    return Val(t, comps)


@builtin("%transform", _TF)
def _transform(e: Emit, t: Any, *args: Any, p: Any = None, q: Any = None) -> Val:
    def number(x: Any) -> bool:
        return isinstance(x, Val) and x.is_scalar

    if p is None and q is None and len(args) in (0, 1, 7) and (not args or len(args) == 7 or number(args[0])):
        comps = _flat(e, t, args)
        return Val(t, comps * 7 if len(comps) == 1 else comps) if comps else e.zero(t)
    if len(args) == 1 and p is None and isinstance(args[0], Val) and args[0].kind == "transform":
        return Val(t, _flat(e, t, args))
    given = [*args]
    if len(given) + (p is not None) + (q is not None) > 2 or any(number(a) for a in given):
        raise RuleError(f"{t.name}() got {len(given)} values; expected a position and a quaternion, 7 numbers, or one")
    if p is not None:
        given.insert(0, p)
    position = _flat(e, t, (given[0],)) if given else [e.const(0, t.scalar)] * 3
    rotation = given[1] if len(given) > 1 else q
    turned = _flat(e, t, (rotation,)) if rotation is not None else _identity(e, t.scalar).comps
    if len(position) != 3 or len(turned) != 4:
        raise RuleError(
            f"{t.name}() got {len(position)} and {len(turned)} numbers; expected 3 (position) and 4 (quaternion)"
        )
    return Val(t, [*position, *turned])


def _identity(e: Emit, scalar: T.ScalarType) -> Val:
    return Val(T.quaternion(scalar), [e.const(k, scalar) for k in (0, 0, 0, 1)])


def _xyz(v: Val) -> Val:
    return Val(T.vector(3, v.scalar), v.comps[:3])


@builtin("quat_identity", _QUAT)
def _quat_identity(e: Emit, dtype: Any = T.float32) -> Val:
    """The rotation that changes nothing."""
    return _identity(e, T.as_type(dtype))


@builtin("quat_from_axis_angle", _QUAT)
def _from_axis_angle(e: Emit, axis: Val, angle: Val) -> Val:
    """Rotation by `angle` [rad] about the unit vector `axis`."""
    e.expect("quat_from_axis_angle()", axis, "vec")
    angle = e.literal_as(angle, axis.scalar) if angle.literal else angle
    half = e.call("mul", angle, e.number(0.5, axis.scalar))
    v = e.call("mul", axis, e.call("sin", half))
    return Val(T.quaternion(axis.scalar), [*v.comps, e.call("cos", half).value])


@builtin("quat_to_axis_angle", _QUAT)
def _to_axis_angle(e: Emit, q: Val):
    """The unit axis and the angle [rad] of a rotation; at the identity the axis is zero, and so are the gradients."""
    v = _xyz(q)
    n = e.call("length", v)
    negative = e.op("lt", q.comps[3], e.const(0, q.scalar))
    w = e.op("abs", q.comps[3])
    angle = e.call("mul", e.number(2, q.scalar), e.call("atan2", n, e.scalar(w)))
    axis = e.call("normalize", v)
    flip = e.op("select", negative, e.const(-1, q.scalar), e.const(1, q.scalar))
    return Val(axis.type, [e.op("mul", c, flip) for c in axis.comps]), angle


takes_out_parameters(BUILTINS["quat_to_axis_angle"], 1, 2)


@builtin("%quat_mul", _QUAT)
def _quat_mul(e: Emit, a: Val, b: Val) -> Val:
    e.same("'*'", a, b)
    (ax, ay, az, aw), (bx, by, bz, bw) = a.comps, b.comps

    def total(*terms):
        out = None
        for sign, x, y in terms:
            p = e.op("mul", x, y)
            out = p if out is None else e.op("add" if sign > 0 else "sub", out, p)
        return out

    return Val(a.type, [
        total((1, aw, bx), (1, bw, ax), (1, ay, bz), (-1, az, by)),
        total((1, aw, by), (1, bw, ay), (1, az, bx), (-1, ax, bz)),
        total((1, aw, bz), (1, bw, az), (1, ax, by), (-1, ay, bx)),
        total((1, aw, bw), (-1, ax, bx), (-1, ay, by), (-1, az, bz)),
    ])  # fmt: skip


@builtin("quat_inverse", _QUAT)
def _quat_inverse(e: Emit, q: Val) -> Val:
    """The opposite rotation (of a unit quaternion)."""
    e.expect("quat_inverse()", q, "quat")
    return Val(q.type, [*(e.op("neg", c) for c in q.comps[:3]), q.comps[3]])


def _rotate(e: Emit, q: Val, v: Val, sign: int) -> Val:
    # v (2w² - 1) + 2 (n·v) n ± 2w (n × v), with n the vector part
    e.expect("quat_rotate()", q, "quat")
    e.expect("quat_rotate()", v, "vec")
    n, w = _xyz(q), e.scalar(q.comps[3])
    two = e.number(2, q.scalar)
    w2 = e.call("sub", e.call("mul", two, e.call("mul", w, w)), e.number(1, q.scalar))
    along = e.call("mul", n, e.call("mul", two, e.call("dot", n, v)))
    around = e.call("mul", e.call("cross", n, v), e.call("mul", two, w))
    out = e.call("add", e.call("mul", v, w2), along)
    return e.call("add" if sign > 0 else "sub", out, around)


@builtin("quat_rotate", _QUAT)
def _quat_rotate(e: Emit, q: Val, v: Val) -> Val:
    """Vector v turned by the unit quaternion q."""
    return _rotate(e, q, v, 1)


@builtin("quat_rotate_inv", _QUAT)
def _quat_rotate_inv(e: Emit, q: Val, v: Val) -> Val:
    """Vector v turned by the opposite of the unit quaternion q."""
    return _rotate(e, q, v, -1)


@builtin("quat_to_matrix", _QUAT)
def _quat_to_matrix(e: Emit, q: Val) -> Val:
    """Rotation matrix of a unit quaternion."""
    columns = []
    for k in range(3):
        axis = Val(T.vector(3, q.scalar), [e.const(float(k == j), q.scalar) for j in range(3)])
        columns.append(_rotate(e, q, axis, 1))
    return e.call("matrix", *columns)


@builtin("quat_from_matrix", _QUAT)
def _quat_from_matrix(e: Emit, m: Val) -> Val:
    """Unit quaternion of a rotation matrix (the best conditioned of the four branches of Shepperd's method)."""
    e.expect("quat_from_matrix()", m, "mat")
    cols = m.type.shape[1]
    s = m.scalar
    g = [[m.comps[i * cols + j] for j in range(3)] for i in range(3)]
    one, half = e.const(1, s), e.const(0.5, s)

    def add(*xs):
        out = xs[0]
        for x in xs[1:]:
            out = e.op("add", out, x)
        return out

    def neg(x):
        return e.op("neg", x)

    d = [g[0][0], g[1][1], g[2][2]]
    # four candidates: 4w², 4x², 4y², 4z²
    squares = [
        add(one, d[0], neg(d[1]), neg(d[2])), add(one, neg(d[0]), d[1], neg(d[2])),
        add(one, neg(d[0]), neg(d[1]), d[2]), add(one, d[0], d[1], d[2]),
    ]  # fmt: skip
    xy, xz, yz = add(g[1][0], g[0][1]), add(g[0][2], g[2][0]), add(g[2][1], g[1][2])
    wx, wy, wz = add(g[2][1], neg(g[1][2])), add(g[0][2], neg(g[2][0])), add(g[1][0], neg(g[0][1]))
    rows = [[squares[0], xy, xz, wx], [xy, squares[1], yz, wy], [xz, yz, squares[2], wz], [wx, wy, wz, squares[3]]]
    best, pick = squares[3], rows[3]
    for k in range(3):
        better = e.op("gt", squares[k], best)
        best = e.op("select", better, squares[k], best)
        pick = [e.op("select", better, a, b) for a, b in zip(rows[k], pick)]
    scale = e.op("div", half, e.op("sqrt", e.op("max", best, e.const(1e-12, s))))
    q = Val(T.quaternion(s), [e.op("mul", c, scale) for c in pick])
    return e.call("normalize", q)


@builtin("quat_rpy", _QUAT)
def _quat_rpy(e: Emit, roll: Val, pitch: Val, yaw: Val) -> Val:
    """Rotation by roll about x, then pitch about y, then yaw about z (fixed axes) [rad]."""
    roll, pitch, yaw = e.floating("quat_rpy()", roll, pitch, yaw)
    s = roll.type
    out = None
    for k, angle in ((2, yaw), (1, pitch), (0, roll)):
        axis = Val(T.vector(3, s), [e.const(float(k == j), s) for j in range(3)])
        q = _from_axis_angle(e, axis, angle)
        out = q if out is None else _quat_mul(e, out, q)
    return out


#: by bits of the scalar, the sine below which a half angle is its tangent
_SMALL = {16: 1e-2, 32: 1e-4, 64: 1e-8}


@builtin("quat_slerp", _QUAT)
def _quat_slerp(e: Emit, a: Val, b: Val, t: Val) -> Val:
    """Rotation a fraction t of the way from a to b on the shorter great circle."""
    t = e.literal_as(t, a.scalar) if t.literal else t
    turn = _quat_mul(e, _quat_inverse(e, a), b)
    return _quat_mul(e, a, _power(e, turn, t))


def _power(e: Emit, q: Val, t: Val) -> Val:
    """A rotation t times, on the shorter way; smooth at the identity, where axis and angle are not."""
    s, v, w = q.scalar, _xyz(q), q.comps[3]
    n, real = e.call("length", v).value, e.op("abs", w)
    half = e.op("mul", t.value, e.op("atan2", n, real))
    small = e.op("le", n, e.op("mul", real, e.const(_SMALL[s.bits], s)))
    k = e.op("select", small, e.op("div", t.value, real), e.op("div", e.op("sin", half), n))
    k = e.op("select", e.op("lt", w, e.const(0, s)), e.op("neg", k), k)
    return Val(q.type, [*(e.op("mul", c, k) for c in v.comps), e.op("cos", half)])


# -- transforms ----------------------------------------------------------------------------------------------------


def _parts(e: Emit, what: str, t: Val) -> tuple[Val, Val]:
    e.expect(what, t, "transform")
    return Val(T.vector(3, t.scalar), t.comps[:3]), Val(T.quaternion(t.scalar), t.comps[3:])


def _make(p: Val, q: Val) -> Val:
    return Val(T.transformation(p.scalar), [*p.comps, *q.comps])


@builtin("transform_identity", _TF)
def _transform_identity(e: Emit, dtype: Any = T.float32) -> Val:
    """The transform that changes nothing."""
    s = T.as_type(dtype)
    return Val(T.transformation(s), [e.const(k, s) for k in (0, 0, 0, 0, 0, 0, 1)])


@builtin("transform_get_translation", _TF)
def _get_translation(e: Emit, t: Val) -> Val:
    """Position part."""
    return _parts(e, "transform_get_translation()", t)[0]


@builtin("transform_get_rotation", _TF)
def _get_rotation(e: Emit, t: Val) -> Val:
    """Quaternion part."""
    return _parts(e, "transform_get_rotation()", t)[1]


@builtin("transform_set_translation", _TF, mutates=(0,))
def _set_translation(e: Emit, t: Val, p: Val):
    """Replaces the position part [m] of a transform in place. Differentiable."""
    _, q = _parts(e, "transform_set_translation()", t)
    e.same("transform_set_translation()", p, Val(T.vector(3, t.scalar), t.comps[:3]))
    return None, _make(p, q)


@builtin("transform_set_rotation", _TF, mutates=(0,))
def _set_rotation(e: Emit, t: Val, q: Val):
    """Replaces the quaternion part of a transform in place. Differentiable."""
    p, old = _parts(e, "transform_set_rotation()", t)
    e.same("transform_set_rotation()", q, old)
    return None, _make(p, q)


@builtin("transform_multiply", _TF)
def _transform_multiply(e: Emit, a: Val, b: Val) -> Val:
    """First b, then a: maps a point x to a(b(x))."""
    (pa, qa), (pb, qb) = _parts(e, "transform_multiply()", a), _parts(e, "transform_multiply()", b)
    return _make(e.call("add", pa, _rotate(e, qa, pb, 1)), _quat_mul(e, qa, qb))


@builtin("transform_inverse", _TF)
def _transform_inverse(e: Emit, t: Val) -> Val:
    """The opposite transform."""
    p, q = _parts(e, "transform_inverse()", t)
    return _make(e.call("neg", _rotate(e, q, p, -1)), _quat_inverse(e, q))


@builtin("transform_point", _TF)
def _transform_point(e: Emit, t: Val, x: Val) -> Val:
    """Point x mapped by a transform or a 4×4 matrix (rotation, then translation)."""
    if t.kind == "mat":
        return _by_matrix(e, t, x, 1)
    p, q = _parts(e, "transform_point()", t)
    return e.call("add", p, _rotate(e, q, x, 1))


@builtin("transform_vector", _TF)
def _transform_vector(e: Emit, t: Val, x: Val) -> Val:
    """Vector x turned by a transform or a 4×4 matrix (no translation)."""
    if t.kind == "mat":
        return _by_matrix(e, t, x, 0)
    return _rotate(e, _parts(e, "transform_vector()", t)[1], x, 1)


def _by_matrix(e: Emit, m: Val, x: Val, w: int) -> Val:
    four = Val(T.vector(4, x.scalar), [*x.comps, e.const(w, x.scalar)])
    return Val(x.type, e.call("mul", m, four).comps[:3])


# -- spatial vectors -----------------------------------------------------------------------------------------------


@builtin("spatial_top", _SPATIAL)
def _spatial_top(e: Emit, v: Val) -> Val:
    """First three components (angular)."""
    return Val(T.vector(3, v.scalar), v.comps[:3])


@builtin("spatial_bottom", _SPATIAL)
def _spatial_bottom(e: Emit, v: Val) -> Val:
    """Last three components (linear)."""
    return Val(T.vector(3, v.scalar), v.comps[3:])


@builtin("spatial_dot", _SPATIAL)
def _spatial_dot(e: Emit, a: Val, b: Val) -> Val:
    """Inner product of spatial vectors."""
    return e.call("dot", a, b)


@builtin("spatial_cross", _SPATIAL)
def _spatial_cross(e: Emit, a: Val, b: Val) -> Val:
    """Spatial motion cross product (Featherstone 2008, eq. 2.31)."""
    wa, va, wb, vb = _spatial_top(e, a), _spatial_bottom(e, a), _spatial_top(e, b), _spatial_bottom(e, b)
    w = e.call("cross", wa, wb)
    v = e.call("add", e.call("cross", va, wb), e.call("cross", wa, vb))
    return Val(a.type, [*w.comps, *v.comps])


@builtin("spatial_cross_dual", _SPATIAL)
def _spatial_cross_dual(e: Emit, a: Val, b: Val) -> Val:
    """Spatial force cross product (Featherstone 2008, eq. 2.32)."""
    wa, va, wb, vb = _spatial_top(e, a), _spatial_bottom(e, a), _spatial_top(e, b), _spatial_bottom(e, b)
    w = e.call("add", e.call("cross", wa, wb), e.call("cross", va, vb))
    v = e.call("cross", wa, vb)
    return Val(a.type, [*w.comps, *v.comps])
