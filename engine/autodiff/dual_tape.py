"""Derivatives along a direction: `jvp`, and Hessian-vector products by going forward over the backward pass.

A `DualTape` keeps, beside the contents of every buffer, their derivative along the direction, and does to it what the
launches do to the contents. Going backward it does the same to the gradients: that is their derivative, H v.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import taping
from engine.arrays import array
from engine.autodiff.backend import Backend
from engine.autodiff.buffers import Buffer, Copy, add_from, packed, set_values
from engine.autodiff.copy_records import without_integers
from engine.autodiff.errors import GradientError, TapeError
from engine.autodiff.forward import Tangent
from engine.autodiff.kernel_memory import KernelMemory, is_constant
from engine.autodiff.launch_record import LaunchRecord, Layer
from engine.autodiff.shadows import Shadowed
from engine.autodiff.tape import Tape
from engine.kernel import Kernel
from engine.lang import ir
from engine.launching import launch


class _Twin:
    """Derivatives of a buffer's contents, of its older contents, and of its gradient."""

    def __init__(self, buffer: Buffer):
        self.buffer = buffer
        self.contents = buffer.backend.allocate(buffer.high - buffer.low, buffer.low, zero=True)
        self.kept: dict[int, np.ndarray] = {}
        self.gradient: np.ndarray | None = None

    def keep(self, version: int) -> None:
        backend, size = self.buffer.backend, len(self.contents)
        self.kept[version] = kept = backend.allocate(size, self.buffer.low, zero=False)
        backend.copy_bytes(kept.ctypes.data, self.contents.ctypes.data, size)

    def memory(self, version: int) -> np.ndarray:
        return self.contents if version == self.buffer.version else self.kept[version]


class _TangentLayer(Layer):
    def __init__(self, tape: DualTape):
        self.tape = tape

    def address(self, buffer: Buffer, version: int, ptr: int) -> int:
        return self.tape.twin(buffer).memory(version).ctypes.data + ptr - buffer.low

    def copy(self, buffer: Buffer, version: int) -> Copy:
        return Copy(buffer.backend, buffer.low, buffer.high, self.address(buffer, version, buffer.low))

    def gradient_address(self, buffer: Buffer, ptr: int) -> int:
        return self.tape.gradient_memory(buffer).ctypes.data + ptr - buffer.low


class DualTape(Tape):
    """A tape that also follows the derivative along one direction.

    Args:
        directions: By array, the derivative of its contents.
        backward: Whether `backward` will be called; without it nothing is kept.
    """

    keeps_checkpoints = False

    def __init__(self, directions: dict[array, Any], backward: bool):
        super().__init__()
        self._twins: dict[int, _Twin] = {}
        self._keeps = backward
        self._layer = _TangentLayer(self)
        for a, value in directions.items():
            buffer = self._buffers.of(a)
            buffer.varied = True
            set_values(a, buffer.backend, self._tangent(a), value)

    def twin(self, buffer: Buffer) -> _Twin:
        found = self._twins.get(id(buffer))
        if found is None:
            found = self._twins[id(buffer)] = _Twin(buffer)
        return found

    def gradient_memory(self, buffer: Buffer) -> np.ndarray:
        twin = self.twin(buffer)
        if twin.gradient is None:
            twin.gradient = buffer.backend.allocate(len(twin.contents), buffer.low, zero=True)
        return twin.gradient

    def _part(self, memory: np.ndarray, a: array) -> np.ndarray:
        buffer = self._buffers.of(a)
        return buffer.backend.view(memory.ctypes.data + a.ptr - buffer.low, a._data, memory)

    def _tangent(self, a: array) -> np.ndarray:
        return self._part(self.twin(self._buffers.of(a)).contents, a)

    def _gradient_tangent(self, a: array) -> np.ndarray:
        return self._part(self.gradient_memory(self._buffers.of(a)), a)

    def tangent(self, a: array) -> np.ndarray:
        """The derivative of the present contents of an array, as host values."""
        return self._buffers.of(a).backend.read(self._tangent(a))

    def gradient_tangent(self, a: array) -> np.ndarray:
        """The derivative of the gradient of an array, after `backward`, as host values."""
        return self._buffers.of(a).backend.read(self._gradient_tangent(a))

    # recording -------------------------------------------------------------------------------------------------
    def before_write(self, buffer: Buffer) -> None:
        if not self._keeps:
            buffer.version += 1
            buffer.readers = []
            return
        version = buffer.version
        super().before_write(buffer)
        if version in buffer.snapshots:
            self.twin(buffer).keep(version)

    def record_launch(self, name: str, variant: Any, args: Any, dims: Any, total: int, values: list) -> bool:
        record = LaunchRecord(name, variant, args, dims, total, values, self._buffers)
        ordered = super().record_launch(name, variant, args, dims, total, values)
        plan = record.plan
        if record.is_moving:
            raise GradientError(
                f"kernel '{name}' reads a mesh whose points or velocities have a derivative, which has no forward mode "
                "through an id; pass them as array arguments"
            )
        if not plan.carries and not any(record.buffers[n].varied for n in plan.written):
            return ordered
        memory = record.memory
        shadowed = tuple(n for n in plan.floats if n in plan.read or n in plan.written)
        group_of = dict(zip(memory.pointers, plan.groups))
        if memory.writes_raw:
            raise GradientError(f"kernel '{name}' writes through raw addresses: it has no forward mode")
        params = tuple(memory.pointers[n] for n in shadowed)
        code = _tangent_code(memory, "launch", memory.function, group_of, params)
        values, copies = list(values), {}
        for n in plan.written:  # the launch itself comes after this: run on a copy
            b, g, slot = record.buffers[n], plan.groups[n], memory.pointers[n] - 4
            if g not in copies:
                copies[g] = Copy(b.backend, b.used_low, b.used_high, b.used_low)
            values[slot] = copies[g].address(values[slot])
        tangents = [self._address(record, n) for n in shadowed]
        memory.backend.run(code, dims, total, values + tangents, ordered)
        return ordered

    def _address(self, record: LaunchRecord, n: int) -> int:
        buffer = record.buffers[n]
        ptr = record.values[record.memory.pointers[n] - 4]
        return self.twin(buffer).contents.ctypes.data + ptr - buffer.low

    def record_copy(self, dest: array, src: array) -> None:
        super().record_copy(dest, src)
        if dest.size:
            there, here = self._buffers.of(src).backend, self._buffers.of(dest).backend
            values, target = packed(there, self._tangent(src)), self._tangent(dest)
            here.zero(target)
            add_from(there, values, here, target)

    def record_fill(self, dest: array, index: Any = ...) -> None:
        super().record_fill(dest, index)
        if dest.size:
            self._buffers.of(dest).backend.zero(self._tangent(dest), without_integers(index))

    def record_func(self, backward: Callable[[], None], arrays: Sequence[array] = ()) -> None:
        raise TapeError("record_func: a function of one's own has no forward mode, so no second derivatives")

    # backward --------------------------------------------------------------------------------------------------
    def backward(self, loss: array | None = None, grads: dict[array, Any] | None = None) -> None:
        for twin in self._twins.values():
            twin.gradient = None
        super().backward(loss, grads)

    def prefers_one_thread(self, backend: Backend) -> bool:
        return False

    def run_backward(
        self, record: LaunchRecord, shadowed: tuple[int, ...], form: tuple, whole: list[int], serial: bool
    ) -> None:
        memory = record.memory
        adjoint = memory.adjoint(*form)
        contents, others, _keep = record.backward_addresses(shadowed, adjoint, whole, Layer())
        tangents, their_others, _kept = record.backward_addresses(shadowed, adjoint, whole, self._layer)
        values = list(record.values)
        for n, address in contents.items():
            values[memory.pointers[n] - 4] = address
        group_of = dict(zip(memory.pointers, form[1]))
        first = len(memory.function.params)
        group_of |= {first + k: ("gradient", form[1][n]) for k, n in enumerate(shadowed)}
        group_of |= {first + len(shadowed) + k: ("after", n) for k, n in enumerate(adjoint.after)}
        read = [n for n in contents if n in memory.floats]
        params = (*(memory.pointers[n] for n in read), *range(first, first + len(others)))
        code = _tangent_code(memory, form, adjoint.function, group_of, params)
        values += others + [tangents[n] for n in read] + their_others
        memory.backend.run(code, record.dims, record.total, values, serial)

    def gradient_views(self, a: array) -> list[np.ndarray]:
        return [*super().gradient_views(a), self._gradient_tangent(a)]


