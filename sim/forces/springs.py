"""Damped springs between two particles.

Energy (k/2)(|x_i - x_j| - L)^2 plus dashpot d along the spring; k = spring_stiffness [N/m], d = spring_damping [N s/m].
"""

import engine as en
from sim.forces.slots import set_slot


@en.func
def spring_force(
    xi: en.vec3, xj: en.vec3, vi: en.vec3, vj: en.vec3, rest_length: float, stiffness: float, damping: float
) -> en.vec3:
    """Force on the second end [N], the first gets its opposite; zero length gives no force rather than NaN."""
    d = xi - xj
    length_sq = en.dot(d, d)
    inv_length = en.where(length_sq > 0.0, 1.0 / en.sqrt(en.max(length_sq, 1.0e-30)), 0.0)
    direction = d * inv_length
    stretch = length_sq * inv_length - rest_length
    rate = en.dot(direction, vi - vj)
    return direction * (stiffness * stretch + damping * rate)


@en.kernel
def eval_springs(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    spring_indices: en.array(dtype=int),
    rest_length: en.array(dtype=float),
    stiffness: en.array(dtype=float),
    damping: en.array(dtype=float),
    slot_base: int,
    slot_stride: int,
    slots: en.array2d(dtype=float),
):
    """Writes the force on both ends [N]."""
    s = en.tid()
    i = spring_indices[2 * s]
    j = spring_indices[2 * s + 1]
    f = spring_force(x[i], x[j], v[i], v[j], rest_length[s], stiffness[s], damping[s])
    set_slot(slots, slot_base + s, -f)
    set_slot(slots, slot_base + slot_stride + s, f)
