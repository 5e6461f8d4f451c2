"""Actuators: their law, their ranges, and that every solver has them."""

from itertools import pairwise

import numpy as np
import pytest

import engine as en
import sim
from tests.sim.featherstone.robots import chain, start

INERTIA = 1.0 / 12.0 + 0.25


def acceleration(builder, ctrl=None, dt=1e-4) -> float:
    """Of the first joint, without gravity."""
    builder.gravity = 0.0
    model = builder.finalize()
    control = model.control()
    if ctrl is not None:
        control.ctrl.assign(np.array(ctrl, np.float32))
    now, after = start(model)
    before = float(now.joint_qd.numpy()[0])
    sim.FeatherstoneIntegrator().simulate(model, now, after, dt, control)
    return (float(after.joint_qd.numpy()[0]) - before) / dt


@pytest.mark.parametrize("solver", [sim.FeatherstoneIntegrator, sim.XPBDIntegrator, sim.SemiImplicitIntegrator])
def test_a_motor_pushes_with_gear_times_gain_times_control(solver):
    """Over a while: the penalty joints of the semi-implicit solver take some steps to pull."""
    builder = chain(1)
    builder.gravity = 0.0
    builder.add_actuator(0, gear=3.0, gain=2.0, ctrl=0.5)
    model, integrator = builder.finalize(), solver()
    now, after = start(model)
    for _ in range(400):
        integrator.simulate(model, now, after, 2.5e-4)
        now, after = after, now
    assert float(now.joint_qd.numpy()[0]) == pytest.approx(3.0 / INERTIA * 0.1, rel=0.01)


def test_the_law_counts_length_and_speed_in_units_of_the_gear():
    builder = chain(1)
    builder.joint_q[0], builder.joint_qd[0] = 0.3, -0.5
    builder.add_actuator(0, gear=2.0, gain=0.0, bias=(1.0, -2.0, 0.7))
    force = 2.0 * (1.0 - 2.0 * 2.0 * 0.3 + 0.7 * 2.0 * -0.5)
    assert acceleration(builder) == pytest.approx(force / INERTIA, rel=2e-3)


def test_control_and_force_are_held_in_their_ranges():
    builder = chain(1)
    builder.add_actuator(0, gain=10.0, ctrl_range=(-1.0, 0.2))
    builder.add_actuator(0, gear=3.0, gain=10.0, force_range=(-0.5, 5.0))
    assert acceleration(builder, [7.0, -1.0]) == pytest.approx((2.0 - 1.5) / INERTIA, rel=2e-3)


def test_initial_controls_act_and_copies_have_their_own():
    one = chain(1)
    one.add_actuator(0, ctrl=0.25)
    many = sim.ModelBuilder(gravity=0.0)
    many.ground = False
    many.replicate(one, 3)
    model = many.finalize()
    control = model.control()
    assert control.ctrl.numpy().tolist() == [0.25] * 3
    control.ctrl.assign(np.array([0.0, 1.0, 2.0], np.float32))
    now, after = start(model)
    sim.FeatherstoneIntegrator().simulate(model, now, after, 1e-3, control)
    assert np.allclose(after.joint_qd.numpy() / 1e-3, np.array([0.0, 1.0, 2.0]) / INERTIA, rtol=2e-3)


def test_gradients_reach_controls():
    builder = chain(2)
    for joint in (0, 1):
        builder.add_actuator(joint, gear=2.0, bias=(0.1, -0.3, -0.2))
    model = builder.finalize(requires_grad=True)

    def final(values, grad=False):
        control, states = model.control(requires_grad=grad), [model.state(requires_grad=grad) for _ in range(11)]
        control.ctrl.assign(np.array(values, np.float32))
        with en.Tape() as tape:
            for now, after in pairwise(states):
                sim.FeatherstoneIntegrator().simulate(model, now, after, 5e-3, control)
        if grad:
            seed = np.zeros(2, np.float32)
            seed[1] = 1.0
            tape.backward(grads={states[-1].joint_q: en.array(seed, dtype=float)})
            return control.ctrl.grad.numpy().astype(float)
        return float(states[-1].joint_q.numpy()[1])

    gradient = final([0.4, -0.3], grad=True)
    for i in range(2):
        step = np.eye(2)[i] * 0.5
        difference = final(np.array([0.4, -0.3]) + step) - final(np.array([0.4, -0.3]) - step)
        assert gradient[i] == pytest.approx(difference, rel=0.02, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"ctrl_range": (1.0, -1.0)}, "ctrl_range"), ({"axis": 1}, "axis 1"), ({"gear": float("nan")}, "gear")],
)
def test_impossible_actuators_are_refused(options, said):
    builder = chain(1)
    with pytest.raises(sim.SimError, match=said):
        builder.add_actuator(0, **options)
    assert builder.actuator_count == 0
