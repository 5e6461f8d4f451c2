"""Contact of particles with shapes: penalty force on the particle, reaction on the body.

Particle and shape parameters are averaged (ke kd kf mu), as in the peer; restitution is the larger of the two.
Each candidate that `collide` listed is measured again here, so the contact is exact however old the list is; only for
meshes the listed tangent plane is used.
"""

import engine as en
from sim.collide.shape_types import MESH
from sim.collide.signed_distance import smooth_shape_distance
from sim.forces.contact_response import (
    friction_force,
    limited_damping,
    limited_stiffness,
    normal_force,
)

ACTIVE = en.constant(en.uint32(1))


@en.func
def contact_plane(
    x: en.vec3,
    kind: int,
    scale: en.vec3,
    X_wb: en.transform,
    X_bs: en.transform,
    listed_point_b: en.vec3,
    listed_normal_b: en.vec3,
):
    """Distance from the surface and outward world normal at `x` for a listed candidate."""
    n = en.transform_vector(X_wb, listed_normal_b)
    d = 0.0
    if kind == MESH:
        d = en.dot(n, x - en.transform_point(X_wb, listed_point_b))
    else:
        X_ws = en.transform_multiply(X_wb, X_bs)
        d, n_s = smooth_shape_distance(kind, scale, en.transform_point(en.transform_inverse(X_ws), x))
        n = en.transform_vector(X_ws, n_s)
    return d, n


@en.func
def body_velocity_at(q: en.transform, qd: en.spatial_vector, com: en.vec3, point: en.vec3) -> en.vec3:
    """Velocity of the body's material point at world `point` [m/s]."""
    return en.spatial_bottom(qd) + en.cross(en.spatial_top(qd), point - en.transform_point(q, com))


@en.func
def inverse_mass_at(
    q: en.transform, com: en.vec3, inv_mass: float, inv_inertia: en.mat33, point: en.vec3, n: en.vec3
) -> float:
    """Inverse of the mass that a body opposes to a push at `point` along `n` [1/kg]."""
    r = en.quat_rotate_inv(en.transform_get_rotation(q), en.cross(point - en.transform_point(q, com), n))
    return inv_mass + en.dot(r, inv_inertia * r)


@en.func
def pushed_from_shapes(
    p: int,
    count: int,
    x0: en.vec3,
    v0: en.vec3,
    v1: en.vec3,
    x1: en.vec3,
    w: float,
    radius: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_ke: en.array(dtype=float),
    shape_kd: en.array(dtype=float),
    shape_kf: en.array(dtype=float),
    shape_mu: en.array(dtype=float),
    shape_restitution: en.array(dtype=float),
    soft_ke: float,
    soft_kd: float,
    soft_kf: float,
    soft_mu: float,
    soft_restitution: float,
    rest_speed: float,
    adhesion: float,
    contact_shape: en.array2d(dtype=int),
    contact_point_b: en.array2d(dtype=en.vec3),
    contact_normal_b: en.array2d(dtype=en.vec3),
    dt: float,
    v_max: float,
    contact_force: en.array2d(dtype=en.vec3),
    contact_point: en.array2d(dtype=en.vec3),
):
    """Velocity and position of particle `p` after its `count` candidates; x0, v0 at the start, x1, v1 so far.

    Records force and point of each contact for the bodies.
    """
    touched = 0
    for c in range(count):
        s = contact_shape[c, p]
        b = shape_body[s]
        X_wb = en.transform_identity()
        if b >= 0:
            X_wb = body_q[b]
        d, n = contact_plane(
            x0, shape_type[s], shape_scale[s], X_wb, shape_transform[s], contact_point_b[c, p], contact_normal_b[c, p]
        )
        depth = radius - d
        force = en.vec3(0.0, 0.0, 0.0)
        point = x0 - n * d
        if depth > -adhesion:
            touched = 1
            v_body = en.vec3(0.0, 0.0, 0.0)
            w_pair = w
            if b >= 0:
                v_body = body_velocity_at(X_wb, body_qd[b], body_com[b], point)
                w_pair = w + inverse_mass_at(X_wb, body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)
            ke = 0.5 * (soft_ke + shape_ke[s])
            kd = limited_damping(0.5 * (soft_kd + shape_kd[s]), w_pair, dt)
            e = en.max(soft_restitution, shape_restitution[s])
            push = normal_force(depth, en.dot(n, v0 - v_body), limited_stiffness(ke, w_pair, dt), kd, e, rest_speed)
            v1 = v1 + n * (push * w * dt)
            slide = v1 - v_body
            slide = slide - n * en.dot(n, slide)
            drag = friction_force(slide, push, 0.5 * (soft_kf + shape_kf[s]), 0.5 * (soft_mu + shape_mu[s]), w_pair, dt)
            v1 = v1 + drag * (w * dt)
            force = n * push + drag
        contact_force[c, p] = force
        contact_point[c, p] = point
    if touched == 1:
        speed = en.length(v1)
        if speed > v_max:
            v1 = v1 * (v_max / speed)
        x1 = x0 + v1 * dt
    return v1, x1


@en.kernel
def push_particles_from_shapes(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    particle_inv_mass: en.array(dtype=float),
    particle_radius: en.array(dtype=float),
    flags: en.array(dtype=en.uint32),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_ke: en.array(dtype=float),
    shape_kd: en.array(dtype=float),
    shape_kf: en.array(dtype=float),
    shape_mu: en.array(dtype=float),
    shape_restitution: en.array(dtype=float),
    soft_ke: float,
    soft_kd: float,
    soft_kf: float,
    soft_mu: float,
    soft_restitution: float,
    rest_speed: float,
    adhesion: float,
    contact_count: en.array(dtype=int),
    contact_shape: en.array2d(dtype=int),
    contact_point_b: en.array2d(dtype=en.vec3),
    contact_normal_b: en.array2d(dtype=en.vec3),
    dt: float,
    v_max: float,
    x_out: en.array(dtype=en.vec3),
    v_out: en.array(dtype=en.vec3),
    contact_force: en.array2d(dtype=en.vec3),
    contact_point: en.array2d(dtype=en.vec3),
):
    """Corrects the integrated particle (x_out, v_out) by its contacts."""
    p = en.tid()
    count = contact_count[p]
    if count == 0 or (flags[p] & ACTIVE) == en.uint32(0):
        return
    v1, x1 = pushed_from_shapes(
        p, count, x[p], v[p], v_out[p], x_out[p], particle_inv_mass[p], particle_radius[p], body_q, body_qd, body_com, body_inv_mass, body_inv_inertia, shape_body, shape_transform, shape_type, shape_scale, shape_ke, shape_kd, shape_kf, shape_mu, shape_restitution, soft_ke, soft_kd, soft_kf, soft_mu, soft_restitution, rest_speed, adhesion, contact_shape, contact_point_b, contact_normal_b, dt, v_max, contact_force, contact_point,
    )  # fmt: skip
    v_out[p] = v1
    x_out[p] = x1
