"""Rigid contacts as position and velocity constraints, solved one after the other (Gauss-Seidel).

After Mueller, Macklin, Chentanez, Jeschke, Kim 2020, "Detailed rigid body simulation with extended position based
dynamics". Corrections are impulses: each changes pose and velocity together, so a body without contact keeps the
momentum-conserving free flight. Friction is solved at position level inside the Coulomb cone of the accumulated push,
and what displacement remains while sticking is carried to the next step (`slip`), so resting bodies do not creep.

One thread solves the contacts of an island in pair order: deterministic, and better converged than averaging. Islands, as
the copies of a replicated scene, share no body and are solved in parallel.
"""

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.collide.islands import first_slot_from
from sim.forces.body_contact import pair_average
from sim.forces.particle_contact import body_velocity_at, inverse_mass_at


@en.func
def relative_velocity(
    a: int,
    b: int,
    point: en.vec3,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
) -> en.vec3:
    """Velocity of body a relative to body b at world `point` [m/s]; -1 is the world."""
    v = en.vec3(0.0, 0.0, 0.0)
    if a >= 0:
        v = v + body_velocity_at(body_q[a], body_qd[a], body_com[a], point)
    if b >= 0:
        v = v - body_velocity_at(body_q[b], body_qd[b], body_com[b], point)
    return v


@en.func
def push_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Displaces body `b` by the positional impulse [kg m] at world `point`, and its velocity by the same over dt."""
    X = body_q[b]
    r = en.transform_get_rotation(X)
    center = en.transform_point(X, body_com[b])
    move = impulse * body_inv_mass[b]
    torque = en.quat_rotate_inv(r, en.cross(point - center, impulse))
    turn = en.quat_rotate(r, body_inv_inertia[b] * torque)
    r1 = en.normalize(r + en.quat(turn[0], turn[1], turn[2], 0.0) * r * 0.5)
    body_q[b] = en.transform(center + move - en.quat_rotate(r1, body_com[b]), r1)
    body_qd[b] = body_qd[b] + en.spatial_vector(turn / dt, move / dt)


@en.func
def kick_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Changes the velocity of body `b` by the impulse [N s] at world `point`."""
    X = body_q[b]
    r = en.transform_get_rotation(X)
    center = en.transform_point(X, body_com[b])
    torque = en.quat_rotate_inv(r, en.cross(point - center, impulse))
    spin = en.quat_rotate(r, body_inv_inertia[b] * torque)
    body_qd[b] = body_qd[b] + en.spatial_vector(spin, impulse * body_inv_mass[b])


@en.kernel
def solve_rigid_positions(
    island_start: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_mu: en.array(dtype=float),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    points: PointTable,
    slip: en.array(dtype=en.vec3),
    dt: float,
    keep: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    push: en.array(dtype=float),
    drag: en.array(dtype=en.vec3),
):
    """One sweep; `push` and `drag` accumulate the normal and tangential positional impulses [kg m] of the step."""
    island = en.tid()
    first = first_slot_from(island_start[island], active_count[0], active_pair)
    last = first_slot_from(island_start[island + 1], active_count[0], active_pair)
    for slot in range(first, last):
        pair = active_pair[slot]
        shape_a = pair_shapes[pair, 0]
        shape_b = pair_shapes[pair, 1]
        a = shape_body[shape_a]
        b = shape_body[shape_b]
        mu = pair_average(shape_mu, shape_a, shape_b)
        for i in range(points.count[slot]):
            c = slot * POINTS + i
            n = points.normal[c]
            pushed = 0.0
            dragged = en.vec3(0.0, 0.0, 0.0)
            if keep > 0.0:
                pushed = push[c]
                dragged = drag[c]
            pa = to_world(body_q, a, points.point_a[c])
            pb = to_world(body_q, b, points.point_b[c])
            gap = en.dot(n, pa - pb)
            if gap < 0.0 or pushed > 0.0:
                point = (pa + pb) * 0.5
                w = 0.0
                if a >= 0:
                    w = w + inverse_mass_at(body_q[a], body_com[a], body_inv_mass[a], body_inv_inertia[a], point, n)
                if b >= 0:
                    w = w + inverse_mass_at(body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)
                if w > 0.0:
                    # the accumulated push never pulls
                    change = en.max(-gap / w, -pushed)
                    pushed = pushed + change
                    if a >= 0:
                        push_body(a, n * change, point, body_com, body_inv_mass, body_inv_inertia, dt, body_q, body_qd)
                    if b >= 0:
                        push_body(
                            b, n * (-change), point, body_com, body_inv_mass, body_inv_inertia, dt, body_q, body_qd
                        )

                    # sliding from the velocities at the contact, not from material points: these would count the
                    # cycloid of a rolling body as sliding
                    moved = slip[c] + relative_velocity(a, b, point, body_q, body_qd, body_com) * dt
                    moved = moved - n * en.dot(n, moved)
                    distance = en.length(moved)
                    if distance > 1.0e-12:
                        t = moved / distance
                        wt = 0.0
                        if a >= 0:
                            wt = wt + inverse_mass_at(
                                body_q[a], body_com[a], body_inv_mass[a], body_inv_inertia[a], point, t
                            )
                        if b >= 0:
                            wt = wt + inverse_mass_at(
                                body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, t
                            )
                        wanted = dragged - moved * (1.0 / en.max(wt, 1.0e-18))
                        size = en.length(wanted)
                        limit = mu * pushed
                        if size > limit:
                            wanted = wanted * (limit / size)
                        step = wanted - dragged
                        dragged = wanted
                        if a >= 0:
                            push_body(a, step, point, body_com, body_inv_mass, body_inv_inertia, dt, body_q, body_qd)
                        if b >= 0:
                            push_body(b, -step, point, body_com, body_inv_mass, body_inv_inertia, dt, body_q, body_qd)
            push[c] = pushed
            drag[c] = dragged


