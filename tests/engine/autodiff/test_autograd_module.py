"""`engine.autograd`: Jacobians by number of input and output, checks of functions and of whole tapes."""

import numpy as np
import pytest

import engine as en
from engine import autograd

f64 = en.float64


@en.kernel
def mix(
    a: en.array(dtype=f64), b: en.array(dtype=en.vec2d), n: int, y: en.array(dtype=f64), z: en.array(dtype=en.vec2d)
):
    i = en.tid()
    y[i] = a[i] * a[i] * f64(n) + b[0][1]
    z[i] = b[i] * a[0]


@en.func
def cubed(x: f64):
    return x * x * x


@en.func_grad(cubed)
def adj_cubed(x: f64, adj_ret: f64):
    en.adjoint[x] += f64(2.0) * x * x * adj_ret  # wrong on purpose


@en.kernel
def with_wrong_gradient(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = cubed(x[i])


@en.kernel
def add_one(x: en.array(dtype=f64)):
    i = en.tid()
    x[i] = x[i] + f64(1.0)


def arguments():
    a, b = en.array([1.5, -2.0], dtype=f64), en.array([[1.0, 2.0], [3.0, 4.0]], dtype=en.vec2d)
    return [a, b, 3], [en.zeros(2, dtype=f64), en.zeros(2, dtype=en.vec2d)]


KNOWN = {
    (0, 0): [[9.0, 0.0], [0.0, -12.0]],
    (0, 1): [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]],
    (1, 0): [[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]],
    (1, 1): 1.5 * np.eye(4),
}


@pytest.mark.parametrize("of", [autograd.jacobian, autograd.jacobian_fd], ids=["tape", "differences"])
def test_jacobians_of_a_kernel(of):
    inputs, outputs = arguments()
    found = of(mix, dim=2, inputs=inputs, outputs=outputs)
    assert sorted(found) == sorted(KNOWN)
    for key, matrix in KNOWN.items():
        np.testing.assert_allclose(found[key].numpy(), matrix, atol=1e-6)
    assert all(a.grad is None for a in (*inputs[:2], *outputs))


def test_some_pairs_and_some_rows_only():
    inputs, outputs = arguments()
    found = autograd.jacobian(mix, 2, inputs, outputs, input_output_mask=[("b", "z"), (0, 0)], max_outputs_per_var=1)
    assert sorted(found) == [(0, 0), (1, 1)]
    np.testing.assert_allclose(found[1, 1].numpy()[0], [1.5, 0.0, 0.0, 0.0])
    assert np.isnan(found[1, 1].numpy()[1:]).all()
    found = autograd.jacobian_fd(mix, 2, inputs, outputs, input_output_mask=[(1, 1)], max_inputs_per_var=2)
    assert np.isnan(found[1, 1].numpy()[:, 2:]).all() and not np.isnan(found[1, 1].numpy()[:, :2]).any()
    with pytest.raises(ValueError, match="no output is called 'bogus'"):
        autograd.jacobian(mix, 2, inputs, outputs, input_output_mask=[("a", "bogus")])


def test_function_that_returns_its_outputs_and_changes_its_inputs():
    def run(x, scale):
        en.launch(add_one, dim=2, inputs=[x])
        y = en.zeros_like(x)
        en.launch(with_known_gradient, dim=2, inputs=[x, scale, y])
        return y

    x = en.array([1.0, 2.0], dtype=f64)
    for of in (autograd.jacobian, autograd.jacobian_fd):
        found = of(run, inputs=[x, 0.5])
        np.testing.assert_allclose(found[0, 0].numpy(), np.diag([2.0, 3.0]), atol=1e-6)
        assert x.list() == [1.0, 2.0]
    assert autograd.gradcheck(run, inputs=[x, 0.5], show_summary=False)


@en.kernel
def with_known_gradient(x: en.array(dtype=f64), scale: f64, y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = scale * x[i] * x[i]


def test_wrong_gradient_is_found(capsys):
    x, y = en.array([1.0, 2.0], dtype=f64), en.zeros(2, dtype=f64)
    with pytest.raises(ValueError, match=r"number 0 of output 0 by number 0 of input 0: gradient 2, .* 3\.0"):
        autograd.gradcheck(with_wrong_gradient, dim=2, inputs=[x], outputs=[y], show_summary=False)
    assert not autograd.gradcheck(with_wrong_gradient, dim=2, inputs=[x], outputs=[y], raise_exception=False)
    assert "with_wrong_gradient: input 0, output 0: FAIL" in capsys.readouterr().out


def test_every_launch_of_a_tape_is_checked():
    x = en.array([1.0, 2.0], dtype=f64, requires_grad=True)
    y, z = en.zeros(2, dtype=f64), en.zeros(2, dtype=f64)
    with en.Tape() as tape:
        en.launch(with_known_gradient, dim=2, inputs=[x, 3.0, y])
        en.launch(with_wrong_gradient, dim=2, inputs=[y, z])
    options = {"show_summary": False, "raise_exception": False}
    assert not autograd.gradcheck_tape(tape, **options)
    assert autograd.gradcheck_tape(tape, blacklist_kernels=["with_wrong_gradient"], **options)
    assert not autograd.gradcheck_tape(tape, whitelist_kernels=["with_wrong_gradient"], **options)
    with pytest.raises(ValueError, match="with_wrong_gradient"):
        autograd.gradcheck_tape(tape, show_summary=False)
    assert z.list() == [27.0, 12.0**3]


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match=r"needs dim=.* and outputs="):
        autograd.jacobian(mix, inputs=arguments()[0])
    with pytest.raises(ValueError, match="got no inputs"):
        autograd.jacobian(lambda: None)
