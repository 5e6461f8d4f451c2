"""Rigid contacts as position and velocity constraints, solved one after the other (Gauss-Seidel).

After Mueller, Macklin, Chentanez, Jeschke, Kim 2020, "Detailed rigid body simulation with extended position based
dynamics". Corrections are impulses: each changes pose and velocity together, so a body without contact keeps the
momentum-conserving free flight. Friction is solved at position level inside the Coulomb cone of the accumulated push,
and what displacement remains while sticking is carried to the next step (`slip`), so resting bodies do not creep.

One thread solves the contacts of an island in pair order: deterministic, and better converged than averaging. Islands, as
the copies of a replicated scene, share no body and are solved in parallel.
"""

from functools import cache

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.collide.islands import first_slot_from
from sim.forces.body_contact import pair_average
from sim.forces.particle_contact import body_velocity_at, inverse_mass_at
from sim.maximal.body_response import ResponseTable, response_along
from sim.maximal.respond import displace_body

HELD = en.constant(1.0e-5)
"""Part of a body's own yielding below which joints are taken to hold it."""


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
def turned_back(x: en.vec3, q: en.quat) -> en.vec3:
    """What turning by the inverse of q adds to x; its rounding is as small as the turn."""
    axis = en.vec3(q[0], q[1], q[2])
    across = en.cross(axis, x)
    return (en.cross(axis, across) - across * q[3]) * 2.0


@en.func
def push_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inertia: en.array(dtype=en.mat33),
    body_inv_inertia: en.array(dtype=en.mat33),
    predicted: en.array(dtype=en.transform),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Displaces body `b` by the positional impulse [kg m] at world `point`, and its velocity by the same over dt.

    Two bodies that push each other keep their angular momentum, since that of each changes by the impulse's torque about
    the centre as predicted: all impulses of a step act at one instant, however far they have already moved the body. Nor
    does the turn change it, although it changes the inertia that it is made of.
    """
    X = body_q[b]
    r = en.transform_get_rotation(X)
    center = en.transform_point(X, body_com[b])
    move = impulse * body_inv_mass[b]
    torque = en.quat_rotate_inv(r, en.cross(point - center, impulse))
    turn = body_inv_inertia[b] * torque
    turned = en.normalize(en.quat(0.5 * turn[0], 0.5 * turn[1], 0.5 * turn[2], 1.0))
    r1 = en.normalize(r * turned)
    shifted = en.cross(center - en.transform_point(predicted[b], body_com[b]), impulse)
    gain = (turn + body_inv_inertia[b] * en.quat_rotate_inv(r, shifted)) / dt
    spin = en.quat_rotate(r, gain)
    if body_inv_mass[b] > 0.0:
        w = en.quat_rotate_inv(r, en.spatial_top(body_qd[b])) + gain
        kept = body_inv_inertia[b] * turned_back(body_inertia[b] * w, turned)
        spin = spin + en.quat_rotate(r1, kept - turned_back(w, turned))
    body_q[b] = en.transform(center + move - en.quat_rotate(r1, body_com[b]), r1)
    body_qd[b] = body_qd[b] + en.spatial_vector(spin, move / dt)


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


@en.func
def lone_weight(
    b: int,
    point: en.vec3,
    n: en.vec3,
    body_q: en.array(dtype=en.transform),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
) -> float:
    """Inverse mass that a body on its own shows along n at a world point."""
    return inverse_mass_at(body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)


@en.func
def jointed_weight(
    b: int,
    point: en.vec3,
    n: en.vec3,
    body_q: en.array(dtype=en.transform),
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
) -> float:
    """The same with what joints add; 0 where they hold the body, since a push over what rounding leaves goes anywhere."""
    w = response_along(responses, b, point - en.transform_point(body_q[b], body_com[b]), n)
    alone = inverse_mass_at(body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)
    return en.where(w > HELD * alone, w, 0.0)


@en.func
def push_lone_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inertia: en.array(dtype=en.mat33),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
    predicted: en.array(dtype=en.transform),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """`push_body` in the form that kernels choose from."""
    push_body(
        b, impulse, point, body_com, body_inv_mass, body_inertia, body_inv_inertia, predicted, dt, body_q, body_qd
    )


@en.func
def push_jointed_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inertia: en.array(dtype=en.mat33),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
    predicted: en.array(dtype=en.transform),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Displaces a body as its cluster lets it yield, and notes the impulse for the rest of the cluster."""
    torque = en.cross(point - en.transform_point(body_q[b], body_com[b]), impulse)
    turn = responses.aa[b] * torque + responses.al[b] * impulse
    move = en.transpose(responses.al[b]) * torque + responses.ll[b] * impulse
    displace_body(b, turn, move, body_com[b], dt, body_q, body_qd)
    responses.wrench[b] = responses.wrench[b] + en.spatial_vector(torque, impulse)


