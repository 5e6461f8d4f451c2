"""Mechanisms with every type of joint, and how to run them under any integrator."""

import numpy as np

import sim
from tests.sim.featherstone.robots import G, start

INTEGRATORS = {
    "xpbd": lambda: sim.XPBDIntegrator(),
    "semi-implicit": lambda: sim.SemiImplicitIntegrator(angular_damping=0.0),
    "featherstone": lambda: sim.FeatherstoneIntegrator(),
}
BELOW = ((0.0, -0.5, 0.1), (0.0, 0.0, 0.0, 1.0))


def walk(model, integrator, seconds: float, dt: float, *, control=None, each=None, state=None):
    """Simulates; calls ``each(time, state)`` after every step; returns the last state."""
    now, after = start(model) if state is None else (state, model.state())
    for k in range(round(seconds / dt)):
        integrator.simulate(model, now, after, dt, control)
        now, after = after, now
        if each is not None:
            each((k + 1) * dt, now)
    return now


def body(builder, mass: float = 1.0) -> int:
    """A body whose centre of mass and principal axes are nothing special."""
    return builder.add_body(m=mass, com=(0.1, -0.2, 0.05), I_m=np.diag([0.2, 0.3, 0.25]) * mass)


def every_joint() -> sim.ModelBuilder:
    """A floating tree with springs, drives, damping and armature on all types of joints."""
    axis = sim.JointAxis
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    for _ in range(8):
        body(builder)
    builder.add_joint_free(0)
    builder.add_joint_ball(0, 1, BELOW, damping=0.1, stiffness=3.0)
    builder.add_joint_revolute(
        1, 2, BELOW, axis=(1, 0, 1), target=0.5, target_ke=50.0, target_kd=0.5, mode=sim.JOINT_MODE_TARGET_POSITION,
        stiffness=2.0, damping=0.2, armature=0.5,
    )  # fmt: skip
    builder.add_joint_prismatic(2, 3, BELOW, axis=(0, 1, 0), stiffness=20.0)
    driven = axis((1, 0, 0), stiffness=3.0, target_ke=4.0, mode=sim.JOINT_MODE_TARGET_VELOCITY, action=1.0)
    builder.add_joint_universal(0, 4, driven, axis((0, 0, 1)), BELOW)
    limited = axis((0, 1, 0), limit_lower=-0.2, limit_upper=0.3, limit_ke=1000.0, limit_kd=10.0)
    builder.add_joint_compound(4, 5, axis((1, 0, 0)), limited, axis((0, 0, 1)), BELOW)
    sliding = [axis((1, 0, 0), stiffness=10.0, damping=1.0), axis((0, 1, 0), stiffness=30.0)]
    builder.add_joint_d6(5, 6, sliding, [axis((0, 0, 1), stiffness=1.0)], parent_xform=BELOW)
    builder.add_joint_fixed(6, 7, ((0.2, -0.3, 0.1), (0.0, 0.0, np.sin(0.3), np.cos(0.3))))
    builder.joint_q[11] = 0.3
    builder.joint_qd[:] = np.linspace(-1.0, 1.0, builder.joint_dof_count)
    return builder
