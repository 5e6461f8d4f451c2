"""Which tape is recording: what launches and array functions ask before they write."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from contextlib import contextmanager
from typing import Any

#: uint64 words of the descriptor that the id of a spatial structure points to
DESCRIPTOR_WORDS = 32


class _Recording(threading.local):
    def __init__(self) -> None:
        self.tapes: list[Any] = []


_recording = _Recording()


def active_tape() -> Any:
    """The tape that records on this Python thread, or None."""
    tapes = _recording.tapes
    return tapes[-1] if tapes else None


#: tapes and graphs that record, on whichever thread: while there are any, no launch may go unseen
onlookers: list[Any] = []


def begin(tape: Any) -> None:
    _recording.tapes.append(tape)
    onlookers.append(tape)


def end(tape: Any) -> None:
    _recording.tapes.remove(tape)
    onlookers.remove(tape)


#: tapes (weak references) that have to be told of what changes while they do not record, because they cannot look themselves
watching: set[weakref.ref[Any]] = set()


def watch(tape: Any) -> None:
    """Tells a tape of writes that none records, as long as it lives."""
    watching.add(weakref.ref(tape, watching.discard))


def note_write(device: Any, low: int, high: int) -> None:
    """Tells tapes that memory is about to be written which none of them records."""
    for found in list(watching):
        tape = found()
        if tape is not None:
            tape.note_unseen(device, low, high)


def note_launch(variant: Any, args: Any, values: Any) -> None:
    """Tells tapes what a launch that none of them records is about to write."""
    from engine.autodiff.kernel_memory import KernelMemory

    memory = KernelMemory.of(variant)
    for a in memory.written_arrays(args):
        note_write(a.device, *a._span)
    if memory.writes_raw:
        for k in memory.ids:
            for structure in structures.living(int(values[k])):
                structures.changed(structure)


class Structures:
    """Spatial structures that kernels reach by an id instead of an array, and how often each changed.

    A structure has `id`, `device`, and, if a tape shall be able to put it back as it was, `kernel_arrays()`: what kernels
    reach through the id; `kernels_write` says whether kernels of the user write there. One that lets gradients through to
    arrays of the user has `hidden_arrays()`: these by the number of the descriptor word where kernels find the address
    of their gradients (see `ptr_load_array`) while a tape goes backward.
    """

    def __init__(self) -> None:
        self._changes: Counter[int] = Counter()
        self._unseen: Counter[int] = Counter()
        self._living: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def changed(self, structure: Any) -> None:
        """Notes that a structure was made, rebuilt or refitted."""
        id = int(structure.id)
        self._living[id] = structure
        self._changes[id] += 1
        if active_tape() is None:
            self._unseen[id] += 1

    def version(self, id: int) -> int:
        """How often the structure changed."""
        return self._changes[id]

    def unseen(self, id: int) -> int:
        """How often it changed while no tape recorded."""
        return self._unseen[id]

    @contextmanager
    def unchanged(self):
        """Inside this `with` block structures change and are put back as they were."""
        held = Counter(self._changes), Counter(self._unseen)
        try:
            yield
        finally:
            self._changes, self._unseen = held

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
