"""Gradients against finite differences: `gradcheck`, `jacobian`, `jacobian_fd`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import taping
from engine.arrays import array
from engine.autodiff.buffers import has_float
from engine.autodiff.errors import GradientError
from engine.autodiff.kernel_memory import KernelMemory, pointer_arguments
from engine.autodiff.tape import Tape
from engine.kernel import Kernel
from engine.launching import launch


def float_parts(data: np.ndarray) -> list[np.ndarray]:
    """Views of the floats of an array: itself, or those of its fields."""
    if data.dtype.names:
        return [v for name in data.dtype.names for v in float_parts(data[name])]
    return [data] if data.dtype.kind == "f" else []


class Experiment:
    """A kernel or function with arguments that can be run again and again from the same state.

    Attributes:
        inputs: Arrays of floats that it reads.
        outputs: Arrays of floats that it writes.
    """

    def __init__(self, what: Kernel | Callable, dim: Any, inputs: Sequence[Any], outputs: Sequence[Any]):
        self.what, self.dim, self.args = what, dim, [*inputs, *outputs]
        self.given = len(inputs)
        if isinstance(what, Kernel):
            variant, _ = what.pack(self.args)
            memory = KernelMemory.of(variant)
            arrays = pointer_arguments(variant.types, self.args)
            known = [(a, n) for n, a in enumerate(arrays) if a is not None]
        else:
            known = [(a, None) for a in self.args if isinstance(a, array)]
        self.arrays: list[array] = []
        self.inputs: list[array] = []
        self.outputs: list[array] = []
        chosen = {id(a) for a in outputs if isinstance(a, array)}
        listed = {id(a) for a in inputs if isinstance(a, array)}
        for a, k in known:
            if not any(a is b for b in self.arrays):
                self.arrays.append(a)
            if not has_float(a.dtype):
                continue
            reads = k in memory.loads or k not in memory.stores if k is not None else id(a) not in chosen
            writes = k in memory.stores if k is not None else id(a) in chosen
            if reads or (writes and id(a) in listed):
                _append(self.inputs, a)
            if writes:
                _append(self.outputs, a)
        self.start = [a.numpy().copy() for a in self.arrays]

    def restore(self) -> None:
        for a, start in zip(self.arrays, self.start):
            a.device.memory.write(a._data, start)

    def run(self) -> None:
        if isinstance(self.what, Kernel):
            launch(self.what, dim=self.dim, inputs=self.args)
        else:
            self.what(*self.args)

    def value(self, weights: list[list[np.ndarray]]) -> float:
        """Sum of all outputs, weighted, of a run from the present contents."""
        self.run()
        total = 0.0
        for a, ws in zip(self.outputs, weights):
            for part, w in zip(float_parts(a.numpy()), ws):
                total += float(np.sum(part.astype(np.float64) * w))
        return total

    def gradient(self, weights: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
        """Gradients of `value` with respect to the inputs, by the tape."""
        self.restore()
        held = [(a, a.requires_grad, a.grad) for a in self.arrays]
        try:
            for a in self.arrays:
                a.requires_grad = False
            for a in self.inputs:
                a.requires_grad = True
            tape = Tape()
            with tape:
                self.run()
            seeds = {}
            for a, ws in zip(self.outputs, weights):
                seed = np.zeros_like(a.numpy())
                for part, w in zip(float_parts(seed), ws):
                    part[...] = w
                seeds[a] = seed
            tape.backward(grads=seeds)
            return [[p.copy() for p in float_parts(tape.gradient(a))] for a in self.inputs]
        finally:
            for a, wanted, grad in held:
                a.requires_grad = False
                a._requires_grad, a.grad = wanted, grad
            self.restore()

    def difference(self, weights: list[list[np.ndarray]], eps: float) -> list[list[np.ndarray]]:
        """The same by central differences."""
        out = []
        for a in self.inputs:
            parts = []
            for n, part in enumerate(float_parts(a.numpy())):
                slope = np.zeros(part.shape)
                for index in np.ndindex(part.shape):
                    sides = []
                    for step in (eps, -eps):
                        self.restore()
                        moved = a.numpy().copy()
                        here = float_parts(moved)[n]
                        here[index] += step
                        a.device.memory.write(a._data, moved)
                        sides.append((float(here[index]), self.value(weights)))
                    (xa, ya), (xb, yb) = sides
                    slope[index] = (ya - yb) / (xa - xb)
                parts.append(slope)
            out.append(parts)
        self.restore()
        return out

    def name(self, a: array) -> str:
        names = [n for n, _ in self.what.parameters] if isinstance(self.what, Kernel) else []
        for n, x in enumerate(self.args):
            if x is a:
                return names[n] if names else f"argument {n}"
        return "a field of a struct"


def _append(known: list[array], a: array) -> None:
    if not any(a is b for b in known):
        known.append(a)


def gradcheck(
    kernel: Kernel | Callable,
    dim: Any = 1,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    *,
    eps: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Compares gradients with central differences, for a random weighting of all outputs.

    Args:
        kernel: A kernel, or a function `f(*inputs, *outputs)` that launches kernels.
        dim: Launch grid.
        inputs, outputs: Arguments of the kernel. Arrays that it both reads and writes count as both.
        eps: Step of the differences; by default 1e-6 for float64, 1e-2 for float32.
        rtol, atol: Tolerances; by default 1e-5 and 1e-7 for float64, 2e-2 and 2e-2 otherwise.
        seed: Of the random weights.
        raise_exception: Raise instead of returning False.

    Raises:
        GradientError: They differ; the message says where and by how much.
    """
    with taping.NotTaped():
        experiment = Experiment(kernel, dim, inputs, outputs)
        wide = all(p.dtype == np.float64 for a in experiment.inputs for p in float_parts(a.numpy()))
        eps = eps or (1e-6 if wide else 1e-2)
        rtol = rtol if rtol is not None else 1e-5 if wide else 2e-2
        atol = atol if atol is not None else 1e-7 if wide else 2e-2
        rng = np.random.default_rng(seed)
        weights = [[rng.uniform(0.5, 1.5, p.shape) for p in float_parts(a.numpy())] for a in experiment.outputs]
        found, expected = experiment.gradient(weights), experiment.difference(weights, eps)
        for a, fs, es in zip(experiment.inputs, found, expected):
            for f, e in zip(fs, es):
                wrong = ~np.isclose(f, e, rtol=rtol, atol=atol)
                if wrong.any():
                    if not raise_exception:
                        return False
                    at = tuple(int(k) for k in np.argwhere(wrong)[0])
                    raise GradientError(
                        f"gradcheck: {experiment.name(a)}{list(at)}: gradient {f[at]:.9g}, "
                        f"finite difference {e[at]:.9g} ({int(wrong.sum())} of {wrong.size} entries differ)"
                    )
        return True


