"""Stochastic gradient descent with momentum."""

from collections.abc import Sequence
from typing import Any

import engine as en
from engine import types as T
from engine.once import made_once
from engine.optim.parameters import Parameters, working_type


@made_once
def _update(scalar: T.ScalarType) -> Any:
    work = working_type(scalar)

    @en.kernel
    def descend(
        x: en.array(dtype=scalar), g: en.array(dtype=scalar), velocity: en.array(dtype=work),
        started: en.array(dtype=work), lr: work, momentum: work, dampening: work, weight_decay: work, nesterov: work,
    ):  # fmt: skip
        i = en.tid()
        slope = work(g[i]) + weight_decay * work(x[i])
        v = slope
        if started[0] != work(0.0):
            v = momentum * velocity[i] + (work(1.0) - dampening) * slope
        velocity[i] = v
        x[i] = x[i] - scalar(lr * (nesterov * (slope + momentum * v) + (work(1.0) - nesterov) * v))

    @en.kernel
    def begin(started: en.array(dtype=work)):
        started[0] = work(1.0)

    return descend, begin


class SGD:
    """Gradient descent with momentum, as `torch.optim.SGD` computes it. Its steps may be captured in a graph.

    Args:
        params: arrays to optimise, of floating-point numbers, vectors or matrices.
        lr: step size, the factor of the gradient.
        momentum, dampening, nesterov: velocity `v = momentum v + (1 - dampening) g`.
        weight_decay: factor of the parameters that is added to the gradient.
    """

    def __init__(
        self,
        params: Sequence[en.array] | None = None,
        lr: float = 0.001,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.set_params(params)

    def set_params(self, params: Sequence[en.array] | None) -> None:
        """Optimises these arrays from now on, from rest."""
        self.params = Parameters(params, "SGD")
        numbers = self.params.numbers
        self._velocity = [en.zeros(x.size, dtype=working_type(x.dtype), device=x.device) for x in numbers]
        self._started = [en.zeros(1, dtype=working_type(x.dtype), device=x.device) for x in numbers]

    def reset_internal_state(self) -> None:
        """Forgets velocities."""
        for state in (*self._velocity, *self._started):
            state.zero_()

    def step(self, grad: Sequence[en.array] | None = None) -> None:
        """Moves the parameters once, along `grad` (arrays like the parameters) or their own `grad`."""
        gradients = self.params.gradients(grad)
        for x, g, v, started in zip(self.params.numbers, gradients, self._velocity, self._started):
            descend, begin = _update(x.dtype)
            numbers = [self.lr, self.momentum, self.dampening, self.weight_decay, float(self.nesterov)]
            en.launch(descend, x.size, inputs=[x, g, v, started, *numbers], record_tape=False)
            en.launch(begin, 1, inputs=[started], record_tape=False)
