"""Which tape is recording: what launches and array functions ask before they write."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from contextlib import contextmanager
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
    """Spatial structures that kernels reach by an id instead of an array, and how often each changed.

    One that lets gradients through to its arrays has `hidden_arrays() -> {word: array}` and `set_word(word, address)`:
    where kernels find the address of an array's gradients (see `ptr_load_array`) while a tape goes backward.
    """

    def __init__(self) -> None:
        self._changes: Counter[int] = Counter()
        self._living: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def changed(self, structure: Any) -> None:
        """Notes that a structure was made, rebuilt or refitted."""
        id = int(structure.id)
        self._living[id] = structure
        self._changes[id] += 1
        self._changes[0] += 1

    def version(self, id: int) -> int:
        """How often the structure changed; of id 0: all structures together."""
        return self._changes[id]

    @contextmanager
    def unchanged(self):
        """Inside this `with` block structures change and are put back as they were."""
        held = Counter(self._changes)
        try:
            yield
        finally:
            self._changes = held

    def living(self, id: int) -> list[Any]:
        """The structure with this id, if it lives; of id 0: all."""
        if id == 0:
            return list(self._living.values())
        found = self._living.get(id)
        return [] if found is None else [found]


structures = Structures()


class NotTaped:
    """Inside this `with` block nothing is recorded on tapes."""

    def __enter__(self) -> NotTaped:
        self._held, _recording.tapes = _recording.tapes, []
        return self

    def __exit__(self, *_) -> None:
        _recording.tapes = self._held