@en.kernel
def bounce_rigid_contacts(
    island_start: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_restitution: en.array(dtype=float),
    body_qd0: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    points: PointTable,
    rest_speed: float,
    dt: float,
    push: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """One sweep of restitution, which also removes the speed that undoing an overlap made (equation 34)."""
    island = en.tid()
    first = first_slot_from(island_start[island], active_count[0], active_pair)
    last = first_slot_from(island_start[island + 1], active_count[0], active_pair)
    for slot in range(first, last):
        pair = active_pair[slot]
        shape_a = pair_shapes[pair, 0]
        shape_b = pair_shapes[pair, 1]
        a = shape_body[shape_a]
        b = shape_body[shape_b]
        restitution = pair_average(shape_restitution, shape_a, shape_b)
        for i in range(points.count[slot]):
            c = slot * POINTS + i
            pushed = push[c]
            if pushed > 0.0:
                n = points.normal[c]
                point = (to_world(body_q, a, points.point_a[c]) + to_world(body_q, b, points.point_b[c])) * 0.5
                w = 0.0
                if a >= 0:
                    w = w + inverse_mass_at(body_q[a], body_com[a], body_inv_mass[a], body_inv_inertia[a], point, n)
                if b >= 0:
                    w = w + inverse_mass_at(body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)
                before = en.dot(n, relative_velocity(a, b, point, body_q, body_qd0, body_com))
                after = en.dot(n, relative_velocity(a, b, point, body_q, body_qd, body_com))
                wanted = 0.0
                if before < -rest_speed:
                    wanted = -restitution * before
                if w > 0.0:
                    # in total the contact never pulls
                    kick = en.max((wanted - after) / w, -pushed / dt)
                    push[c] = pushed + kick * dt
                    if a >= 0:
                        kick_body(a, n * kick, point, body_com, body_inv_mass, body_inv_inertia, body_q, body_qd)
                    if b >= 0:
                        kick_body(b, n * (-kick), point, body_com, body_inv_mass, body_inv_inertia, body_q, body_qd)


@en.kernel
def keep_slip(
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_mu: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    points: PointTable,
    closing: float,
    dt: float,
    push: en.array(dtype=float),
    drag: en.array(dtype=en.vec3),
    slip: en.array(dtype=en.vec3),
):
    """What tangential displacement the sticking contacts could not take back in this step [m]; zero when sliding.

    Whether it sticks is judged for the pair as a whole, since the sweep order decides which of its points carry the
    load; drags count by their sizes, since those of a body that spins on the spot cancel. A point that lifts by less than gravity closes again in two steps still counts: rounding lifts resting bodies.
    """
    slot = en.tid()
    if slot >= active_count[0]:
        return
    pair = active_pair[slot]
    shape_a = pair_shapes[pair, 0]
    shape_b = pair_shapes[pair, 1]
    a = shape_body[shape_a]
    b = shape_body[shape_b]
    mu = pair_average(shape_mu, shape_a, shape_b)
    pushed = 0.0
    dragged = 0.0
    for i in range(points.count[slot]):
        pushed = pushed + push[slot * POINTS + i]
        dragged = dragged + en.length(drag[slot * POINTS + i])
    sticks = pushed == 0.0 or dragged < 0.999 * mu * pushed
    for i in range(points.count[slot]):
        c = slot * POINTS + i
        s = en.vec3(0.0, 0.0, 0.0)
        n = points.normal[c]
        pa = to_world(body_q, a, points.point_a[c])
        pb = to_world(body_q, b, points.point_b[c])
        if sticks and (push[c] > 0.0 or en.dot(n, pa - pb) < closing):
            s = slip[c] + relative_velocity(a, b, (pa + pb) * 0.5, body_q, body_qd, body_com) * dt
            s = s - n * en.dot(n, s)
        slip[c] = s
