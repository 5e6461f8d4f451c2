"""Every differentiable builtin of the registry against finite differences in float64, and at the edges of domains."""

import itertools
import linecache

import numpy as np
import pytest

import engine as en
from engine.library.registry import BUILTINS

f64 = en.float64
S, V, M, Q, X = en.float64, en.vec3d, en.mat33d, en.quatd, en.transformd
V6 = en.spatial_vectord
_count = itertools.count()

#: name → list of (argument types, expression over a, b, c, result type); values are random, away from kinks
CASES = {
    **{name: [((S,), f"en.{name}(a)", S)] for name in (
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt",
        "cbrt", "degrees", "radians", "frac", "rsqrt", "erf", "erfc", "erfinv", "erfcinv", "inverse_approx", "pos",
    )},
    "atan2": [((S, S), "en.atan2(a, b)", S)],
    "pow": [((S, S), "en.pow(a, b)", S), ((S,), "a ** f64(3.0)", S), ((S,), "a ** -2", S), ((S,), "en.pow(a, 0.5)", S)],
    "abs": [((S,), "en.abs(a) + en.abs(-a * f64(2.0))", S)],
    "min": [((S, S), "en.min(a, b)", S), ((V, V), "en.min(a, b)", V), ((V,), "en.min(a)", S)],
    "max": [((S, S), "en.max(a, b)", S), ((V, V), "en.max(a, b)", V), ((V,), "en.max(a)", S)],
    "clamp": [((S, S, S), "en.clamp(a, b - f64(1.0), c + f64(1.0)) + en.clamp(a + f64(9.0), b, c)", S)],
    "lerp": [((S, S, S), "en.lerp(a, b, c)", S), ((V, V, S), "en.lerp(a, b, c)", V)],
    "smoothstep": [((S, S, S), "en.smoothstep(a - f64(1.0), b + f64(1.0), c)", S)],
    "select": [((S, S), "en.select(a > b, a * b, a / b)", S)],
    "where": [((S, S), "en.where(a > b, a * b, a / b)", S), ((V, V), "en.where(a[0] > b[0], a, b)", V)],
    "add": [((V, V), "a + b", V), ((M, M), "a + b", M)],
    "sub": [((V, V), "a - b", V)],
    "neg": [((V,), "-a", V)],
    "mul": [
        ((S, S), "a * b", S), ((V, S), "a * b", V), ((S, M), "a * b", M), ((M, M), "a * b", M), ((M, V), "a * b", V),
        ((V, M), "a * b", V), ((Q, Q), "a * b", Q), ((X, X), "a * b", X), ((Q, S), "a * b", Q),
    ],
    "div": [((S, S), "a / b", S), ((V, S), "a / b", V), ((S, V), "a / b", V)],
    "mod": [((S, S), "(a + f64(3.0)) % b", S)],
    "cast": [((S,), "f64(en.float32(a)) * f64(0.0) + a", S)],
    "%vector": [((S, S), "en.vec3d(a, b, a * b)", V)],
    "vector": [((S, S), "en.vector(a, b, a * b)", V)],
    "dot": [((V, V), "en.dot(a, b)", S), ((Q, Q), "en.dot(a, b)", S)],
    "cross": [((V, V), "en.cross(a, b)", V)],
    "length_sq": [((V,), "en.length_sq(a)", S)],
    "length": [((V,), "en.length(a)", S), ((Q,), "en.length(a)", S)],
    "normalize": [((V,), "en.normalize(a)", V), ((Q,), "en.normalize(a)", Q)],
    "cw_mul": [((V, V), "en.cw_mul(a, b)", V)],
    "cw_div": [((V, V), "en.cw_div(a, b)", V)],
    "%matrix": [((S, S), "en.mat33d(a, b, a, a * b, a, b, b, b, a * a)", M), ((V, V, V), "en.mat33d(a, b, c)", M)],
    "matrix": [((V, V, V), "en.matrix(a, b, c)", M)],
    "matrix_from_cols": [((V, V, V), "en.matrix_from_cols(a, b, c)", M)],
    "matrix_from_rows": [((V, V, V), "en.matrix_from_rows(a, b, c)", M)],
    "ddot": [((M, M), "en.ddot(a, b)", S)],
    "outer": [((V, V), "en.outer(a, b)", M)],
    "transpose": [((M,), "en.transpose(a) * a", M)],
    "trace": [((M,), "en.trace(a)", S)],
    "diag": [((V,), "en.diag(a)", M)],
    "get_diag": [((M,), "en.get_diag(a)", V)],
    "skew": [((V,), "en.skew(a)", M)],
    "get_row": [((M,), "en.get_row(a, 1) + en.get_row(a, i % 3)", V)],
    "get_col": [((M,), "en.get_col(a, 2)", V)],
    "determinant": [((M,), "en.determinant(a)", S)],
    "inverse": [((M,), "en.inverse(a)", M)],
    "%quaternion": [((S, S), "en.quatd(a, b, a * b, a)", Q)],
    "quat_from_axis_angle": [((V, S), "en.quat_from_axis_angle(a, b)", Q)],
    "quat_to_axis_angle": [((Q,), "axis_times_angle(en.normalize(a))", V)],
    "%quat_mul": [((Q, Q), "a * b", Q)],
    "quat_inverse": [((Q,), "en.quat_inverse(a)", Q)],
    "quat_rotate": [((Q, V), "en.quat_rotate(a, b)", V)],
    "quat_rotate_inv": [((Q, V), "en.quat_rotate_inv(a, b)", V)],
    "quat_to_matrix": [((Q,), "en.quat_to_matrix(a)", M)],
    "quat_from_matrix": [((Q,), "en.quat_from_matrix(en.quat_to_matrix(en.normalize(a)))", Q)],
    "quat_rpy": [((S, S, S), "en.quat_rpy(a, b, c)", Q)],
    "quat_slerp": [((Q, Q, S), "en.quat_slerp(en.normalize(a), en.normalize(b), c)", Q)],
    "%transform": [((V, Q), "en.transformd(a, b)", X)],
    "transform_get_translation": [((X,), "en.transform_get_translation(a)", V)],
    "transform_get_rotation": [((X,), "en.transform_get_rotation(a)", Q)],
    "transform_multiply": [((X, X), "en.transform_multiply(a, b)", X)],
    "transform_inverse": [((X,), "en.transform_inverse(a)", X)],
    "transform_point": [((X, V), "en.transform_point(a, b)", V)],
    "transform_vector": [((X, V), "en.transform_vector(a, b)", V)],
    "div_approx": [((S, S), "en.div_approx(a, b)", S)],
    "copysign": [((S, S), "en.copysign(a, b) + en.copysign(a * a, -b)", S)],
    "quaternion": [((S, S), "en.quaternion(a, b, a * b, a)", Q)],
    "transformation": [((V, Q), "en.transformation(a, b)", X)],
    "transform_set_translation": [((X, V), "replaced(a, b)", X)],
    "transform_set_rotation": [((X, Q), "turned(a, b)", X)],
    # written in the kernel language
    "svd3": [((M,), "svd_parts(a)", S), ((M,), "polar(a)", M)],
    "svd2": [((en.mat22d,), "svd2_parts(a)", S)],
    "eig3": [((M,), "eig_parts(a)", S)],
    "qr3": [((M,), "qr_parts(a)", M)],
    "norm_l1": [((V,), "en.norm_l1(a)", S)],
    "norm_l2": [((V,), "en.norm_l2(a)", S)],
    "norm_huber": [((V,), "en.norm_huber(a) + en.norm_huber(a * f64(9.0))", S)],
    "norm_pseudo_huber": [((V,), "en.norm_pseudo_huber(a)", S)],
    "smooth_normalize": [((V,), "en.smooth_normalize(a)", V)],
    "quat_to_rpy": [((Q,), "en.quat_to_rpy(en.normalize(a))", V)],
    "quat_from_euler": [((V,), "en.quat_from_euler(a, 0, 2, 1)", Q)],
    "quat_to_euler": [((Q,), "en.quat_to_euler(en.normalize(a), 2, 0, 1)", V)],
    "quat_twist": [((V, Q), "en.quat_twist(en.normalize(a), en.normalize(b))", Q)],
    "quat_twist_angle": [((V, Q), "en.quat_twist_angle(en.normalize(a), en.normalize(b))", S)],
    "quat_twist_angle_signed": [((V, Q), "en.quat_twist_angle_signed(en.normalize(a), en.normalize(b))", S)],
    "quat_between_vectors": [((V, V), "en.quat_between_vectors(a, b)", Q)],
    "transform_from_matrix": [((X,), "en.transform_from_matrix(en.transform_to_matrix(unit(a)))", X)],
    "transform_to_matrix": [((X,), "en.transform_to_matrix(a)", en.mat44d)],
    "transform_compose": [((V, Q, V), "en.transform_compose(a, b, c)", en.mat44d)],
    "transform_decompose": [((V, Q, V), "recomposed(a, en.normalize(b), c)", V)],
    "transform_twist": [((X, V6), "en.transform_twist(a, b)", V6)],
    "transform_wrench": [((X, V6), "en.transform_wrench(a, b)", V6)],
    "velocity_at_point": [((V6, V), "en.velocity_at_point(a, b)", V)],
    "spatial_adjoint": [((M, M), "en.spatial_adjoint(a, b)", en.spatial_matrixd)],
    "spatial_top": [((V6,), "en.spatial_top(a)", V)],
    "spatial_bottom": [((V6,), "en.spatial_bottom(a)", V)],
    "spatial_dot": [((V6, V6), "en.spatial_dot(a, b)", S)],
    "spatial_cross": [((V6, V6), "en.spatial_cross(a, b)", V6)],
    "spatial_cross_dual": [((V6, V6), "en.spatial_cross_dual(a, b)", V6)],
}  # fmt: skip

