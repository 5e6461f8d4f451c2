"""Everything that happens to a particle after the element forces, in one launch: for GPUs, where a launch is what costs.

The CPU keeps the two loops of `particles` and `particle_contact` apart, since only the first has lanes.
"""

from functools import cache

import engine as en
from sim.forces.particle_contact import pushed_from_shapes
from sim.forces.slots import get_slot
from sim.semi_implicit.particles import ACTIVE, UNROLL, WIDEST_UNROLLED, step_particle


@cache
def advance_particles(width: int, shapes: bool):
    """Kernel for `width` forces a particle (-1: rows of their own, see `ElementTable`), with contacts of shapes if `shapes`."""
    n0, n1, n2, n3 = (max(0, min(UNROLL, width - UNROLL * c)) for c in range(WIDEST_UNROLLED // UNROLL))
    by_rows = width < 0

    @en.kernel
    def advance(
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
        forced: int,
        f_external: en.array(dtype=en.vec3),
        slots: en.array2d(dtype=float),
        row_start: en.array(dtype=int),
        particle_count: int,
        inv_mass: en.array(dtype=float),
        particle_radius: en.array(dtype=float),
        flags: en.array(dtype=en.uint32),
        gravity: en.vec3,
        ground: en.array(dtype=float),
        ground_on: float,
        soft_ke: float,
        soft_kd: float,
        soft_kf: float,
        soft_mu: float,
        soft_restitution: float,
        rest_speed: float,
        dt: float,
        v_max: float,
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
        adhesion: float,
        contact_count: en.array(dtype=int),
        contact_shape: en.array2d(dtype=int),
        contact_point_b: en.array2d(dtype=en.vec3),
        contact_normal_b: en.array2d(dtype=en.vec3),
        x_out: en.array(dtype=en.vec3),
        v_out: en.array(dtype=en.vec3),
        contact_force: en.array2d(dtype=en.vec3),
        contact_point: en.array2d(dtype=en.vec3),
    ):
        p = en.tid()
        # what does not depend on the slots is loaded before them, so that a GPU waits for both at once
        x0 = x[p]
        v0 = v[p]
        w = inv_mass[p]
        radius = particle_radius[p]
        active = en.where((flags[p] & ACTIVE) != en.uint32(0), 1.0, 0.0)
        count = 0
        if en.static(shapes):
            count = contact_count[p]
        f = en.vec3(0.0, 0.0, 0.0)
        if forced != 0:
            f = f_external[p]
        if en.static(by_rows):
            for r in range(row_start[p], row_start[p + 1]):
                f = f + get_slot(slots, r)
        else:
            for a in range(en.static(n0)):
                f = f + get_slot(slots, a * particle_count + p)
            for b in range(en.static(n1)):
                f = f + get_slot(slots, (16 + b) * particle_count + p)
            for c in range(en.static(n2)):
                f = f + get_slot(slots, (32 + c) * particle_count + p)
            for d in range(en.static(n3)):
                f = f + get_slot(slots, (48 + d) * particle_count + p)
        v1, x1 = step_particle(
            x0, v0, f, w, radius, active, gravity, ground, ground_on, soft_ke, soft_kd, soft_kf, soft_mu,
            soft_restitution, rest_speed, dt, v_max,
        )  # fmt: skip
        if en.static(shapes):
            if count > 0 and active > 0.0:
                v1, x1 = pushed_from_shapes(
                    p, count, x0, v0, v1, x1, w, radius, body_q, body_qd, body_com, body_inv_mass,
                    body_inv_inertia, shape_body, shape_transform, shape_type, shape_scale, shape_ke, shape_kd,
                    shape_kf, shape_mu, shape_restitution, soft_ke, soft_kd, soft_kf, soft_mu, soft_restitution,
                    rest_speed, adhesion, contact_shape, contact_point_b, contact_normal_b, dt, v_max,
                    contact_force, contact_point,
                )  # fmt: skip
        x_out[p] = x1
        v_out[p] = v1

    return advance
