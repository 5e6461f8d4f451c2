"""What a launch reads of a mesh, a hierarchy or a grid that it knows by an id: kept by a tape like the contents of arrays.

A structure is a descriptor (a few words: addresses and numbers) and arrays. Where it was rebuilt or refitted on the tape
since, both are put back for as long as the backward form of the launch runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from engine.arrays import array
from engine.autodiff.backend import backend
from engine.autodiff.buffers import Buffer, Buffers, Copy, has_float
from engine.taping import DESCRIPTOR_WORDS, structures

_WORDS_BYTES = 8 * DESCRIPTOR_WORDS


def words_of(structure: Any) -> Copy:
    """A copy of the descriptor of a structure."""
    at = int(structure.id)
    return Copy(backend(structure.device), at, at + _WORDS_BYTES, at)


class HeldRead:
    """Arrays that a launch may reach through elements of an array of structs, as it found them.

    Attributes:
        reads: Their memory, with its version then.
        smooth: Those of them with a gradient, which does not go through the element.
    """

    structure = None
    gradients: tuple = ()

    def __init__(self, held: list[array], known: Buffers):
        self.reads = [(b, b.version) for b in (known.of(a) for a in held if a.size)]
        self.smooth = [b for a in held if a.size and has_float(a.dtype) and (b := known.of(a)).varied]

    def is_lost(self) -> bool:
        return False

    @contextlib.contextmanager
    def restored(self, tape: Any) -> Iterator[None]:
        """Inside this `with` block their contents are those that the launch found."""
        with _put_back(self.reads):
            yield


@contextlib.contextmanager
def _put_back(reads: Iterable[tuple[Buffer, int]]) -> Iterator[None]:
    stale = [(b, v) for b, v in reads if b.version != v]
    present = [b.copy(b.version) for b, _ in stale]
    try:
        for b, version in stale:
            b.snapshots[version].put_back()
        yield
    finally:
        for c in present:
            c.put_back()


class StructureRead:
    """One structure as a launch found it.

    Attributes:
        structure: The structure, kept alive.
        reads: Memory that kernels reach through it, with its version then; None: the structure does not tell.
        gradients: Arrays with a gradient, and the descriptor word for the address of that gradient.
    """

    def __init__(self, structure: Any, known: Buffers):
        self.structure, self._version = structure, structures.version(int(structure.id))
        self._unseen = structures.unseen(int(structure.id))
        self.words = words_of(structure)
        hidden = getattr(structure, "hidden_arrays", dict)()
        own = getattr(structure, "kernel_arrays", lambda: None)()
        self.reads: list[tuple[Buffer, int]] | None = None
        if own is not None:
            inner = [known.of(a) for a in own if a is not None and a.size]
            for b in inner:
                b.is_internal = not getattr(structure, "kernels_write", False)
            outer = [known.of(a) for a in hidden.values() if a.size]
            self.reads = [(b, b.version) for b in (*inner, *outer)]
        self.gradients: list[tuple[int, array]] = []
        for word, a in hidden.items():
            if a.size and known.of(a).varied:
                self.gradients.append((word, a))

    def is_lost(self) -> bool:
        """Whether it was changed in a way that the tape cannot undo."""
        id = int(self.structure.id)
        changed = self._version != structures.version(id)
        return self._unseen != structures.unseen(id) or (changed and self.reads is None)

    @contextlib.contextmanager
    def restored(self, tape: Any) -> Iterator[None]:
        """Inside this `with` block kernels find it as the launch did, and the gradients of its arrays."""
        changed = self._version != structures.version(int(self.structure.id))
        words = words_of(self.structure)
        with _put_back(self.reads or ()):
            try:
                if changed:
                    self.words.put_back()
                for word, a in self.gradients:
                    words.put_word(word, tape.hidden_gradient(a))
                yield
            finally:
                words.put_back()
