"""L-BFGS on functions whose minimum is known, with SciPy as a second opinion."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

import engine as en
from engine.optim import LBFGS
from engine.optim.line_search import Point, cubic_minimum, strong_wolfe


@en.kernel
def rosenbrock(x: en.array(dtype=en.float64), loss: en.array(dtype=en.float64)):
    i = en.tid()
    a = x[i + 1] - x[i] * x[i]
    b = en.float64(1.0) - x[i]
    en.atomic_add(loss, 0, en.float64(100.0) * a * a + b * b)


def test_rosenbrock_function_is_minimised_with_gradients_of_a_tape():
    x = en.array(np.linspace(-1.2, 1.0, 8), dtype=en.float64, requires_grad=True)
    loss = en.zeros(1, dtype=en.float64, requires_grad=True)
    tape = en.Tape()

    def closure():
        loss.zero_()
        tape.reset()
        with tape:
            en.launch(rosenbrock, 7, inputs=[x, loss])
        x.grad.zero_()
        tape.backward(loss)
        return loss

    optimiser = LBFGS([x], max_iter=200)
    reached = optimiser.step(closure)
    theirs = minimize(rosen, np.linspace(-1.2, 1.0, 8), jac=rosen_der, method="L-BFGS-B", options={"maxcor": 10})
    np.testing.assert_allclose(x.numpy(), 1.0, atol=1e-5)
    assert reached < 1e-9 and rosen(x.numpy()) == pytest.approx(reached, abs=1e-12)
    assert optimiser.evaluations <= 1.5 * theirs.nfev


def on_numpy(x, f, df):
    """A closure for functions written in NumPy."""

    def closure():
        x.grad.assign(df(x.numpy().astype(np.float64)))
        return f(x.numpy().astype(np.float64))

    return closure


@pytest.mark.parametrize(("line_search_fn", "condition"), [("strong_wolfe", 1e3), (None, 4)])
def test_quadratic_is_minimised(line_search_fn, condition):
    scale = np.geomspace(1, condition, 12).reshape(4, 3)
    x = en.ones(4, dtype=en.vec3d, requires_grad=True)
    optimiser = LBFGS([x], max_iter=100, lr=1.0, line_search_fn=line_search_fn, tolerance_change=1e-12)
    optimiser.step(on_numpy(x, lambda x: 0.5 * (scale * x * x).sum(), lambda x: scale * x))
    np.testing.assert_allclose(x.numpy(), 0, atol=1e-6)


def test_curvature_is_kept_between_steps():
    scale = np.logspace(0, 2, 10)
    x, y = (en.ones(10, dtype=en.float64, requires_grad=True) for _ in range(2))
    once, often = LBFGS([x], max_iter=12), LBFGS([y], max_iter=1)
    once.step(on_numpy(x, lambda v: 0.5 * (scale * v * v).sum(), lambda v: scale * v))
    for _ in range(12):
        often.step(on_numpy(y, lambda v: 0.5 * (scale * v * v).sum(), lambda v: scale * v))
    np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-6, atol=1e-9)


def test_several_parameters_of_different_type_are_one_problem():
    a = en.zeros(2, dtype=en.vec3, requires_grad=True)
    b = en.zeros(3, dtype=en.float64, requires_grad=True)

    def closure():  # couples both: |mean(a) - 1|^2 + |b - a[0]|^2 + |a|^2 / 100
        va, vb = a.numpy().astype(np.float64), b.numpy()
        mean, apart = va.mean(axis=0) - 1, vb - va[0]
        ga = np.tile(2 * mean / 2, (2, 1)) + 0.02 * va
        ga[0] -= 2 * apart
        a.grad.assign(ga)
        b.grad.assign(2 * apart)
        return (mean**2).sum() + (apart**2).sum() + 0.01 * (va**2).sum()

    LBFGS([a, b], max_iter=60).step(closure)
    np.testing.assert_allclose(a.numpy(), 1 / 1.02, atol=1e-4)
    np.testing.assert_allclose(b.numpy(), a.numpy()[0], atol=1e-4)


def test_starting_at_the_minimum_moves_nothing():
    x = en.zeros(4, dtype=float, requires_grad=True)
    optimiser = LBFGS([x])
    assert optimiser.step(on_numpy(x, lambda v: (v * v).sum(), lambda v: 2 * v)) == 0.0
    assert optimiser.iterations == 0 and not x.numpy().any()


def test_line_search_satisfies_the_strong_wolfe_conditions():
    cases = {
        "quartic": lambda t: ((t - 3) ** 4, 4 * (t - 3) ** 3),
        "wave": lambda t: (0.3 * t - np.sin(t), 0.3 - np.cos(t)),
        "log": lambda t: (t - 5 * np.log1p(t), 1 - 5 / (1 + t)),
        "steep": lambda t: (1e4 * (t - 1e-3) ** 2, 2e4 * (t - 1e-3)),
    }
    for name, f in cases.items():
        for first in (1e-3, 1.0, 50.0):
            start = Point(0.0, *f(0.0))
            p = strong_wolfe(lambda t, f=f: Point(t, *f(t)), start, first, 30)
            assert p.value <= start.value + 1e-4 * p.step * start.slope, name
            assert abs(p.slope) <= 0.9 * abs(start.slope), name


def test_line_search_comes_back_from_infinity():
    def f(t):
        return (t * t - t, 2 * t - 1) if t < 2 else (np.inf, np.nan)

    p = strong_wolfe(lambda t: Point(t, *f(t)), Point(0.0, 0.0, -1.0), 64.0, 40)
    assert p.value < 0


def test_cubic_minimum_is_exact_for_a_cubic():
    def at(t):
        return Point(t, t**3 - 3 * t, 3 * t**2 - 3)

    assert cubic_minimum(at(0.0), at(3.0)) == pytest.approx(1.0)
    assert cubic_minimum(at(3.0), at(0.0)) == pytest.approx(1.0)


def test_unknown_line_search_is_refused():
    with pytest.raises(en.EngineError, match="line_search_fn='armijo'"):
        LBFGS([en.zeros(1, dtype=float)], line_search_fn="armijo")
