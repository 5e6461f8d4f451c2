"""Stepping a model from rest, as a fixture: pairs of steps are captured once and replayed."""

import pytest

import engine as en
from sim import SemiImplicitIntegrator, XPBDIntegrator, collide

INTEGRATORS = {
    "semi-implicit": lambda: SemiImplicitIntegrator(angular_damping=0.0),
    "xpbd": lambda: XPBDIntegrator(iterations=4, angular_damping=0.0),
}


@pytest.fixture(params=sorted(INTEGRATORS))
def integrator(request):
    return INTEGRATORS[request.param]()


@pytest.fixture
def advance():
    """advance(model, integrator, steps, dt, watch=None, state=None) -> final state.

    Particle contacts are found every second step. `watch(step, state)` is called after every second step.
    """

    def run(model, integrator, steps, dt, watch=None, state=None):
        s0 = state if state is not None else model.state()
        s1 = model.state()
        assert steps % 2 == 0

        def pair():
            collide(model, s0, bodies=False)
            integrator.simulate(model, s0, s1, dt)
            integrator.simulate(model, s1, s0, dt)

        pair()
        if watch:
            watch(2, s0)
        with en.ScopedCapture() as capture:
            pair()
        for i in range(steps // 2 - 1):
            en.capture_launch(capture.graph)
            if watch:
                watch(2 * i + 4, s0)
        return s0

    return run
