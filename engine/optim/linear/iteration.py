"""What the solvers share: vectors and coefficients as arrays, the loop over iterations, and its end.

Coefficients such as step lengths live in an array, so that an iteration is a list of kernel launches and nothing else:
it is recorded once and replayed, and a whole solve may be captured by the user. Once the residual is small enough the
steps become zero; iterations after that change nothing.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import engine as en
from engine import types as T
from engine.capture import recording_of
from engine.errors import EngineError
from engine.once import made_once
from engine.optim.linear.operators import LinearOperator, aslinearoperator
from engine.optim.parameters import flat
from engine.taping import NotTaped

#: coefficients that every solver has: the number 1, squared residual, squared tolerance, iterations done
ONE, RESIDUAL, TOLERANCE, DONE, FREE = range(5)
_PARTS = 64  # partial sums of an inner product: enough for the threads, few enough to add up
_GPU_PARTS = 1024
_GPU_STEPS = 8  # iterations between looks at the residual on a GPU: each look waits for the device


class Iteration:
    """Vectors, coefficients and operators of one solve.

    Args:
        A, M: operator and preconditioner (or None), in any form that `aslinearoperator` takes.
        b, x: right-hand side and initial guess.
        coefficients: how many the solver needs besides the common ones.
    """

    def __init__(self, A: Any, b: en.array, x: en.array, M: Any, coefficients: int):
        self.b, self.x = flat(b, "right-hand side"), flat(x, "solution")
        if b.dtype is not x.dtype or b.shape != x.shape or b.ndim != 1:
            raise EngineError(
                f"the right-hand side is {b.shape} of {T.type_name(b.dtype)} and the solution {x.shape} of "
                f"{T.type_name(x.dtype)}; expected two vectors of one size and type"
            )
        if b.device != x.device:
            raise EngineError(
                f"the right-hand side is on {b.device} and the solution on {x.device}; expected one device"
            )
        self.like, self.device = b, b.device
        self.A = self._fitting(A, "the matrix")
        self.M = None if M is None else self._fitting(M, "the preconditioner")
        self.typed: dict[int, en.array] = {id(self.b): b, id(self.x): x}
        self.kernels = _kernels(self.b.dtype)
        self.s = en.zeros(FREE + coefficients, dtype=en.float64, device=self.device)
        self.parts = en.zeros(_PARTS if self.device.is_cpu else _GPU_PARTS, dtype=en.float64, device=self.device)

    def _fitting(self, A: Any, what: str) -> LinearOperator:
        A = aslinearoperator(A, self.like)
        n = self.like.shape[0]
        if A.shape != (n, n) or A.scalar_type is not self.like.dtype.scalar:
            raise EngineError(
                f"{what} is {A.shape} of {A.scalar_type.name}; the vectors are {n} of {T.type_name(self.like.dtype)}"
            )
        return A

    @property
    def capturable(self) -> bool:
        return self.A.capturable and (self.M is None or self.M.capturable)

    def vector(self) -> en.array:
        """A new vector like the right-hand side, as flat numbers."""
        typed = en.zeros_like(self.like)
        out = flat(typed, "vector")
        self.typed[id(out)] = typed
        return out

    def vectors(self, count: int) -> list[en.array]:
        return [self.vector() for _ in range(count)]

    # operations, each a launch or a few -------------------------------------------------------------------------
    def apply(self, A: LinearOperator | None, x: en.array, z: en.array) -> None:
        """z = A x; z = x where there is no operator."""
        if A is None:
            self.add(z, 1.0, ONE, x, 0.0, ONE, x)
        else:
            A.matvec(self.typed[id(x)], self.typed[id(z)], self.typed[id(z)], 1.0, 0.0)

    def residual(self, r: en.array) -> None:
        """r = b - A x, and its square as coefficient."""
        self.A.matvec(self.typed[id(self.x)], self.typed[id(self.b)], self.typed[id(r)], -1.0, 1.0)
        self.dot(r, r, RESIDUAL)

    def add(self, z: en.array, a: float, i: int, x: en.array, b: float, j: int, y: en.array) -> None:
        """z = a s[i] x + b s[j] y."""
        en.launch(self.kernels.add, z.size, inputs=[z, self.s, a, i, x, b, j, y], record_tape=False)

    def dot(self, x: en.array, y: en.array, out: int) -> None:
        """s[out] = x . y, added up in float64 in an order that depends on the size alone."""
        size = -(-x.size // self.parts.size)
        en.launch(self.kernels.dot, self.parts.size, inputs=[x, y, size, self.parts], record_tape=False)
        en.launch(add_parts, 1, inputs=[self.parts, self.s, out], record_tape=False)

    def divide(self, out: int, a: int, b: int) -> None:
        """s[out] = s[a] / s[b], or 0 once the residual is within the tolerance."""
        en.launch(divide, 1, inputs=[self.s, out, a, b], record_tape=False)

    def count(self, steps: int = 1) -> None:
        """Counts iterations until the residual is within the tolerance."""
        en.launch(count, 1, inputs=[self.s, float(steps)], record_tape=False)

    # the loop ---------------------------------------------------------------------------------------------------
    def run(
        self,
        begin: Callable[[], None],
        step: Callable[[], None],
        *,
        tol: float | None,
        atol: float | None,
        maxiter: int | None,
        callback: Callable | None,
        check_every: int,
        replay: bool,
        steps_at_once: int = 1,
    ) -> tuple:
        """Runs `begin` once and `step` until the residual is small enough; returns what a solver returns.

        Inside a capture, or with `check_every=0`, nothing is read back: all `maxiter` iterations are launched, and the
        result is three arrays (iterations, squared residual, squared tolerance).
        """
        with NotTaped():
            most = -(-(maxiter or self.b.size) // steps_at_once)
            self._set_tolerance(tol, atol)
            begin()
            if recording_of(self.device) is not None or check_every == 0:
                for _ in range(most):
                    step()
                return tuple(self.s[k : k + 1] for k in (DONE, RESIDUAL, TOLERANCE))
            s = self.s.numpy()
            advance = self._recorded(step) if replay and self.capturable and most > 2 else step
            tolerance, last_call = math.sqrt(s[TOLERANCE]), 0
            every = 1 if self.device.is_cpu or callback is not None else _GPU_STEPS
            for k in range(most):
                if not self.device.is_cpu and k % every == 0:
                    s = self.s.numpy()
                if s[RESIDUAL] <= s[TOLERANCE] or not np.isfinite(s[RESIDUAL]):
                    break
                if callback is not None and (k == 0 or (k - last_call) * steps_at_once >= check_every):
                    callback(k * steps_at_once, math.sqrt(s[RESIDUAL]), tolerance)
                    last_call = k
                advance()
            s = self.s.numpy()
            return int(s[DONE]), math.sqrt(s[RESIDUAL]), tolerance

    def _set_tolerance(self, tol: float | None, atol: float | None) -> None:
        if tol is None and atol is None:
            tol = _RELATIVE[self.b.dtype.bits]
        self.dot(self.b, self.b, TOLERANCE)
        en.launch(set_tolerance, 1, inputs=[self.s, float(tol or 0.0), float(atol or 0.0)], record_tape=False)

    def _recorded(self, step: Callable[[], None]) -> Callable[[], None]:
        with en.ScopedCapture(self.device) as capture:
            step()
        return capture.graph.launch


_RELATIVE = {16: 1e-2, 32: 1e-5, 64: 1e-10}  # default tolerance relative to the right-hand side, by bits


@en.kernel
def add_parts(parts: en.array(dtype=en.float64), s: en.array(dtype=en.float64), out: int):
    total = en.float64(0.0)
    for k in range(parts.shape[0]):
        total += parts[k]
    s[out] = total


@en.kernel
def divide(s: en.array(dtype=en.float64), out: int, a: int, b: int):
    quotient = en.float64(0.0)
    if s[b] != en.float64(0.0) and s[RESIDUAL] > s[TOLERANCE]:
        quotient = s[a] / s[b]
    s[out] = quotient


@en.kernel
def count(s: en.array(dtype=en.float64), steps: en.float64):
    if s[RESIDUAL] > s[TOLERANCE]:
        s[DONE] = s[DONE] + steps


@en.kernel
def set_tolerance(s: en.array(dtype=en.float64), tol: en.float64, atol: en.float64):
    wanted = en.max(tol * en.sqrt(s[TOLERANCE]), atol)
    s[ONE] = en.float64(1.0)
    s[TOLERANCE] = wanted * wanted
    s[DONE] = en.float64(0.0)


class _Kernels:
    """Operations on vectors of one scalar type."""

    def __init__(self, scalar: T.ScalarType):
        vector, doubles = en.array(dtype=scalar), en.array(dtype=en.float64)

        @en.kernel
        def add(z: vector, s: doubles, a: en.float64, i: int, x: vector, b: en.float64, j: int, y: vector):
            k = en.tid()
            z[k] = scalar(a * s[i] * en.float64(x[k]) + b * s[j] * en.float64(y[k]))

        @en.kernel
        def dot(x: vector, y: vector, size: int, parts: doubles):
            part = en.tid()
            first = part * size
            last = en.min(first + size, x.shape[0])
            total = en.float64(0.0)
            for k in range(first, last):
                total += en.float64(x[k]) * en.float64(y[k])
            parts[part] = total

        @en.kernel
        def divided(x: vector, s: doubles, norm: int, out: vector):
            k = en.tid()
            value = en.float64(0.0)
            if s[norm] > en.float64(0.0):
                value = en.float64(x[k]) / s[norm]
            out[k] = scalar(value)

        self.add, self.dot, self.divided = add, dot, divided


_kernels = made_once(_Kernels)
