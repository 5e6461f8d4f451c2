"""Copies, fills and functions of the user on a tape, and how gradients go through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.arrays import array
from engine.autodiff.buffers import Buffers, add_from, packed, refuse_brain
from engine.autodiff.errors import TapeError


class CopyRecord:
    """A copy from one array to another."""

    name = "copy"

    def __init__(self, dest: array, src: array, buffers: Buffers):
        self.dest, self.src = dest, src
        self.dest_buffer, self.src_buffer = buffers.of(dest), buffers.of(src)
        self.carries = self.src_buffer.varied
        self.changed = [self.dest_buffer]

    def backward(self, tape: Any) -> None:
        if not self.dest_buffer.has_gradient:
            return
        if self.carries:
            refuse_brain(self.dest, self.src)
        there, here = self.dest_buffer.backend, self.src_buffer.backend
        targets = tape.gradient_views(self.dest)
        # set aside first: the gradients of source and destination may share memory
        aside = [packed(there, t) for t in targets] if self.carries else []
        for target in targets:
            there.zero(target)
        for source, values in zip(tape.gradient_views(self.src), aside):
            add_from(there, values, here, source)


def without_integers(index: Any) -> Any:
    """An index that gives a part of an array, never an element."""
    if isinstance(index, tuple):
        return tuple(map(without_integers, index))
    if isinstance(index, (int, np.integer)) and not isinstance(index, (bool, np.bool_)):
        return slice(index, index + 1 or None)
    return index


class FillRecord:
    """An array, or a part of one, that was set to values without a gradient."""

    name = "fill"
    carries = False

    def __init__(self, dest: array, index: Any, buffers: Buffers):
        self.dest, self.index, self.buffer = dest, without_integers(index), buffers.of(dest)
        self.changed = [self.buffer]

    def backward(self, tape: Any) -> None:
        if self.buffer.has_gradient:
            for target in tape.gradient_views(self.dest):
                self.buffer.backend.zero(target, self.index)


class FunctionRecord:
    """A function of the user that runs in the backward pass."""

    name = "record_func"
    carries = True
    changed = ()

    def __init__(self, backward: Any, arrays: Sequence[array], buffers: Buffers):
        if not callable(backward):
            raise TapeError(
                f"record_func: backward is {type(backward).__name__}; expected a function without arguments"
            )
        self.function, self.arrays = backward, [a for a in arrays if a is not None]
        self.buffers = [buffers.of(a) for a in self.arrays]

    def backward(self, tape: Any) -> None:
        self.function()
