"""One frame of simulation, recorded once and replayed as a single captured graph."""

from __future__ import annotations

import engine
from app.settings import RunSettings
from sim import Model, SemiImplicitIntegrator, State, XPBDIntegrator, collide


def make_integrator(settings: RunSettings) -> SemiImplicitIntegrator | XPBDIntegrator:
    """The integrator named by `settings.solver`."""
    makers = {
        "semi-implicit": lambda: SemiImplicitIntegrator(),
        "xpbd": lambda: XPBDIntegrator(iterations=settings.iterations),
    }
    return makers[settings.solver]()


class FrameGraph:
    """Collision detection, then every substep, as one replayable graph that advances `state` in place.

    The substeps alternate between two buffers. With an odd number of them the newest state ends in the second
    buffer, so the recording finishes with a copy back: whoever reads `state` always finds the newest.
    """

    def __init__(self, model: Model, state: State, settings: RunSettings):
        """Record a frame.

        Args:
            model: what is simulated.
            state: read and written by every replay.
            settings: substeps, step length and solver.
        """
        self._other = model.state()
        self._integrator = make_integrator(settings)
        if model.device.is_cuda:
            # A CUDA graph records launches only: compile the kernels and allocate what they need before.
            trial = model.state()
            copy_state(state, trial)
            self._record(model, trial, settings)
            if model.rigid_contacts is not None:
                model.rigid_contacts.slip.zero_()
        with engine.ScopedCapture(model.device) as capture:
            self._record(model, state, settings)
        self._graph = capture.graph

    def replay(self) -> None:
        """Advance the state by one frame."""
        engine.capture_launch(self._graph)

    def _record(self, model: Model, state: State, settings: RunSettings) -> None:
        now, after = state, self._other
        collide(model, now, horizon=settings.frame_dt)
        for _ in range(settings.substeps):
            now.clear_forces()
            self._integrator.simulate(model, now, after, settings.step_dt)
            now, after = after, now
        if now is not state:
            copy_state(now, state)


def copy_state(source: State, target: State) -> None:
    """Copy positions and velocities; can be captured. Forces are not part of what a frame hands on."""
    for name in ("particle_q", "particle_qd", "body_q", "body_qd"):
        values = getattr(source, name)
        if values is not None and len(values):
            engine.copy(getattr(target, name), values)
