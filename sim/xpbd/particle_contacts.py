"""Contacts of particles with the ground and with shapes, as inequality constraints with friction.

Position: push out of the surface, then take back the tangential motion since the start of the step as far as the
Coulomb cone of the push allows; within the cone the particle sticks exactly. Velocity: what the push added beyond
restitution is removed (equation 34 of Mueller et al. 2020). A body is treated with its mass divided by the number of
its candidate contacts (mass splitting), so that all may be solved at once.
"""

import engine as en
from sim.forces.particle_contact import body_velocity_at, contact_plane, inverse_mass_at

ACTIVE = en.constant(en.uint32(1))


@en.func
def cone_limited(slide: en.vec3, limit: float) -> en.vec3:
    """`slide`, shortened to `limit`."""
    size = en.length(slide)
    return slide * (en.min(size, limit) * (1.0 / en.max(size, 1.0e-12)))


@en.func
def pushed_off_ground(
    x1: en.vec3,
    x0: en.vec3,
    w: float,
    radius: float,
    ground: en.array(dtype=float),
    ground_on: float,
    mu: float,
):
    """Position outside of the ground with friction since x0, and how far it was pushed [m]."""
    n = en.vec3(ground[0], ground[1], ground[2])
    depth = en.where(w > 0.0, radius - en.dot(n, x1) - ground[3], 0.0)
    out = en.max(depth, 0.0) * ground_on
    moved = x1 - x0
    slide = moved - n * en.dot(n, moved)
    return x1 + n * out - cone_limited(slide, mu * out), out


@en.kernel
def solve_particle_ground(
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    particle_radius: en.array(dtype=float),
    ground: en.array(dtype=float),
    mu: float,
    keep: float,
    x: en.array(dtype=en.vec3),
    push: en.array(dtype=float),
):
    """Ground plane; `push` accumulates the displacement of this step [m]."""
    p = en.tid()
    total = en.where(keep > 0.0, push[p], 0.0)
    x1, out = pushed_off_ground(x[p], x0[p], inv_mass[p], particle_radius[p], ground, 1.0, mu)
    x[p] = x1
    push[p] = total + out


@en.func
def bounced_off_ground(
    v1: en.vec3, v0: en.vec3, ground: en.array(dtype=float), restitution: float, rest_speed: float, pushed: float
) -> en.vec3:
    """Normal velocity after a push is -e times the one before, and zero below `rest_speed` [m/s]."""
    n = en.vec3(ground[0], ground[1], ground[2])
    before = en.dot(n, v0)
    wanted = en.where(before < -rest_speed, -restitution * before, 0.0)
    return v1 + n * en.where(pushed > 0.0, wanted - en.dot(n, v1), 0.0)


@en.kernel
def bounce_off_ground(
    v0: en.array(dtype=en.vec3),
    ground: en.array(dtype=float),
    restitution: float,
    rest_speed: float,
    push: en.array(dtype=float),
    v: en.array(dtype=en.vec3),
):
    p = en.tid()
    v[p] = bounced_off_ground(v[p], v0[p], ground, restitution, rest_speed, push[p])


@en.func
def pushed_off_shapes(
    p: int,
    count: int,
    x1: en.vec3,
    start: en.vec3,
    w: float,
    radius: float,
    body_q0: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    body_start: en.array(dtype=int),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_mu: en.array(dtype=float),
    soft_mu: float,
    adhesion: float,
    contact_shape: en.array2d(dtype=int),
    contact_point_b: en.array2d(dtype=en.vec3),
    contact_normal_b: en.array2d(dtype=en.vec3),
    keep: float,
    impulse: en.array2d(dtype=en.vec3),
    total: en.array2d(dtype=en.vec3),
    contact_point: en.array2d(dtype=en.vec3),
) -> en.vec3:
    """Position of particle `p` after all its `count` candidates, one after the other; `start` is that of the step.

    `impulse` is the mass-weighted displacement given in this iteration [kg m], `total` its sum over the step.
    """
    for c in range(count):
        s = contact_shape[c, p]
        b = shape_body[s]
        X_wb = en.transform_identity()
        if b >= 0:
            X_wb = body_q[b]
        d, n = contact_plane(
            x1, shape_type[s], shape_scale[s], X_wb, shape_transform[s], contact_point_b[c, p], contact_normal_b[c, p]
        )
        given = en.vec3(0.0, 0.0, 0.0)
        depth = radius - d
        if depth > -adhesion and depth != 0.0:
            point = x1 - n * d
            w_sum = w
            carried = en.vec3(0.0, 0.0, 0.0)
            if b >= 0:
                shared = float(body_start[b + 1] - body_start[b])
                w_sum = w + shared * inverse_mass_at(X_wb, body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)
                carried = point - en.transform_point(body_q0[b], en.transform_point(en.transform_inverse(X_wb), point))
            if w_sum > 0.0:
                slide = (x1 - start) - carried
                slide = slide - n * en.dot(n, slide)
                mu = 0.5 * (soft_mu + shape_mu[s])
                given = (n * depth - cone_limited(slide, mu * en.abs(depth))) * (1.0 / w_sum)
                x1 = x1 + given * w
            contact_point[c, p] = point
        before = en.vec3(0.0, 0.0, 0.0)
        if keep > 0.0:
            before = total[c, p]
        impulse[c, p] = given
        total[c, p] = before + given
    return x1


