"""The Adam optimiser (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1)."""

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
    def count_step(powers: en.array(dtype=work), beta1: work, beta2: work):
        powers[0] = powers[0] * beta1
        powers[1] = powers[1] * beta2

    @en.kernel
    def adapt(
        x: en.array(dtype=scalar), g: en.array(dtype=scalar), mean: en.array(dtype=work), square: en.array(dtype=work),
        powers: en.array(dtype=work), lr: work, beta1: work, beta2: work, eps: work,
    ):  # fmt: skip
        i = en.tid()
        slope = work(g[i])
        m = beta1 * mean[i] + (work(1.0) - beta1) * slope
        s = beta2 * square[i] + (work(1.0) - beta2) * slope * slope
        mean[i] = m
        square[i] = s
        # the averages start at zero; dividing by 1 - beta^t takes that bias out
        m = m / (work(1.0) - powers[0])
        s = s / (work(1.0) - powers[1])
        x[i] = x[i] - scalar(lr * m / (en.sqrt(s) + eps))

    return count_step, adapt


class Adam:
    """Gradient descent with steps scaled by running averages, as `torch.optim.Adam` computes it.

    The step count lives in an array, so steps may be captured in a graph.

    Args:
        params: arrays to optimise, of floating-point numbers, vectors or matrices.
        lr: step size.
        betas: decay of the averages of the gradient and of its square.
        eps: added to the root of the average square.

    Attributes:
        m, v: averages of gradient and squared gradient, flat, for each parameter.
    """

    def __init__(
        self,
        params: Sequence[en.array] | None = None,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        self.lr, self.beta1, self.beta2, self.eps = lr, *betas, eps
        self.m: list[en.array] = []
        self.v: list[en.array] = []
        self._powers: list[en.array] = []
        self.set_params(params)

    def set_params(self, params: Sequence[en.array] | None) -> None:
        """Optimises these arrays from now on; averages stay where size and type of a parameter stay."""
        self.params = Parameters(params, "Adam")
        kept = list(zip(self.m, self.v, self._powers))
        self.m, self.v, self._powers = [], [], []
        for k, x in enumerate(self.params.numbers):
            work = working_type(x.dtype)
            state = kept[k] if k < len(kept) else None
            if state is None or state[0].size != x.size or state[0].dtype is not work:
                like = {"dtype": work, "device": x.device}
                state = en.zeros(x.size, **like), en.zeros(x.size, **like), en.ones(2, **like)
            for states, one in zip((self.m, self.v, self._powers), state):
                states.append(one)

    def reset_internal_state(self) -> None:
        """Forgets averages and the step count."""
        for state in (*self.m, *self.v):
            state.zero_()
        for powers in self._powers:
            powers.fill_(1.0)

    def step(self, grad: Sequence[en.array] | None = None) -> None:
        """Moves the parameters once, along `grad` (arrays like the parameters) or their own `grad`."""
        gradients = self.params.gradients(grad)
        for x, g, m, s, powers in zip(self.params.numbers, gradients, self.m, self.v, self._powers):
            count_step, adapt = _update(x.dtype)
            en.launch(count_step, 1, inputs=[powers, self.beta1, self.beta2], record_tape=False)
            numbers = [self.lr, self.beta1, self.beta2, self.eps]
            en.launch(adapt, x.size, inputs=[x, g, m, s, powers, *numbers], record_tape=False)
