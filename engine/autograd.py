"""Jacobians and gradient checks under the names and with the results that programs of the field expect.

`engine.gradcheck`, `jacobian` and `jacobian_fd` are shorter forms of the same for use in tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from engine import taping
from engine import types as T
from engine.array_making import from_numpy
from engine.arrays import array
from engine.autodiff.buffers import has_float
from engine.autodiff.gradcheck import float_parts
from engine.autodiff.launch_record import LaunchRecord
from engine.autodiff.tape import Tape
from engine.errors import EngineValueError
from engine.kernel import Kernel
from engine.launching import launch
from engine.taping import active_tape

#: Pairs of an input and an output, by number or by name of a kernel's argument.
Mask = Sequence[tuple[str | int, str | int]] | None
_ALL = -1


class _Relaunch:
    """A recorded launch as a function of its arrays."""

    def __init__(self, record: LaunchRecord):
        self.record, self.__name__ = record, record.name

    def __call__(self, *_: Any) -> None:
        r = self.record
        tape = active_tape()
        if tape is not None:
            tape.record_launch(r.name, r.variant, r.args, r.dims, r.total, list(r.values))
        r.memory.backend.run(r.variant, r.dims, r.total, r.values, r.memory.ordered)


class _Problem:
    """A kernel or function with its arguments; runs from the same contents every time.

    Attributes:
        inputs: Arrays of floats among the inputs, by number.
        pairs: Numbers of inputs and outputs whose Jacobian is asked for.
    """

    def __init__(
        self,
        function: Kernel | Callable,
        dim: Any,
        inputs: Sequence[Any] | None,
        outputs: Sequence[Any] | None,
        mask: Mask,
        device: Any,
        restore: bool,
    ):
        if not inputs:
            raise EngineValueError("autograd: got no inputs; give inputs=[...], arrays that gradients go to")
        if isinstance(function, Kernel) and (dim is None or not outputs):
            raise EngineValueError(f"autograd: kernel '{function.__name__}' needs dim=... and outputs=[...]")
        self.function, self.dim, self.device, self.restores = function, dim, device, restore
        self.arguments, self.given = list(inputs), list(outputs or ())
        self.inputs = {k: a for k, a in enumerate(inputs) if _is_smooth(a)}
        self.kept = [(a, a.numpy().copy()) for a in (*inputs, *self.given) if isinstance(a, array)]
        self.mask = mask

    def run(self) -> list[Any]:
        """Runs once; returns the outputs."""
        if isinstance(self.function, Kernel):
            launch(self.function, dim=self.dim, inputs=self.arguments, outputs=self.given, device=self.device)
            return self.given
        found = self.function(*self.arguments)
        if found is None:
            return self.given
        return list(found) if isinstance(found, (tuple, list)) else [found]

    def restore(self) -> None:
        if self.restores:
            for a, contents in self.kept:
                a.device.memory.write(a._data, contents)

    def pairs(self, outputs: list[Any]) -> list[tuple[int, int]]:
        smooth = [j for j, a in enumerate(outputs) if _is_smooth(a)]
        every = list(itertools.product(self.inputs, smooth))
        if self.mask is None:
            return every
        wanted = {(self._number(i, 0, "input"), self._number(j, len(self.arguments), "output")) for i, j in self.mask}
        return [p for p in every if p in wanted]

    def _number(self, which: str | int, first: int, what: str) -> int:
        if isinstance(which, int):
            return which
        names = [n for n, _ in self.function.parameters] if isinstance(self.function, Kernel) else []
        if which not in names[first:]:
            raise EngineValueError(f"autograd: no {what} is called '{which}'; they are {', '.join(names[first:])}")
        return names.index(which) - first


def _is_smooth(a: Any) -> bool:
    return isinstance(a, array) and a.size > 0 and has_float(a.dtype)


def _flat(values: np.ndarray) -> np.ndarray:
    return np.concatenate([p.ravel().astype(np.float64) for p in float_parts(values)])


def _count(a: array) -> int:
    return sum(p.size for p in float_parts(np.empty(a._data.shape, a._data.dtype)))


def _places(a: array, most: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Number, part and index in the part of the first `most` numbers of an array."""
    number = 0
    for n, part in enumerate(float_parts(np.empty(a._data.shape, a._data.dtype))):
        for index in np.ndindex(part.shape):
            if most != _ALL and number >= most:
                return
            yield number, n, index
            number += 1


