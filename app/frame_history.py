"""The frames simulated so far, in memory, for going back and forth in time.

Policy: a history may take `budget` bytes. When it is full, only every second frame is kept of those that are not among the
newest 60, then every fourth, and so on: the whole span from the start to now stays reachable, evenly. The first frame and
the newest are never dropped.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from sim import State

#: what a frame keeps of a state: all that a step reads
KEPT = ("particle_q", "particle_qd", "body_q", "body_qd", "joint_q", "joint_qd", "joint_qdd")
WIDTHS = {"particle_q": 3, "particle_qd": 3, "body_q": 7, "body_qd": 6}
DEFAULT_BUDGET = 512 * 1024 * 1024
#: newest frames that thinning leaves alone
RECENT = 60


@dataclass(frozen=True, eq=False)
class Frame:
    """One simulated frame on the host; never changed after it was made.

    Attributes:
        number: frames since the start.
        time: simulated time [s].
        arrays: rows of the state by name, of float32: `body_q` [n, 7], `particle_q` [n, 3], ...
        numbers: what was measured besides: "contacts", "simulate" [ms], ...
        contacts: world points [m], normals and forces [N] of the contacts, [n, 9]; None where nobody asked.
        targets: of the joints' drives, [joint_axis_count], shared by frames that have the same; None without joints.
    """

    number: int
    time: float
    arrays: dict[str, np.ndarray]
    numbers: dict[str, float] = field(default_factory=dict)
    contacts: np.ndarray | None = None
    targets: np.ndarray | None = None

    @classmethod
    def of(cls, state: State, number: int, time: float, **more) -> Frame:
        """A copy of a state."""
        arrays = {}
        for name in KEPT:
            values = getattr(state, name)
            if values is not None and len(values):
                rows = np.array(values.numpy(), dtype=np.float32)
                arrays[name] = rows.reshape(-1, WIDTHS[name]) if name in WIDTHS else rows.reshape(-1)
                arrays[name].flags.writeable = False
        return cls(number, time, arrays, **more)

    def rows(self, name: str) -> np.ndarray:
        """An array of the frame; empty where the model has none of the kind."""
        empty = (0, WIDTHS[name]) if name in WIDTHS else (0,)
        return self.arrays.get(name, np.zeros(empty, np.float32))

    @property
    def size(self) -> int:
        """Memory of the frame [B]."""
        total = sum(rows.nbytes for rows in self.arrays.values())
        return total + (self.contacts.nbytes if self.contacts is not None else 0) + 400

    def put_into(self, state: State) -> None:
        """Make a state what it was."""
        for name, rows in self.arrays.items():
            values = getattr(state, name)
            values.assign(rows.reshape(values.numpy().shape))


class FrameHistory:
    """Frames by number, in bounded memory (see the module). One thread may add while others read."""

    def __init__(self, budget: int = DEFAULT_BUDGET):
        """An empty history of at most `budget` bytes."""
        self.budget = budget
        self._lock = threading.Lock()
        self._frames: list[Frame] = []
        self._numbers: list[int] = []
        self._size = 0
        #: of the older frames, those whose number is a multiple of this are kept
        self.stride = 1
        #: raised whenever frames that were there are not any more
        self.generation = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def size(self) -> int:
        """Memory in use [B]."""
        return self._size

    @property
    def first(self) -> int:
        """Number of the first frame, 0 when empty."""
        return self._numbers[0] if self._numbers else 0

    @property
    def last(self) -> int:
        """Number of the newest frame, 0 when empty."""
        return self._numbers[-1] if self._numbers else 0

    def add(self, frame: Frame) -> None:
        """Take the next frame; frames of its number and later ones are forgotten."""
        with self._lock:
            if self._numbers and frame.number <= self._numbers[-1]:
                self._cut(bisect_right(self._numbers, frame.number - 1))
            self._frames.append(frame)
            self._numbers.append(frame.number)
            self._size += frame.size
            self._let_age()
            if self._size > self.budget:
                self._thin()

    def at(self, number: int) -> Frame | None:
        """The frame of that number, or the nearest kept one before it; None when empty."""
        with self._lock:
            if not self._frames:
                return None
            return self._frames[max(0, bisect_right(self._numbers, number) - 1)]

    def after(self, number: int) -> Frame | None:
        """The next kept frame after a number; None when there is none."""
        with self._lock:
            place = bisect_right(self._numbers, number)
            return self._frames[place] if place < len(self._frames) else None

    def newest(self) -> Frame | None:
        """The last frame."""
        with self._lock:
            return self._frames[-1] if self._frames else None

    def all(self) -> list[Frame]:
        """Every kept frame, in order."""
        with self._lock:
            return list(self._frames)

    def since(self, number: int) -> list[Frame]:
        """The kept frames after `number`."""
        with self._lock:
            return self._frames[bisect_right(self._numbers, number) :]

    def forget_after(self, number: int) -> None:
        """Drop the frames after `number`."""
        with self._lock:
            self._cut(bisect_right(self._numbers, number))

    def clear(self) -> None:
        """Drop every frame."""
        with self._lock:
            self._cut(0)
            self.stride = 1

    def _let_age(self) -> None:
        """The frame that is not among the newest any more goes, unless it is one of those to keep."""
        place = len(self._frames) - RECENT - 1
        if place > 0 and self._numbers[place] % self.stride:
            self._drop([place])

    def _cut(self, place: int) -> None:
        if place < len(self._frames):
            self.generation += 1
            self._size -= sum(frame.size for frame in self._frames[place:])
            del self._frames[place:], self._numbers[place:]

    def _thin(self) -> None:
        """Drops more of the older frames, until a tenth of the budget is free or there is nothing left to drop."""
        self.stride *= 2
        recent = RECENT
        while self._size > 0.9 * self.budget and recent >= 1:
            self._drop([i for i in range(1, len(self._frames) - recent) if self._numbers[i] % self.stride])
            if self.stride > self._numbers[-1]:
                recent //= 2
            elif self._size > 0.9 * self.budget:
                self.stride *= 2

    def _drop(self, places: list[int]) -> None:
        if not places:
            return
        self.generation += 1
        gone = set(places)
        self._size -= sum(self._frames[i].size for i in places)
        self._frames = [frame for i, frame in enumerate(self._frames) if i not in gone]
        self._numbers = [frame.number for frame in self._frames]
