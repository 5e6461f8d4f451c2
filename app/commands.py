"""What a person changes on a session, as data: carried out, undone, done again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Protocol

import numpy as np

from app.errors import UsageError
from app.session import Session
from app.settings import DEFAULT_LONGEST_STEP, MAX_SUBSTEPS, SOLVERS


class Command(Protocol):
    """A change of a session."""

    @property
    def label(self) -> str:
        """What it changes, for the menu."""

    @property
    def key(self) -> object:
        """Changes of the same thing have the same key: those of one gesture become one."""

    def apply(self, session: Session) -> Command:
        """Carry it out; returns the change that undoes it."""


@dataclass(frozen=True)
class SetSetting:
    """Changes how the simulation is run: "solver", "substeps", "iterations" or "fps" of `RunSettings`."""

    name: str
    value: Any

    @property
    def label(self) -> str:
        return self.name

    @property
    def key(self) -> object:
        return ("setting", self.name)

    def apply(self, session: Session) -> Command:
        """Carry it out.

        Raises:
            UsageError: if the value is not one that can be simulated.
        """
        old = session.settings
        check_setting(session, self.name, self.value)
        new = replace(old, **{self.name: self.value})
        if self.name == "solver":
            # a step that one solver bears may be too long for another
            needed = int(np.ceil(1.0 / (new.fps * DEFAULT_LONGEST_STEP[new.solver]) - 1e-6))
            new = replace(new, substeps=max(new.substeps, needed))
        session.change_settings(new)
        return _RestoreSettings(old, self)


@dataclass(frozen=True)
class _RestoreSettings:
    settings: Any
    change: SetSetting

    @property
    def label(self) -> str:
        return self.change.label

    @property
    def key(self) -> object:
        return self.change.key

    def apply(self, session: Session) -> Command:
        session.change_settings(self.settings)
        return self.change


def check_setting(session: Session, name: str, value: Any) -> None:
    """Refuse what cannot be simulated, before anything has changed.

    Raises:
        UsageError: with what would do.
    """
    if name == "solver":
        if value not in SOLVERS:
            raise UsageError(f"solver: got {value!r}; expected one of {', '.join(SOLVERS)}")
        return
    if name in ("substeps", "iterations"):
        if not (isinstance(value, int) and 1 <= value <= MAX_SUBSTEPS):
            raise UsageError(f"{name}: got {value!r}; expected a whole number from 1 to {MAX_SUBSTEPS}")
        return
    if name == "fps":
        if not (np.isfinite(value) and value > 0):
            raise UsageError(f"fps: got {value!r}; expected a number above 0")
        return
    raise UsageError(f"setting {name!r} cannot be changed here; expected solver, substeps, iterations or fps")


@dataclass(frozen=True)
class SetModelNumber:
    """Changes a number of the model: "soft_contact_ke", "particle_mu", ... or the vector "gravity"."""

    name: str
    value: float | tuple[float, ...]

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")

    @property
    def key(self) -> object:
        return ("model", self.name)

    def apply(self, session: Session) -> Command:
        old = getattr(session.model, self.name)
        if isinstance(old, np.ndarray):
            setattr(session.model, self.name, np.array(self.value, dtype=old.dtype))
            return SetModelNumber(self.name, tuple(float(x) for x in old))
        setattr(session.model, self.name, self.value)
        return SetModelNumber(self.name, old)


@dataclass(frozen=True)
class SetElements:
    """Changes elements of an array of the model: a material of a shape, the drive of a joint, a mass.

    Attributes:
        path: where the array is, "shape_materials.mu" or "tri_materials".
        rows: which rows.
        column: which number of the row, -1 for the row itself.
        values: one number for all rows, or one for each.
        owner: "model", or "control" for the session's control inputs.
    """

    path: str
    rows: tuple[int, ...] | range
    values: float | tuple[float, ...]
    column: int = -1
    owner: str = "model"

    @property
    def label(self) -> str:
        return self.path.replace(".", " ").replace("_", " ")

    @property
    def key(self) -> object:
        return (self.owner, self.path, self.rows, self.column)

    def apply(self, session: Session) -> Command:
        host = np.array(self._array(session).numpy())
        place = (list(self.rows),) if self.column < 0 else (list(self.rows), self.column)
        old = host[place].astype(float)
        host[place] = self.values
        self._array(session).assign(host)
        return replace(self, values=tuple(float(x) for x in old))

    def fits(self, session: Session, other: Session) -> bool:
        """Whether the array has the same shape in both sessions, so that its rows mean the same things."""
        arrays = [self._array(each) for each in (session, other)]
        return all(array is not None for array in arrays) and arrays[0].shape == arrays[1].shape

    def _array(self, session: Session) -> Any:
        return reduce(
            lambda owner, name: getattr(owner, name, None), self.path.split("."), getattr(session, self.owner)
        )


class CommandHistory:
    """Carries commands out on one session and remembers how to undo them."""

    LONGEST = 500

    def __init__(self, session: Session):
        """Nothing done yet."""
        self._session = session
        self._done: list[tuple[Command, Command, object]] = []
        self._undone: list[tuple[Command, Command, object]] = []

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._done[-1][0].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would do again."""
        return self._undone[-1][0].label if self._undone else None

    def done(self) -> list[Command]:
        """What was done and not taken back, in order."""
        return [command for command, _, _ in self._done]

    def do(self, command: Command, gesture: object = None) -> None:
        """Carry a command out.

        Args:
            command: what to change.
            gesture: commands of one gesture (a slider that is being dragged) on the same thing are undone together.
        """
        inverse = command.apply(self._session)
        self._undone.clear()
        if self._done and gesture is not None:
            last, last_inverse, last_gesture = self._done[-1]
            if last_gesture == gesture and last.key == command.key:
                self._done[-1] = (command, last_inverse, gesture)
                return
        self._done.append((command, inverse, gesture))
        del self._done[: -self.LONGEST]

    def carry_over(self, others: CommandHistory) -> list[Command]:
        """Do again what was done to another session of the same scene; returns what does not fit any more."""
        left = []
        for command in others.done():
            if isinstance(command, SetElements) and not command.fits(self._session, others._session):
                left.append(command)
                continue
            try:
                self.do(command)
            except UsageError:
                left.append(command)
        return left

    def undo(self) -> bool:
        """Take the last change back; False if there is none."""
        if not self._done:
            return False
        command, inverse, _ = self._done.pop()
        inverse.apply(self._session)
        self._undone.append((command, inverse, None))
        return True

    def redo(self) -> bool:
        """Do what was undone last again; False if there is nothing."""
        if not self._undone:
            return False
        command, inverse, _ = self._undone.pop()
        command.apply(self._session)
        self._done.append((command, inverse, None))
        return True
