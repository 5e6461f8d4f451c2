"""The particle side of a simultaneous sweep: where its elements pull it, out of what it touches, at last its velocity.

What elements have done to a particle so far in the step is kept apart from what contacts did: the balance that an iteration
improves is between the elements' impulses where the particle is now and the way they have moved it.

One launch does for a particle what colored sweeps do in four, since here nothing else moves particles in between.
"""

from functools import cache

import engine as en
from sim.forces.slots import get_slot
from sim.semi_implicit.particles import UNROLL, WIDEST_UNROLLED
from sim.xpbd.particle_contacts import bounced_off_ground, bounced_off_shapes, pushed_off_ground, pushed_off_shapes
from sim.xpbd.particles import velocity_after


@cache
def settle_particles(width: int, shapes: bool, finish: bool, first: bool):
    """Kernel for `width` impulses a particle, or rows of their own if it is -1, see `sim.forces.element_table`.

    Args:
        width: That of the table.
        shapes: Whether to solve the listed contacts with shapes.
        finish: Whether this is the last sweep of a step, which makes the velocity.
        first: Whether this is the first sweep of a step, which sums the weights and starts from nothing pulled.
    """
    chunks = [max(0, min(UNROLL, width - UNROLL * c)) for c in range(WIDEST_UNROLLED // UNROLL)]
    n0, n1, n2, n3 = chunks
    by_rows = width < 0

    @en.kernel
    def settle(
        particle_count: int,
        x0: en.array(dtype=en.vec3),
        v0: en.array(dtype=en.vec3),
        predicted: en.array(dtype=en.vec3),
        inv_mass: en.array(dtype=float),
        scale: float,
        part: float,
        slots: en.array2d(dtype=float),
        row_start: en.array(dtype=int),
        radius: en.array(dtype=float),
        ground: en.array(dtype=float),
        ground_on: float,
        soft_mu: float,
        soft_restitution: float,
        rest_speed: float,
        adhesion: float,
        dt: float,
        v_max: float,
        keep: float,
        body_q0: en.array(dtype=en.transform),
        body_qd0: en.array(dtype=en.spatial_vector),
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
        body_com: en.array(dtype=en.vec3),
        body_inv_mass: en.array(dtype=float),
        body_inv_inertia: en.array(dtype=en.mat33),
        body_start: en.array(dtype=int),
        shape_body: en.array(dtype=int),
        shape_transform: en.array(dtype=en.transform),
        shape_type: en.array(dtype=int),
        shape_scale: en.array(dtype=en.vec3),
        shape_mu: en.array(dtype=float),
        shape_restitution: en.array(dtype=float),
        contact_count: en.array(dtype=int),
        contact_shape: en.array2d(dtype=int),
        contact_point_b: en.array2d(dtype=en.vec3),
        contact_normal_b: en.array2d(dtype=en.vec3),
        stiffness: en.array(dtype=float),
        pulled: en.array(dtype=en.vec3),
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
        push: en.array(dtype=float),
        impulse: en.array2d(dtype=en.vec3),
        total: en.array2d(dtype=en.vec3),
        contact_point: en.array2d(dtype=en.vec3),
    ):
        p = en.tid()
        # what does not depend on the slots is loaded before them, so that a GPU waits for both at once
        now = x[p]
        start = x0[p]
        w = inv_mass[p]
        before_pull = en.vec3(0.0, 0.0, 0.0)
        weight = 0.0
        if en.static(not first):
            before_pull = pulled[p]
            weight = stiffness[p]
        reach = radius[p]
        pushed = en.where(keep > 0.0, push[p], 0.0)
        count = 0
        if en.static(shapes):
            count = contact_count[p]
        before = en.vec3(0.0, 0.0, 0.0)
        aimed = en.vec3(0.0, 0.0, 0.0)
        v1 = en.vec3(0.0, 0.0, 0.0)
        if en.static(finish):
            before = v0[p]
            aimed = predicted[p]
            v1 = v[p]
        if en.static(first and not by_rows):  # before the impulses: a GPU then has more loads under way
            for a in range(en.static(n0)):
                weight = weight + slots[3, a * particle_count + p]
            for b in range(en.static(n1)):
                weight = weight + slots[3, (16 + b) * particle_count + p]
            for c in range(en.static(n2)):
                weight = weight + slots[3, (32 + c) * particle_count + p]
            for d in range(en.static(n3)):
                weight = weight + slots[3, (48 + d) * particle_count + p]
        moved = en.vec3(0.0, 0.0, 0.0)
        if en.static(by_rows):
            for r in range(row_start[p], row_start[p + 1]):
                moved = moved + get_slot(slots, r)
                if en.static(first):
                    weight = weight + slots[3, r]
        else:
            for a in range(en.static(n0)):
                moved = moved + get_slot(slots, a * particle_count + p)
            for b in range(en.static(n1)):
                moved = moved + get_slot(slots, (16 + b) * particle_count + p)
            for c in range(en.static(n2)):
                moved = moved + get_slot(slots, (32 + c) * particle_count + p)
            for d in range(en.static(n3)):
                moved = moved + get_slot(slots, (48 + d) * particle_count + p)
        if en.static(first):
            weight = weight * scale
            stiffness[p] = weight
        step = (moved * w - before_pull) * (1.0 / en.max(1.0, (1.0 + weight) * part))
        pulled[p] = before_pull + step
        x1, out = pushed_off_ground(now + step, start, w, reach, ground, ground_on, soft_mu)
        pushed = pushed + out
        push[p] = pushed
        if en.static(shapes):
            if count > 0:
                x1 = pushed_off_shapes(
                    p, count, x1, start, w, reach, body_q0, body_q, body_com, body_inv_mass, body_inv_inertia,
                    body_start, shape_body, shape_transform, shape_type, shape_scale, shape_mu, soft_mu, adhesion,
                    contact_shape, contact_point_b, contact_normal_b, keep, impulse, total, contact_point,
                )  # fmt: skip
        x[p] = x1
        if en.static(finish):
            v1 = velocity_after(v1, x1, aimed, dt, v_max)
            v1 = bounced_off_ground(v1, before, ground, soft_restitution, rest_speed, pushed)
            if en.static(shapes):
                if count > 0 and w > 0.0:
                    v1 = bounced_off_shapes(
                        p, count, x1, v1, before, body_q, body_qd0, body_qd, body_com, shape_body,
                        shape_transform, shape_type, shape_scale, shape_restitution, soft_restitution, rest_speed,
                        contact_shape, contact_point_b, contact_normal_b, total,
                    )  # fmt: skip
            v[p] = v1

    return settle
