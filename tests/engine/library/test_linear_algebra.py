"""Vectors and matrices of many sizes against NumPy."""

import numpy as np
import pytest

import engine as en
from tests.engine.programs import define

FLOATS = [en.float16, en.float32, en.float64]
TOLERANCE = {"float16": 2e-2, "float32": 2e-5, "float64": 1e-11}
SIZES = [(2, 2), (3, 3), (4, 4), (6, 6), (2, 3), (5, 2)]


def evaluate(result, call, **values):
    """`call` over named values (engine type, NumPy data), each one element."""
    arguments = ", ".join(f"{n}_in: en.array(dtype={n}_type)" for n in values)
    loads = "\n".join(f"    {n} = {n}_in[0]" for n in values)
    source = f"@en.kernel\ndef k({arguments}, out: en.array(dtype=R)):\n{loads}\n    out[0] = {call}\n"
    k = define(source, en=en, R=result, **{f"{n}_type": t for n, (t, _) in values.items()})["k"]
    out = en.zeros(1, dtype=result)
    arrays = [en.array(np.asarray(d)[None], dtype=t) for t, d in values.values()]
    en.launch(k, 1, inputs=[*arrays, out])
    return out.numpy()[0]


def close(got, expected, kind):
    scale = TOLERANCE[kind.name]
    np.testing.assert_allclose(
        np.asarray(got, np.float64), expected, rtol=scale, atol=scale * max(1.0, np.abs(expected).max())
    )


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("n", [2, 3, 4, 6, 9])
def test_vectors(n, kind):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, n)).astype(kind.np_dtype)
    x, y = a.astype(float), b.astype(float)
    vec = en.vector(n, kind)
    v = {"a": (vec, a), "b": (vec, b)}
    close(evaluate(kind, "en.dot(a, b)", **v), x @ y, kind)
    close(evaluate(kind, "en.length(a)", a=v["a"]), np.linalg.norm(x), kind)
    close(evaluate(kind, "en.length_sq(a)", a=v["a"]), x @ x, kind)
    close(evaluate(vec, "en.normalize(a)", a=v["a"]), x / np.linalg.norm(x), kind)
    close(evaluate(vec, "a + b * a[0] - -b", **v), x + y * x[0] + y, kind)
    close(evaluate(vec, "en.cw_mul(a, b)", **v), x * y, kind)
    close(evaluate(vec, "en.cw_div(a, b)", **v), x / y, kind)
    close(evaluate(vec, "a / b[0]", **v), x / y[0], kind)
    close(evaluate(vec, "en.lerp(a, b, a[0])", **v), x * (1 - x[0]) + y * x[0], kind)
    close(evaluate(en.matrix((n, n), kind), "en.outer(a, b)", **v), np.outer(x, y), kind)
    close(evaluate(en.matrix((n, n), kind), "en.diag(a)", a=v["a"]), np.diag(x), kind)
    assert (
        evaluate(en.uint32, "en.argmax(a)", a=v["a"]) == x.argmax()
        and evaluate(en.uint32, "en.argmin(a)", a=v["a"]) == x.argmin()
    )
    if n == 3:
        close(evaluate(vec, "en.cross(a, b)", **v), np.cross(x, y), kind)
        close(evaluate(vec, "en.skew(a) * b", **v), np.cross(x, y), kind)


def test_zero_vector_normalizes_to_zero():
    assert not evaluate(en.vec3, "en.normalize(a)", a=(en.vec3, np.zeros(3))).any()


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_matrices(shape, kind):
    rows, cols = shape
    rng = np.random.default_rng(rows * 10 + cols)
    m, w = rng.normal(size=(2, rows, cols)).astype(kind.np_dtype)
    x, y = m.astype(float), w.astype(float)
    mat, vec = en.matrix(shape, kind), en.vector(cols, kind)
    v = rng.normal(size=cols).astype(kind.np_dtype)
    u = rng.normal(size=rows).astype(kind.np_dtype)
    a = {"m": (mat, m)}
    close(evaluate(mat, "m + w * m[0, 0] - -w", m=(mat, m), w=(mat, w)), x + y * x[0, 0] + y, kind)
    close(evaluate(en.matrix((cols, rows), kind), "en.transpose(m)", **a), x.T, kind)
    close(evaluate(en.matrix((rows, rows), kind), "m * en.transpose(w)", m=(mat, m), w=(mat, w)), x @ y.T, kind)
    close(evaluate(en.vector(rows, kind), "m * v", m=(mat, m), v=(vec, v)), x @ v.astype(float), kind)
    close(evaluate(vec, "u * m", m=(mat, m), u=(en.vector(rows, kind), u)), u.astype(float) @ x, kind)
    close(evaluate(kind, "en.ddot(m, w)", m=(mat, m), w=(mat, w)), (x * y).sum(), kind)
    close(evaluate(vec, "en.get_row(m, 1)", **a), x[1], kind)
    close(evaluate(en.vector(rows, kind), "en.get_col(m, 1)", **a), x[:, 1], kind)
    close(evaluate(vec, "m[-1]", **a), x[-1], kind)
    if rows == cols:
        close(evaluate(kind, "en.trace(m)", **a), np.trace(x), kind)
        close(evaluate(vec, "en.get_diag(m)", **a), np.diag(x), kind)
        close(
            evaluate(
                mat,
                f"m * en.identity({rows}, en.{kind.name})",
                **a,
            ),
            x,
            kind,
        )
    if rows == cols and rows <= 4:
        well = (np.eye(rows) * 3 + x).astype(kind.np_dtype)
        close(evaluate(kind, "en.determinant(m)", m=(mat, well)), np.linalg.det(well.astype(float)), kind)
        close(evaluate(mat, "en.inverse(m)", m=(mat, well)), np.linalg.inv(well.astype(float)), kind)


