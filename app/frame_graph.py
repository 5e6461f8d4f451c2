"""One frame of simulation, recorded once and replayed as a single captured graph."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

import engine
from app.pull import Pull
from app.settings import RunSettings
from sim import Control, FeatherstoneIntegrator, Model, SemiImplicitIntegrator, State, XPBDIntegrator, collide
from sim.diagnostics import DivergenceWatch


def make_integrator(settings: RunSettings) -> SemiImplicitIntegrator | XPBDIntegrator | FeatherstoneIntegrator:
    """The integrator named by `settings.solver`."""
    makers = {
        "semi-implicit": lambda: SemiImplicitIntegrator(),
        "featherstone": lambda: FeatherstoneIntegrator(),
        "xpbd": lambda: XPBDIntegrator(iterations=settings.iterations),
    }
    return makers[settings.solver]()


class FrameGraph:
    """Collision detection, then every substep, as one replayable graph that advances `state` in place.

    The substeps alternate between two buffers. With an odd number of them the newest state ends in the second
    buffer, so the recording finishes with a copy back: whoever reads `state` always finds the newest.
    """

    def __init__(
        self,
        model: Model,
        state: State,
        settings: RunSettings,
        watch: DivergenceWatch | None = None,
        *,
        control: Control | None = None,
        pull: Pull | None = None,
    ):
        """Record a frame.

        Args:
            model: what is simulated.
            state: read and written by every replay.
            settings: substeps, step length and solver.
            watch: looks at the state at the end of the frame.
            control: inputs of the integrator; their contents may change between frames.
            pull: a hand that adds its force in every substep.
        """
        self._watch, self._control, self._pull = watch, control, pull
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
        self._remember(model)

    def fits(self, model: Model) -> bool:
        """Whether the model still is what was recorded: the same arrays (their contents may change) and numbers."""
        values = vars(model).values()
        same_objects = len(values) == len(self._objects) and all(map(operator.is_, values, self._objects))
        if same_objects and all(_input(getattr(model, name)) == value for name, value in self._changeable):
            return True
        if model_inputs(model) != self._inputs:
            return False
        self._remember(model)
        return True

    def _remember(self, model: Model) -> None:
        self._inputs = model_inputs(model)
        self._objects = list(vars(model).values())  # held, so that no other object takes the place of one
        #: what may change while it stays the same object
        self._changeable = [
            (name, self._inputs[name])
            for name, value in vars(model).items()
            if name in self._inputs
            and (isinstance(value, (np.ndarray, list)) or hasattr(type(value), "__engine_struct__"))
        ]

    def replay(self) -> None:
        """Advance the state by one frame."""
        engine.capture_launch(self._graph)

    def _record(self, model: Model, state: State, settings: RunSettings) -> None:
        now, after = state, self._other
        # the integrators find rigid contacts themselves, in every step
        collide(model, now, horizon=settings.frame_dt, bodies=False)
        with engine.ScopedSequence(model.device):
            for _ in range(settings.substeps):
                now.clear_forces()
                if self._pull is not None:
                    self._pull.apply(now)
                self._integrator.simulate(model, now, after, settings.step_dt, self._control)
                now, after = after, now
        if now is not state:
            copy_state(now, state)
        if self._watch is not None:
            self._watch.look()


def model_inputs(model: Model) -> dict[str, Any]:
    """What a graph takes over from a model when it is recorded: numbers by value, arrays and objects by identity."""
    return {name: _input(value) for name, value in vars(model).items() if not name.startswith("_")}


def _input(value: Any) -> Any:
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, (tuple, list)) and len(value) <= 16 and all(isinstance(x, (int, float)) for x in value):
        return tuple(value)
    if hasattr(type(value), "__engine_struct__"):
        return tuple(map(id, vars(value).values()))
    return id(value)


def copy_state(source: State, target: State) -> None:
    """Copy positions and velocities; can be captured. Forces are not part of what a frame hands on."""
    for name in ("particle_q", "particle_qd", "body_q", "body_qd", "joint_q", "joint_qd", "joint_qdd"):
        values = getattr(source, name)
        if values is not None and len(values):
            engine.copy(getattr(target, name), values)
