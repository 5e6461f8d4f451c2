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
from sim.forces.friction_rules import FrictionRules, pair_friction
from sim.maximal.body_response import ResponseTable
from sim.xpbd.body_impulses import (
    jointed_weight,
    lone_weight,
    push_jointed_body,
    push_lone_body,
    relative_velocity,
)


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
        friction_rules: FrictionRules,
        body_com: en.array(dtype=en.vec3),
        body_inv_mass: en.array(dtype=float),
        body_inertia: en.array(dtype=en.mat33),
        body_inv_inertia: en.array(dtype=en.mat33),
        responses: ResponseTable,
        points: PointTable,
        allowed: en.array(dtype=float),
        slip: en.array(dtype=en.vec3),
        predicted: en.array(dtype=en.transform),
        dt: float,
        keep: float,
        fastest: float,
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
        push: en.array(dtype=float),
        drag: en.array(dtype=en.vec3),
    ):
        """One sweep; `push` and `drag` accumulate the normal and tangential positional impulses [kg m] of the step.

        `fastest` is the speed [m/s] at which overlaps that were there before the step are undone.
        """
        island = en.tid()
        first = first_slot_from(island_start[island], active_count[0], active_pair)
        last = first_slot_from(island_start[island + 1], active_count[0], active_pair)
        for slot in range(first, last):
            pair = active_pair[slot]
            shape_a = pair_shapes[pair, 0]
            shape_b = pair_shapes[pair, 1]
            a = shape_body[shape_a]
            b = shape_body[shape_b]
            mu = pair_friction(shape_mu, friction_rules, shape_a, shape_b)
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
                gap = en.dot(n, pa - pb) + allowed[slot]
                if gap < 0.0 or pushed > 0.0:
                    point = (pa + pb) * 0.5
                    if gap < -fastest * dt:
                        # pushes change gap and speed together, so this is the overlap of the step's beginning
                        closed = gap - dt * en.dot(n, relative_velocity(a, b, point, body_q, body_qd, body_com))
                        gap = gap - en.min(closed + fastest * dt, 0.0)
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


@en.kernel
def keep_slip(
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_mu: en.array(dtype=float),
    friction_rules: FrictionRules,
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
    mu = pair_friction(shape_mu, friction_rules, shape_a, shape_b)
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
