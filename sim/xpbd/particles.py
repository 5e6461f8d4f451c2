"""Prediction and velocity update of particles."""

import engine as en

ACTIVE = en.constant(en.uint32(1))


@en.kernel
def predict_particles(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    f_external: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    flags: en.array(dtype=en.uint32),
    gravity: en.vec3,
    dt: float,
    v_max: float,
    x_out: en.array(dtype=en.vec3),
    movable: en.array(dtype=float),
):
    """Moves by external force and gravity only; `movable` is the inverse mass, 0 for inactive particles [1/kg]."""
    p = en.tid()
    active = en.where((flags[p] & ACTIVE) != en.uint32(0), 1.0, 0.0)
    w = inv_mass[p]
    v1 = v[p] + (f_external[p] * w + gravity * en.where(w > 0.0, 1.0, 0.0)) * dt
    speed = en.length(v1)
    v1 = v1 * (active * en.min(1.0, v_max / en.max(speed, 1.0e-12)))
    x_out[p] = x[p] + v1 * dt
    movable[p] = w * active


@en.kernel
def update_velocities(
    x0: en.array(dtype=en.vec3),
    dt: float,
    v_max: float,
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
):
    """v = (x - x0)/dt, limited to v_max."""
    p = en.tid()
    start = x0[p]
    v1 = (x[p] - start) / dt
    speed = en.length(v1)
    v1 = v1 * en.min(1.0, v_max / en.max(speed, 1.0e-12))
    v[p] = v1
