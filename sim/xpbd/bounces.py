"""Restitution of rigid contacts: velocities after the positions of a step are solved."""

from functools import cache

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.collide.islands import IslandTable
from sim.forces.body_contact import pair_average
from sim.maximal.body_response import ResponseTable
from sim.xpbd.body_impulses import (
    MassTable,
    kick_jointed_body,
    kick_lone_body,
    relative_velocity,
    weight_of_two,
)


@cache
def bounce_sweep(jointed: bool):
    """Function of one sweep of restitution over an island; ``jointed`` as in `sim.xpbd.bodies.contact_sweep`."""
    weigh_both = weight_of_two(jointed)
    kick = kick_jointed_body if jointed else kick_lone_body

    @en.func
    def bounce_point(
        a: int,
        b: int,
        c: int,
        restitution: float,
        body_qd0: en.array(dtype=en.spatial_vector),
        masses: MassTable,
        responses: ResponseTable,
        points: PointTable,
        rest_speed: float,
        dt: float,
        push: en.array(dtype=float),
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
    ):
        pushed = push[c]
        if pushed > 0.0:
            n = points.normal[c]
            point = (to_world(body_q, a, points.point_a[c]) + to_world(body_q, b, points.point_b[c])) * 0.5
            w = weigh_both(a, b, point, n, body_q, masses, responses)
            before = en.dot(n, relative_velocity(a, b, point, body_q, body_qd0, masses.com))
            after = en.dot(n, relative_velocity(a, b, point, body_q, body_qd, masses.com))
            wanted = 0.0
            if before < -rest_speed:
                wanted = -restitution * before
            if w > 0.0:
                # in total the contact never pulls
                impulse = en.max((wanted - after) / w, -pushed / dt)
                push[c] = pushed + impulse * dt
                for side in range(2):
                    body = en.where(side == 0, a, b)
                    if body >= 0:
                        away = n * (impulse * (1.0 - 2.0 * float(side)))
                        kick(body, away, point, masses, responses, dt, body_q, body_qd)

    @en.func
    def sweep(
        island: int,
        lane: int,
        width: int,
        islands: IslandTable,
        active_pair: en.array(dtype=int),
        pair_shapes: en.array2d(dtype=int),
        shape_restitution: en.array(dtype=float),
        body_qd0: en.array(dtype=en.spatial_vector),
        masses: MassTable,
        responses: ResponseTable,
        points: PointTable,
        rest_speed: float,
        dt: float,
        push: en.array(dtype=float),
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
    ):
        """One sweep of restitution, which also removes the speed that undoing an overlap made (equation 34)."""
        first = islands.first[island] + lane
        last = islands.first[island] + islands.count[island]
        for turn in range(islands.turns[island]):
            for at in range(first, last, width):
                if islands.turn[at] == turn:
                    slot = islands.slot[at]
                    shape_a = pair_shapes[active_pair[slot], 0]
                    shape_b = pair_shapes[active_pair[slot], 1]
                    restitution = pair_average(shape_restitution, shape_a, shape_b)
                    for i in range(points.count[slot]):
                        bounce_point(
                            islands.body_a[at], islands.body_b[at], slot * POINTS + i, restitution, body_qd0, masses,
                            responses, points, rest_speed, dt, push, body_q, body_qd,
                        )  # fmt: skip
            en.sync_lanes(width)

    return sweep


@cache
def bounce_rigid_contacts(jointed: bool):
    """Kernel of one sweep of restitution over all islands."""
    sweep = bounce_sweep(jointed)

    @en.kernel
    def bounce(
        width: int,
        islands: IslandTable,
        active_pair: en.array(dtype=int),
        pair_shapes: en.array2d(dtype=int),
        shape_restitution: en.array(dtype=float),
        body_qd0: en.array(dtype=en.spatial_vector),
        masses: MassTable,
        responses: ResponseTable,
        points: PointTable,
        rest_speed: float,
        dt: float,
        push: en.array(dtype=float),
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
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
            shape_restitution,
            body_qd0,
            masses,
            responses,
            points,
            rest_speed,
            dt,
            push,
            body_q,
            body_qd,
        )

    return bounce
