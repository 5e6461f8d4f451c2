"""Rigid contacts as position and velocity constraints, solved one after the other (Gauss-Seidel).

After Mueller, Macklin, Chentanez, Jeschke, Kim 2020, "Detailed rigid body simulation with extended position based
dynamics". Corrections are impulses: each changes pose and velocity together, so a body without contact keeps the
momentum-conserving free flight. Friction is solved at position level inside the Coulomb cone of the accumulated push,
and what displacement remains while sticking is carried to the next step (`slip`), so resting bodies do not creep.

The contacts of an island are solved in pair order: deterministic, and better converged than averaging. Islands, as the
copies of a replicated scene, share no body and are solved in parallel; within one, several threads of a GPU serve those
contacts at the same time that share no body (see `sim.collide.islands`).
"""

from functools import cache

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.collide.islands import IslandTable
from sim.forces.friction_rules import FrictionRules, pair_friction
from sim.maximal.body_response import ResponseTable
from sim.xpbd.body_impulses import (
    MassTable,
    push_jointed_body,
    push_lone_body,
    relative_velocity,
    weight_of_two,
)


@cache
def contact_sweep(jointed: bool):
    """Function of one sweep over an island's contacts; ``jointed``: bodies yield as `sim.maximal.body_response` says."""
    weigh_both = weight_of_two(jointed)
    shove = push_jointed_body if jointed else push_lone_body

    @en.func
    def shove_both(
        a: int,
        b: int,
        impulse: en.vec3,
        point: en.vec3,
        masses: MassTable,
        responses: ResponseTable,
        predicted: en.array(dtype=en.transform),
        dt: float,
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
    ):
        """Pushes a with the impulse and b with its opposite."""
        for side in range(2):
            body = en.where(side == 0, a, b)
            if body >= 0:
                away = impulse * (1.0 - 2.0 * float(side))
                shove(body, away, point, masses, responses, predicted, dt, body_q, body_qd)

    @en.func
    def solve_point(
        a: int,
        b: int,
        c: int,
        mu: float,
        masses: MassTable,
        responses: ResponseTable,
        points: PointTable,
        allowed: float,
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
        n = points.normal[c]
        pushed = 0.0
        dragged = en.vec3(0.0, 0.0, 0.0)
        if keep > 0.0:
            pushed = push[c]
            dragged = drag[c]
        pa = to_world(body_q, a, points.point_a[c])
        pb = to_world(body_q, b, points.point_b[c])
        gap = en.dot(n, pa - pb) + allowed
        if gap < 0.0 or pushed > 0.0:
            point = (pa + pb) * 0.5
            if gap < -fastest * dt:
                # pushes change gap and speed together, so this is the overlap of the step's beginning
                closed = gap - dt * en.dot(n, relative_velocity(a, b, point, body_q, body_qd, masses.com))
                gap = gap - en.min(closed + fastest * dt, 0.0)
            w = weigh_both(a, b, point, n, body_q, masses, responses)
            if w > 0.0:
                # the accumulated push never pulls
                change = en.max(-gap / w, -pushed)
                pushed = pushed + change
                shove_both(a, b, n * change, point, masses, responses, predicted, dt, body_q, body_qd)
                # sliding from the velocities at the contact, not from material points: these would count the cycloid
                # of a rolling body as sliding
                moved = slip[c] + relative_velocity(a, b, point, body_q, body_qd, masses.com) * dt
                moved = moved - n * en.dot(n, moved)
                distance = en.length(moved)
                if distance > 1.0e-12:
                    wt = weigh_both(a, b, point, moved / distance, body_q, masses, responses)
                    wanted = dragged - moved * (1.0 / en.max(wt, 1.0e-18))
                    size = en.length(wanted)
                    limit = mu * pushed
                    if size > limit:
                        wanted = wanted * (limit / size)
                    step = wanted - dragged
                    dragged = wanted
                    shove_both(a, b, step, point, masses, responses, predicted, dt, body_q, body_qd)
        push[c] = pushed
        drag[c] = dragged

    @en.func
    def sweep(
        island: int,
        lane: int,
        width: int,
        islands: IslandTable,
        active_pair: en.array(dtype=int),
        pair_shapes: en.array2d(dtype=int),
        shape_mu: en.array(dtype=float),
        friction_rules: FrictionRules,
        masses: MassTable,
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
        first = islands.first[island] + lane
        last = islands.first[island] + islands.count[island]
        for turn in range(islands.turns[island]):
            for at in range(first, last, width):
                if islands.turn[at] == turn:
                    slot = islands.slot[at]
                    shape_a = pair_shapes[active_pair[slot], 0]
                    shape_b = pair_shapes[active_pair[slot], 1]
                    a = islands.body_a[at]
                    b = islands.body_b[at]
                    mu = pair_friction(shape_mu, friction_rules, shape_a, shape_b)
                    for i in range(points.count[slot]):
                        solve_point(
                            a, b, slot * POINTS + i, mu, masses, responses, points, allowed[slot], slip, predicted,
                            dt, keep, fastest, body_q, body_qd, push, drag,
                        )  # fmt: skip
            en.sync_lanes(width)

    return sweep


@cache
def solve_rigid_positions(jointed: bool):
    """Kernel of one sweep over the contacts of all islands, see `contact_sweep`."""
    sweep = contact_sweep(jointed)

    @en.kernel
    def solve(
        width: int,
        islands: IslandTable,
        active_pair: en.array(dtype=int),
        pair_shapes: en.array2d(dtype=int),
        shape_mu: en.array(dtype=float),
        friction_rules: FrictionRules,
        masses: MassTable,
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
        thread = en.tid()
        island = thread // width
        sweep(
            island,
            thread - island * width,
            width,
            islands,
            active_pair,
            pair_shapes,
            shape_mu,
            friction_rules,
            masses,
            responses,
            points,
            allowed,
            slip,
            predicted,
            dt,
            keep,
            fastest,
            body_q,
            body_qd,
            push,
            drag,
        )

    return solve


@en.func
def keep_slip_of_slot(
    slot: int,
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
    slot = en.tid()
    if slot < active_count[0]:
        keep_slip_of_slot(
            slot,
            active_pair,
            pair_shapes,
            shape_body,
            shape_mu,
            friction_rules,
            body_q,
            body_qd,
            body_com,
            points,
            closing,
            dt,
            push,
            drag,
            slip,
        )
