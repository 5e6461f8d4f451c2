"""Rigid frames: transforms as matrices, and velocities and forces seen from other frames."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_TF, _SPATIAL = "Transform", "Spatial"


@library(_TF)
def transform_from_matrix(mat: Any):
    """Transform of a 4×4 matrix [R p; 0 1] whose upper left part is a rotation. Differentiable."""
    r = en.matrix_from_rows(
        en.vector(mat[0, 0], mat[0, 1], mat[0, 2]),
        en.vector(mat[1, 0], mat[1, 1], mat[1, 2]),
        en.vector(mat[2, 0], mat[2, 1], mat[2, 2]),
    )
    return en.transformation(en.vector(mat[0, 3], mat[1, 3], mat[2, 3]), en.quat_from_matrix(r))


@library(_TF)
def transform_to_matrix(xform: Any):
    """The 4×4 matrix [R p; 0 1] of a transform. Differentiable."""
    p = en.transform_get_translation(xform)
    one = type(p[0])(1.0)
    return transform_compose(p, en.transform_get_rotation(xform), en.vector(one, one, one))


@library(_TF)
def transform_compose(position: Any, rotation: Any, scale: Any):
    """The 4×4 matrix that scales along the axes, then turns, then moves: [R·diag(scale) position; 0 1]. Differentiable."""
    r = en.quat_to_matrix(rotation)
    zero = type(position[0])(0.0)
    return en.matrix_from_rows(
        en.vector(r[0, 0] * scale[0], r[0, 1] * scale[1], r[0, 2] * scale[2], position[0]),
        en.vector(r[1, 0] * scale[0], r[1, 1] * scale[1], r[1, 2] * scale[2], position[1]),
        en.vector(r[2, 0] * scale[0], r[2, 1] * scale[1], r[2, 2] * scale[2], position[2]),
        en.vector(zero, zero, zero, type(position[0])(1.0)),
    )


@library(_TF)
def transform_decompose(m: Any):
    """Position, rotation (quaternion) and scale of a 4×4 matrix as `transform_compose` makes it.

    A mirrored matrix gets a negative scale along z. Differentiable where the scale is not zero.
    """
    x, y, z = (
        en.vector(m[0, 0], m[1, 0], m[2, 0]),
        en.vector(m[0, 1], m[1, 1], m[2, 1]),
        en.vector(m[0, 2], m[1, 2], m[2, 2]),
    )
    sx, sy, sz = en.length(x), en.length(y), en.length(z)
    if en.dot(en.cross(x, y), z) < 0.0:
        sz = -sz
    r = en.matrix_from_cols(x * _inverse(sx), y * _inverse(sy), z * _inverse(sz))
    return en.vector(m[0, 3], m[1, 3], m[2, 3]), en.quat_from_matrix(r), en.vector(sx, sy, sz)


@en.func
def _inverse(x: Any):
    """1/x, and 0 for 0."""
    return en.where(x != 0.0, 1.0 / en.where(x != 0.0, x, type(x)(1.0)), type(x)(0.0))


@library(_SPATIAL)
def transform_twist(t: Any, x: Any):
    """Velocity twist (angular, linear at the origin) given in a frame, seen from the frame that t maps into. Differentiable.

    ω' = R ω, v' = R v + p × R ω (Lynch and Park 2017, eq. 3.83).
    """
    q, p = en.transform_get_rotation(t), en.transform_get_translation(t)
    w = en.quat_rotate(q, en.spatial_top(x))
    v = en.quat_rotate(q, en.spatial_bottom(x)) + en.cross(p, w)
    return en.vector(w[0], w[1], w[2], v[0], v[1], v[2])


@library(_SPATIAL)
def transform_wrench(t: Any, x: Any):
    """Wrench (torque about the origin, force) given in a frame, seen from the frame that t maps into. Differentiable.

    f' = R f, τ' = R τ + p × R f.
    """
    q, p = en.transform_get_rotation(t), en.transform_get_translation(t)
    f = en.quat_rotate(q, en.spatial_bottom(x))
    w = en.quat_rotate(q, en.spatial_top(x)) + en.cross(p, f)
    return en.vector(w[0], w[1], w[2], f[0], f[1], f[2])


@library(_SPATIAL)
def velocity_at_point(qd: Any, r: Any):
    """Velocity [m/s] of the point at offset r [m] of a body with twist qd (angular [rad/s], linear [m/s]). Differentiable."""
    return en.cross(en.spatial_top(qd), r) + en.spatial_bottom(qd)


@library(_SPATIAL)
def spatial_adjoint(r: Any, s: Any):
    """The 6×6 matrix [R 0; S R] from 3×3 blocks, the adjoint of a rigid motion with S = [p]ₓ R. Differentiable."""
    z = type(r[0, 0])(0.0)
    return en.matrix_from_rows(
        en.vector(r[0, 0], r[0, 1], r[0, 2], z, z, z),
        en.vector(r[1, 0], r[1, 1], r[1, 2], z, z, z),
        en.vector(r[2, 0], r[2, 1], r[2, 2], z, z, z),
        en.vector(s[0, 0], s[0, 1], s[0, 2], r[0, 0], r[0, 1], r[0, 2]),
        en.vector(s[1, 0], s[1, 1], s[1, 2], r[1, 0], r[1, 1], r[1, 2]),
        en.vector(s[2, 0], s[2, 1], s[2, 2], r[2, 0], r[2, 1], r[2, 2]),
    )