def _as_arrays(found: dict[tuple[int, int], np.ndarray], inputs: dict[int, array]) -> dict[tuple[int, int], array]:
    types = {i: T.float64 if a.dtype.kind == "struct" else a.dtype.scalar for i, a in inputs.items()}
    wide = {i: t if t in (T.float32, T.float64) else T.float32 for i, t in types.items()}
    return {(i, j): from_numpy(m.astype(wide[i].np_dtype), dtype=wide[i], device="cpu") for (i, j), m in found.items()}


def _by_tape(problem: _Problem, most: int) -> dict[tuple[int, int], np.ndarray]:
    held = [(a, a.requires_grad, a.grad) for a in problem.inputs.values()]
    try:
        for a, _, _ in held:
            a.requires_grad = False
            a.requires_grad = True
        with Tape() as tape:
            outputs = problem.run()
        pairs = problem.pairs(outputs)
        out = {(i, j): np.full((_count(outputs[j]), _count(problem.inputs[i])), np.nan) for i, j in pairs}
        for j in sorted({j for _, j in pairs}):
            seed = np.zeros(outputs[j]._data.shape, outputs[j]._data.dtype)
            for row, n, index in _places(outputs[j], most):
                tape.zero()
                part = float_parts(seed)[n]
                part[index] = 1.0
                tape.backward(grads={outputs[j]: seed})
                part[index] = 0.0
                for i in (i for i, other in pairs if other == j):
                    out[i, j][row] = _flat(tape.gradient(problem.inputs[i]))
        return out
    finally:
        for a, wanted, grad in held:
            a.requires_grad = False
            a._requires_grad, a.grad = wanted, grad
        problem.restore()


def _by_differences(problem: _Problem, eps: float, most: int) -> dict[tuple[int, int], np.ndarray]:
    try:
        return _differences(problem, eps, most)
    finally:
        problem.restore()


def _differences(problem: _Problem, eps: float, most: int) -> dict[tuple[int, int], np.ndarray]:
    outputs = problem.run()
    pairs = problem.pairs(outputs)
    out = {(i, j): np.full((_count(outputs[j]), _count(problem.inputs[i])), np.nan) for i, j in pairs}
    for i in sorted({i for i, _ in pairs}):
        a = problem.inputs[i]
        for column, n, index in _places(a, most):
            sides = []
            for step in (eps, -eps):
                problem.restore()
                moved = a.numpy().copy()
                part = float_parts(moved)[n]
                before = part[index]
                part[index] = before + step
                a.device.memory.write(a._data, moved)
                results = [_flat(y.numpy()) if _is_smooth(y) else None for y in problem.run()]
                sides.append((float(part[index]), results))
                if not problem.restores:
                    part[index] = before
            (up, high), (down, low) = sides
            for j in (j for other, j in pairs if other == i):
                out[i, j][:, column] = (high[j] - low[j]) / (up - down)
    return out


def jacobian(
    function: Kernel | Callable,
    dim: Any = None,
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    input_output_mask: Mask = None,
    device: Any = None,
    max_outputs_per_var: int = _ALL,
    plot_jacobians: bool = False,
    restore_inputs: bool = True,
    **_: Any,
) -> dict[tuple[int, int], array]:
    """Jacobians by (number of the input, number of the output), by backward passes.

    Args:
        function: A kernel, or a function of `inputs` that launches kernels and returns its outputs.
        dim: Launch grid of a kernel.
        inputs, outputs: Arguments; arrays of floats count.
        input_output_mask: Which pairs to compute; by default all.
        device: Where a kernel runs.
        max_outputs_per_var: Rows to compute of each Jacobian, -1 for all; the others are NaN.
        plot_jacobians: Show them with matplotlib.
        restore_inputs: Put back what the function changes of its arguments.

    Returns:
        Arrays of two dimensions: a row for each number of the output, a column for each number of the input.
    """
    with taping.NotTaped():
        problem = _Problem(function, dim, inputs, outputs, input_output_mask, device, restore_inputs)
        found = _as_arrays(_by_tape(problem, max_outputs_per_var), problem.inputs)
    if plot_jacobians:
        jacobian_plot(found)
    return found


def jacobian_fd(
    function: Kernel | Callable,
    dim: Any = None,
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    input_output_mask: Mask = None,
    device: Any = None,
    max_inputs_per_var: int = _ALL,
    eps: float = 1e-4,
    plot_jacobians: bool = False,
    restore_inputs: bool = True,
    **_: Any,
) -> dict[tuple[int, int], array]:
    """The same by central differences with step `eps`; `max_inputs_per_var`: columns to compute, -1 for all."""
    with taping.NotTaped():
        problem = _Problem(function, dim, inputs, outputs, input_output_mask, device, restore_inputs)
        found = _as_arrays(_by_differences(problem, eps, max_inputs_per_var), problem.inputs)
    if plot_jacobians:
        jacobian_plot(found)
    return found


