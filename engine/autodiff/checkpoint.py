"""Checkpoints: a long loop on a tape that keeps its state now and then, and runs again what lies between.

A tape keeps what every launch needs, so its memory grows with the number of steps. `checkpoint(step, steps)` cuts the
steps into segments. Going forward, a segment keeps of each block of memory that it writes what was there before: an undo
log. Going backward, the last segment is undone, run again on a tape of its own, and that tape goes backward into the
gradients of the outer one; then the segment before it. So no one has to say what the state of the loop is.

With segments of √n steps, n steps need the memory of √n states and √n steps on a tape, and one more run forward: the
classic trade of time for memory (Griewank & Walther, "Evaluating Derivatives", 2008, chapter 12).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from engine import taping
from engine.arrays import array
from engine.autodiff.buffers import Buffer, Buffers, Copy
from engine.autodiff.errors import TapeError
from engine.autodiff.kernel_memory import KernelMemory
from engine.autodiff.launch_record import LaunchRecord
from engine.autodiff.structure_reads import StructureRead, words_of
from engine.autodiff.tape import Tape
from engine.cpu.variant import Variant


def checkpoint(step: Callable[[int], Any], steps: int, *, every: int | None = None) -> None:
    """Runs `step(0)` … `step(steps - 1)`; a tape that records keeps the state only every few steps.

    ```
    def step(k):
        integrator.simulate(model, states[k % 2], states[(k + 1) % 2], dt)

    with Tape() as tape:
        checkpoint(step, 1000)
        launch(loss_kernel, dim=n, inputs=[states[0].particle_q], outputs=[loss])
    tape.backward(loss)
    ```
    Gradients are the same as without it. `step` runs twice for each `k`: it must launch the same work both times, and
    may depend on nothing that Python changes meanwhile except `k`. Without a tape it runs once.

    Args:
        step: Does one step with launches, copies and array functions.
        steps: Number of steps.
        every: Steps from one checkpoint to the next; by default √steps. The backward pass needs the memory of
            `steps / every` states and of `every` steps on a tape.

    Raises:
        TapeError: `step` did other work when the backward pass ran it again.
    """
    tape = taping.active_tape()
    if every is not None and every < 1:
        raise TapeError(f"checkpoint: got every={every}; expected a positive number of steps")
    if tape is None or not getattr(tape, "keeps_checkpoints", False):
        for k in range(steps):
            step(k)
        return
    if steps > 0:
        CheckpointRecord(step, steps, every or math.isqrt(steps - 1) + 1).run(tape)


class _Segment:
    """Some steps: how to undo them, and what they launched."""

    def __init__(self, first: int, end: int):
        self.first, self.end = first, end
        #: by id of a buffer, parts of its contents before the segment; an earlier part wins over a later one
        self.before: dict[int, list[Copy]] = {}
        self.touched: set[int] = set()
        #: by id of a spatial structure, its descriptor before the segment
        self.words: dict[int, Copy] = {}
        self.work: list[int] = []

    def undo(self) -> None:
        for c in self.words.values():
            c.put_back()
        for copies in self.before.values():
            for c in reversed(copies):
                c.put_back()


class _Recorder:
    """Takes the place of a tape while a segment runs forward: notes what it changes, keeps no launches."""

    keeps_checkpoints = False

    def __init__(self, record: CheckpointRecord, tape: Any):
        self.record, self.tape, self.known = record, tape, tape._buffers

    def record_launch(
        self, name: str, variant: Variant, args: Sequence[Any], dims: Sequence[int], total: int, values: list
    ) -> bool:
        launch = LaunchRecord(name, variant, args, dims, total, values, self.known)
        if launch.carries and launch.memory.writes_raw:
            launch.plan.refuse_raw_stores()
        self._note(_described(launch), [b for b in launch.buffers if b is not None])
        for r in launch.hidden:
            if r.structure is not None:
                self.record.note_structure(r)
            if launch.memory.writes_raw:
                if r.structure is not None:
                    taping.structures.changed(r.structure)
                for b, _ in r.reads or ():
                    self._write(b, False, None)
        for b, _ in launch.hidden_reads:
            self.record.note_read(b)
        written = launch.plan.written
        whole = {n for n in written if n not in launch.plan.read and launch.overwrites(n)}
        for n, b in enumerate(launch.buffers):
            if b is not None and n not in whole:
                self.record.note_read(b)
        for n in written:
            self._write(launch.buffers[n], launch.carries, launch.arrays[n] if n in whole else None)
        return launch.memory.ordered

    def pass_launch(self, variant: Variant, args: Sequence[Any]) -> None:
        for a in KernelMemory.of(variant).written_arrays(args):
            self._write(self.known.of(a), False, None)

    def record_copy(self, dest: array, src: array) -> None:
        if dest.size:
            source = self.known.of(src)
            self.record.note_read(source)
            self._note(("copy", dest.size), [self.known.of(dest), source])
            self._write(self.known.of(dest), source.varied, dest)

    def record_fill(self, dest: array, index: Any = ...) -> None:
        if dest.size:
            self._note(("fill", dest.size), [self.known.of(dest)])
            self._write(self.known.of(dest), False, dest if index is ... else None)

    def record_func(self, backward: Callable[[], None], arrays: Sequence[array] = ()) -> None:
        for a in arrays:
            if a is not None:
                self.known.of(a).varied = True

    def record_scope_begin(self, name: str, metadata: dict | None = None) -> None:
        pass

    def record_scope_end(self, remove_scope_if_empty: bool = True) -> None:
        pass

    def _note(self, what: tuple, buffers: list[Buffer]) -> None:
        self.record.note_work(what, buffers)
        self.tape.note_work(what, buffers)

    def _write(self, buffer: Buffer, carries: bool, whole: array | None) -> None:
        self.record.note_write(buffer, whole)
        self.tape.before_write(buffer)
        buffer.varied = buffer.varied or carries


def _described(launch: LaunchRecord) -> tuple:
    """What a launch is, apart from where its arrays lie."""
    addresses = {k - 4 for k in launch.memory.pointers}
    scalars = tuple(v for k, v in enumerate(launch.values) if k not in addresses and v == v)
    return launch.name, launch.dims, scalars


def _fingerprint(what: tuple, lasting: Iterable[Buffer]) -> int:
    """A number for some work, by which other work in its place is noticed; temporary arrays may lie anywhere."""
    return hash((what, *(b.low for b in lasting)))


class CheckpointRecord:
    """A loop on a tape."""

    name = "checkpoint"
    carries = True

    def __init__(self, step: Callable[[int], Any], steps: int, every: int):
        self.step = step
        self.segments = [_Segment(k, min(k + every, steps)) for k in range(0, steps, every)]
        self._at = 0
        self._work: list[tuple[tuple, list[Buffer]]] = []
        self._last_write: dict[int, int] = {}
        self.buffers: dict[int, Buffer] = {}
        self.written: dict[int, Buffer] = {}
        self.versions: dict[int, int] = {}
        self.structures: dict[int, Any] = {}

    # forward ---------------------------------------------------------------------------------------------------
    def run(self, tape: Tape) -> None:
        """Runs the loop and puts it on the tape."""
        recorder = _Recorder(self, tape)
        taping.begin(recorder)
        try:
            for at, segment in enumerate(self.segments):
                self._at, known, self._work = at, tape._buffers.marks(), []
                for k in range(segment.first, segment.end):
                    self.step(k)
                gone = tape._buffers.drop_temporaries(known)
                self._forget(gone)
                gone = set(map(id, gone))
                for what, buffers in self._work:
                    segment.work.append(_fingerprint(what, (b for b in buffers if id(b) not in gone)))
        finally:
            taping.end(recorder)
        if not any(b.varied for b in self.written.values()):
            return  # nothing with a gradient went in
        for b in self.buffers.values():
            self.versions[id(b)] = b.version
            b.readers.append((self, b.version))
            b.touched = True
        tape._records.append(self)

    def note_work(self, what: tuple, buffers: list[Buffer]) -> None:
        """Notes that something runs, and with which memory."""
        self._work.append((what, buffers))

    def note_structure(self, read: StructureRead) -> None:
        """Keeps the descriptor of a structure as it was when the segment met it first."""
        self.structures[id(read.structure)] = read.structure
        self.segments[self._at].words.setdefault(id(read.structure), read.words)

    def note_read(self, buffer: Buffer) -> None:
        self.buffers[id(buffer)] = buffer
        self.segments[self._at].touched.add(id(buffer))

    def note_write(self, buffer: Buffer, whole: array | None) -> None:
        """Keeps what is about to be overwritten, unless no segment can ask for it.

        Args:
            buffer: Where a write is about to happen.
            whole: The array that is written whole and not read, if there is one.
        """
        key, at, segment = id(buffer), self._at, self.segments[self._at]
        # contents that only the segment before has seen are made again with it
        recent = at == 0 or self._last_write.get(key) == at - 1
        dead = recent and key not in segment.touched and whole is not None and buffer.is_covered_by(whole)
        if not dead:
            kept = segment.before.setdefault(key, [])
            if not any(c.low <= buffer.used_low and buffer.used_high <= c.high for c in kept):
                kept.append(buffer.copy(buffer.version))
        segment.touched.add(key)
        self._last_write[key] = at
        self.buffers[key] = self.written[key] = buffer

    def _forget(self, temporaries: list[Buffer]) -> None:
        for b in temporaries:
            self.segments[self._at].before.pop(id(b), None)
            for known in (self.buffers, self.written, self._last_write):
                known.pop(id(b), None)

    # what the tape asks ----------------------------------------------------------------------------------------
    @property
    def changed(self) -> list[Buffer]:
        """What the loop wrote."""
        return list(self.written.values())

    def needs(self, buffer: Buffer, version: int) -> bool:
        return self.versions.get(id(buffer)) == version

    def describe(self, buffer: Buffer) -> str:
        return f"an array of {buffer.high - buffer.low} bytes that a checkpointed loop uses"

    # backward --------------------------------------------------------------------------------------------------
    def backward(self, tape: Any) -> None:
        if not any(b.has_gradient for b in self.written.values()):
            return
        stale = [b for b in self.buffers.values() if b.version != self.versions[id(b)]]
        present = [b.copy(b.version) for b in {id(b): b for b in (*stale, *self.changed)}.values()]
        present += [words_of(s) for s in self.structures.values()]
        try:
            for b in stale:  # as the loop left it
                b.snapshots[self.versions[id(b)]].put_back()
            with taping.structures.unchanged():
                for segment in reversed(self.segments):
                    segment.undo()
                    self._again(segment, tape._buffers)
                    segment.undo()
        finally:
            for c in present:
                c.put_back()

    def _again(self, segment: _Segment, outer: Buffers) -> None:
        """Runs a segment on a tape of its own, and that tape backward."""
        inner = _SegmentTape(outer)
        with inner:
            for k in range(segment.first, segment.end):
                self.step(k)
        if inner.work != segment.work:
            raise TapeError(
                f"checkpoint: steps {segment.first} to {segment.end - 1} did other work when the backward pass ran them "
                "again; step(k) must do the same each time it is called with the same k, and what is done only once (setup, "
                "caches) belongs before the loop"
            )
        inner.backward()


class _SharedBuffer(Buffer):
    """Memory of a segment's tape whose gradient is that of the outer tape."""

    def __init__(self, outer: Buffer, device: Any):
        super().__init__(outer.low, outer.high, outer.owner, device)
        self.outer = outer
        self.varied, self.touched = outer.varied, True

    def begin_gradient(self) -> None:
        self.has_gradient = self.outer.has_gradient

    def gradient_address(self, ptr: int) -> int:
        self.has_gradient = True
        address = self.outer.gradient_address(ptr)
        self._memory = self.outer.gradient_memory
        return address

    def retain(self) -> None:
        pass

    def end_gradient(self) -> None:
        pass


