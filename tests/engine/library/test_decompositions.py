"""Decompositions against their definitions and NumPy: reconstruction, rotations, order, degenerate matrices."""

from typing import Any

import numpy as np
import pytest

import engine as en

FLOATS = [en.float32, en.float64]
TOLERANCE = {"float32": 3e-6, "float64": 2e-14}


def matrices(n):
    """Regular, symmetric, rank-deficient, repeated-value and badly scaled matrices."""
    rng = np.random.default_rng(5)
    out = list(rng.normal(size=(30, n, n)))
    out += [np.zeros((n, n)), np.eye(n), -np.eye(n), np.diag(range(n)), np.ones((n, n))]
    out += [np.outer(a, b) for a, b in rng.normal(size=(5, 2, n))]
    out += [np.linalg.qr(m)[0] for m in rng.normal(size=(5, n, n))]
    out += [m * np.geomspace(1, 1e-4, n) for m in rng.normal(size=(5, n, n))]
    return np.array(out)


@en.kernel
def svd3_of(a: en.array(dtype=Any), u: en.array(dtype=Any), s: en.array(dtype=Any), v: en.array(dtype=Any)):
    i = en.tid()
    u[i], s[i], v[i] = en.svd3(a[i])


@en.kernel
def svd2_of(a: en.array(dtype=Any), u: en.array(dtype=Any), s: en.array(dtype=Any), v: en.array(dtype=Any)):
    i = en.tid()
    u[i], s[i], v[i] = en.svd2(a[i])


@en.kernel
def eig3_of(a: en.array(dtype=Any), q: en.array(dtype=Any), d: en.array(dtype=Any)):
    i = en.tid()
    q[i], d[i] = en.eig3(a[i])


@en.kernel
def qr3_of(a: en.array(dtype=Any), q: en.array(dtype=Any), r: en.array(dtype=Any)):
    i = en.tid()
    q[i], r[i] = en.qr3(a[i])


def assert_rotations(q, tolerance):
    n = q.shape[-1]
    np.testing.assert_allclose(q @ np.swapaxes(q, 1, 2), np.broadcast_to(np.eye(n), q.shape), atol=4 * tolerance)
    np.testing.assert_allclose(np.linalg.det(q), 1.0, atol=8 * tolerance)


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("n", [2, 3])
def test_singular_value_decomposition(n, kind):
    a = en.array(matrices(n), dtype=en.types.matrix((n, n), kind))
    m = len(a)
    u, v = en.zeros_like(a), en.zeros_like(a)
    s = en.zeros(m, dtype=en.types.vector(n, kind))
    en.launch(svd3_of if n == 3 else svd2_of, m, inputs=[a], outputs=[u, s, v])
    a, u, s, v = (x.numpy().astype(float) for x in (a, u, s, v))
    tolerance = TOLERANCE[kind.name]
    assert_rotations(u, tolerance)
    assert_rotations(v, tolerance)
    np.testing.assert_allclose((u * s[:, None, :]) @ np.swapaxes(v, 1, 2), a, atol=8 * tolerance)
    np.testing.assert_allclose(np.abs(s), np.linalg.svd(a)[1], atol=8 * tolerance)
    assert np.all(s[:, :-1] >= 0)


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_eigenvalues_of_symmetric_matrices(kind):
    full = matrices(3)
    a = en.array(full + np.swapaxes(full, 1, 2), dtype=en.types.matrix((3, 3), kind))
    q, d = en.zeros_like(a), en.zeros(len(a), dtype=en.types.vector(3, kind))
    en.launch(eig3_of, len(a), inputs=[a], outputs=[q, d])
    a, q, d = (x.numpy().astype(float) for x in (a, q, d))
    tolerance = TOLERANCE[kind.name]
    assert_rotations(q, tolerance)
    np.testing.assert_allclose((q * d[:, None, :]) @ np.swapaxes(q, 1, 2), a, atol=16 * tolerance)
    np.testing.assert_allclose(np.sort(d), np.linalg.eigvalsh(a), atol=16 * tolerance)


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_qr(kind):
    a = en.array(matrices(3), dtype=en.types.matrix((3, 3), kind))
    q, r = en.zeros_like(a), en.zeros_like(a)
    en.launch(qr3_of, len(a), inputs=[a], outputs=[q, r])
    a, q, r = (x.numpy().astype(float) for x in (a, q, r))
    tolerance = TOLERANCE[kind.name]
    assert_rotations(q, tolerance)
    np.testing.assert_allclose(q @ r, a, atol=8 * tolerance)
    np.testing.assert_array_equal(np.tril(r, -1), 0.0)
    assert np.all(r[:, 0, 0] >= 0) and np.all(r[:, 1, 1] >= 0)


def test_python_scope_gives_the_same():
    a = en.mat33d(*matrices(3)[0].ravel())
    u, s, v = en.svd3(a)
    np.testing.assert_allclose(np.asarray(u * en.diag(s) * en.transpose(v)), np.asarray(a), atol=1e-13)
    q, r = en.qr3(a)
    np.testing.assert_allclose(np.asarray(q * r), np.asarray(a), atol=1e-13)


@en.kernel
def into_places(a: en.array(dtype=en.mat33), out: en.array(dtype=en.mat33), sizes: en.array2d(dtype=en.vec3)):
    i = en.tid()
    u, v, q, r = en.mat33(), en.mat33(), en.mat33(), en.mat33()
    s, d = en.vec3(), en.vec3()
    for _ in range(2):  # names bound by a call are carried by loops
        en.svd3(a[i], u, s, v)
        en.qr3(a[i], q, r)
    en.eig3(a[i] + en.transpose(a[i]), out[i], d)
    sizes[i, 0] = s
    sizes[i, 1] = d
    axis, angle = en.vec3(), float(0.0)
    en.quat_to_axis_angle(en.quat_from_axis_angle(en.vec3(0.0, 0.0, 1.0), 0.5), axis, angle)
    sizes[i, 2] = axis * angle
    out[i] = u * en.diag(s) * en.transpose(v) + q * r


def test_places_for_results():
    a = np.random.default_rng(0).normal(size=(3, 3, 3)).astype(np.float32)
    out, sizes = en.zeros(3, dtype=en.mat33), en.zeros((3, 3), dtype=en.vec3)
    en.launch(into_places, 3, [en.array(a, dtype=en.mat33)], [out, sizes])
    np.testing.assert_allclose(out.numpy(), 2.0 * a, atol=1e-5)
    np.testing.assert_allclose(np.abs(sizes.numpy()[:, 0]), np.linalg.svd(a)[1], rtol=1e-4)
    np.testing.assert_allclose(np.sort(sizes.numpy()[:, 1]), np.linalg.eigvalsh(a + a.transpose(0, 2, 1)), rtol=1e-3)
    np.testing.assert_allclose(sizes.numpy()[:, 2], [[0, 0, 0.5]] * 3, atol=1e-6)
