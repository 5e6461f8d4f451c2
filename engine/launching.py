"""Launches: running a kernel over a grid, at once or bound for later."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.arrays import array
from engine.capture import recording
from engine.cpu.runtime import runtime
from engine.device import Device, get_device
from engine.errors import LaunchError
from engine.indexed_arrays import indexedarray
from engine.kernel import SERIAL, Kernel
from engine.taping import active_tape

_MOST = 2**31
_launch_lock = threading.RLock()


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


def _run_on_cuda(device: Any, variant: Any, total: int, address: int, args: Any) -> None:
    if active_tape() is not None:
        raise LaunchError(
            "a tape cannot record launches on a CUDA device yet; run the differentiated part on device='cpu'"
        )
    variant.run(total, address)
    if device.capturing is not None:
        device.capturing.keep.append((variant, args))
    if variant.observed:
        variant.after_launch()


class Launch:
    """A launch with its arguments bound: `launch()` runs it again, `set_param_by_name` changes an argument."""

    def __init__(self, kernel: Kernel, dim: Any, args: list[Any], device: Any = None):
        self.kernel, self.args = kernel, list(args)
        self.dim = dim
        self.device = _device_of(args, device)
        self._bind()

    def _bind(self) -> None:
        *dims, total = _extents(self.dim, self.kernel.__name__)
        self.variant, self.values = self.kernel.pack(self.args, self.device)
        structs = (getattr(type(a), "__engine_struct__", None) for a in self.args)
        #: arrays that struct arguments refer to now
        self.held = [x for t, a in zip(structs, self.args) if t is not None for x in t.arrays(a)]
        if self.device.is_cuda:
            self.total, self.block = total, ctypes.create_string_buffer(self.variant.size)
            self.variant.packer(self.block, 0, *dims, self.variant.error_address, *self.values)
            self.address = ctypes.addressof(self.block)
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

    def launch(self, stream: Any = None) -> None:
        if self.device.is_cuda:
            if self.total:
                _run_on_cuda(self.device, self.variant, self.total, self.address, self.args)
            return
        graph = recording()
        if graph is not None:
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
    **_: Any,
) -> Launch | None:
    """Runs `kernel` once for every index of the grid `dim` (an int or up to four), with `inputs` then `outputs`.

    `record_cmd=True` returns a bound `Launch` instead of running. `adjoint=True` runs backward instead: `adj_inputs` and
    `adj_outputs` are the gradients of the arguments (None: their `grad`). Raises LaunchError for arguments that do not fit.
    """
    if not isinstance(kernel, Kernel):
        raise LaunchError(
            f"launch: got {getattr(kernel, '__name__', kernel)!r}; expected a function decorated with @kernel"
        )
    if type(inputs) is array or type(outputs) is array:
        raise LaunchError(f"launch: inputs and outputs of '{kernel.__name__}' must be lists; write inputs=[array]")
    args = (*inputs, *outputs)
    if record_cmd:
        return Launch(kernel, dim, list(args), device)
    place = _device_of(args, device)
    if place.is_cpu and recording() is not None:
        Launch(kernel, dim, list(args), place).launch()
        return None
    d0, d1, d2, d3, total = _extents(dim, kernel.__name__)
    if adjoint:
        from engine.autodiff.adjoint_launch import launch_adjoint

        launch_adjoint(kernel, (d0, d1, d2, d3), total, args, (*adj_inputs, *adj_outputs), place)
        return None
    variant, values = kernel.pack(args, place)
    if total == 0:
        return None
    if place.is_cuda:
        with _launch_lock:
            variant.packer(variant.buffer, 0, d0, d1, d2, d3, variant.error_address, *values)
            _run_on_cuda(place, variant, total, variant.buffer_address, args)
        return None
    if variant.observed:
        variant.before_launch()
    grain = variant.current_grain()
    tape = active_tape()
    if tape is not None and record_tape:
        if tape.record_launch(kernel.__name__, variant, kernel.adopt(args), (d0, d1, d2, d3), total, values):
            grain = SERIAL
    block = variant.block(d0, d1, d2, d3, variant.error_address, *values)
    runtime().launch(variant.address, block, total, grain)
    if variant.observed:
        variant.after_launch()
    return None
