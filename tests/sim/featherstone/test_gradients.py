"""Gradients through many steps of FeatherstoneIntegrator against central differences."""

from itertools import pairwise

import numpy as np
import pytest

import engine as en
import sim
from tests.sim.featherstone.robots import G

STEPS, DT = 25, 4e-3


def robot() -> sim.ModelBuilder:
    """A floating base with a ball joint, a hinge with spring and drive, and a slider: every path of the kernels."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    for _ in range(4):
        builder.add_body(m=1.0, com=(0.1, -0.2, 0.05), I_m=np.diag([0.2, 0.3, 0.25]))
    below = ((0.0, -0.5, 0.1), (0.0, 0.0, 0.0, 1.0))
    builder.add_joint_free(0)
    builder.add_joint_ball(0, 1, below, damping=0.1)
    builder.add_joint_revolute(
        1, 2, below, axis=(1, 0, 1), target=0.5, target_ke=5.0, target_kd=0.5, mode=sim.JOINT_MODE_TARGET_POSITION,
        stiffness=2.0, damping=0.2, armature=0.05,
    )  # fmt: skip
    builder.add_joint_prismatic(2, 3, below, axis=(0, 1, 0), stiffness=20.0)
    builder.joint_q[-2:] = 0.3, 0.1
    builder.joint_qd[:] = np.linspace(-1.0, 1.0, builder.joint_dof_count)
    return builder


@en.kernel
def measure(body_q: en.array(dtype=en.transform), body: int, loss: en.array(dtype=float)):
    p = en.transform_point(body_q[body], en.vec3(0.3, -0.4, 0.2))
    loss[0] = p[0] + 2.0 * p[1] - p[2]


def constrained_robot() -> sim.ModelBuilder:
    """The same robot with its end tied to a place by a spring-like connection, a coupling, and friction that slips."""
    builder = robot()
    builder.add_equality_connect(-1, 2, (0.6, -1.2, 0.4), compliance=2e-2)
    builder.add_equality_joint(3, 2, (0.0, 0.3))
    builder.joint_friction[1] = 0.2
    return builder


class Rollout:
    """Loss of a rollout as a function of one of its inputs."""

    def __init__(self, which: str, make=robot):
        self.which, self.make = which, make

    def values(self) -> np.ndarray:
        return np.array(self._source(*self._fresh(False)).numpy(), dtype=np.float64)

    def _fresh(self, grad: bool):
        model = self.make().finalize(requires_grad=grad)
        return model, model.state(requires_grad=grad), model.control(requires_grad=grad)

    def _source(self, model, state, control):
        return {
            "torques": control.joint_f,
            "targets": control.joint_act,
            "velocities": state.joint_qd,
            "coordinates": state.joint_q,
            "masses": model.body_mass,
            "inertias": model.body_inertia,
            "centres": model.body_com,
        }[self.which]

    def loss(self, values: np.ndarray | None = None, *, grad: bool = False):
        model, state, control = self._fresh(grad)
        source = self._source(model, state, control)
        if values is not None:
            source.assign(values.astype(np.float32))
        states = [state, *(model.state(requires_grad=grad) for _ in range(STEPS))]
        integrator, loss = sim.FeatherstoneIntegrator(), en.zeros(1, dtype=float, requires_grad=grad)

        def roll():
            for now, after in pairwise(states):
                integrator.simulate(model, now, after, DT, control)
            en.launch(measure, dim=1, inputs=[states[-1].body_q, 3], outputs=[loss])

        if not grad:
            roll()
            return float(loss.numpy()[0])
        with en.Tape() as tape:
            roll()
        tape.backward(loss)
        return source.grad.numpy().astype(np.float64)


@pytest.mark.parametrize("which", ["torques", "targets", "velocities", "coordinates", "masses", "inertias", "centres"])
@pytest.mark.parametrize("make", [robot, constrained_robot])
def test_gradient_of_the_final_pose(which, make):
    rollout = Rollout(which, make)
    values, gradient = rollout.values(), rollout.loss(grad=True)
    assert gradient.shape == values.shape
    rng = np.random.default_rng(len(which))
    scale = np.linalg.norm(gradient)
    assert scale > 0.0
    step = {"torques": 0.5, "targets": 0.5, "inertias": 0.02}.get(which, 0.03)
    for _ in range(4):
        direction = rng.normal(size=values.shape)
        if which == "inertias":  # only symmetric changes mean something
            direction = direction + np.swapaxes(direction, 1, 2)
        direction /= np.linalg.norm(direction)
        difference = (rollout.loss(values + step * direction) - rollout.loss(values - step * direction)) / (2.0 * step)
        assert np.sum(gradient * direction) == pytest.approx(difference, abs=0.01 * scale)
