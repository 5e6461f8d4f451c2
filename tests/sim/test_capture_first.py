"""A solver may be captured before it ever ran: what it prepares once is not part of the graph."""

import numpy as np
import pytest

import engine as en
import sim


@pytest.mark.parametrize("integrator", [sim.SemiImplicitIntegrator, sim.XPBDIntegrator])
def test_first_step_inside_a_capture_replays_like_plain_launches(integrator):
    def build():
        builder = sim.ModelBuilder()
        builder.add_cloth_grid(
            (0, 1, 0),
            (0, 0, 0, 1),
            (0, 0, 0),
            6,
            5,
            0.1,
            0.1,
            mass=0.01,
            fix_left=True,
            tri_ke=1e2,
            tri_ka=1e2,
            tri_kd=0.1,
        )
        return builder.finalize()

    def steps(solver, model, a, b):
        for _ in range(4):
            sim.collide(model, a)
            solver.simulate(model, a, b, 1e-3)
            a, b = b, a

    plain, graph = build(), build()
    a, b = plain.state(), plain.state()
    solver = integrator()
    for _ in range(5):
        steps(solver, plain, a, b)
    c, d = graph.state(), graph.state()
    with en.ScopedCapture() as capture:
        steps(integrator(), graph, c, d)
    for _ in range(5):
        en.capture_launch(capture.graph)
    assert np.isfinite(c.particle_q.numpy()).all()
    assert np.array_equal(a.particle_q.numpy(), c.particle_q.numpy())
