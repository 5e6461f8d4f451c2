"""Scalar builtins against NumPy, in kernels and in Python scope."""

import numpy as np
import pytest

import engine as en
from tests.engine.programs import define

FLOATS = [en.float16, en.float32, en.float64]
EVERYWHERE = np.concatenate([np.linspace(-9.5, 9.5, 77), [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, 1e-3]])
POSITIVE = np.concatenate([np.linspace(0.01, 20.0, 60), [1.0, 0.5]])
UNIT = np.linspace(-1.0, 1.0, 41)


def half_away(x):
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


UNARY = {
    "sin": (np.sin, EVERYWHERE), "cos": (np.cos, EVERYWHERE), "tan": (np.tan, UNIT), "asin": (np.arcsin, UNIT), "acos": (np.arccos, UNIT),
    "atan": (np.arctan, EVERYWHERE), "sinh": (np.sinh, UNIT), "cosh": (np.cosh, UNIT), "tanh": (np.tanh, EVERYWHERE), "exp": (np.exp, UNIT * 5),
    "log": (np.log, POSITIVE), "log2": (np.log2, POSITIVE), "log10": (np.log10, POSITIVE), "sqrt": (np.sqrt, POSITIVE), "cbrt": (np.cbrt, EVERYWHERE),
    "floor": (np.floor, EVERYWHERE), "ceil": (np.ceil, EVERYWHERE), "trunc": (np.trunc, EVERYWHERE), "round": (half_away, EVERYWHERE), "rint": (np.rint, EVERYWHERE),
    "abs": (np.abs, EVERYWHERE), "sign": (lambda x: np.where(x < 0, -1, 1), EVERYWHERE), "degrees": (np.degrees, EVERYWHERE), "radians": (np.radians, EVERYWHERE),
    "frac": (lambda x: x - np.trunc(x), EVERYWHERE), "rsqrt": (lambda x: 1 / np.sqrt(x), POSITIVE), "nonzero": (lambda x: x != 0, EVERYWHERE), "step": (lambda x: x < 0, EVERYWHERE),
}  # fmt: skip
BINARY = {
    "min": np.minimum, "max": np.maximum, "atan2": np.arctan2, "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "mod": np.fmod,
}  # fmt: skip
EXACT = {
    "floor",
    "ceil",
    "trunc",
    "round",
    "rint",
    "abs",
    "sign",
    "nonzero",
    "step",
    "min",
    "max",
    "add",
    "sub",
    "mul",
    "div",
    "sqrt",
}
TOLERANCE = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-14}


def apply(kind, call, *columns, result=None):
    names = "abc"[: len(columns)]
    loads = "\n".join(f"    {n} = {n}_in[i]" for n in names)
    types = ", ".join(f"{n}_in: en.array(dtype=T)" for n in names)
    source = f"@en.kernel\ndef k({types}, out: en.array(dtype=R)):\n    i = en.tid()\n{loads}\n    out[i] = {call}\n"
    k = define(source, en=en, T=kind, R=result or kind)["k"]
    out = en.zeros(len(columns[0]), dtype=result or kind)
    en.launch(k, len(columns[0]), inputs=[*(en.array(c.astype(kind.np_dtype), dtype=kind) for c in columns), out])
    return out.numpy()


