"""Small mechanisms for tests of articulated dynamics."""

import numpy as np

import sim
from sim.geometry.rotation import rotation_matrix, transform_points

G = 9.81


def chain(links: int, *, armature: float = 0.0, **axis) -> sim.ModelBuilder:
    """A pendulum of rods of 1 m and 1 kg, hinges along z, hanging down -y at zero."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    parent = -1
    for i in range(links):
        child = builder.add_body(m=1.0, com=(0.0, -0.5, 0.0), I_m=np.diag([1.0, 0.01, 1.0]) / 12.0)
        place = None if i == 0 else ((0.0, -1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        builder.add_joint_revolute(
            parent, child, place, axis=(0, 0, 1), armature=armature, limit_lower=-1e6, limit_upper=1e6, **axis
        )
        parent = child
    return builder


def start(model):
    """A state at the model's coordinates with its bodies in place, and another one."""
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    return state, model.state()


def run(model, seconds: float, dt: float, *, control=None, each=None, state=None):
    """Simulates; calls ``each(time, state)`` after every step; returns the last state."""
    integrator = sim.FeatherstoneIntegrator()
    now, after = start(model) if state is None else (state, model.state())
    for k in range(round(seconds / dt)):
        integrator.simulate(model, now, after, dt, control)
        now, after = after, now
        if each is not None:
            each((k + 1) * dt, now)
    return now


def energy(model, state) -> float:
    """Kinetic energy, and potential energy in the model's gravity [J]."""
    X, qd = state.body_q.numpy().astype(float), state.body_qd.numpy().astype(float)
    mass, inertia = model.body_mass.numpy().astype(float), model.body_inertia.numpy().astype(float)
    com = transform_points(X, model.body_com.numpy().astype(float))
    R = rotation_matrix(X[:, 3:])
    w = np.einsum("bji,bj->bi", R, qd[:, :3])
    kinetic = 0.5 * (mass * (qd[:, 3:] ** 2).sum(axis=1)).sum() + 0.5 * np.einsum("bi,bij,bj->", w, inertia, w)
    return float(kinetic - (mass * (com @ model.gravity)).sum())
