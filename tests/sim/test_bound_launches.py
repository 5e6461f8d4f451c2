"""Launches that are kept bound see every change of what they were bound to."""

import numpy as np
import pytest

import engine as en
import sim
from sim.bound_launches import BoundLaunches
from tests.sim.featherstone.robots import chain

DT = 1e-2


@pytest.fixture
def arm():
    model = chain(1).finalize()
    return model, model.state(), model.state(), sim.FeatherstoneIntegrator()


def speed(arm, control=None) -> float:
    """Velocity after a step from rest, the arm held level."""
    model, now, after, integrator = arm
    now.joint_q.assign(np.array([np.pi / 2], dtype=np.float32))
    integrator.simulate(model, now, after, DT, control)
    return float(after.joint_qd.numpy()[0])


def test_numbers_and_arrays_of_a_model_may_be_replaced_between_steps(arm):
    model = arm[0]
    free = speed(arm)
    assert speed(arm) == free != 0.0
    model.gravity[1] *= 2.0
    assert speed(arm) == pytest.approx(2.0 * free)
    model.joint_armature = en.array([1e6], dtype=float)
    assert abs(speed(arm)) < 1e-4 * abs(free)


def test_contents_of_arrays_may_change_in_place(arm):
    free = speed(arm)
    arm[0].joint_armature.assign(np.array([1e6], dtype=np.float32))
    assert abs(speed(arm)) < 1e-4 * abs(free)


def test_controls_are_told_apart(arm):
    free, control = speed(arm), arm[0].control()
    control.joint_f.assign(np.array([100.0], dtype=np.float32))
    assert speed(arm, control) > 0.0 > free
    assert speed(arm) == free


def test_a_tape_after_plain_steps_records_the_kernels():
    model = chain(1).finalize(requires_grad=True)
    now, after, control = model.state(), model.state(), model.control(requires_grad=True)
    integrator = sim.FeatherstoneIntegrator()
    for _ in range(2):
        integrator.simulate(model, now, after, DT, control)
    with en.Tape() as tape:
        integrator.simulate(model, now, after, DT, control)
    tape.backward(grads={after.joint_qd: en.array([1.0], dtype=float)})
    inertia = 0.25 + 1.0 / 12.0
    assert control.joint_f.grad.numpy()[0] == pytest.approx(DT / inertia, rel=1e-4)


def test_only_the_last_ones_are_kept():
    @en.kernel
    def add(x: en.array(dtype=float)):
        x[0] = x[0] + 1.0

    bound, arrays = BoundLaunches(), [en.zeros(1, dtype=float) for _ in range(50)]
    for x in arrays + arrays:
        bound.run([x], (), lambda x=x: [(add, 1, [x], [])])
    assert all(x.numpy()[0] == 2.0 for x in arrays)
    assert len(bound._known) < 20
