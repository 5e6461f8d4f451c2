"""SGD and Adam against their definitions, computed by NumPy (and by PyTorch where it is installed)."""

import numpy as np
import pytest

import engine as en
from engine.optim import SGD, Adam


@en.kernel
def pull(x: en.array(dtype=en.vec3), target: en.vec3, g: en.array(dtype=en.vec3)):
    i = en.tid()
    g[i] = (x[i] - target) * 2.0


def adam_oracle(x, gradients, lr, b1, b2, eps):
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        x = x - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return x


def sgd_oracle(x, gradients, lr, momentum, dampening, decay, nesterov):
    v = None
    for g in gradients:
        g = g + decay * x
        v = g if v is None else momentum * v + (1 - dampening) * g
        x = x - lr * (g + momentum * v if nesterov else v)
    return x


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    return rng.normal(size=(6, 3)), [rng.normal(size=(6, 3)) for _ in range(7)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(en.vec3d, 1e-12), (en.vec3, 1e-5), (en.vec3h, 2e-2)])
def test_adam_follows_its_definition(problem, dtype, tolerance):
    start, gradients = problem
    x = en.array(start, dtype=dtype)
    optimiser = Adam([x], lr=0.05, betas=(0.8, 0.95), eps=1e-6)
    for g in gradients:
        optimiser.step([en.array(g, dtype=dtype)])
    np.testing.assert_allclose(x.numpy(), adam_oracle(start, gradients, 0.05, 0.8, 0.95, 1e-6), atol=tolerance)


@pytest.mark.parametrize(
    "options", [(0.1, 0.0, 0.0, 0.0, False), (0.1, 0.9, 0.0, 0.01, True), (0.05, 0.8, 0.3, 0.1, False)]
)
def test_sgd_follows_its_definition(problem, options):
    start, gradients = problem
    x = en.array(start, dtype=en.vec3d)
    optimiser = SGD([x], *options)
    for g in gradients:
        optimiser.step([en.array(g, dtype=en.vec3d)])
    np.testing.assert_allclose(x.numpy(), sgd_oracle(start, gradients, *options), rtol=1e-12)


def test_both_agree_with_torch(problem):
    torch = pytest.importorskip("torch")
    start, gradients = problem
    for ours, theirs, options in (
        (Adam, torch.optim.Adam, {"lr": 0.02}),
        (SGD, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
    ):
        x, t = en.array(start, dtype=en.vec3d), torch.tensor(start, requires_grad=True)
        one, other = ours([x], **options), theirs([t], **options)
        for g in gradients:
            one.step([en.array(g, dtype=en.vec3d)])
            t.grad = torch.tensor(g)
            other.step()
        np.testing.assert_allclose(x.numpy(), t.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("make", [lambda p: Adam(p, lr=0.1), lambda p: SGD(p, lr=0.1, momentum=0.5)])
def test_captured_steps_equal_steps_one_by_one(make):
    arrays = [en.ones(5, dtype=en.vec3, requires_grad=True) for _ in range(2)]
    first, second = make([arrays[0]]), make([arrays[1]])
    target = en.vec3(1.0, -2.0, 3.0)
    for _ in range(20):
        en.launch(pull, 5, inputs=[arrays[0], target, arrays[0].grad])
        first.step()
    with en.ScopedCapture() as capture:
        en.launch(pull, 5, inputs=[arrays[1], target, arrays[1].grad])
        second.step()
    for _ in range(20):
        en.capture_launch(capture.graph)
    np.testing.assert_array_equal(arrays[0].numpy(), arrays[1].numpy())


@pytest.mark.parametrize(
    ("optimiser", "tolerance"), [(lambda p: Adam(p, lr=0.1), 1e-3), (lambda p: SGD(p, lr=0.2), 1e-5)]
)
def test_gradients_of_a_tape_lead_to_the_minimum(optimiser, tolerance):
    @en.kernel
    def distance(x: en.array(dtype=en.vec3), target: en.vec3, loss: en.array(dtype=float)):
        i = en.tid()
        d = x[i] - target
        en.atomic_add(loss, 0, en.dot(d, d))

    x = en.zeros(3, dtype=en.vec3, requires_grad=True)
    loss = en.zeros(1, dtype=float, requires_grad=True)
    opt = optimiser([x])
    for _ in range(300):
        loss.zero_()
        tape = en.Tape()
        with tape:
            en.launch(distance, 3, inputs=[x, en.vec3(1.0, 2.0, 3.0), loss])
        tape.backward(loss)
        opt.step()
        tape.zero()
    np.testing.assert_allclose(x.numpy(), np.tile([1, 2, 3], (3, 1)), atol=tolerance)


def test_reset_forgets_the_past(problem):
    start, gradients = problem
    x = en.array(start, dtype=en.vec3d)
    optimiser = Adam([x], lr=0.05)
    optimiser.step([en.array(gradients[0], dtype=en.vec3d)])
    optimiser.reset_internal_state()
    x.assign(start)
    optimiser.step([en.array(gradients[1], dtype=en.vec3d)])
    np.testing.assert_allclose(x.numpy(), adam_oracle(start, gradients[1:2], 0.05, 0.9, 0.999, 1e-8), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Adam([en.zeros(3, dtype=int)]), "Adam: parameter 0: got an array of int32"),
        (lambda: SGD([en.zeros((4, 4), dtype=float)[:, 1]]), "strided view"),
        (lambda: Adam([en.zeros(3, dtype=float)]).step(), "no gradients given; make the parameters with requires_grad"),
        (lambda: Adam([en.zeros(3, dtype=float)]).step([]), "got 0 gradients for 1 parameters"),
        (lambda: SGD([en.zeros(3, dtype=float)]).step([en.zeros(4, dtype=float)]), r"gradient 0 is \(4,\) of float32"),
        (lambda: Adam().step([]), "no parameters; pass them"),
        (lambda: Adam([3.0]), "got float; expected an engine array"),
    ],
)
def test_refusals_say_why(call, message):
    with pytest.raises(en.EngineError, match=message):
        call()


@pytest.mark.parametrize("optimiser", [en.optim.SGD, en.optim.Adam])
def test_gradient_that_does_not_fit_its_parameter_is_refused(optimiser):
    steps = optimiser([en.zeros(2, dtype=float)])
    with pytest.raises(TypeError, match=r"gradient 0 is \(2,\) of int32; its parameter is \(2,\) of float32"):
        steps.step([en.zeros(2, dtype=int)])
    with pytest.raises(ValueError, match=r"gradient 0 is \(2, 1\) of float32"):
        steps.step([en.zeros((2, 1), dtype=float)])
