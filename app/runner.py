"""A thread that simulates, so that whoever shows the result never waits for it.

The thread owns the session: others ask it to do something with it between two frames (`post`), read finished frames from
the session's history, which never change, and learn from events what happened. Compiled code runs without Python's lock,
so a long frame does not hold up the window.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from app.commands import Command, CommandHistory
from app.errors import SimulationFailed, UsageError
from app.frame_output import Recording
from app.session import Session
from app.settings import RunOptions

#: how far simulated time may fall behind before the lag is given up [s of wall time]
MOST_LAG = 0.1


class RunnerEvent(Enum):
    """What happened on the thread."""

    LOADING = "loading"
    LOADED = "loaded"
    LOAD_FAILED = "load failed"
    FAILED = "failed"
    """The simulation blew up, or broke off; it rests at the last good frame."""
    REFUSED = "refused"
    """Something that was asked for could not be done; the session is as it was."""
    RECORDING_ENDED = "recording ended"


@dataclass(frozen=True)
class Event:
    """One event, with what belongs to it: the path, the session, the error."""

    kind: RunnerEvent
    about: object = None
    error: Exception | None = None
    look: object = None
    """What `look` made of a session that was loaded."""


class SessionRunner:
    """Simulates a session on a thread of its own.

    Attributes:
        session: the one that is open, None before; taken over whole when another is loaded.
        playing: whether frames are simulated one after the other.
        speed: simulated seconds a second, None for as fast as possible.
        last_frame: stop playing after this frame, None to go on for ever.
        loading: path that is being read, None otherwise.
    """

    def __init__(self):
        """Starts the thread; nothing is open."""
        self.session: Session | None = None
        self.commands: CommandHistory | None = None
        self.playing = False
        self.speed: float | None = 1.0
        self.last_frame: int | None = None
        self.loading: Path | None = None
        self.recording_path: Path | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._tasks: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._ending = False
        self._due: float | None = None
        self._wall: deque[float] = deque(maxlen=60)
        self._thread = threading.Thread(target=self._run, name="simulation", daemon=True)
        self._thread.start()

    def open(
        self,
        path: str | Path,
        options: RunOptions | None = None,
        *,
        play: bool | None = None,
        keep_changes: bool = False,
        look: Callable[[Session], object] = lambda session: None,
        before: Callable[[Path], None] = lambda path: None,
    ) -> None:
        """Read and build a scene on the thread; the present session stays until the new one is there.

        Events: LOADING, then LOADED (with the session) or LOAD_FAILED (with the error).

        Args:
            path: the scene file.
            options: what to override in the scene's settings.
            play: whether to simulate then; None leaves it as it is.
            keep_changes: whether to do again what was changed in the present session (the same scene is read anew).
            look: makes what else is needed of the session, on the thread too; comes with the event.
            before: called with the path before it is read.
        """
        path = Path(path)

        def load() -> None:
            self.loading = path
            self._tell(RunnerEvent.LOADING, path)
            try:
                before(path)
                session = Session.open(path, options, interactive=True)
                looked = look(session)
            except Exception as error:
                self._tell(RunnerEvent.LOAD_FAILED, path, error)
                return
            finally:
                self.loading = None
            changes = self.commands if keep_changes else None
            self._adopt(session, play, looked)
            if changes is not None:
                self._keep_changes(changes)

        self._enqueue(load)

    def warm_up(self) -> None:
        """Compile and record the frame now, so that the first step does not wait for it."""
        self.post(lambda session: session.prepare())

    def adopt(self, session: Session, *, play: bool | None = None) -> None:
        """Go on with a session that is there already."""
        self._enqueue(lambda: self._adopt(session, play))

    def post(self, task: Callable[[Session], object]) -> None:
        """Do something with the session between two frames. What it raises comes as the event REFUSED."""

        def run() -> None:
            if self.session is not None:
                try:
                    task(self.session)
                except SimulationFailed:
                    raise
                except Exception as error:
                    self._tell(RunnerEvent.REFUSED, None, error)

        self._enqueue(run)

    def do(self, command: Command, gesture: object = None) -> None:
        """Carry out a command that can be undone."""
        self.post(lambda _session: self.commands.do(command, gesture))

    def undo(self) -> None:
        """Take the last command back."""
        self.post(lambda _session: self.commands.undo())

    def redo(self) -> None:
        """Do what was undone last again."""
        self.post(lambda _session: self.commands.redo())

    def play(self, *, speed: float | str | None = "same") -> None:
        """Simulate frame after frame."""
        if speed != "same":
            self.speed = speed
        self._due = None
        self.playing = True
        self._notify()

    def pause(self) -> None:
        """Stop after the frame that is being simulated."""
        self.playing = False

    def step(self, count: int = 1) -> None:
        """Simulate some frames, then rest."""
        self.playing = False
        for _ in range(count):
            self._enqueue(self._step)

    def reset(self) -> None:
        """Go back to the initial state."""
        self.post(lambda session: session.reset())

    def record(self, make: Callable[[Session], Recording], path: Path) -> None:
        """Hand frames to a recording from now on; the event RECORDING_ENDED comes with its path."""

        def start(session: Session) -> None:
            session.start_recording(make(session))
            self.recording_path = path

        self.post(start)

    def stop_recording(self) -> None:
        """Close the recording that is on."""
        self.post(lambda _session: self._end_recording())

    def events(self) -> list[Event]:
        """What happened since the last call."""
        found = []
        while True:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                return found

    @property
    def frames_a_second(self) -> float:
        """Frames simulated a second of wall time lately; 0 when resting."""
        times = list(self._wall)
        if len(times) < 2 or not self.playing:
            return 0.0
        return (len(times) - 1) / max(times[-1] - times[0], 1e-9)

    def drain(self, timeout: float = 60.0) -> bool:
        """Wait until everything asked for so far is done; False if it takes longer than `timeout` [s]."""
        done = threading.Event()
        self._enqueue(done.set)
        return done.wait(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """End the thread; a recording is closed.

        Returns:
            False if a frame or a file took longer than `timeout` [s]; the thread then dies with the process.
        """
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # What follows runs on the thread.

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._tasks or (self.playing and self.session is not None) or self._ending):
                    self._wake.wait()
                if self._ending:
                    break
                task = self._tasks.popleft() if self._tasks else None
            try:
                if task is not None:
                    task()
                elif self._is_due():
                    self._step()
            except Exception as error:
                self._fail(error)
        self._end_recording()

    def _is_due(self) -> bool:
        """Whether it is time for the next frame; waits until then, or until somebody wants something."""
        speed = self.speed  # others may set speed and due time meanwhile
        if speed is None:
            return True
        now, due = time.perf_counter(), self._due
        if due is None or now - due > MOST_LAG:
            due = now
        if due > now:
            self._due = due
            with self._wake:
                if not self._tasks and not self._ending:
                    self._wake.wait(due - now)
            if time.perf_counter() < due:
                return False
        self._due = due + self.session.settings.frame_dt / speed
        return self.playing

    def _step(self) -> None:
        session = self.session
        if session is None:
            return
        if self.last_frame is not None and session.frame >= self.last_frame:
            self.playing = False
            return
        session.step()
        self._wall.append(time.perf_counter())

    def _adopt(self, session: Session, play: bool | None, looked: object = None) -> None:
        self._end_recording()
        self.session, self.commands = session, CommandHistory(session)
        self._due = None
        self._wall.clear()
        if play is not None:
            self.playing = play
        self._tell(RunnerEvent.LOADED, session, look=looked)

    def _keep_changes(self, changes: CommandHistory) -> None:
        left = self.commands.carry_over(changes)
        if left:
            names = ", ".join(dict.fromkeys(command.label for command in left))
            self._tell(
                RunnerEvent.REFUSED, None, UsageError(f"{names}: changed by hand, does not fit the file read anew")
            )

    def _fail(self, error: Exception) -> None:
        self.playing = False
        session = self.session
        self._end_recording()
        if session is not None:
            last = session.history.newest()
            if last is not None:
                last.put_into(session.state)
                session.frame = last.number
        self._tell(RunnerEvent.FAILED, session, error)

    def _end_recording(self) -> None:
        path, self.recording_path = self.recording_path, None
        error = None
        if self.session is not None:
            try:
                self.session.stop_recording()
            except Exception as failed:
                error = failed
        if path is not None:
            self._tell(RunnerEvent.RECORDING_ENDED, path, error)

    def _tell(
        self, kind: RunnerEvent, about: object = None, error: Exception | None = None, look: object = None
    ) -> None:
        self._events.put(Event(kind, about, error, look))

    def _enqueue(self, task: Callable[[], None]) -> None:
        with self._wake:
            self._tasks.append(task)
            self._wake.notify()

    def _notify(self) -> None:
        with self._wake:
            self._wake.notify()
