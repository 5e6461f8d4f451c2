"""A simulation that somebody is looking at: model, state, clock and recording, without any widget.

The batch run, a window and a test drive the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from app.contact_view import count_contacts, find_contacts
from app.derived_materials import derive_again
from app.errors import UsageError
from app.failure import explain_divergence
from app.frame_graph import FrameGraph, copy_state
from app.frame_history import Frame, FrameHistory
from app.frame_output import FrameOutput, Recording
from app.frame_readback import FrameReadback
from app.hands import Hands
from app.pull import Pull
from app.settings import RunOptions, RunSettings, decide_settings, find_device
from sim import Control, Model, ModelBuilder, State, eval_fk, find_divergence
from sim.diagnostics import Divergence, DivergenceWatch
from usd_io import NothingToSimulateError, SceneBindings, SceneRecord, emit, read_scene, read_usd
from usd_io.records import SceneWarning


class SessionEvent(Enum):
    """What a subscriber is told."""

    STEPPED = "stepped"
    RESET = "reset"
    MOVED = "moved"
    """Something was placed by hand, or the present is another frame of the history."""
    SETTINGS_CHANGED = "settings changed"
    FAILED = "failed"


class Session:
    """Model, state and clock of one scene.

    Attributes:
        scene: what was read from the file.
        bindings: which prim became which body or range of particles.
        model: what is simulated.
        state: positions and velocities now, always the same object.
        settings: frame rate, substeps, solver.
        frame: frames simulated since the start.
        control: drive targets and forces of joints, activations.
        history: the frames simulated so far; None in a run that nobody looks at.
        pull: the hand that can take hold of something; None in a run that nobody looks at.
        hands: placing by hand what does not follow from physics; None in a run that nobody looks at.
        show_contacts: whether frames of the history keep their contacts.
    """

    def __init__(self, scene: SceneRecord, options: RunOptions | None = None, *, interactive: bool = False):
        """Build the model of a scene that was read.

        Args:
            scene: what `usd_io.read_scene` made of a file.
            options: what to override in the scene's settings.
            interactive: keep a history, and let something be taken hold of.

        Raises:
            UsageError: if the stage stores settings that cannot be carried out.
            SceneError, SimError: if the scene cannot be simulated.
        """
        settings = decide_settings(options or RunOptions(), scene)
        scene = with_settings(scene, settings)
        builder = ModelBuilder()
        bindings = emit(scene, builder)
        model = builder.finalize(device=find_device(settings.device))
        bindings.configure(model)
        self._begin(model, bindings, scene, settings, interactive)

    @classmethod
    def of_model(cls, model: Model, bindings: SceneBindings, settings: RunSettings) -> Session:
        """An interactive session of a model that was built in Python.

        Args:
            model: what is simulated.
            bindings: names for its parts.
            settings: how it is simulated.
        """
        session = cls.__new__(cls)
        session._begin(model, bindings, SceneRecord(source_path=""), settings, True)
        return session

    def _begin(
        self, model: Model, bindings: SceneBindings, scene: SceneRecord, settings: RunSettings, interactive: bool
    ) -> None:
        self.settings: RunSettings = settings
        self.scene = scene
        self.bindings: SceneBindings = bindings
        self.model: Model = model
        self.state: State = self.model.state()
        self.control: Control | None = self.model.control() if interactive else None
        self._initial = self.model.state()
        for state in (self.state, self._initial):
            eval_fk(self.model, state.joint_q, state.joint_qd, None, state)
        self.frame = 0
        self._output = FrameOutput()
        self._graph: FrameGraph | None = None
        self._watch: DivergenceWatch | None = None
        self._readback: FrameReadback | None = None
        if self.model.device.is_cuda:
            self._watch = DivergenceWatch(self.state, speed_limit=self._speed_limit)
            self._readback = FrameReadback(self.state, self._watch)
        self._subscribers: list[Callable[[SessionEvent], None]] = []
        self.history = FrameHistory() if interactive else None
        self.pull = Pull(self.model) if interactive else None
        self.hands = Hands(self.model, self.state) if interactive else None
        self.show_contacts = False
        self._targets: np.ndarray | None = None
        self._remember({})

    @classmethod
    def open(cls, path: str | Path, options: RunOptions | None = None, *, interactive: bool = False) -> Session:
        """Read a scene file and build its model.

        Raises:
            SceneError: if the file cannot be read or holds nothing to simulate.
        """
        options = options or RunOptions()
        read = partial(
            read_scene,
            search_paths=options.search_paths,
            floating_base=options.floating_base,
            keyframe=options.keyframe,
        )
        try:
            scene = read(path)
        except NothingToSimulateError as error:
            if not interactive:
                raise
            scene = read_usd(path, allow_empty=True)  # there is still something to look at
            scene.warnings.append(SceneWarning("/", f"{error.got}; it is shown as it is"))
        return cls(scene, options, interactive=interactive)

    @property
    def time(self) -> float:
        """Simulated time since the start [s]."""
        return self.frame * self.settings.frame_dt

    @property
    def time_code(self) -> float:
        """Time code of the present state in the output."""
        return self.settings.start_time_code + self.frame

    @property
    def recording_seconds(self) -> float:
        """Wall time spent handing frames to the recording [s]."""
        return self._output.seconds

    def subscribe(self, callback: Callable[[SessionEvent], None]) -> Callable[[], None]:
        """Call `callback` after every change; returns the function that ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def prepare(self) -> None:
        """Compile and record the frame now rather than in the next `step`."""
        if self._graph is None:
            self._graph = FrameGraph(
                self.model, self.state, self.settings, self._watch, control=self.control, pull=self.pull
            )

    def step(self) -> None:
        """Simulate one frame, and record it when a recording is on.

        On a GPU the frame is only begun: the one before is checked and recorded meanwhile, and `finish` waits for the last.
        A model that was changed (another array, other numbers) is recorded anew.

        Raises:
            SimulationFailed: if a body or particle left for infinity. The frame that failed is not recorded.
        """
        if self._graph is not None and not self._graph.fits(self.model):
            self._graph = None
        began = perf_counter()
        self.prepare()
        if self.hands is not None:
            self.hands.before_frame(self.settings.frame_dt)
        prepared = perf_counter()
        self._graph.replay()
        simulated = perf_counter()
        self.frame += 1
        if self._readback is None:
            self._check(self._find_divergence(), self.frame)
            self._output.write_state(self.time_code, self.state)
        else:
            self._readback.take(self.frame, self.time_code, self._output.wanted_arrays())
            # The frame before is recorded while the GPU computes this one.
            self._hand_out(waiting=1 if self.history is None else 0)
            self._output.show_state(self.time_code, self.state)
        if self.hands is not None:
            self.hands.after_frame()
        times = {"prepare": prepared - began, "simulate": simulated - prepared, "record": perf_counter() - simulated}
        self._remember({name: 1000.0 * seconds for name, seconds in times.items()})
        self._tell(SessionEvent.STEPPED)

    def finish(self) -> None:
        """Wait until every frame begun is checked and recorded.

        Raises:
            SimulationFailed: if one of them failed.
        """
        self._hand_out(waiting=0)

    def reset(self) -> None:
        """Go back to the initial state. A recording that is on is closed, since time cannot run backwards in it."""
        self.stop_recording()
        if self._readback is not None:
            self._readback.forget()
        copy_state(self._initial, self.state)
        self._forget_contacts()
        if self.pull is not None:
            self.pull.release()
            self.hands.forget()
        self.frame = 0
        self._start_history()
        self._tell(SessionEvent.RESET)

    def go_to(self, number: int) -> int:
        """Make a frame of the history the present, from which the next step goes on; later frames are forgotten.

        A recording that is on is closed, since time cannot run backwards in it.

        Returns:
            The number of the frame, which is the nearest kept one before the number asked for.
        """
        frame = self.history.at(number) if self.history is not None else None
        if frame is None:
            raise UsageError(f"go_to({number}): this session keeps no history; make it with interactive=True")
        if frame.number == self.frame and frame.number == self.history.last:
            return frame.number
        self.stop_recording()
        frame.put_into(self.state)
        self._forget_contacts()
        self.history.forget_after(frame.number)
        self.frame = frame.number
        self.hands.forget()
        self._tell(SessionEvent.MOVED)
        return frame.number

    def set_initial_state(self) -> None:
        """Make the present state the one that `reset` goes back to, and its time the start."""
        self.stop_recording()
        copy_state(self.state, self._initial)
        self.frame = 0
        self._start_history()
        self._tell(SessionEvent.RESET)

    def place_body(self, body: int, pose: np.ndarray, *, at_once: bool = True) -> None:
        """Move a body by hand.

        Args:
            body: its index.
            pose: position [m] and rotation (x, y, z, w) of its origin, world frame.
            at_once: put it there now, at rest; else a kinematic body travels there in the next frame, with the
                velocity that this takes, so that it pushes what is in its way.
        """
        if not at_once and self.model.body_inv_mass.numpy()[body] == 0.0:
            self.hands.send_body(body, pose)
            return
        self.hands.put_body(body, pose)
        self.note_change()

    def place_joint(self, joint_coordinate: int, value: float) -> None:
        """Set a coordinate of a joint [m or rad], at rest, and move the bodies along."""
        self.hands.put_joint(joint_coordinate, value)
        self.note_change()

    def note_change(self) -> None:
        """The state was changed from outside: the frame of the history that shows it is taken anew."""
        self._remember({})
        self._tell(SessionEvent.MOVED)

    def _forget_contacts(self) -> None:
        # Contacts remember how far they have slipped; fresh tables, and a recording that uses them, forget it.
        self.model.particle_contacts = self.model.rigid_contacts = None
        self._graph = None

    def _start_history(self) -> None:
        if self.history is not None:
            self.history.clear()
            self._remember({})

    def _remember(self, times: dict[str, float]) -> None:
        if self.history is None:
            return
        contacts = find_contacts(self.model, self.state, self.settings) if self.show_contacts else None
        numbers = {**times, "contacts": self._count_contacts() if times else 0.0}
        self._note_targets()
        self.history.add(
            Frame.of(self.state, self.frame, self.time, numbers=numbers, contacts=contacts, targets=self._targets)
        )

    def _count_contacts(self) -> float:
        return float(count_contacts(self.model, self.state, self.settings))

    def _note_targets(self) -> None:
        if self.control is not None and self.model.joint_axis_count:
            targets = self.control.joint_act.numpy()
            if not np.array_equal(targets, self._targets):
                self._targets = np.array(targets, np.float32)

    def change_settings(self, settings: RunSettings) -> None:
        """Go on from the present state with other settings; the next step records the frame anew.

        Stiffnesses that the scene leaves open depend on the solver's step: they become those of the new one.
        """
        scene = with_settings(self.scene, settings)
        if settings.step_dt != self.settings.step_dt:
            derive_again(self.model, self.scene, scene)
        self.settings, self.scene = settings, scene
        self._graph = None
        self._tell(SessionEvent.SETTINGS_CHANGED)

    def start_recording(self, recording: Recording) -> None:
        """Hand every frame from now on to `recording`, beginning with the present state."""
        self.stop_recording()
        self._output.recording = recording
        self._output.write_state(self.time_code, self.state)

    def stop_recording(self) -> None:
        """Close the recording, if one is on, with every frame begun so far.

        Raises:
            SimulationFailed: if one of these failed; the recording is closed nevertheless.
        """
        try:
            self.finish()
        finally:
            self._output.close()

    def _hand_out(self, waiting: int) -> None:
        """Checks and records the frames that are under way from the device, but for the last `waiting`."""
        while self._readback is not None and len(self._readback) > waiting:
            data = self._readback.pop()
            self._check(DivergenceWatch.found(data.report), data.frame)
            try:
                self._output.write_data(data)
            except Exception:
                self._readback.forget()  # those that follow have nowhere to go
                raise

    @property
    def _speed_limit(self) -> float:
        # The integrators cap particle speeds, so an explosion shows as a particle at the cap rather than at infinity.
        return 0.5 * float(self.model.particle_max_velocity)

    def _find_divergence(self) -> Divergence | None:
        return find_divergence(self.state, speed_limit=self._speed_limit)

    def _check(self, divergence: Divergence | None, frame: int) -> None:
        if divergence is None:
            return
        if self._readback is not None:
            self._readback.forget()
        self._tell(SessionEvent.FAILED)
        raise explain_divergence(divergence, self.bindings, self.settings, frame)

    def _tell(self, event: SessionEvent) -> None:
        for callback in tuple(self._subscribers):
            callback(event)


def with_settings(scene: SceneRecord, settings: RunSettings) -> SceneRecord:
    """The scene as if it had asked for these settings, since default stiffnesses depend on the solver and its step."""
    stored = replace(scene.settings, substeps=settings.substeps, solver=settings.solver, iterations=settings.iterations)
    return replace(scene, fps=settings.fps, settings=stored)
