"""External forces of a state: cleared, kept, and cleared only once in a graph where that is enough."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator


@pytest.fixture
def model(device):
    builder = ModelBuilder(gravity=0.0)
    builder.add_particles(np.full((4, 3), 5.0), np.zeros((4, 3)), 1.0, 0.1)
    builder.add_body(m=1.0, I_m=np.eye(3))
    model = builder.finalize(device=device)
    model.ground = False
    return model


@en.kernel
def blow(f: en.array(dtype=en.vec3)):
    p = en.tid()
    f[p] = f[p] + en.vec3(1.0, 0.0, 0.0)


def test_clear_forces_sets_both_kinds_to_zero(model):
    state = model.state()
    state.particle_f.fill_(3.0)
    state.body_f.fill_(2.0)
    state.clear_forces()
    assert not state.particle_f.numpy().any() and not state.body_f.numpy().any()


@pytest.mark.parametrize("held_before", [True, False])
def test_forces_written_inside_a_graph_act_in_every_substep(model, device, held_before):
    """Whoever asked for the array may write to it after any clearing, so each clearing counts."""
    integrator, a, b = SemiImplicitIntegrator(), model.state(), model.state()
    held = [a.particle_f, b.particle_f] if held_before else None

    def frame():
        s0, s1 = a, b
        for k in range(4):
            s0.clear_forces()
            en.launch(blow, dim=4, inputs=[held[k % 2] if held_before else s0.particle_f])
            integrator.simulate(model, s0, s1, 0.5)
            s0, s1 = s1, s0

    with en.ScopedDevice(device):
        frame()
        one = a.particle_qd.numpy().copy()
        with en.ScopedCapture() as capture:
            frame()
        for _ in range(3):
            en.capture_launch(capture.graph)
    np.testing.assert_allclose(one[:, 0], 2.0, rtol=1e-6)
    np.testing.assert_allclose(a.particle_qd.numpy()[:, 0], 8.0, rtol=1e-6)


@pytest.mark.cpu_only("counts jobs of a CPU graph")
def test_a_graph_clears_untouched_forces_once(model):
    def jobs(prepare):
        state = model.state()
        prepare(state)
        with en.ScopedCapture() as capture:
            for _ in range(5):
                state.clear_forces()
        return len(capture.graph)

    once, always = jobs(lambda state: None), jobs(lambda state: state.particle_f)
    assert always == 5 * once
    state = model.state()
    for _ in range(2):  # a new graph clears anew
        with en.ScopedCapture() as capture:
            state.clear_forces()
        assert len(capture.graph) == once


def test_a_copy_has_forces_of_its_own(model):
    state = model.state()
    state.particle_f.fill_(1.0)
    copied = state.clone()
    state.clear_forces()
    assert (copied.particle_f.numpy() == 1.0).all()


def test_forces_are_zero_for_sure_only_where_a_graph_cleared_them_and_nobody_has_them(model):
    state = model.state()
    state.clear_forces()
    assert not state.forces_are_zero(), "who has them may write at any time"
    with en.ScopedCapture(model.device):
        assert not state.forces_are_zero()
        state.clear_forces()
        assert state.forces_are_zero()
        state.particle_f.fill_(1.0)
        assert not state.forces_are_zero()
    differentiable = model.state(requires_grad=True)
    with en.ScopedCapture(model.device):
        differentiable.clear_forces()
        assert not differentiable.forces_are_zero(), "their gradients may be asked for later"


@pytest.mark.parametrize("integrator", [SemiImplicitIntegrator, XPBDIntegrator])
def test_forces_written_between_clearing_and_a_step_of_a_graph_act_in_every_replay(model, integrator):
    a, b, solver = model.state(), model.state(), integrator()
    with en.ScopedCapture(model.device) as capture:
        a.clear_forces()
        solver.simulate(model, a, b, 1e-3)  # forces known to be zero
        b.clear_forces()
        b.particle_f.fill_(en.vec3(3.0, 0.0, 0.0))
        solver.simulate(model, b, a, 1e-3)
    for _ in range(2):
        before = a.particle_qd.numpy()[:, 0].copy()
        en.capture_launch(capture.graph)
        moved = model.particle_inv_mass.numpy() > 0.0
        gained = (a.particle_qd.numpy()[:, 0] - before)[moved]
        np.testing.assert_allclose(gained, 3.0 * 1e-3 * model.particle_inv_mass.numpy()[moved], rtol=1e-3)