def gradcheck(
    function: Kernel | Callable,
    dim: Any = None,
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    *,
    eps: float = 1e-4,
    atol: float = 1e-3,
    rtol: float = 1e-2,
    raise_exception: bool = True,
    input_output_mask: Mask = None,
    device: Any = None,
    max_inputs_per_var: int = _ALL,
    max_outputs_per_var: int = _ALL,
    restore_inputs: bool = True,
    show_summary: bool = True,
    **_: Any,
) -> bool:
    """Compares Jacobians by backward passes with those by central differences; arguments as there.

    Args:
        eps: Step of the differences.
        atol, rtol: Tolerances.
        raise_exception: Raise instead of returning False.
        show_summary: Print a line for each pair of input and output.

    Raises:
        ValueError: They differ, or a gradient is not a number.
    """
    with taping.NotTaped():
        problem = _Problem(function, dim, inputs, outputs, input_output_mask, device, restore_inputs)
        exact = _by_tape(problem, max_outputs_per_var)
        nearly = _by_differences(problem, eps, max_inputs_per_var)
    good = True
    for (i, j), a in exact.items():
        rows = a.shape[0] if max_outputs_per_var == _ALL else max_outputs_per_var
        columns = a.shape[1] if max_inputs_per_var == _ALL else max_inputs_per_var
        x, y = a[:rows, :columns], nearly[i, j][:rows, :columns]
        wrong = ~np.isclose(x, y, rtol=rtol, atol=atol)
        if show_summary:
            most = float(np.nanmax(np.abs(x - y))) if x.size else 0.0
            print(
                f"{_name(function)}: input {i}, output {j}: {'FAIL' if wrong.any() else 'ok'}, off by at most {most:.3g}"
            )
        if wrong.any():
            good = False
            if raise_exception:
                at = tuple(int(k) for k in np.argwhere(wrong)[0])
                raise EngineValueError(
                    f"gradcheck: {_name(function)}: derivative of number {at[0]} of output {j} by number {at[1]} of input "
                    f"{i}: gradient {x[at]:.9g}, finite difference {y[at]:.9g} ({int(wrong.sum())} of {wrong.size} differ)"
                )
    return good


def gradcheck_tape(
    tape: Tape,
    *,
    whitelist_kernels: Sequence[str] | None = None,
    blacklist_kernels: Sequence[str] | None = None,
    input_output_masks: dict[str, Mask] | None = None,
    **options: Any,
) -> bool:
    """`gradcheck` of every launch on a tape, each by itself and for the present contents of its arrays.

    Args:
        tape: The tape.
        whitelist_kernels: Names of the kernels to check; by default all.
        blacklist_kernels: Names of kernels to leave out.
        input_output_masks: By name of a kernel, pairs of numbers of its inputs and outputs.
        options: As for `gradcheck`.
    """
    good = True
    for record in tape.launches:
        if not isinstance(record, LaunchRecord) or not record.carries:
            continue
        if record.name in (blacklist_kernels or ()) or record.name not in (whitelist_kernels or (record.name,)):
            continue
        smooth = [n for n, a in enumerate(record.arrays) if _is_smooth(a)]
        read = [record.arrays[n] for n in smooth if n in record.plan.read]
        written = [record.arrays[n] for n in smooth if n in record.plan.written]
        if read and written:
            mask = (input_output_masks or {}).get(record.name)
            relaunch = _Relaunch(record)
            good &= gradcheck(relaunch, inputs=read, outputs=written, input_output_mask=mask, **options)
    return good


def jacobian_plot(jacobians: dict[tuple[int, int], array], title: str = "", show_plot: bool = True, **_: Any) -> Any:
    """Jacobians as images, side by side; returns the matplotlib figure.

    Raises:
        EngineValueError: matplotlib is not installed, or there is nothing to show.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise EngineValueError("jacobian_plot needs matplotlib; pip install matplotlib") from None
    if not jacobians:
        raise EngineValueError("jacobian_plot: got no Jacobians")
    rows, columns = (sorted({key[k] for key in jacobians}) for k in (1, 0))
    figure, axes = pyplot.subplots(len(rows), len(columns), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for (i, j), matrix in jacobians.items():
        ax = axes[rows.index(j)][columns.index(i)]
        ax.axis("on")
        ax.set_title(f"output {j} by input {i}")
        figure.colorbar(ax.imshow(matrix.numpy(), cmap="coolwarm"), ax=ax)
    figure.suptitle(title)
    if show_plot:
        pyplot.show()
    return figure


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
