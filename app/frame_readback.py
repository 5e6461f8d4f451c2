"""Takes frames off a GPU while it computes the next one.

A frame goes to a staging copy on the device (some microseconds, in the order of the simulation), from there to pinned
host memory on a stream of its own, and is handed out when it has arrived. Two places take turns, so the host looks at
frame n while the device copies it from there and computes n + 1.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

import engine
from sim import State
from sim.diagnostics import DivergenceWatch

PLACES = 2


@dataclass
class FrameData:
    """One frame on the host; the arrays are only lent until the next but one `FrameReadback.take`."""

    frame: int
    time_code: float
    report: np.ndarray
    """What `DivergenceWatch.found` reads."""
    recorded: bool = False
    """Whether a recording wanted it."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class FrameReadback:
    """The way of the frames of one state from its device to the host."""

    def __init__(self, state: State, watch: DivergenceWatch):
        """Follows `state`; `watch` looks at it at the end of every frame."""
        self._state = state
        self._sources = {"report": watch.report}
        for name in ("body_q", "particle_q", "particle_qd"):
            values = getattr(state, name)
            if values is not None and len(values):
                self._sources[name] = values
        device = watch.report.device
        self._stream = engine.Stream(device)
        self._places = [_Place(self._sources, device) for _ in range(PLACES)]
        self._waiting: deque[tuple[_Place, int, float, list[str]]] = deque()
        self._device = device
        self._next = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, frame: int, time_code: float, names: list[str]) -> None:
        """Puts the copies of `names` and of the watch's report behind the work on the device; does not wait for it.

        At most `PLACES` frames may be under way: `pop` first.
        """
        place = self._places[self._next]
        self._next = (self._next + 1) % PLACES
        wanted = ["report", *(n for n in names if n in self._sources)]
        main = self._device.stream
        main.wait_event(place.arrived)  # the staging copy may still be on its way to the host
        for name in wanted:
            engine.copy(place.staged[name], self._sources[name])
        self._stream.wait_event(main.record_event(place.ready))
        with engine.ScopedStream(self._stream, sync_enter=False):
            for name in wanted:
                engine.copy(place.pinned[name], place.staged[name])
        self._stream.record_event(place.arrived)
        self._waiting.append((place, frame, time_code, wanted))

    def pop(self) -> FrameData:
        """The oldest frame under way; waits until it has arrived."""
        place, frame, time_code, wanted = self._waiting.popleft()
        place.arrived.synchronize()
        arrays = {name: place.views[name] for name in wanted[1:]}
        return FrameData(frame, time_code, place.views["report"], bool(arrays), arrays)

    def forget(self) -> None:
        """Drops what is under way."""
        self._waiting.clear()


class _Place:
    """Room for one frame on the device and on the host."""

    def __init__(self, sources: dict[str, engine.array], device):
        self.staged = {name: engine.empty_like(a, requires_grad=False) for name, a in sources.items()}
        self.pinned = {
            name: engine.empty(a.shape, dtype=a.dtype, device="cpu", pinned=True) for name, a in sources.items()
        }
        self.views = {name: a.numpy() for name, a in self.pinned.items()}
        self.ready, self.arrived = engine.Event(device), engine.Event(device)
