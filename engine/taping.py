"""Which tape is recording: what launches and array functions ask before they write."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from typing import Any


class _Recording(threading.local):
    def __init__(self) -> None:
        self.tapes: list[Any] = []


_recording = _Recording()


def active_tape() -> Any:
    """The tape that records on this Python thread, or None."""
    tapes = _recording.tapes
    return tapes[-1] if tapes else None


def begin(tape: Any) -> None:
    _recording.tapes.append(tape)


def end(tape: Any) -> None:
    _recording.tapes.remove(tape)


class Structures:
    """Spatial structures that kernels reach by an id instead of an array: how often each changed, and its points."""

    def __init__(self) -> None:
        self._changes: Counter[int] = Counter()
        self._points: dict[int, weakref.ref] = {}

    def changed(self, id: int) -> None:
        """Notes that the structure was rebuilt or refitted."""
        self._changes[id] += 1
        self._changes[0] += 1

    def has_points(self, id: int, points: Any) -> None:
        """Notes the array with the points of a mesh."""
        self._points[id] = weakref.ref(points)

    def version(self, id: int) -> int:
        """How often the structure changed; of id 0: all structures together."""
        return self._changes[id]

    def points(self, id: int) -> Any:
        found = self._points.get(id)
        return None if found is None else found()


structures = Structures()


class NotTaped:
    """Inside this `with` block nothing is recorded on tapes."""

    def __enter__(self) -> NotTaped:
        self._held, _recording.tapes = _recording.tapes, []
        return self

    def __exit__(self, *_) -> None:
        _recording.tapes = self._held
