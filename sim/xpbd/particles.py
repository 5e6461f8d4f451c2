"""Prediction and velocity update of particles."""

import engine as en

ACTIVE = en.constant(en.uint32(1))


@en.kernel
def predict_particles(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    forced: int,
    f_external: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    flags: en.array(dtype=en.uint32),
    gravity: en.vec3,
    dt: float,
    v_max: float,
    x_out: en.array(dtype=en.vec3),
    v_out: en.array(dtype=en.vec3),
    predicted: en.array(dtype=en.vec3),
    movable: en.array(dtype=float),
):
    """Moves by external force and gravity only; `movable` is the inverse mass, 0 for inactive particles [1/kg]."""
    p = en.tid()
    active = en.where((flags[p] & ACTIVE) != en.uint32(0), 1.0, 0.0)
    w = inv_mass[p]
    f = en.vec3(0.0, 0.0, 0.0)
    if forced != 0:
        f = f_external[p]
    v1 = v[p] + (f * w + gravity * en.where(w > 0.0, 1.0, 0.0)) * dt
    speed = en.length(v1)
    v1 = v1 * (active * en.min(1.0, v_max * (1.0 / en.max(speed, 1.0e-12))))
    x1 = x[p] + v1 * dt
    x_out[p] = x1
    v_out[p] = v1
    predicted[p] = x1
    movable[p] = w * active


@en.func
def velocity_after(v: en.vec3, x: en.vec3, predicted: en.vec3, dt: float, v_max: float) -> en.vec3:
    """Velocity with what the constraints moved, over dt, added to it; limited to v_max [m/s]."""
    v1 = v + (x - predicted) * (1.0 / dt)
    return v1 * en.min(1.0, v_max * (1.0 / en.max(en.length(v1), 1.0e-12)))


@en.kernel
def update_velocities(
    predicted: en.array(dtype=en.vec3),
    dt: float,
    v_max: float,
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
):
    """Adds what the constraints moved, over dt, to the predicted velocity; limits it to v_max [m/s].

    The same as (x - x_start)/dt, but what no constraint touched keeps its exact velocity.
    """
    p = en.tid()
    v[p] = velocity_after(v[p], x[p], predicted[p], dt, v_max)
