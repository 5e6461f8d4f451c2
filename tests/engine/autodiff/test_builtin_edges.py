"""Gradients of builtins at the edges of their domains, and where a choice has to be made."""

from typing import Any

import numpy as np
import pytest

import engine as en
from tests.engine.autodiff.builtin_cases import FUNCTIONS, V3F, F, M, Q, S, V, X, f64, kernel_for


def slope(expression, *values):
    """Gradient of an expression of scalars at one point."""
    kernel = kernel_for((S,) * len(values), expression, S)
    xs = [en.array(np.array([v]), dtype=f64, requires_grad=True) for v in values]
    y = en.zeros(1, dtype=f64)
    with en.Tape() as tape:
        en.launch(kernel, dim=1, inputs=xs, outputs=[y])
    tape.backward(grads={y: np.ones(1)})
    return [float(x.grad.numpy()[0]) for x in xs]


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("en.sqrt(a)", [0.0], [0.0]),
        ("en.cbrt(a)", [0.0], [0.0]),
        ("en.abs(a)", [0.0], [0.0]),
        ("en.abs(a)", [-2.0], [-1.0]),
        ("en.acos(a)", [1.0], [0.0]),
        ("en.acos(a)", [-1.0], [0.0]),
        ("en.asin(a)", [1.0], [0.0]),
        ("en.asin(a)", [-1.0], [0.0]),
        ("en.atan2(a, b)", [0.0, 0.0], [0.0, 0.0]),
        ("en.pow(a, b)", [0.0, 2.5], [0.0, 0.0]),
        ("en.pow(a, b)", [0.0, 1.0], [1.0, 0.0]),
        ("en.pow(a, b)", [0.0, 0.5], [0.0, 0.0]),
        ("en.pow(a, b)", [-2.0, 3.0], [12.0, 0.0]),
        ("en.min(a, b)", [1.0, 1.0], [0.0, 1.0]),
        ("en.max(a, b)", [1.0, 1.0], [0.0, 1.0]),
        ("en.max(a, 0.0)", [0.0], [0.0]),
        ("en.length(en.vec3d(a, b, a))", [0.0, 0.0], [0.0, 0.0]),
        ("en.normalize(en.vec3d(a, b, a))[0]", [0.0, 0.0], [0.0, 0.0]),
        ("en.where(a > 0.0, 1.0 / a, 0.0)", [0.0], [0.0]),
        ("en.where(a > 0.0, b * (1.0 / a), b)", [0.0, 3.0], [0.0, 1.0]),
        ("en.where(a > 0.0, b / a + en.log(a) * b, b * b)", [0.0, 3.0], [0.0, 6.0]),
        ("en.where(a > 0.0, b * en.exp(b / a), b)", [0.0, 3.0], [0.0, 1.0]),
        ("en.where(a > 0.0, en.sqrt(a), -a)", [0.0], [-1.0]),
        ("en.sqrt(a) / en.sqrt(a) if a > 0.0 else a", [0.0], [1.0]),
        ("en.inverse(en.mat22d(a, a, a, a))[0, 0] + b", [1.0, 2.0], [0.0, 1.0]),
        ("en.floor(a) * b", [2.5, 3.0], [0.0, 2.0]),
        ("f64(int(a)) * a", [2.5], [2.0]),
        ("en.clamp(a, 0.0, 1.0)", [0.0], [1.0]),
        ("en.clamp(a, 0.0, 1.0)", [2.0], [0.0]),
        ("en.clamp(a, 0.0, 1.0)", [-1.0], [0.0]),
    ],
)
def test_gradient_at_the_edge_is_finite_and_as_documented(expression, values, expected):
    np.testing.assert_allclose(slope(expression, *values), expected)


@pytest.mark.parametrize("diagonal", [(1, 1, 1), (2, 1, 1), (3, 2, 1), (2, 2, 0.5)])
def test_polar_decomposition_has_the_right_gradient_at_equal_singular_values(diagonal):
    a = en.array(np.diag(diagonal)[None].astype(float), dtype=M)
    y = en.zeros(1, dtype=M)

    def rotation_only(a, y):
        en.launch(rotation_part, dim=1, inputs=[a], outputs=[y])

    assert en.gradcheck(rotation_only, inputs=[a], outputs=[y], rtol=1e-4, atol=1e-6)


@en.kernel
def rotation_part(a: en.array(dtype=M), y: en.array(dtype=M)):
    u, _s, v = en.svd3(a[0])
    y[0] = u * en.transpose(v)


@en.kernel
def eigenvalues(a: en.array(dtype=M), y: en.array(dtype=S)):
    _q, d = en.eig3(a[0])
    y[0] = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + en.sin(d[0] + d[1] + d[2])


