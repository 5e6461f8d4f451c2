"""Contact between loose particles as position constraints, all at once (Jacobi), averaged over the contacts."""

import engine as en
from sim.collide.particle_grid import bucket_of, cell_of
from sim.xpbd.particle_contacts import cone_limited


@en.kernel
def separate_grains(
    x0: en.array(dtype=en.vec3),
    x: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    radius: en.array(dtype=float),
    loose: en.array(dtype=int),
    start: en.array(dtype=int),
    order: en.array(dtype=int),
    cell: float,
    buckets: int,
    mu: float,
    delta: en.array(dtype=en.vec3),
):
    """Displacement that separates each particle from its neighbours, with Coulomb friction [m]."""
    p = en.tid()
    sum_delta = en.vec3(0.0, 0.0, 0.0)
    contacts = 0
    w = inv_mass[p]
    if loose[p] != 0 and w > 0.0:
        xp = x[p]
        home = cell_of(xp, cell)
        for dz in range(-1, 2):
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    c = en.vec3i(home[0] + dx, home[1] + dy, home[2] + dz)
                    b = bucket_of(c, buckets)
                    for e in range(start[b], start[b + 1]):
                        q = order[e]
                        d = xp - x[q]
                        depth = radius[p] + radius[q] - en.length(d)
                        if q != p and depth > 0.0:
                            k = cell_of(x[q], cell)
                            if k[0] == c[0] and k[1] == c[1] and k[2] == c[2]:
                                n = en.normalize(d)
                                slide = (xp - x0[p]) - (x[q] - x0[q])
                                slide = slide - n * en.dot(n, slide)
                                part = w / (w + inv_mass[q])
                                sum_delta = sum_delta + (n * depth - cone_limited(slide, mu * depth)) * part
                                contacts = contacts + 1
    delta[p] = sum_delta * (1.0 / (0.5 + 0.5 * float(en.max(contacts, 1))))


@en.kernel
def move_grains(delta: en.array(dtype=en.vec3), x: en.array(dtype=en.vec3)):
    p = en.tid()
    x[p] = x[p] + delta[p]
