"""Restitution of rigid contacts: velocities after the positions of a step are solved."""

from functools import cache

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.collide.islands import first_slot_from
from sim.forces.body_contact import pair_average
from sim.maximal.body_response import ResponseTable
from sim.xpbd.body_impulses import jointed_weight, kick_jointed_body, kick_lone_body, lone_weight, relative_velocity


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