@pytest.mark.parametrize("diagonal", [(1, 1, 1), (2, 1, 1), (3, 2, 1)])
def test_symmetric_function_of_equal_eigenvalues_has_the_right_gradient(diagonal):
    a = en.array(np.diag(diagonal)[None].astype(float), dtype=M)
    assert en.gradcheck(eigenvalues, 1, [a], [en.zeros(1, dtype=f64)], rtol=1e-4, atol=1e-6)


IDENTITY, HALF_TURN, QUARTER_Y, QUARTER_X = (
    [0, 0, 0, 1.0], [1.0, 0, 0, 0], [0, 0.5**0.5, 0, 0.5**0.5], [0.5**0.5, 0, 0, 0.5**0.5]
)  # fmt: skip
EYE, ZERO3, ZERO33 = np.eye(3), np.zeros(3), np.zeros((3, 3))

#: (expression, argument types, where): places at the edge of a domain, or where a choice has to be made
EDGES = [
    ("en.normalize(a)", (V,), [ZERO3]), ("en.normalize(a)", (Q,), [np.zeros(4)]), ("en.length(a)", (V,), [ZERO3]),
    ("en.norm_l1(a)", (V,), [ZERO3]), ("en.norm_l2(a)", (V,), [ZERO3]), ("en.norm_huber(a)", (V,), [ZERO3]),
    ("en.norm_pseudo_huber(a)", (V,), [ZERO3]), ("en.smooth_normalize(a)", (V,), [ZERO3]),
    ("en.acos(a)", (S,), [1.0]), ("en.acos(a)", (S,), [-1.0]), ("en.asin(a)", (S,), [1.0]), ("en.asin(a)", (S,), [-1.0]),
    ("en.sqrt(a)", (S,), [0.0]), ("en.cbrt(a)", (S,), [0.0]), ("en.abs(a)", (S,), [0.0]), ("en.tan(a)", (S,), [np.pi / 2]),
    ("en.pow(a, b)", (S, S), [0.0, 0.0]), ("en.pow(a, b)", (S, S), [0.0, 0.5]), ("en.pow(a, b)", (S, S), [-2.0, 3.0]),
    ("en.atan2(a, b)", (S, S), [0.0, 0.0]), ("en.atan2(a, b)", (S, S), [0.0, -1.0]), ("en.erfinv(a)", (S,), [0.0]),
    ("en.smoothstep(a, b, c)", (S, S, S), [1.0, 1.0, 1.0]), ("en.clamp(a, b, c)", (S, S, S), [1.0, 1.0, 1.0]),
    ("axis_times_angle(a)", (Q,), [IDENTITY]), ("axis_times_angle(a)", (Q,), [HALF_TURN]),
    ("en.quat_slerp(a, b, c)", (Q, Q, S), [IDENTITY, IDENTITY, 0.3]),
    ("en.quat_slerp(a, b, c)", (Q, Q, S), [IDENTITY, HALF_TURN, 0.3]),
    ("en.quat_slerp(a, b, c)", (Q, Q, S), [IDENTITY, [0, 0, 0, -1.0], 0.3]),
    ("en.quat_from_axis_angle(a, b)", (V, S), [ZERO3, 0.0]), ("en.quat_rpy(a, b, c)", (S, S, S), [0.0, 0.0, 0.0]),
    ("en.quat_to_rpy(a)", (Q,), [IDENTITY]), ("en.quat_to_rpy(a)", (Q,), [QUARTER_Y]),
    ("en.quat_to_euler(a, 2, 0, 1)", (Q,), [IDENTITY]), ("en.quat_to_euler(a, 2, 0, 1)", (Q,), [QUARTER_X]),
    ("en.quat_from_matrix(a)", (M,), [EYE]), ("en.quat_from_matrix(a)", (M,), [np.diag([1.0, -1.0, -1.0])]),
    ("en.quat_from_matrix(a)", (M,), [np.diag([-1.0, -1.0, 1.0])]), ("en.quat_inverse(a)", (Q,), [np.zeros(4)]),
    ("en.quat_twist(a, b)", (V, Q), [EYE[2], IDENTITY]), ("en.quat_twist(a, b)", (V, Q), [EYE[2], HALF_TURN]),
    ("en.quat_twist_angle(a, b)", (V, Q), [EYE[2], IDENTITY]),
    ("en.quat_twist_angle(a, b)", (V, Q), [EYE[2], HALF_TURN]),
    ("en.quat_twist_angle_signed(a, b)", (V, Q), [EYE[2], IDENTITY]),
    ("en.quat_between_vectors(a, b)", (V, V), [EYE[2], EYE[2]]),
    ("en.quat_between_vectors(a, b)", (V, V), [EYE[2], -EYE[2]]),
    ("en.quat_between_vectors(a, b)", (V, V), [ZERO3, ZERO3]),
    ("en.inverse(a)", (M,), [ZERO33]), ("en.determinant(a)", (M,), [ZERO33]),
    *(("svd_all(a)", (M,), [m]) for m in (
        EYE, ZERO33, np.diag([2.0, 1, 1]), np.diag([2.0, 1, 0]), np.diag([2.0, 0, 0]), np.diag([1.0, -1, 1]),
        np.ones((3, 3)),
    )),
    *(("polar(a)", (M,), [m]) for m in (EYE, ZERO33, np.diag([2.0, 1, 0]), np.diag([1.0, -1, 1]))),
    *(("eig_all(a)", (M,), [m]) for m in (EYE, ZERO33, np.diag([2.0, 1, 1]), np.ones((3, 3)))),
    *(("qr_parts(a)", (M,), [m]) for m in (EYE, ZERO33, np.diag([1.0, 0, 1]), np.ones((3, 3)))),
    ("svd2_parts(a)", (en.mat22d,), [np.eye(2)]), ("svd2_parts(a)", (en.mat22d,), [np.zeros((2, 2))]),
    ("recomposed(a, b, c)", (V, Q, V), [ZERO3, IDENTITY, [0.0, 1, 1]]),
    ("en.transform_from_matrix(en.transform_to_matrix(a))", (X,), [[0, 0, 0, *IDENTITY]]),
    ("en.closest_point_edge_edge(a, a, a, a, 1.0e-6)", (V3F,), [ZERO3]),
    ("en.closest_point_edge_edge(a, b, a, b, 1.0e-6)", (V3F, V3F), [ZERO3, EYE[0]]),
    ("on_triangle(a, b, c)", (V3F, V3F, V3F), [ZERO3, ZERO3, ZERO3]),
    ("en.triangle_distance_sq(a, a, b, b)", (V3F, V3F), [ZERO3, EYE[0]]),
]  # fmt: skip


