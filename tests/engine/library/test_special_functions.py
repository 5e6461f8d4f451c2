"""Error functions and norms against SciPy."""

from typing import Any

import numpy as np
import pytest
import scipy.special

import engine as en

FLOATS = [en.float32, en.float64]


@en.kernel
def compute(x: en.array(dtype=Any), out: en.array2d(dtype=Any)):
    i = en.tid()
    out[i, 0] = en.erf(x[i])
    out[i, 1] = en.erfc(x[i])
    out[i, 2] = en.erfinv(x[i])
    out[i, 3] = en.erfcinv(x[i])


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_error_functions(kind):
    data = np.array(
        [-2.5, -0.999, -0.7, -0.5, -1e-3, 0.0, 1e-6, 0.2, 0.5, 0.7, 0.9999, 1.0, 1.5, 1.99, 2.0], kind.np_dtype
    )
    x = en.array(data, dtype=kind)
    out = en.zeros((len(x), 4), dtype=kind)
    en.launch(compute, len(x), inputs=[x], outputs=[out])
    wide = data.astype(np.float64)
    with np.errstate(all="ignore"):
        want = [getattr(scipy.special, name)(wide) for name in ("erf", "erfc", "erfinv", "erfcinv")]
    tolerance = 2e-6 if kind is en.float32 else 1e-13
    for k, column in enumerate(want):
        np.testing.assert_allclose(out.numpy()[:, k], column, rtol=20 * tolerance, atol=tolerance)


@pytest.mark.parametrize("v", [(0.0, 0.0, 0.0), (0.3, -0.4, 0.1), (-2.0, 1.0, 3.0)])
@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_norms(v, delta):
    x, size = en.vec3d(*v), np.linalg.norm(v)
    assert en.norm_l1(x) == pytest.approx(np.abs(v).sum())
    assert en.norm_l2(x) == pytest.approx(size)
    assert en.norm_huber(x, delta) == pytest.approx(scipy.special.huber(delta, size))
    pseudo = delta + scipy.special.pseudo_huber(delta, size) / delta
    assert en.norm_pseudo_huber(x, delta) == pytest.approx(pseudo)
    np.testing.assert_allclose(np.asarray(en.smooth_normalize(x, delta)), np.array(v) / pseudo)


@pytest.mark.parametrize("x", [0.0, -0.0, 1.5, -2.5, np.inf])
@pytest.mark.parametrize("y", [0.0, -0.0, 3.0, -3.0])
def test_copysign(x, y):
    got = en.copysign(float(x), float(y))
    assert got == np.copysign(x, y) and np.signbit(got) == np.signbit(y)


@pytest.mark.parametrize("n", [0, 1, 255, 2**31 - 1, -1])
def test_bit_count(n):
    assert en.bit_count(en.int32(n)) == (n & 0xFFFFFFFF).bit_count()
