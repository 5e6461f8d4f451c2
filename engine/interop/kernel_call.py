"""A kernel as a function: inputs in, outputs allocated and returned. How PyTorch and JAX see kernels."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

from engine import types as T
from engine.array_making import zeros
from engine.arrays import array
from engine.errors import EngineError
from engine.kernel import Kernel
from engine.launching import launch


class KernelCall:
    """A kernel whose last `num_outputs` arguments, all arrays, are results.

    Attributes:
        inputs, outputs: names and types of the arguments.
        in_out: names of the inputs that the kernel changes; they are outputs as well.
    """

    def __init__(
        self,
        kernel: Kernel,
        num_outputs: int,
        launch_dims: Any = None,
        output_dims: Any = None,
        in_out: Sequence[str] = (),
    ):
        parameters = kernel.parameters
        pure = num_outputs - len(in_out)
        if not 0 <= pure <= len(parameters) or num_outputs < 1:
            raise EngineError(
                f"kernel '{kernel.__name__}' has {len(parameters)} arguments; got num_outputs={num_outputs}"
            )
        self.kernel, self.launch_dims, self.output_dims = kernel, launch_dims, output_dims
        self.inputs, self.outputs = parameters[: len(parameters) - pure], parameters[len(parameters) - pure :]
        for name, t in parameters:
            if T.is_generic(t):
                raise EngineError(
                    f"kernel '{kernel.__name__}' is generic in '{name}'; declare its type with overload() first"
                )
        for name, t in self.outputs:
            if t.kind != "array":
                raise EngineError(f"kernel '{kernel.__name__}': output '{name}' is {T.type_name(t)}; expected an array")
        known = {name: t for name, t in self.inputs}
        for name in in_out:
            if name not in known or known[name].kind != "array":
                arrays = ", ".join(n for n, t in self.inputs if t.kind == "array")
                raise EngineError(
                    f"kernel '{kernel.__name__}' has no array input '{name}' to change; its array inputs are {arrays}"
                )
        self.in_out = tuple(in_out)

    def with_dims(self, launch_dims: Any, output_dims: Any) -> KernelCall:
        """This call with other dimensions where they are given."""
        if launch_dims is None and output_dims is None:
            return self
        out = copy.copy(self)
        out.launch_dims = self.launch_dims if launch_dims is None else launch_dims
        out.output_dims = self.output_dims if output_dims is None else output_dims
        return out

    def dims(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Launch dimensions for the shapes of the array inputs, in elements."""
        if self.launch_dims is not None:
            return _as_tuple(self.launch_dims)
        if not shapes:
            raise EngineError(
                f"kernel '{self.kernel.__name__}' has no array input to take its size from; give launch_dims="
            )
        return tuple(shapes[0])

    def output_shapes(self, dims: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Shape of each output in elements: as `output_dims` says, else the launch dimensions."""
        chosen = self.output_dims
        if isinstance(chosen, dict):
            names = [name for name, _ in self.outputs]
            unknown = set(chosen) - set(names)
            if unknown:
                raise EngineError(f"output_dims names {', '.join(sorted(unknown))}; the outputs are {', '.join(names)}")
            shapes = [_as_tuple(chosen.get(name, dims)) for name, _ in self.outputs]
        else:
            shapes = [_as_tuple(dims if chosen is None else chosen)] * len(self.outputs)
        for (name, t), shape in zip(self.outputs, shapes):
            if len(shape) != t.ndim:
                raise EngineError(
                    f"kernel '{self.kernel.__name__}': output '{name}' has {t.ndim} dimensions and "
                    f"its shape would be {shape}; give output_dims="
                )
        return shapes

    def launch(self, *args: Any) -> tuple[array, ...]:
        """Runs the kernel on arrays and numbers; returns its outputs."""
        if len(args) != len(self.inputs):
            names = ", ".join(n for n, _ in self.inputs)
            raise EngineError(
                f"kernel '{self.kernel.__name__}' got {len(args)} inputs; expected {len(self.inputs)}: {names}"
            )
        dims = self.dims([a.shape for a in args if isinstance(a, array)])
        wanted = any(isinstance(a, array) and a.requires_grad for a in args)
        made = [
            zeros(shape, dtype=t.dtype, requires_grad=wanted and t.dtype.scalar.is_float)
            for (_, t), shape in zip(self.outputs, self.output_shapes(dims))
        ]
        if math.prod(dims):
            launch(self.kernel, dims, inputs=list(args), outputs=made)
        return tuple(made)


def _as_tuple(dims: Any) -> tuple[int, ...]:
    return (int(dims),) if isinstance(dims, int) else tuple(int(d) for d in dims)
