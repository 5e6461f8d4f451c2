"""A backward launch without a tape: `launch(kernel, dim, inputs, outputs, adjoint=True, adj_inputs=[...])`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from engine import taping
from engine.arrays import array
from engine.autodiff.launch_record import LaunchRecord
from engine.autodiff.tape import Tape
from engine.device import Device
from engine.errors import LaunchError
from engine.kernel import Kernel


def launch_adjoint(
    kernel: Kernel, dims: Sequence[int], total: int, args: Sequence[Any], adjoints: Sequence[Any], device: Device
) -> None:
    """Adds to the gradients of the arguments what goes backward through one launch.

    The kernel's arguments must hold what they held before the launch.

    Args:
        kernel: The kernel.
        dims, total: The launch grid, and its size.
        args: Arguments of the launch.
        adjoints: By argument, its gradient (an array, or a struct of arrays); None means `grad` of the argument.
            Missing ones at the end are None.
        device: Where it runs.

    Raises:
        LaunchError: More gradients than arguments, or one that does not fit its argument.
        GradientError: The kernel has no gradient.
    """
    names = [name for name, _ in kernel.parameters]
    if len(adjoints) > len(args):
        raise LaunchError(f"kernel '{kernel.__name__}' got {len(adjoints)} gradients for {len(args)} arguments")
    args = list(kernel.adopt(args))
    for k, given in enumerate(adjoints):
        if given is not None:
            args[k] = _with_gradient(f"kernel '{kernel.__name__}': gradient of '{names[k]}'", args[k], given)
    variant, values = kernel.pack(args, device)
    with taping.NotTaped():
        tape = Tape()
        record = LaunchRecord(kernel.__name__, variant, args, dims, total, values, tape._buffers)
        for buffer in tape._buffers:
            buffer.begin_gradient()
        record.backward(tape)
        for buffer in tape._buffers:
            buffer.end_gradient()


def _with_gradient(where: str, value: Any, gradient: Any) -> Any:
    """The argument with another gradient than its own."""
    layout = getattr(type(value), "__engine_struct__", None)
    if layout is not None and type(gradient) is type(value):
        out = copy.copy(value)
        for name, t in layout.fields.items():
            inner = getattr(gradient, name)
            if t.kind in ("array", "struct") and inner is not None:
                setattr(out, name, _with_gradient(f"{where}.{name}", getattr(value, name), inner))
        return out
    if not isinstance(value, array):
        return value
    if not isinstance(gradient, array) or gradient.shape != value.shape or gradient.dtype is not value.dtype:
        got = f"{gradient.dtype} of shape {gradient.shape}" if isinstance(gradient, array) else type(gradient).__name__
        raise LaunchError(
            f"{where} is {got}; expected an array like the argument, {value.dtype} of shape {value.shape}"
        )
    out = array._view(value._data, value.dtype, value.device, value)
    out.grad = gradient
    return out
