"""Gradients through many steps of joints in maximal coordinates against central differences."""

from itertools import pairwise

import numpy as np
import pytest

import engine as en
import sim
from tests.sim.featherstone.test_constraints import four_bar
from tests.sim.featherstone.test_gradients import measure, robot
from tests.sim.maximal.robots import INTEGRATORS

STEPS, DT = 20, 4e-3
SOURCES = {
    "torques": lambda model, state, control: control.joint_f,
    "targets": lambda model, state, control: control.joint_act,
    "stiffness": lambda model, state, control: model.joint_stiffness,
    "gains": lambda model, state, control: model.joint_target_ke,
    "velocities": lambda model, state, control: state.body_qd,
    "masses": lambda model, state, control: model.body_mass,
}


def linkage() -> sim.ModelBuilder:
    """A closed loop; its last torque is that of the joint that closes it."""
    return four_bar(1.0)


def rolled(name, make, which, values=None, *, grad=False):
    """The loss after some steps, or the values of its source and its gradient."""
    model = make().finalize(requires_grad=grad)
    states = [model.state(requires_grad=grad) for _ in range(STEPS + 1)]
    sim.eval_fk(model, states[0].joint_q, states[0].joint_qd, None, states[0])
    control = model.control(requires_grad=grad)
    source = SOURCES[which](model, states[0], control)
    if values is not None:
        source.assign(values.reshape(source.numpy().shape).astype(np.float32))
    integrator, loss = INTEGRATORS[name](), en.zeros(1, dtype=float, requires_grad=grad)

    def roll():
        for now, after in pairwise(states):
            integrator.simulate(model, now, after, DT, control)
        en.launch(measure, dim=1, inputs=[states[-1].body_q, model.body_count - 1], outputs=[loss])

    if not grad:
        roll()
        return float(loss.numpy()[0])
    with en.Tape() as tape:
        roll()
    tape.backward(loss)
    return source.numpy().astype(float), source.grad.numpy().astype(float)


@pytest.mark.parametrize("name", ["semi-implicit", "xpbd"])
@pytest.mark.parametrize(
    ("make", "which"),
    [(robot, "torques"), (robot, "targets"), (robot, "stiffness"), (robot, "gains"), (robot, "velocities"),
     (linkage, "torques"), (linkage, "velocities")],
)  # fmt: skip
def test_gradient_of_the_final_pose(name, make, which):
    values, gradient = rolled(name, make, which, grad=True)
    scale = np.linalg.norm(gradient)
    assert scale > 0.0
    rng = np.random.default_rng(len(which))
    step = {"torques": 0.5, "targets": 0.5, "stiffness": 1.0, "gains": 1.0}.get(which, 0.03)
    for _ in range(3):
        direction = rng.normal(size=values.shape)
        direction /= np.linalg.norm(direction)
        ahead, behind = (rolled(name, make, which, values + s * step * direction) for s in (1.0, -1.0))
        assert np.sum(gradient * direction) == pytest.approx((ahead - behind) / (2.0 * step), abs=0.02 * scale)