@cache
def solve_rigid_positions(jointed: bool):
    """Kernel of one sweep over the contacts; ``jointed``: bodies yield as `sim.maximal.body_response` says."""
    weigh = jointed_weight if jointed else lone_weight
    shove = push_jointed_body if jointed else push_lone_body

    @en.kernel
    def solve(
        island_start: en.array(dtype=int),
        active_count: en.array(dtype=int),
        active_pair: en.array(dtype=int),
        pair_shapes: en.array2d(dtype=int),
        shape_body: en.array(dtype=int),
        shape_mu: en.array(dtype=float),
        body_com: en.array(dtype=en.vec3),
        body_inv_mass: en.array(dtype=float),
        body_inertia: en.array(dtype=en.mat33),
        body_inv_inertia: en.array(dtype=en.mat33),
        responses: ResponseTable,
        points: PointTable,
        slip: en.array(dtype=en.vec3),
        predicted: en.array(dtype=en.transform),
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
                        w = w + weigh(a, point, n, body_q, body_com, body_inv_mass, body_inv_inertia, responses)
                    if b >= 0:
                        w = w + weigh(b, point, n, body_q, body_com, body_inv_mass, body_inv_inertia, responses)
                    if w > 0.0:
                        # the accumulated push never pulls
                        change = en.max(-gap / w, -pushed)
                        pushed = pushed + change
                        if a >= 0:
                            shove(
                                a,
                                n * change,
                                point,
                                body_com,
                                body_inv_mass,
                                body_inertia,
                                body_inv_inertia,
                                responses,
                                predicted,
                                dt,
                                body_q,
                                body_qd,
                            )
                        if b >= 0:
                            shove(
                                b,
                                n * (-change),
                                point,
                                body_com,
                                body_inv_mass,
                                body_inertia,
                                body_inv_inertia,
                                responses,
                                predicted,
                                dt,
                                body_q,
                                body_qd,
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
                                wt = wt + weigh(
                                    a, point, t, body_q, body_com, body_inv_mass, body_inv_inertia, responses
                                )
                            if b >= 0:
                                wt = wt + weigh(
                                    b, point, t, body_q, body_com, body_inv_mass, body_inv_inertia, responses
                                )
                            wanted = dragged - moved * (1.0 / en.max(wt, 1.0e-18))
                            size = en.length(wanted)
                            limit = mu * pushed
                            if size > limit:
                                wanted = wanted * (limit / size)
                            step = wanted - dragged
                            dragged = wanted
                            if a >= 0:
                                shove(
                                    a,
                                    step,
                                    point,
                                    body_com,
                                    body_inv_mass,
                                    body_inertia,
                                    body_inv_inertia,
                                    responses,
                                    predicted,
                                    dt,
                                    body_q,
                                    body_qd,
                                )
                            if b >= 0:
                                shove(
                                    b,
                                    -step,
                                    point,
                                    body_com,
                                    body_inv_mass,
                                    body_inertia,
                                    body_inv_inertia,
                                    responses,
                                    predicted,
                                    dt,
                                    body_q,
                                    body_qd,
                                )
                push[c] = pushed
                drag[c] = dragged

    return solve


@en.func
def kick_lone_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """`kick_body` in the form that kernels choose from."""
    kick_body(b, impulse, point, body_com, body_inv_mass, body_inv_inertia, body_q, body_qd)


@en.func
def kick_jointed_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    body_com: en.array(dtype=en.vec3),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Changes a body's velocity as its cluster lets it yield, and notes the positional impulse for the rest of it."""
    torque = en.cross(point - en.transform_point(body_q[b], body_com[b]), impulse)
    spin = responses.aa[b] * torque + responses.al[b] * impulse
    speed = en.transpose(responses.al[b]) * torque + responses.ll[b] * impulse
    body_qd[b] = body_qd[b] + en.spatial_vector(spin, speed)
    responses.wrench[b] = responses.wrench[b] + en.spatial_vector(torque, impulse) * dt


@cache
def bounce_rigid_contacts(jointed: bool):
    """Kernel of one sweep of restitution; ``jointed`` as in `solve_rigid_positions`."""
    weigh = jointed_weight if jointed else lone_weight
    kick = kick_jointed_body if jointed else kick_lone_body

    @en.kernel
    def bounce(
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
        responses: ResponseTable,
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
                        w = w + weigh(a, point, n, body_q, body_com, body_inv_mass, body_inv_inertia, responses)
                    if b >= 0:
                        w = w + weigh(b, point, n, body_q, body_com, body_inv_mass, body_inv_inertia, responses)
                    before = en.dot(n, relative_velocity(a, b, point, body_q, body_qd0, body_com))
                    after = en.dot(n, relative_velocity(a, b, point, body_q, body_qd, body_com))
                    wanted = 0.0
                    if before < -rest_speed:
                        wanted = -restitution * before
                    if w > 0.0:
                        # in total the contact never pulls
                        impulse = en.max((wanted - after) / w, -pushed / dt)
                        push[c] = pushed + impulse * dt
                        if a >= 0:
                            kick(
                                a,
                                n * impulse,
                                point,
                                body_com,
                                body_inv_mass,
                                body_inv_inertia,
                                responses,
                                dt,
                                body_q,
                                body_qd,
                            )
                        if b >= 0:
                            kick(
                                b,
                                n * (-impulse),
                                point,
                                body_com,
                                body_inv_mass,
                                body_inv_inertia,
                                responses,
                                dt,
                                body_q,
                                body_qd,
                            )

    return bounce


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
    load: it slides when force and torque about the centre of pressure are, together, all that friction can give. A point
    that lifts by less than gravity closes again in two steps still counts: rounding lifts resting bodies.
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
    dragged = en.vec3(0.0, 0.0, 0.0)
    center = en.vec3(0.0, 0.0, 0.0)
    for i in range(points.count[slot]):
        c = slot * POINTS + i
        pushed = pushed + push[c]
        dragged = dragged + drag[c]
        center = center + to_world(body_q, a, points.point_a[c]) * push[c]
    center = center / en.max(pushed, 1.0e-30)
    turned = en.vec3(0.0, 0.0, 0.0)
    most = 0.0
    for i in range(points.count[slot]):
        c = slot * POINTS + i
        arm = to_world(body_q, a, points.point_a[c]) - center
        turned = turned + en.cross(arm, drag[c])
        most = most + en.length(arm) * push[c]
    force = en.length(dragged) / en.max(mu * pushed, 1.0e-30)
    torque = en.abs(en.dot(points.normal[slot * POINTS], turned)) / en.max(mu * most, 1.0e-30)
    sticks = pushed == 0.0 or force * force + torque * torque < 0.998
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