def jacobian(
    kernel: Kernel | Callable, dim: Any = 1, inputs: Sequence[Any] = (), outputs: Sequence[Any] = ()
) -> dict[tuple[str, str], np.ndarray]:
    """Jacobians by (input, output) name, one backward pass for each number of an output; shape [outputs, inputs]."""
    with taping.NotTaped():
        experiment = Experiment(kernel, dim, inputs, outputs)
        rows: dict[tuple[str, str], list[np.ndarray]] = {}
        for weights, y in _units(experiment):
            for x, parts in zip(experiment.inputs, experiment.gradient(weights)):
                row = np.concatenate([p.ravel() for p in parts])
                rows.setdefault((experiment.name(x), experiment.name(y)), []).append(row)
        return {key: np.array(value) for key, value in rows.items()}


def jacobian_fd(
    kernel: Kernel | Callable,
    dim: Any = 1,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    *,
    eps: float = 1e-4,
) -> dict[tuple[str, str], np.ndarray]:
    """The same by central differences with step `eps`."""
    with taping.NotTaped():
        experiment = Experiment(kernel, dim, inputs, outputs)
        rows: dict[tuple[str, str], list[np.ndarray]] = {}
        for weights, y in _units(experiment):
            for x, parts in zip(experiment.inputs, experiment.difference(weights, eps)):
                row = np.concatenate([p.ravel() for p in parts])
                rows.setdefault((experiment.name(x), experiment.name(y)), []).append(row)
        return {key: np.array(value) for key, value in rows.items()}


def _units(experiment: Experiment):
    """Weights that pick one number of the outputs, each in turn, and the output that it lies in."""
    for n, a in enumerate(experiment.outputs):
        for m, part in enumerate(float_parts(a.numpy())):
            for index in np.ndindex(part.shape):
                weights = [[np.zeros(p.shape) for p in float_parts(b.numpy())] for b in experiment.outputs]
                weights[n][m][index] = 1.0
                yield weights, a
