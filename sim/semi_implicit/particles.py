"""The fused particle kernel: sum the force slots, add gravity, external force and the ground, integrate."""

from functools import cache

import engine as en
from sim.forces.contact_response import friction_force, limited_damping, limited_stiffness, normal_force
from sim.forces.slots import get_slot

ACTIVE = en.constant(en.uint32(1))

# Loops with a static trip count of at most this many turns are unrolled, which keeps the kernel vectorisable.
UNROLL = 16
WIDEST_UNROLLED = 4 * UNROLL


@en.func
def step_particle(
    x0: en.vec3,
    v0: en.vec3,
    f: en.vec3,
    w: float,
    radius: float,
    active: float,
    gravity: en.vec3,
    ground: en.array(dtype=float),
    ground_on: float,
    ke: float,
    kd: float,
    kf: float,
    mu: float,
    restitution: float,
    rest_speed: float,
    dt: float,
    v_max: float,
):
    """New velocity and position of one particle: symplectic Euler with the ground plane as a penalty contact."""
    n = en.vec3(ground[0], ground[1], ground[2])
    depth = radius - en.dot(n, x0) - ground[3]
    touch = en.where(depth > 0.0, ground_on, 0.0)
    stiffness = limited_stiffness(ke, w, dt)
    damping = limited_damping(kd, w, dt)
    push = touch * normal_force(depth, en.dot(n, v0), stiffness, damping, restitution, rest_speed)
    v1 = v0 + ((f + n * push) * w + gravity * en.where(w > 0.0, 1.0, 0.0)) * dt
    v1 = v1 + friction_force(v1 - n * en.dot(n, v1), push, kf, mu, w, dt) * (w * dt)
    speed = en.length(v1)
    v1 = v1 * (active * en.min(1.0, v_max * (1.0 / en.max(speed, 1.0e-12))))
    return v1, x0 + v1 * dt


@cache
def integrate_particles(width: int):
    """Kernel for an adjacency of `width` slots per particle.

    Slots are summed in the order of the adjacency, so the result does not depend on the number of threads.
    """
    chunks = [max(0, min(UNROLL, width - UNROLL * c)) for c in range(4)]
    n0, n1, n2, n3 = chunks

    @en.kernel
    def integrate(
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
        f_external: en.array(dtype=en.vec3),
        slots: en.array2d(dtype=float),
        adjacency: en.array2d(dtype=int),
        inv_mass: en.array(dtype=float),
        particle_radius: en.array(dtype=float),
        flags: en.array(dtype=en.uint32),
        gravity: en.vec3,
        ground: en.array(dtype=float),
        ground_on: float,
        ke: float,
        kd: float,
        kf: float,
        mu: float,
        restitution: float,
        rest_speed: float,
        dt: float,
        v_max: float,
        x_out: en.array(dtype=en.vec3),
        v_out: en.array(dtype=en.vec3),
    ):
        p = en.tid()
        f = f_external[p]
        for a in range(en.static(n0)):
            f = f + get_slot(slots, adjacency[a, p])
        for b in range(en.static(n1)):
            f = f + get_slot(slots, adjacency[16 + b, p])
        for c in range(en.static(n2)):
            f = f + get_slot(slots, adjacency[32 + c, p])
        for d in range(en.static(n3)):
            f = f + get_slot(slots, adjacency[48 + d, p])
        active = en.where((flags[p] & ACTIVE) != en.uint32(0), 1.0, 0.0)
        v1, x1 = step_particle(
            x[p], v[p], f, inv_mass[p], particle_radius[p], active, gravity, ground, ground_on, ke, kd, kf, mu,
            restitution, rest_speed, dt, v_max,
        )  # fmt: skip
        x_out[p] = x1
        v_out[p] = v1

    return integrate


@en.kernel
def integrate_particles_by_rows(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    f_external: en.array(dtype=en.vec3),
    slots: en.array2d(dtype=float),
    row_start: en.array(dtype=int),
    row_slots: en.array(dtype=int),
    inv_mass: en.array(dtype=float),
    particle_radius: en.array(dtype=float),
    flags: en.array(dtype=en.uint32),
    gravity: en.vec3,
    ground: en.array(dtype=float),
    ground_on: float,
    ke: float,
    kd: float,
    kf: float,
    mu: float,
    restitution: float,
    rest_speed: float,
    dt: float,
    v_max: float,
    x_out: en.array(dtype=en.vec3),
    v_out: en.array(dtype=en.vec3),
):
    """The same with compressed rows: for meshes where a few vertices have very many elements."""
    p = en.tid()
    f = f_external[p]
    for a in range(row_start[p], row_start[p + 1]):
        f = f + get_slot(slots, row_slots[a])
    active = en.where((flags[p] & ACTIVE) != en.uint32(0), 1.0, 0.0)
    v1, x1 = step_particle(
        x[p], v[p], f, inv_mass[p], particle_radius[p], active, gravity, ground, ground_on, ke, kd, kf, mu,
        restitution, rest_speed, dt, v_max,
    )  # fmt: skip
    x_out[p] = x1
    v_out[p] = v1
