"""Limited-memory BFGS (Nocedal and Wright, "Numerical Optimization", algorithms 7.4 and 7.5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.arrays import array
from engine.errors import EngineError
from engine.optim.line_search import Point, strong_wolfe
from engine.optim.parameters import Parameters


class LBFGS:
    """Quasi-Newton minimisation that learns curvature from the last few gradients.

    An own implementation rather than SciPy's: that one takes over the loop, copies to and from its own vectors and
    keeps no curvature between calls. Directions are computed in float64 with NumPy on the CPU, whatever type the
    parameters have; that costs a few dozen passes over them, little beside a gradient of a simulation.

    Args:
        params: arrays to optimise, of floating-point numbers, vectors or matrices.
        lr: length of a step along the direction before the line search; the only one without it.
        max_iter: largest number of iterations in one `step()`.
        max_eval: largest number of evaluations of the closure in one `step()` (default 1.25 `max_iter`).
        tolerance_grad: ends when no component of the gradient is larger.
        tolerance_change: ends when neither loss nor parameters change by more.
        history_size: number of past gradients that make the curvature.
        line_search_fn: "strong_wolfe", or None for steps of fixed length `lr`.

    Attributes:
        iterations, evaluations: totals over all calls of `step()`.
    """

    def __init__(
        self,
        params: Sequence[array],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 10,
        line_search_fn: str | None = "strong_wolfe",
    ):
        if line_search_fn not in ("strong_wolfe", None):
            raise EngineError(f"LBFGS: got line_search_fn={line_search_fn!r}; expected 'strong_wolfe' or None")
        self.lr, self.max_iter, self.max_eval = lr, max_iter, max_eval or max(2, max_iter * 5 // 4)
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change
        self.line_search_fn = line_search_fn
        self.params = Parameters(params, "LBFGS")
        self._history: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=history_size)
        self.iterations = self.evaluations = 0

    def reset_internal_state(self) -> None:
        """Forgets the curvature."""
        self._history.clear()

    def step(self, closure: Callable[[], Any]) -> float:
        """Minimises until a tolerance or a limit is reached; returns the loss that was reached.

        Args:
            closure: computes the loss and `grad` of every parameter at their current values; returns the loss as a
                number or as an array of one element. It must reset the gradients before it adds to them.
        """
        x = self._gather(self.params.numbers)
        loss, g = self._evaluate(closure, x)
        begun = self.evaluations
        for _ in range(self.max_iter):
            if not np.isfinite(loss) or np.abs(g).max(initial=0.0) <= self.tolerance_grad:
                break
            direction = -self._curved(g)
            slope = float(direction @ g)
            if slope > -1e-30 or not np.isfinite(slope):  # not downhill: the curvature is of no use here
                self._history.clear()
                direction, slope = -g, -float(g @ g)
            # without curvature the direction has no scale: move by at most `lr` in total
            length = self.lr if self._history else min(1.0, 1.0 / float(np.abs(g).sum())) * self.lr
            moved, new_loss, new_g = self._search(closure, x, loss, g, direction, slope, length, begun)
            self.iterations += 1
            self._remember(moved - x, new_g - g)
            change = max(np.abs(moved - x).max(initial=0.0), abs(new_loss - loss))
            x, loss, g = moved, new_loss, new_g
            if change <= self.tolerance_change or self.evaluations - begun >= self.max_eval:
                break
        self._scatter(x)
        return loss

    def _search(self, closure, x, loss, g, direction, slope, length, begun) -> tuple[np.ndarray, float, np.ndarray]:
        seen: dict[float, tuple[float, np.ndarray]] = {0.0: (loss, g)}

        def along(step: float) -> Point:
            value, gradient = self._evaluate(closure, x + step * direction)
            seen[step] = (value, gradient)
            return Point(step, value, float(gradient @ direction))

        if self.line_search_fn is None:
            found = along(length)
        else:
            most = max(1, min(25, self.max_eval - (self.evaluations - begun)))
            found = strong_wolfe(along, Point(0.0, loss, slope), length, most)
        return x + found.step * direction, *seen[found.step]

    def _curved(self, g: np.ndarray) -> np.ndarray:
        """The inverse Hessian estimate times the gradient (two-loop recursion)."""
        q, factors = g.copy(), []
        for s, y, rho in reversed(self._history):
            factors.append(rho * float(s @ q))
            q -= factors[-1] * y
        if self._history:
            s, y, rho = self._history[-1]
            q /= rho * float(y @ y)
        for (s, y, rho), factor in zip(self._history, reversed(factors)):
            q += (factor - rho * float(y @ q)) * s
        return q

    def _remember(self, s: np.ndarray, y: np.ndarray) -> None:
        curvature = float(s @ y)
        if curvature > 1e-10 * float(y @ y):
            self._history.append((s, y, 1.0 / curvature))

    # between the parameters and one vector of doubles ------------------------------------------------------------
    def _evaluate(self, closure: Callable[[], Any], x: np.ndarray) -> tuple[float, np.ndarray]:
        self._scatter(x)
        loss = closure()
        self.evaluations += 1
        value = float(loss.numpy().reshape(-1)[0] if isinstance(loss, array) else loss)
        return value, self._gather(self.params.gradients(None))

    @staticmethod
    def _gather(arrays: list[array]) -> np.ndarray:
        return np.concatenate([a.numpy().astype(np.float64) for a in arrays]) if arrays else np.zeros(0)

    def _scatter(self, x: np.ndarray) -> None:
        at = 0
        for a in self.params.numbers:
            a.assign(x[at : at + a.size].astype(a.dtype.np_dtype))
            at += a.size