def test_singular_matrix_inverts_to_zero():
    assert not evaluate(en.mat33, "en.inverse(m)", m=(en.mat33, np.ones((3, 3)))).any()


def test_constructors_take_numbers_rows_columns_and_nothing():
    one = (en.float32, 2.0)
    assert evaluate(en.vec3, "en.vec3(s, 1.0, s)", s=one).tolist() == [2, 1, 2]
    assert evaluate(en.vec3, "en.vec3(s)", s=one).tolist() == [2, 2, 2]
    assert evaluate(en.vec3, "en.vec3()", s=one).tolist() == [0, 0, 0]
    assert evaluate(en.vec4, "en.vec4(en.vec3(s), 1.0)", s=one).tolist() == [2, 2, 2, 1]
    assert evaluate(en.mat22, "en.mat22(1.0, s, 3.0, 4.0)", s=one).tolist() == [[1, 2], [3, 4]]
    assert evaluate(en.mat22, "en.mat22(en.vec2(1.0, s), en.vec2(3.0, 4.0))", s=one).tolist() == [[1, 3], [2, 4]]
    assert evaluate(en.mat22, "en.matrix_from_rows(en.vec2(1.0, s), en.vec2(3.0, 4.0))", s=one).tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert evaluate(en.mat22, "en.matrix_from_cols(en.vec2(1.0, s), en.vec2(3.0, 4.0))", s=one).tolist() == [
        [1, 3],
        [2, 4],
    ]
    assert evaluate(en.vec2, "en.vector(s, 1.0)", s=one).tolist() == [2, 1]
    assert evaluate(en.vector(5, float), "en.vector(length=5, dtype=float)", s=one).tolist() == [0] * 5
    assert (
        evaluate(
            en.matrix((2, 3), float), "en.matrix(shape=(2, 3), dtype=float) + en.matrix(s, shape=(2, 3))", s=one
        ).tolist()
        == [[2] * 3] * 2
    )
    assert evaluate(en.vec3d, "en.vec3d(en.vec3(s))", s=one).tolist() == [2, 2, 2]


@en.kernel
def convert_whole(v: en.vec3, m: en.mat22, out: en.array(dtype=en.float64)):
    w = en.vector(v, dtype=en.float64)
    n = en.matrix(m, dtype=en.float64)
    out[0] = w[0] + w[2] + n[0, 1]


def test_vectors_and_matrices_convert_as_a_whole():
    out = en.zeros(1, dtype=en.float64)
    en.launch(convert_whole, 1, [en.vec3(1.0, 2.0, 3.0), en.mat22(1.0, 20.0, 3.0, 4.0)], [out])
    assert out.numpy()[0] == 24.0
    assert en.types.vector(en.vec3(1.0, 2.0, 3.0), dtype=en.float16) == en.vec3h(1.0, 2.0, 3.0)


def test_approximate_inverse_and_quotient_take_matrices_and_vectors():
    m = np.array([[4.0, 1.0], [2.0, 3.0]])
    np.testing.assert_allclose(
        evaluate(en.mat22d, "en.inverse_approx(m)", m=(en.mat22d, m)), np.linalg.inv(m), rtol=1e-12
    )
    v = np.array([1.0, 2.0, 3.0])
    got = evaluate(en.vec3, "en.div_approx(v, en.inverse_approx(s))", v=(en.vec3, v), s=(en.float32, 2.0))
    np.testing.assert_allclose(got, 2.0 * v, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: en.vec3("1", "2", "3"),
        lambda v: en.mat22(1, "2", 3, 4),
        lambda v: v.__setitem__(0, "1"),
        lambda v: v.__setitem__(slice(0, 2), ("1", "2")),
        lambda v: setattr(v, "x", "1"),
    ],
)
def test_text_is_no_component(change):
    with pytest.raises(TypeError, match="where a number"):
        change(en.vec3i(1, 2, 3))
