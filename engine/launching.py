"""Launches: running a kernel over a grid, at once or bound for later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import config, quick_launch
from engine.arrays import array
from engine.capture import recording
from engine.cpu.runtime import runtime
from engine.cpu.variant import SERIAL
from engine.device import Device, get_device
from engine.errors import LaunchError
from engine.indexed_arrays import indexedarray
from engine.kernel import Kernel
from engine.taping import active_tape, note_launch, watching

_MOST = 2**31


def _extents(dim: Any, name: str) -> tuple[int, int, int, int, int]:
    """The four launch extents and their product."""
    if isinstance(dim, int) and 0 <= dim < _MOST:
        return dim, 1, 1, 1, dim
    sizes = (
        [dim] if isinstance(dim, (int, np.integer)) else list(dim) if isinstance(dim, (tuple, list, np.ndarray)) else []
    )
    fits = 1 <= len(sizes) <= 4 and all(isinstance(s, (int, np.integer)) and s >= 0 for s in sizes)
    if not fits:
        raise LaunchError(f"kernel '{name}': launch dim {dim!r}; expected 1 to 4 non-negative integers")
    total = math.prod(map(int, sizes))
    if max(sizes) >= _MOST or total >= 2**62:
        raise LaunchError(f"kernel '{name}': launch dim {dim} is too large; each dimension must stay below 2**31")
    d0, d1, d2, d3 = [*map(int, sizes), 1, 1, 1][:4]
    return d0, d1, d2, d3, total


def _device_of(args: Sequence[Any], device: Any) -> Device:
    """Where a launch runs: as told, else where its first array lives, else the current device."""
    if device is not None:
        return get_device(device)
    for a in args:
        if type(a) is array or type(a) is indexedarray:
            return a.device
    return get_device()


def _run_on_cuda(
    device: Any,
    variant: Any,
    total: int,
    data: bytes,
    keep: Any,
    stream: Any = None,
    block_dim: int = 0,
    most: int = 0,
    serial: bool = False,
) -> None:
    variant.run(total, data, stream, block_dim, most, serial)
    if device.captures:
        device.captures[-1].keep.append((variant, keep, _held(keep)))
    if variant.observed:
        variant.after_launch()


def _checked_block_dim(name: str, block_dim: Any) -> int:
    """Threads of a block as given to a launch, 0 if not given; raises LaunchError for a number that no GPU has."""
    if block_dim is None:
        return 0
    if not 1 <= int(block_dim) <= 1024:
        raise LaunchError(f"kernel '{name}': block_dim is {block_dim}; expected 1 to 1024 threads in a block")
    return int(block_dim)


def _held(args: Any) -> list[Any]:
    """The arrays that struct arguments refer to now."""
    structs = ((getattr(type(a), "__engine_struct__", None), a) for a in args)
    return [x for t, a in structs if t is not None for x in t.arrays(a)]


class Launch:
    """A launch with its arguments bound: `launch()` runs it again, `set_param_by_name` changes an argument."""

    def __init__(
        self,
        kernel: Kernel,
        dim: Any,
        args: list[Any],
        device: Any = None,
        stream: Any = None,
        block_dim: int | None = None,
        max_blocks: int = 0,
    ):
        self.kernel, self.args = kernel, list(args)
        self.dim = dim
        self.device = stream.device if stream is not None else _device_of(args, device)
        self.stream, self.max_blocks, self.record_tape = stream, max_blocks, True
        self.block_dim = _checked_block_dim(kernel.__name__, block_dim)
        self._bind()

    def _bind(self) -> None:
        *dims, total = _extents(self.dim, self.kernel.__name__)
        self.variant, self.values = self.kernel.pack(self.args, self.device)
        self.held = _held(self.args)
        if self.device.is_cuda:
            self.total, self.dims = total, dims
            #: what to hand to the driver where nothing looks on: no capture, tape, stream or check
            self.quick = None if self.stream or not total else self.variant.plan(total, self.block_dim, self.max_blocks)
            self.data = self.variant.block(*dims, self.variant.error_address, *self.values)
            return
        self.block, self.job, self.address = self.variant.new_block()
        self.block.raw = self.variant.block(*dims, self.variant.error_address, *self.values)
        self.job[2], self.job[3] = total, self.variant.current_grain()

    def set_dim(self, dim: Any) -> None:
        self.dim = dim
        self._bind()

    def set_param_at_index(self, index: int, value: Any) -> None:
        self.args[index] = value
        self._bind()

    def set_param_by_name(self, name: str, value: Any) -> None:
        names = [n for n, _ in self.kernel.parameters]
        if name not in names:
            raise LaunchError(
                f"kernel '{self.kernel.__name__}' has no argument '{name}'; its arguments are {', '.join(names)}"
            )
        self.set_param_at_index(names.index(name), value)

    def set_params(self, values: Sequence[Any]) -> None:
        self.args = list(values)
        self._bind()

    def _record(self, tape: Any) -> None:
        *dims, total = _extents(self.dim, self.kernel.__name__)
        ordered = total and tape.record_launch(self.kernel.__name__, self.variant, self.args, dims, total, self.values)
        self.job[3] = SERIAL if ordered else self.variant.current_grain()

    def _pass(self, tape: Any) -> None:
        tape.pass_launch(self.variant, self.kernel.adopt(self.args))

    def _launch_on_cuda(self, stream: Any) -> None:
        if not self.total:
            return
        serial = False
        tape = active_tape()
        if tape is not None:
            serial = tape.record_launch(
                self.kernel.__name__, self.variant, self.args, self.dims, self.total, self.values
            )
        elif watching:
            note_launch(self.variant, self.args, self.values)
        keep = (*self.args, *self.held)
        how = (stream, self.block_dim, self.max_blocks, serial)
        _run_on_cuda(self.device, self.variant, self.total, self.data, keep, *how)

    def launch(self, stream: Any = None) -> None:
        """Runs the kernel with the arguments bound to it, on `stream` or the current one."""
        device = self.device
        if device.is_cuda:
            if self.quick is not None and stream is None and not device.captures and not config.deterministic:
                if active_tape() is None:
                    if device.enter(device.table, *self.quick, device._stream.cuda_stream, self.data):
                        self._launch_on_cuda(None)  # again, for the error
                    return
            self._launch_on_cuda(stream or self.stream)
            return
        graph = recording()
        if graph is not None:
            if active_tape() is not None:
                (self._record if self.record_tape else self._pass)(active_tape())
            graph.add(self.job, (self.block, list(self.args), self.variant, self.held), self.variant)
            return
        tape = active_tape()
        if tape is not None:
            self._record(tape)
        if self.variant.observed:
            self.variant.before_launch()
        runtime().run(self.address, 1)
        if self.variant.observed:
            self.variant.after_launch()


def launch(
    kernel: Kernel,
    dim: Any,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    adj_inputs: Sequence[Any] = (),
    adj_outputs: Sequence[Any] = (),
    device: Any = None,
    stream: Any = None,
    adjoint: bool = False,
    record_tape: bool = True,
    record_cmd: bool = False,
    block_dim: int | None = None,
    max_blocks: int = 0,
    **_: Any,
) -> Any:
    """Runs `kernel` once for every index of the grid `dim` (an int or up to four), with `inputs` then `outputs`.

    Args:
        device: Where; by default that of the stream, of the first array, or the current one.
        stream: CUDA stream; by default the current one of the device.
        record_tape: Whether an active tape notes the launch.
        record_cmd: Return a bound `Launch` instead of running.
        block_dim: Threads of a block on a GPU, 256 by default; what native code with shared memory relies on.
        max_blocks: Most blocks on a GPU; they stride over the rest of the grid.
        adjoint: Run backward instead; `adj_inputs` and `adj_outputs` are gradients of the arguments (None: their `grad`).

    Raises:
        LaunchError: Arguments that do not fit.
    """
    may_be_quick = stream is None and block_dim is None and not (adjoint or record_cmd or max_blocks)
    if may_be_quick and quick_launch.enter(kernel, dim, inputs, outputs, device):
        return None
    if not isinstance(kernel, Kernel):
        raise LaunchError(
            f"launch: got {getattr(kernel, '__name__', kernel)!r}; expected a function decorated with @kernel"
        )
    if type(inputs) is array or type(outputs) is array:
        raise LaunchError(f"launch: inputs and outputs of '{kernel.__name__}' must be lists; write inputs=[array]")
    args = (*inputs, *outputs)
    if adjoint:
        from engine.autodiff.adjoint_launch import AdjointLaunch

        backward = AdjointLaunch(kernel, dim, args, (*adj_inputs, *adj_outputs), device, stream)
        return backward if record_cmd else backward.launch()
    if record_cmd:
        return Launch(kernel, dim, list(args), device, stream, block_dim, max_blocks)
    place = _device_of(args, device) if stream is None else stream.device
    if place.is_cpu and recording() is not None:
        bound = Launch(kernel, dim, list(args), place)
        bound.record_tape = record_tape
        bound.launch()
        return None
    if type(dim) is int and 0 <= dim < _MOST:
        d0, d1, d2, d3, total = dim, 1, 1, 1, dim
    else:
        d0, d1, d2, d3, total = _extents(dim, kernel.__name__)
    variant, values = kernel.pack(args, place)
    if may_be_quick:
        quick_launch.note(kernel, variant, args, place)
    if total == 0:
        return None
    if place.is_cuda:
        data = variant.block(d0, d1, d2, d3, variant.error_address, *values)
        serial, tape = False, active_tape()
        if tape is not None and record_tape:
            dims = (d0, d1, d2, d3)
            serial = tape.record_launch(kernel.__name__, variant, kernel.adopt(args), dims, total, values)
        elif tape is not None:
            tape.pass_launch(variant, kernel.adopt(args))
        elif watching:
            note_launch(variant, kernel.adopt(args), values)
        block = 0 if block_dim is None else _checked_block_dim(kernel.__name__, block_dim)
        if not (serial or place.captures or variant.observed):
            plan = variant.plans.get(total)
            if plan is None or stream is not None or block or max_blocks or config.deterministic:
                variant.run(total, data, stream, block, max_blocks)
            elif place.enter(place.table, *plan, place._stream.cuda_stream, data):
                variant.run(total, data)  # again, for the error
            return None
        _run_on_cuda(place, variant, total, data, args, stream, block, max_blocks, serial)
        return None
    if variant.observed:
        variant.before_launch()
    grain = variant.current_grain()
    tape = active_tape()
    if tape is not None and record_tape:
        if tape.record_launch(kernel.__name__, variant, kernel.adopt(args), (d0, d1, d2, d3), total, values):
            grain = SERIAL
    elif tape is not None:
        tape.pass_launch(variant, kernel.adopt(args))
    block = variant.block(d0, d1, d2, d3, variant.error_address, *values)
    runtime().launch(variant.address, block, total, grain)
    if variant.observed:
        variant.after_launch()
    return None
