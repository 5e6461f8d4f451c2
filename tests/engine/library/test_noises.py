"""Gradient noise by its defining properties: zero on the lattice, smooth, periodic, curl noise without divergence."""

import numpy as np
import pytest

import engine as en

DIMENSIONS = {1: float, 2: en.vec2, 3: en.vec3, 4: en.vec4}
BODY = """
@en.kernel
def compute(x: en.array(dtype=TYPE), out: en.array2d(dtype=float)):
    i = en.tid()
    state = en.rand_init(42)
    out[i, 0] = en.noise(state, x[i])
    out[i, 1] = en.pnoise(state, x[i], PERIODS)
"""


def evaluate(points):
    from tests.engine.programs import define

    n = points.shape[1]
    text = BODY.replace("PERIODS", ", ".join(map(str, (4, 3, 5, 2)[:n])))
    kernel = define(text, en=en, TYPE=DIMENSIONS[n])["compute"]
    x = en.array(points.ravel() if n == 1 else points, dtype=DIMENSIONS[n])
    out = en.zeros((len(points), 2), dtype=float)
    en.launch(kernel, len(points), inputs=[x], outputs=[out])
    return out.numpy().T.astype(float)


@pytest.mark.parametrize("n", DIMENSIONS)
def test_zero_at_lattice_points_and_bounded(n):
    rng = np.random.default_rng(n)
    assert np.abs(evaluate(rng.integers(-5, 5, (50, n)).astype(float))).max() < 1e-6
    values = evaluate(rng.uniform(-8, 8, (4000, n)))
    assert np.abs(values).max() <= 1.1 and values.std() > 0.05 and abs(values.mean()) < 0.05


@pytest.mark.parametrize("n", DIMENSIONS)
def test_period_and_smoothness(n):
    rng = np.random.default_rng(n)
    x = rng.uniform(-6, 6, (500, n))
    values = evaluate(x)
    for axis, period in enumerate((4, 3, 5, 2)[:n]):
        moved = x.copy()
        moved[:, axis] += period
        np.testing.assert_allclose(evaluate(moved)[1], values[1], atol=2e-5)
    edge = np.repeat(np.round(x[:, :1]), 2, axis=1)[:, :1] + 0 * x  # both sides of a cell boundary along x
    edge[:, 1:] = x[:, 1:]
    low, high = edge.copy(), edge.copy()
    low[:, 0] -= 1e-3
    high[:, 0] += 1e-3
    assert np.abs(evaluate(high) - evaluate(low)).max() < 6e-3


@en.kernel
def curl(x: en.array(dtype=en.vec3), h: float, divergence: en.array(dtype=float), size: en.array(dtype=float)):
    i = en.tid()
    state = en.rand_init(5)
    total = float(0.0)
    for k in range(3):
        step = en.vec3()
        step[k] = h
        a = en.curlnoise(state, x[i] + step, en.uint32(2))
        b = en.curlnoise(state, x[i] - step, en.uint32(2))
        total += (a[k] - b[k]) / (2.0 * h)
    divergence[i] = total
    size[i] = en.length(en.curlnoise(state, x[i], en.uint32(2)))


def test_curl_noise_has_no_divergence():
    x = en.array(np.random.default_rng(0).uniform(-4, 4, (500, 3)), dtype=en.vec3)
    divergence, size = en.zeros(500), en.zeros(500)
    en.launch(curl, 500, inputs=[x, 5e-3], outputs=[divergence, size])
    assert np.abs(divergence.numpy()).max() < 0.05 and size.numpy().mean() > 0.3


def test_gradients_agree_between_value_and_curl():
    """In the plane curl noise is the turned gradient of the noise."""
    state = en.rand_init(42)
    for x, y in np.random.default_rng(1).uniform(0.1, 0.9, (10, 2)):
        h = 1e-3
        slope = [(en.noise(state, en.vec2(x + h * a, y + h * b)) - en.noise(state, en.vec2(x - h * a, y - h * b))) / (2 * h)
                 for a, b in ((1, 0), (0, 1))]  # fmt: skip
        np.testing.assert_allclose(np.asarray(en.curlnoise(state, en.vec2(x, y))), [-slope[1], slope[0]], atol=2e-3)
