"""Contact between loose particles: penalty with friction, summed per particle over its neighbours.

Parameters particle_ke kd kf mu cohesion as in the peer (see `sim.forces.contact_response` for their limits).
"""

import engine as en
from sim.collide.particle_grid import bucket_of, cell_of
from sim.forces.contact_response import friction_force, limited_damping, limited_stiffness

ACTIVE = en.constant(en.uint32(1))


@en.kernel
def push_grains_apart(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    external: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    radius: en.array(dtype=float),
    flags: en.array(dtype=en.uint32),
    loose: en.array(dtype=int),
    start: en.array(dtype=int),
    order: en.array(dtype=int),
    cell: float,
    buckets: int,
    ke: float,
    kd: float,
    kf: float,
    mu: float,
    cohesion: float,
    dt: float,
    total: en.array(dtype=en.vec3),
):
    """total = external force + contact forces of the neighbours [N]."""
    p = en.tid()
    f = external[p]
    if loose[p] != 0 and (flags[p] & ACTIVE) != en.uint32(0):
        xp = x[p]
        vp = v[p]
        home = cell_of(xp, cell)
        for dz in range(-1, 2):
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    c = en.vec3i(home[0] + dx, home[1] + dy, home[2] + dz)
                    b = bucket_of(c, buckets)
                    for e in range(start[b], start[b + 1]):
                        q = order[e]
                        d = xp - x[q]
                        gap = en.length(d) - radius[p] - radius[q]
                        if q != p and gap < cohesion and (flags[q] & ACTIVE) != en.uint32(0):
                            # a bucket may hold other cells too: count each neighbour in its own cell only
                            k = cell_of(x[q], cell)
                            if k[0] == c[0] and k[1] == c[1] and k[2] == c[2]:
                                n = en.normalize(d)
                                # a grain has about six neighbours to share its mass with
                                w = 3.0 * (inv_mass[p] + inv_mass[q])
                                rel = vp - v[q]
                                vn = en.dot(n, rel)
                                push = -limited_stiffness(ke, w, dt) * gap - limited_damping(kd, w, dt) * en.min(
                                    vn, 0.0
                                )
                                f = f + n * push + friction_force(rel - n * vn, push, kf, mu, w, dt)
    total[p] = f