#: builtins without a derivative, or with one that is zero wherever it exists
CONSTANT = {
    "floor", "ceil", "trunc", "round", "rint", "sign", "nonzero", "step", "isnan", "isfinite", "isinf", "tid",
    "floordiv", "bit_and", "bit_or", "bit_xor", "lshift", "rshift", "invert", "popcount", "bitcast", "argmin", "argmax", "len",
    "identity", "print", "printf", "expect_eq", "rand_init", "randi", "randu", "randf", "randn", "quat_identity",
    "transform_identity", "bit_count", "unot", "expect_near", "expect_neq", "rand_next",
}  # fmt: skip
#: tested where control flow and memory are
ELSEWHERE = {name for name, row in BUILTINS.items() if row.group == "Memory"}


@en.func
def axis_times_angle(q: en.quatd):
    axis, angle = en.quat_to_axis_angle(q)
    return axis * angle


@en.func
def svd_parts(a: en.mat33d):
    u, s, v = en.svd3(a)
    return u[0, 1] * u[0, 1] + v[1, 2] * v[1, 2] * s[0] + s[1] * s[2] * u[2, 2] * v[2, 2]


@en.func
def polar(a: en.mat33d):
    u, _s, v = en.svd3(a)
    return u * en.transpose(v)


@en.func
def svd2_parts(a: en.mat22d):
    u, s, v = en.svd2(a)
    return u[0, 1] * v[0, 1] + s[0] * s[1] * u[0, 0] * u[0, 0] + s[1]