class _SegmentBuffers(Buffers):
    def __init__(self, outer: Buffers):
        super().__init__()
        self.outer = outer

    def make(self, low: int, high: int, owner: Any, device: Any) -> Buffer:
        found = self.outer.at(low, high)
        return super().make(low, high, owner, device) if found is None else _SharedBuffer(found, device)


class _SegmentTape(Tape):
    """Records a segment while it runs again."""

    def __init__(self, outer: Buffers):
        super().__init__()
        self._buffers = _SegmentBuffers(outer)
        self.work: list[int] = []

    def record_launch(
        self, name: str, variant: Variant, args: Sequence[Any], dims: Sequence[int], total: int, values: list
    ) -> bool:
        ordered = super().record_launch(name, variant, args, dims, total, values)
        self.note_work(_described(self.last), [b for b in self.last.buffers if b is not None])
        return ordered

    def note_work(self, what: tuple, buffers: list[Buffer]) -> None:
        self.work.append(_fingerprint(what, (b for b in buffers if isinstance(b, _SharedBuffer))))

    def record_copy(self, dest: array, src: array) -> None:
        super().record_copy(dest, src)
        if dest.size:
            self.note_work(("copy", dest.size), [self._buffers.of(dest), self._buffers.of(src)])

    def record_fill(self, dest: array, index: Any = ...) -> None:
        super().record_fill(dest, index)
        if dest.size:
            self.note_work(("fill", dest.size), [self._buffers.of(dest)])

    def _take_fingerprints(self, changing: Any = ()) -> None:
        pass  # it goes backward at once