def _tangent_code(
    memory: KernelMemory, key: Any, function: ir.Function, group_of: dict[int, Any], shadowed: tuple[int, ...]
) -> Any:
    """Code of the forward-mode form of a function; kept with the kernel.

    Args:
        memory: The kernel.
        key: What the function is, among the functions made from the kernel.
        function: The kernel or its backward form.
        group_of: By index of an address parameter, which memory it belongs to.
        shadowed: Address parameters with derivatives.
    """
    key = ("tangent", key, shadowed, tuple(group_of.items()))
    found = memory._codes.get(key)
    if found is None:
        kernel = Shadowed(function, shadowed, group_of, is_constant)
        tangent = Tangent(kernel, {group_of[k] for k in shadowed})
        found = memory._codes[key] = memory.backend.compile(tangent.function, memory.arity, one_thread=False)
    return found


def _run(what: Kernel | Callable, dim: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    if isinstance(what, Kernel):
        launch(what, dim=dim, inputs=inputs, outputs=outputs)
    else:
        what(*inputs, *outputs)


def jvp(
    kernel: Kernel | Callable,
    dim: Any = 1,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    *,
    tangents: dict[array, Any],
) -> dict[array, np.ndarray]:
    """Runs a kernel together with its derivative along a direction (Jacobian times vector).

    Args:
        kernel: A kernel, or a function `f(*inputs, *outputs)` that launches kernels.
        dim: Launch grid.
        inputs, outputs: Arguments.
        tangents: By input array, the direction: an array or NumPy array of its shape, or one number.

    Returns:
        By array argument, the derivative of its contents after the run, where it depends on the direction.
    """
    with taping.NotTaped():
        tape = DualTape(tangents, backward=False)
        with tape:
            _run(kernel, dim, inputs, outputs)
        arrays = {id(a): a for a in (*inputs, *outputs) if isinstance(a, array) and a.size}
        return {a: tape.tangent(a).copy() for a in arrays.values() if tape._buffers.of(a).varied}


def hvp(
    kernel: Kernel | Callable,
    dim: Any = 1,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    *,
    tangents: dict[array, Any],
    loss: array | None = None,
) -> dict[array, np.ndarray]:
    """Hessian of a loss times a vector, by forward over reverse.

    Args:
        kernel: A kernel, or a function `f(*inputs, *outputs)` that launches kernels.
        dim: Launch grid.
        inputs, outputs: Arguments.
        tangents: By input array, its part of the vector.
        loss: Array with the loss; by default the last output.

    Returns:
        By array in `tangents`, its part of the product. Gradients of the loss are added to `grad` as by a tape.
    """
    with taping.NotTaped():
        tape = DualTape(tangents, backward=True)
        with tape:
            _run(kernel, dim, inputs, outputs)
        tape.backward(outputs[-1] if loss is None else loss)
        return {a: tape.gradient_tangent(a).copy() for a in tangents}