@en.func
def eig_parts(a: en.mat33d):
    q, d = en.eig3(a + en.transpose(a))
    return q[0, 1] * q[0, 1] + d[0] * d[1] * q[2, 2] * q[2, 2] + en.sin(d[2])


@en.func
def qr_parts(a: en.mat33d):
    q, r = en.qr3(a)
    return q + r * a


@en.func
def unit(t: en.transformd):
    return en.transformd(en.transform_get_translation(t), en.normalize(en.transform_get_rotation(t)))


@en.func
def recomposed(p: en.vec3d, q: en.quatd, s: en.vec3d):
    a, b, c = en.transform_decompose(en.transform_compose(p, q, s))
    return a + c + en.quat_rotate(b, s)


@en.func
def replaced(t: en.transformd, p: en.vec3d):
    en.transform_set_translation(t, p)
    return t * t


@en.func
def turned(t: en.transformd, q: en.quatd):
    en.transform_set_rotation(t, q)
    return t * t


FUNCTIONS = {f.__name__: f for f in (
    axis_times_angle, svd_parts, polar, svd2_parts, eig_parts, qr_parts, unit, recomposed, replaced, turned,
)}  # fmt: skip


def kernel_for(types, expression, result):
    names = "abc"[: len(types)]
    arrays = ", ".join(f"{n}_all: en.array(dtype=T{n})" for n in names)
    reads = "".join(f"    {n} = {n}_all[i]\n" for n in names)
    text = f"@en.kernel\ndef k({arrays}, y_all: en.array(dtype=R)):\n    i = en.tid()\n{reads}    y_all[i] = {expression}\n"
    filename = f"<builtin {next(_count)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = {"en": en, "f64": f64, "R": result, **FUNCTIONS, "__name__": "generated"}
    scope |= {f"T{n}": t for n, t in zip(names, types)}
    exec(compile(text, filename, "exec"), scope)
    return scope["k"]


def operands(types, n, seed):
    rng = np.random.default_rng(seed)
    return [en.array(rng.uniform(0.2, 0.9, (n, *t.shape)), dtype=t) for t in types]


@pytest.mark.parametrize("name", sorted(set(CASES) | (set(BUILTINS) - CONSTANT - ELSEWHERE)))
def test_gradient_equals_finite_difference(name):
    if name not in CASES:
        pytest.skip(f"no case for builtin {name}")
    for seed, (types, expression, result) in enumerate(CASES[name]):
        kernel = kernel_for(types, expression, result)
        assert en.gradcheck(kernel, 3, operands(types, 3, seed), [en.zeros(3, dtype=result)], rtol=1e-5, atol=1e-6)


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


@en.kernel
def half_precision(x: en.array(dtype=en.float16), y: en.array(dtype=en.float16)):
    i = en.tid()
    y[i] = en.sin(x[i]) * x[0]


def test_half_precision_gradients():
    x = en.array(np.array([0.5, 1.0, 2.0]), dtype=en.float16, requires_grad=True)
    y = en.zeros(3, dtype=en.float16)
    with en.Tape() as tape:
        en.launch(half_precision, dim=3, inputs=[x], outputs=[y])
    tape.backward(grads={y: np.ones(3)})
    v = np.array([0.5, 1.0, 2.0])
    expected = np.cos(v) * 0.5
    expected[0] += np.sin(v).sum()
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=5e-3)
