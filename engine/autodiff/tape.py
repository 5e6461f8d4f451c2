"""`Tape`: records launches and copies, and computes gradients by going through them backward."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import brain_float, config, taping
from engine import types as T
from engine.arrays import array
from engine.autodiff.backend import Backend
from engine.autodiff.buffers import Buffer, Buffers, is_brain, set_values
from engine.autodiff.copy_records import CopyRecord, FillRecord, FunctionRecord
from engine.autodiff.errors import TapeError
from engine.autodiff.gradient_map import Gradients, Scopes
from engine.autodiff.kernel_memory import KernelMemory
from engine.autodiff.launch_record import LaunchRecord, Layer
from engine.autodiff.tape_picture import Picture
from engine.capture import recording
from engine.cpu.variant import Variant

_LAYER = Layer()


class Tape:
    """Records what happens in its `with` block; `backward` then computes gradients of arrays with `requires_grad`.

    ```
    tape = Tape()
    with tape:
        launch(kernel, dim=n, inputs=[x], outputs=[loss])
    tape.backward(loss)
    x.grad
    ```
    Gradients are added to `grad`; `zero()` resets them. Arrays in between need no `requires_grad`: the tape keeps their
    gradients itself. Contents that the backward pass needs are saved before an operation on the tape overwrites them.
    If they were changed where the tape did not see it, `backward` refuses.

    What `x.grad` of an array that the tape overwrites means: the gradient with respect to its contents before the tape,
    or, for an array whose first use on the tape is a launch that writes all of it, after that launch. With `retain_grad`
    it is always the gradient with respect to its contents after the tape.
    """

    #: whether `checkpoint` saves memory on this tape
    keeps_checkpoints = True

    def __init__(self) -> None:
        self._forget()

    # recording -------------------------------------------------------------------------------------------------
    def __enter__(self) -> Tape:
        if taping.active_tape() is not None:
            raise TapeError(
                "a tape is recording on this thread already, and tapes do not nest; end it first, or give its `with` "
                "block everything that belongs to it"
            )
        self._check_unchanged()
        taping.begin(self)
        for buffer in self._buffers:
            buffer.is_changed_unseen = False
        if config.mode != "debug":
            for buffer in self._buffers:
                buffer.fingerprint = None
        return self

    def __exit__(self, *_: Any) -> None:
        taping.end(self)
        for buffer in self._buffers:
            buffer.check_found()
        self._take_fingerprints()

    def reset(self) -> None:
        """Forgets everything recorded and sets the gradients of its arrays to zero."""
        self.zero()
        self._buffers.release()
        self._forget()

    def __del__(self) -> None:
        buffers = getattr(self, "_buffers", None)
        if buffers is not None:
            buffers.release()

    def _forget(self) -> None:
        self._records: list[Any] = []
        self._scopes = Scopes()
        self.last: LaunchRecord | None = None  # launch that was recorded or looked at
        self._buffers = Buffers()

    @property
    def launches(self) -> list[Any]:
        """What was recorded, in order."""
        return self._records

    @property
    def scopes(self) -> list[tuple[int, str | None, dict | None]]:
        """Where scopes begin (launch number, name, metadata) and end (launch number, None, None)."""
        return self._scopes.marks

    def record_scope_begin(self, name: str, metadata: dict | None = None) -> None:
        """Begins a named stretch of the tape, for `visualize`."""
        self._scopes.begin(len(self._records), name, metadata)

    def record_scope_end(self, remove_scope_if_empty: bool = True) -> None:
        """Ends the stretch that began last; raises TapeError if there is none."""
        self._scopes.end(len(self._records), remove_scope_if_empty)

    def record_func(self, backward: Callable[[], None], arrays: Sequence[array] = ()) -> None:
        """Calls `backward()` when the backward pass comes here; it works on `grad` of the given arrays."""
        record = FunctionRecord(backward, arrays, self._buffers)
        for buffer in record.buffers:
            buffer.varied = buffer.touched = True
        self._records.append(record)

    def record_launch(
        self, name: str, variant: Variant, args: Sequence[Any], dims: Sequence[int], total: int, values: list
    ) -> bool:
        """Notes a launch that is about to run; returns whether it has to run in thread order."""
        if config.mode == "debug":
            self._check_unchanged()
        self.last = record = LaunchRecord(name, variant, args, dims, total, values, self._buffers)
        written = {id(record.buffers[n]): record.buffers[n] for n in record.plan.written}
        kept = record.carries or any(b.varied for b in written.values())
        if kept:
            self._records.append(record)
            for buffer, version in record.needed_versions():
                buffer.readers.append((record, version))
                if version == buffer.version:  # not what this launch is about to write
                    buffer.note_found()
        for b in record.buffers:
            if b is not None:
                b.touched = True
        if record.memory.writes_raw:
            if record.carries:
                record.plan.refuse_raw_stores()
            written |= {id(b): b for b, _ in record.hidden_reads}
            for r in record.hidden:
                if r.structure is not None:
                    taping.structures.changed(r.structure)
        for buffer in written.values():
            self.before_write(buffer)
            buffer.varied = buffer.varied or (record.carries and not buffer.is_internal)
        if config.mode == "debug":
            self._take_fingerprints(written)
        return record.memory.ordered

    def pass_launch(self, variant: Variant, args: Sequence[Any]) -> None:
        """Keeps what a launch is about to overwrite that shall not be recorded itself."""
        for a in KernelMemory.of(variant).written_arrays(args):
            buffer = self._buffers.known(a)
            if buffer is not None:
                self.before_write(buffer)

    def note_unseen(self, device: Any, low: int, high: int) -> None:
        """Notes that memory is about to be written while the tape does not record."""
        for b in self._buffers:
            if b.backend.device is device and not b.is_internal and low < b.used_high and b.used_low < high:
                b.is_changed_unseen = True

    def record_copy(self, dest: array, src: array) -> None:
        """Notes that `src` is about to be copied to `dest`."""
        if not dest.size:
            return
        record = CopyRecord(dest, src, self._buffers)
        if record.carries or record.dest_buffer.varied:
            self._records.append(record)
        record.src_buffer.touched = record.dest_buffer.touched = True
        self.before_write(record.dest_buffer)
        record.dest_buffer.varied = record.dest_buffer.varied or record.carries

    def record_fill(self, dest: array, index: Any = ...) -> None:
        """Notes that `dest` (or the part of it at `index`) is about to be set to constants."""
        if not dest.size:
            return
        record = FillRecord(dest, index, self._buffers)
        if record.buffer.varied:
            self._records.append(record)
        self.before_write(record.buffer)

    def note_work(self, what: tuple, buffers: list[Buffer]) -> None:
        """What a checkpointed loop on the tape launches; of interest to tapes that run again."""

    def before_write(self, buffer: Buffer) -> None:
        """Saves the contents of a buffer if the backward pass needs them."""
        if any(v == buffer.version and r.needs(buffer, v) for r, v in buffer.readers):
            buffer.check_found()
            if buffer.is_changed_unseen:
                self._refuse_changed(buffer)
            buffer.snapshot()
        buffer.version += 1
        buffer.is_changed_unseen = False
        buffer.readers = [(r, v) for r, v in buffer.readers if v >= buffer.version]

    def _take_fingerprints(self, changing: Container[int] = ()) -> None:
        """Remembers what the backward pass will read where it lies; `changing`: ids of buffers about to be written."""
        for buffer in self._buffers:
            live = id(buffer) not in changing and any(v == buffer.version for _, v in buffer.readers)
            live = live and not buffer.is_internal
            buffer.fingerprint = buffer.current_fingerprint() if live else None
            if live and buffer.fingerprint is None:
                taping.watch(self)

    def _check_unchanged(self) -> None:
        for buffer in self._buffers:
            now = None if buffer.fingerprint is None else buffer.current_fingerprint()
            if now in (None, buffer.fingerprint) and not buffer.is_changed_unseen:
                continue
            self._refuse_changed(buffer)

    @staticmethod
    def _refuse_changed(buffer: Buffer) -> None:
        """Raises TapeError if the backward pass needs contents of a buffer that were changed unseen."""
        for record, version in buffer.readers:
            if version == buffer.version and record.needs(buffer, version):
                raise TapeError(
                    f"{record.describe(buffer)} was changed where the tape did not see it (after the tape ended, "
                    "or through NumPy); the gradient needs its old contents: call backward() first, or change it "
                    "inside the tape with a kernel, copy(), assign() or fill_()"
                )

    # backward --------------------------------------------------------------------------------------------------
    def backward(self, loss: array | None = None, grads: dict[array, Any] | None = None) -> None:
        """Adds the gradient of `loss` (an array of size 1) to `grad` of every array with `requires_grad`.

        Args:
            loss: Its gradient starts as 1.
            grads: Instead of or besides it: what the gradients of other arrays start as (arrays or NumPy arrays).

        Raises:
            TapeError: Something that the gradient needs was changed outside the tape.
            GradientError: A recorded launch has no gradient.
        """
        if loss is not None and (not isinstance(loss, array) or loss.size != 1 or loss.dtype.kind != "scalar"):
            got = f"shape {loss.shape}" if isinstance(loss, array) else type(loss).__name__
            raise TapeError(
                f"backward: loss must be an array with one number, got {got}; or pass grads={{array: gradient}}"
            )
        with taping.NotTaped():
            self._check_unchanged()
            seeds = dict(grads or {})
            if loss is not None:
                seeds[loss] = 1.0
            for a in seeds:
                self._buffers.of(a)
            for buffer in self._buffers:
                buffer.begin_gradient()
            for a, value in seeds.items():
                buffer = self._buffers.of(a)
                if a.dtype is T.float32 and a.size == 1 and isinstance(value, float):  # a loss, as a rule
                    buffer.backend.write_float(buffer.gradient_address(a.ptr), value)
                else:
                    set_values(a, buffer.backend, buffer.gradient_of(a), value)
            for record in reversed(self._records):
                for buffer in record.changed:
                    buffer.retain()
                record.backward(self)
            for buffer in self._buffers:
                buffer.end_gradient()

    def gradient_views(self, a: array) -> list[np.ndarray]:
        """What goes backward through a copy of an array: its gradient (memory, see `backend`)."""
        return [self._buffers.of(a).gradient_of(a)]

    def prefers_one_thread(self, backend: Backend) -> bool:
        """Whether gradients that meet in one place are added up by one thread."""
        return backend.prefers_one_thread()

    def run_backward(
        self, record: LaunchRecord, shadowed: tuple[int, ...], form: tuple, whole: list[int], serial: bool
    ) -> None:
        """Runs the backward form of a launch."""
        adjoint = record.memory.adjoint(*form)
        contents, others, _keep = record.backward_addresses(shadowed, adjoint, whole, _LAYER)
        values = list(record.values)
        for n, address in contents.items():
            values[record.memory.pointers[n] - 4] = address
        code = record.memory.noted_code(form, record.total) if serial and recording() is None else None
        if code is None:
            code = record.memory.adjoint_code(form, serial)
        record.memory.backend.run(code, record.dims, record.total, values + others, serial)

    def hidden_gradient(self, a: array) -> int:
        """Where the gradients of an array of a spatial structure are added up."""
        return self._buffers.of(a).gradient_address(a.ptr)

    # gradients -------------------------------------------------------------------------------------------------
    @property
    def gradients(self) -> Gradients:
        """Gradients by array, of every array on the tape with `requires_grad`; by struct, those of its arrays."""
        return Gradients(self._leaves())

    def _leaves(self) -> list[array]:
        found: dict[int, array] = {}
        for a in self._buffers.arrays():
            root: Any = a
            while isinstance(root, array):
                if root.grad is not None:
                    found[id(root)] = root
                root = root._owner
        return list(found.values())

    def zero(self) -> None:
        """Sets every gradient to zero."""
        with taping.NotTaped():
            for a in self._leaves():
                a.grad.zero_()

    def visualize(
        self,
        filename: str | None = None,
        simplify_graph: bool = True,
        hide_readonly_arrays: bool = False,
        array_labels: dict[array, str] | None = None,
        ignore_graph_scopes: bool = False,
        graph_direction: str = "LR",
    ) -> str:
        """The tape as a graph in the DOT language of Graphviz, written to a file if one is named.

        Args:
            filename: Where to write; `dot -Tsvg` and the like make a picture of it.
            simplify_graph: Draw a launch that repeats once.
            hide_readonly_arrays: Leave out arrays that nothing on the tape writes.
            array_labels: Names for arrays.
            ignore_graph_scopes: Draw no frames around scopes.
            graph_direction: "LR" or "TB".
        """
        text = Picture(
            self._records,
            self.scopes,
            merge_repeats=simplify_graph,
            labels=array_labels,
            direction=graph_direction,
            with_readonly=not hide_readonly_arrays,
            with_scopes=not ignore_graph_scopes,
        ).text()
        if filename is not None:
            Path(filename).write_text(text)
        return text

    def gradient(self, a: array) -> np.ndarray:
        """The gradient of any array on the tape, as left by the last `backward`."""
        buffer = self._buffers.of(a)
        found = buffer.backend.read(buffer.gradient_of(a))
        return brain_float.from_bits(found) if is_brain(a) else found