@en.kernel
def solve_particle_shapes(
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    particle_radius: en.array(dtype=float),
    body_q0: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    body_start: en.array(dtype=int),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_mu: en.array(dtype=float),
    soft_mu: float,
    adhesion: float,
    contact_count: en.array(dtype=int),
    contact_shape: en.array2d(dtype=int),
    contact_point_b: en.array2d(dtype=en.vec3),
    contact_normal_b: en.array2d(dtype=en.vec3),
    keep: float,
    x: en.array(dtype=en.vec3),
    impulse: en.array2d(dtype=en.vec3),
    total: en.array2d(dtype=en.vec3),
    contact_point: en.array2d(dtype=en.vec3),
):
    p = en.tid()
    count = contact_count[p]
    if count == 0:
        return
    x[p] = pushed_off_shapes(
        p, count, x[p], x0[p], inv_mass[p], particle_radius[p], body_q0, body_q, body_com, body_inv_mass,
        body_inv_inertia, body_start, shape_body, shape_transform, shape_type, shape_scale, shape_mu, soft_mu,
        adhesion, contact_shape, contact_point_b, contact_normal_b, keep, impulse, total,
        contact_point,
    )  # fmt: skip


@en.func
def bounced_off_shapes(
    p: int,
    count: int,
    x1: en.vec3,
    v1: en.vec3,
    v0: en.vec3,
    body_q: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_restitution: en.array(dtype=float),
    soft_restitution: float,
    rest_speed: float,
    contact_shape: en.array2d(dtype=int),
    contact_point_b: en.array2d(dtype=en.vec3),
    contact_normal_b: en.array2d(dtype=en.vec3),
    total: en.array2d(dtype=en.vec3),
) -> en.vec3:
    """Velocity of particle `p` with restitution for the contacts that pushed; one-sided (the body keeps its own)."""
    for c in range(count):
        given = total[c, p]
        if en.dot(given, given) > 0.0:
            s = contact_shape[c, p]
            b = shape_body[s]
            X_wb = en.transform_identity()
            v_b0 = en.vec3(0.0, 0.0, 0.0)
            v_b = en.vec3(0.0, 0.0, 0.0)
            if b >= 0:
                X_wb = body_q[b]
                v_b0 = body_velocity_at(X_wb, body_qd0[b], body_com[b], x1)
                v_b = body_velocity_at(X_wb, body_qd[b], body_com[b], x1)
            _d, n = contact_plane(
                x1, shape_type[s], shape_scale[s], X_wb, shape_transform[s], contact_point_b[c, p],
                contact_normal_b[c, p],
            )  # fmt: skip
            if en.dot(given, n) > 0.0:
                before = en.dot(n, v0 - v_b0)
                wanted = 0.0
                if before < -rest_speed:
                    wanted = -en.max(soft_restitution, shape_restitution[s]) * before
                v1 = v1 + n * (wanted - en.dot(n, v1 - v_b))
    return v1


@en.kernel
def bounce_off_shapes(
    x: en.array(dtype=en.vec3),
    v0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_restitution: en.array(dtype=float),
    soft_restitution: float,
    rest_speed: float,
    contact_count: en.array(dtype=int),
    contact_shape: en.array2d(dtype=int),
    contact_point_b: en.array2d(dtype=en.vec3),
    contact_normal_b: en.array2d(dtype=en.vec3),
    total: en.array2d(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
):
    p = en.tid()
    count = contact_count[p]
    if count == 0 or inv_mass[p] == 0.0:
        return
    v[p] = bounced_off_shapes(
        p, count, x[p], v[p], v0[p], body_q, body_qd0, body_qd, body_com, shape_body, shape_transform,
        shape_type, shape_scale, shape_restitution, soft_restitution, rest_speed, contact_shape,
        contact_point_b, contact_normal_b, total,
    )  # fmt: skip


@en.kernel
def push_bodies_from_particles(
    particle_count: int,
    body_start: en.array(dtype=int),
    body_entry: en.array(dtype=int),
    impulse: en.array2d(dtype=en.vec3),
    contact_point: en.array2d(dtype=en.vec3),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """The reactions of one iteration, summed per body in a fixed order."""
    b = en.tid()
    if body_start[b + 1] > body_start[b]:
        X = body_q[b]
        center = en.transform_point(X, body_com[b])
        f = en.vec3(0.0, 0.0, 0.0)
        t = en.vec3(0.0, 0.0, 0.0)
        for e in range(body_start[b], body_start[b + 1]):
            c = body_entry[e] // particle_count
            p = body_entry[e] - c * particle_count
            push = -impulse[c, p]
            f = f + push
            t = t + en.cross(contact_point[c, p] - center, push)
        r = en.transform_get_rotation(X)
        move = f * body_inv_mass[b]
        turn = en.quat_rotate(r, body_inv_inertia[b] * en.quat_rotate_inv(r, t))
        r1 = en.normalize(r + en.quat(turn[0], turn[1], turn[2], 0.0) * r * 0.5)
        body_q[b] = en.transform(center + move - en.quat_rotate(r1, body_com[b]), r1)
        body_qd[b] = body_qd[b] + en.spatial_vector(turn / dt, move / dt)