@en.func
def svd_all(a: Any):
    u, s, v = en.svd3(a)
    return u + v + en.diag(s)


@en.func
def eig_all(a: Any):
    q, d = en.eig3(a)
    return q + en.diag(d)


FUNCTIONS |= {f.__name__: f for f in (svd_all, eig_all)}


@pytest.mark.parametrize(
    ("expression", "types", "where"), EDGES, ids=[f"{k}-{e[0].split('(')[0]}" for k, e in enumerate(EDGES)]
)
def test_gradient_is_finite_wherever_the_value_is(expression, types, where):
    # the result as numbers, whatever its type: weighted differently, so that nothing cancels
    result = {"en.length(a)": S}.get(expression)
    result = result or next(r for r in (S, V, M, Q, X, F, V3F) if compiles(types, expression, r))
    xs = [
        en.array(np.asarray(w, float).reshape(1, *t.shape), dtype=t, requires_grad=True) for w, t in zip(where, types)
    ]
    y = en.zeros(1, dtype=result)
    with en.Tape() as tape:
        en.launch(kernel_for(types, expression, result), dim=1, inputs=xs, outputs=[y])
    assert np.isfinite(y.numpy()).all()
    tape.backward(grads={y: np.random.default_rng(0).uniform(0.5, 1.5, y.numpy().shape)})
    for x in xs:
        assert np.isfinite(x.grad.numpy()).all()


def compiles(types, expression, result):
    xs = [en.zeros(1, dtype=t) for t in types]
    try:
        en.launch(kernel_for(types, expression, result), dim=1, inputs=xs, outputs=[en.zeros(1, dtype=result)])
    except en.KernelError:
        return False
    return True


@en.kernel
def nearly_equal(x: en.array(dtype=V), t: f64, y: en.array(dtype=Q)):
    a = en.normalize(en.quatd(x[0][0], x[0][1], x[0][2], 1.0))
    b = en.normalize(en.quatd(x[1][0], x[1][1], x[1][2], 1.0))
    y[0] = en.quat_slerp(a, b, t)


def test_slerp_of_equal_rotations_has_the_right_gradient():
    for start in (ZERO3, np.array([0.3, -0.2, 0.5])):
        x = en.array(np.array([start, start]), dtype=V)
        assert en.gradcheck(nearly_equal, 1, [x, 0.3], [en.zeros(1, dtype=Q)], rtol=1e-4, atol=1e-6)
