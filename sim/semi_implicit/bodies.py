"""Free rigid bodies: sum the wrenches of a body in a fixed order, then integrate.

Rotation is stepped through the angular momentum L in the world frame: L' = torque exactly, then the implicit midpoint
rule for the orientation. Without torque L is kept to rounding for any inertia and any step, and the energy error is
of second order and bounded (an explicit gyroscopic term gains energy).
"""

import engine as en

KINEMATIC_STEP = en.constant(1.0)


@en.func
def rotation_by(omega: en.vec3, dt: float) -> en.quat:
    """Rotation by the vector omega * dt [rad], world frame."""
    angle = en.length(omega) * dt
    half = 0.5 * angle
    # sin(angle/2)/|omega|; the series avoids 0/0
    s = 0.5 * dt * (1.0 - half * half / 6.0)
    if half > 1.0e-2:
        s = en.sin(half) / en.length(omega)
    return en.normalize(en.quat(omega[0] * s, omega[1] * s, omega[2] * s, en.cos(half)))


@en.func
def world_apply(q: en.quat, m: en.mat33, v: en.vec3) -> en.vec3:
    """R(q) m R(q)^T v."""
    return en.quat_rotate(q, m * en.quat_rotate_inv(q, v))


@en.func
def step_body(
    X: en.transform,
    qd: en.spatial_vector,
    wrench: en.spatial_vector,
    com: en.vec3,
    inv_mass: float,
    inertia: en.mat33,
    inv_inertia: en.mat33,
    gravity: en.vec3,
    angular_damping: float,
    dt: float,
):
    """New pose and velocity; a body of zero inverse mass keeps its velocity (kinematic)."""
    r0 = en.transform_get_rotation(X)
    w0 = en.spatial_top(qd)
    v1 = en.spatial_bottom(qd)
    x_com = en.transform_point(X, com)
    r1 = en.normalize(rotation_by(w0, dt) * r0)
    w1 = w0
    if inv_mass > 0.0:
        v1 = v1 + (en.spatial_bottom(wrench) * inv_mass + gravity) * dt
        L = world_apply(r0, inertia, w0) + en.spatial_top(wrench) * dt
        # midpoint orientation by fixed point; three turns reach rounding for |w| dt below 1
        w_mid = world_apply(r0, inv_inertia, L)
        for _turn in range(3):
            r_mid = en.normalize(rotation_by(w_mid, 0.5 * dt) * r0)
            w_mid = world_apply(r_mid, inv_inertia, L)
        r1 = en.normalize(rotation_by(w_mid, dt) * r0)
        w1 = world_apply(r1, inv_inertia, L) * (1.0 - angular_damping * dt)
    x1 = x_com + v1 * dt
    return en.transform(x1 - en.quat_rotate(r1, com), r1), en.spatial_vector(w1, v1)


@en.kernel
def integrate_bodies(
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_f: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inertia: en.array(dtype=en.mat33),
    body_inv_inertia: en.array(dtype=en.mat33),
    gravity: en.vec3,
    angular_damping: float,
    dt: float,
    body_q_out: en.array(dtype=en.transform),
    body_qd_out: en.array(dtype=en.spatial_vector),
):
    b = en.tid()
    q1, qd1 = step_body(
        body_q[b], body_qd[b], body_f[b], body_com[b], body_inv_mass[b], body_inertia[b], body_inv_inertia[b],
        gravity, angular_damping, dt,
    )  # fmt: skip
    body_q_out[b] = q1
    body_qd_out[b] = qd1


@en.kernel
def add_pair_wrenches(
    body_start: en.array(dtype=int),
    body_entry: en.array(dtype=int),
    wrench_a: en.array(dtype=en.spatial_vector),
    wrench_b: en.array(dtype=en.spatial_vector),
    external: en.array(dtype=en.spatial_vector),
    total: en.array(dtype=en.spatial_vector),
):
    """total = external + sum over the body's contact pairs."""
    b = en.tid()
    w = external[b]
    for e in range(body_start[b], body_start[b + 1]):
        entry = body_entry[e]
        slot = entry // 2
        if entry == 2 * slot:
            w = w + wrench_a[slot]
        else:
            w = w + wrench_b[slot]
    total[b] = w


@en.kernel
def add_particle_reactions(
    particle_count: int,
    body_start: en.array(dtype=int),
    body_entry: en.array(dtype=int),
    force: en.array2d(dtype=en.vec3),
    point: en.array2d(dtype=en.vec3),
    body_q: en.array(dtype=en.transform),
    body_com: en.array(dtype=en.vec3),
    total: en.array(dtype=en.spatial_vector),
):
    """Adds the reactions of the particles that touch each body, about its centre of mass."""
    b = en.tid()
    center = en.transform_point(body_q[b], body_com[b])
    f = en.vec3(0.0, 0.0, 0.0)
    t = en.vec3(0.0, 0.0, 0.0)
    for e in range(body_start[b], body_start[b + 1]):
        c = body_entry[e] // particle_count
        p = body_entry[e] - c * particle_count
        push = -force[c, p]
        f = f + push
        t = t + en.cross(point[c, p] - center, push)
    total[b] = total[b] + en.spatial_vector(t, f)
