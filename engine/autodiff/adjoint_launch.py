"""Backward launches without a tape: `launch(kernel, dim, inputs, outputs, adjoint=True, adj_inputs=[...])`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from typing import Any

from engine import taping
from engine.arrays import array
from engine.autodiff.launch_record import LaunchRecord
from engine.autodiff.tape import Tape
from engine.errors import LaunchError
from engine.kernel import Kernel
from engine.launching import Launch, _extents
from engine.streams import ScopedStream


class AdjointLaunch(Launch):
    """Adds to the gradients of the arguments what goes backward through one launch of their kernel.

    The kernel's arguments must hold what they held before the launch. An adjoint is an array, or a struct of arrays;
    None, and a missing one at the end, means `grad` of the argument.
    """

    def __init__(
        self, kernel: Kernel, dim: Any, args: Sequence[Any], adjoints: Sequence[Any], device: Any, stream: Any = None
    ):
        """Raises LaunchError: more gradients than arguments, or one that does not fit its argument."""
        if len(adjoints) > len(args):
            raise LaunchError(f"kernel '{kernel.__name__}' got {len(adjoints)} gradients for {len(args)} arguments")
        self.adjoints = list(adjoints)
        super().__init__(kernel, dim, list(args), device, stream)

    def _bind(self) -> None:
        *self.dims, self.total = _extents(self.dim, self.kernel.__name__)
        args = list(self.kernel.adopt(self.args))
        for k, given in enumerate(self.adjoints):
            if given is not None:
                where = f"kernel '{self.kernel.__name__}': gradient of '{self.kernel.parameters[k][0]}'"
                args[k] = _with_gradient(where, args[k], given)
        self.bound = args
        self.variant, self.values = self.kernel.pack(args, self.device)

    def launch(self, stream: Any = None) -> None:
        """Runs backward, on `stream` or the current one.

        Raises:
            GradientError: The kernel has no gradient.
        """
        stream = stream or self.stream
        with taping.NotTaped(), contextlib.nullcontext() if stream is None else ScopedStream(stream):
            tape = Tape()
            record = LaunchRecord(
                self.kernel.__name__, self.variant, self.bound, self.dims, self.total, self.values, tape._buffers
            )
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