def compare(name, kind, got, expected):
    if name in EXACT:
        np.testing.assert_array_equal(got, expected.astype(kind.np_dtype))
    else:
        scale = TOLERANCE[kind.name]
        np.testing.assert_allclose(got.astype(np.float64), expected, rtol=scale, atol=scale)


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", UNARY)
def test_function_of_one_number(name, kind):
    oracle, x = UNARY[name]
    x = x.astype(kind.np_dtype)
    exact = kind.np_dtype if name in EXACT else np.float64
    compare(name, kind, apply(kind, f"en.{name}(a)", x), np.asarray(oracle(x.astype(exact))))


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", BINARY)
def test_function_of_two_numbers(name, kind):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=100).astype(kind.np_dtype) * 5 for _ in range(2))
    exact = kind.np_dtype if name in EXACT else np.float64
    compare(name, kind, apply(kind, f"en.{name}(a, b)", x, y), BINARY[name](x.astype(exact), y.astype(exact)))


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_powers(kind):
    x, y = np.linspace(0.1, 3.0, 40).astype(kind.np_dtype), np.linspace(-2, 2, 40).astype(kind.np_dtype)
    wide = x.astype(np.float64)
    compare("pow", kind, apply(kind, "a ** b", x, y), wide ** y.astype(np.float64))
    for k in (0, 1, 2, 3, 7, -1, -2):
        np.testing.assert_allclose(apply(kind, f"a ** {k}", x), wide**k, rtol=10 * TOLERANCE[kind.name], atol=1e-7)
        np.testing.assert_allclose(
            apply(kind, f"en.pow(a, {k}.0)", x), wide**k, rtol=10 * TOLERANCE[kind.name], atol=1e-7
        )


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_interpolation_and_limits(kind):
    rng = np.random.default_rng(1)
    a, b, c = (rng.normal(size=60).astype(kind.np_dtype) for _ in range(3))
    wide = [v.astype(np.float64) for v in (a, b, c)]
    tolerance = 4 * TOLERANCE[kind.name]
    np.testing.assert_allclose(
        apply(kind, "en.lerp(a, b, c)", a, b, c),
        wide[0] * (1 - wide[2]) + wide[1] * wide[2],
        atol=tolerance,
        rtol=tolerance,
    )
    low, high = np.minimum(a, b), np.maximum(a, b)
    np.testing.assert_array_equal(apply(kind, "en.clamp(a, b, c)", c, low, high), np.clip(c, low, high))
    t = np.clip((wide[2] + 1.0) / 2.0, 0, 1)
    np.testing.assert_allclose(apply(kind, "en.smoothstep(-1.0, 1.0, a)", c), t * t * (3 - 2 * t), atol=tolerance)
    np.testing.assert_array_equal(apply(kind, "en.where(a < b, a, b)", a, b), np.minimum(a, b))
    np.testing.assert_array_equal(apply(kind, "en.select(a < b, a, b)", a, b), np.maximum(a, b))


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_classification(kind):
    x = np.array([0.0, 1.0, -np.inf, np.inf, np.nan, 6e4])
    for name, oracle in (("isnan", np.isnan), ("isinf", np.isinf), ("isfinite", np.isfinite)):
        np.testing.assert_array_equal(apply(kind, f"en.{name}(a)", x, result=en.bool), oracle(x))


@pytest.mark.parametrize("kind", FLOATS, ids=lambda t: t.name)
def test_not_a_number_passes_through_and_does_not_crash(kind):
    x = np.array([np.nan, np.inf, -np.inf, 0.0])
    for name in UNARY:
        apply(kind, f"en.{name}(a)", x)
    assert np.isnan(apply(kind, "en.sqrt(a)", np.array([-1.0]))).all()


def test_python_scope_agrees_with_kernels():
    for name, (oracle, x) in UNARY.items():
        got = [getattr(en, name)(float(v)) for v in x[:10]]
        np.testing.assert_allclose(got, np.asarray(oracle(x[:10])).astype(float), rtol=1e-6, atol=1e-6)
    assert en.min(3, 1, 2) == 1 and en.max(1.0, 2.0) == 2.0 and en.clamp(5.0, 0.0, 1.0) == 1.0


def test_bits_counts_and_casts():
    x = np.array([0, 1, 255, 2**31, 2**32 - 1], np.uint32)
    assert apply(en.uint32, "en.popcount(a)", x, result=en.int32).tolist() == [0, 1, 8, 1, 32]
    f = np.array([1.0, -2.5, 0.0], np.float32)
    assert apply(en.float32, "en.bitcast(a, en.uint32)", f, result=en.uint32).tolist() == f.view(np.uint32).tolist()
    bits = f.astype(np.float32).view(np.int32).tolist()  # the same bytes, as programs written for Warp expect
    assert apply(en.float32, "en.cast(a, en.int32)", f, result=en.int32).tolist() == bits
    v = np.array([[3.0, 1.0, 2.0]], np.float32)

    @en.kernel
    def k(v: en.array(dtype=en.vec3), out: en.array(dtype=float)):
        out[0] = min(v[0])
        out[1] = max(v[0])
        out[2] = float(en.argmin(v[0])) + 10.0 * float(en.argmax(v[0]))
        out[3] = en.min(v[0], en.vec3(2.0))[0] + en.abs(-v[0])[2] + en.sign(-v[0])[1]

    out = en.zeros(4, dtype=float)
    en.launch(k, 1, inputs=[en.array(v, dtype=en.vec3), out])
    assert out.list() == [1.0, 3.0, 1.0, 2.0 + 2.0 - 1.0]
