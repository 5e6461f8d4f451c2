"""Every differentiable builtin of the registry against finite differences in float64, and in narrower types."""

import re
from pathlib import Path

import numpy as np
import pytest

import engine as en
from tests.engine.autodiff.builtin_cases import (
    CALLABLE,
    CASES,
    CONSTANT,
    ELSEWHERE,
    V6,
    WITH_STRUCTURES,
    M,
    Q,
    V,
    X,
    kernel_for,
    operands,
)  # fmt: skip


def test_every_function_of_the_language_is_known_here():
    known = set(CASES) | CONSTANT | ELSEWHERE
    assert not CALLABLE - known, "add a case to CASES, or say in CONSTANT that there is no derivative"
    assert not known - CALLABLE
    for file, names in WITH_STRUCTURES.items():
        text = (Path(__file__).parent / file).read_text()
        assert not [n for n in names if f"en.{n}(" not in text], file


@pytest.mark.parametrize("name", sorted(CASES))
def test_gradient_equals_finite_difference(name):
    for seed, (types, expression, result) in enumerate(CASES[name]):
        kernel = kernel_for(types, expression, result)
        single = any(t.scalar is en.float32 for t in types)
        tolerance = {"eps": 4e-3} if single else {"rtol": 1e-5, "atol": 1e-6}
        assert en.gradcheck(kernel, 3, operands(types, 3, seed), [en.zeros(3, dtype=result)], **tolerance)


def narrower(text, types, result, single):
    """A case in single or half precision."""
    word = {"f64": "T0", "vec3d": "vec3", "mat22d": "mat22", "mat33d": "mat33", "mat44d": "mat44", "quatd": "quat",
            "transformd": "transform", "spatial_vectord": "spatial_vector", "spatial_matrixd": "spatial_matrix",
            "en.float64": "T0"}  # fmt: skip
    of = {en.float64: en.float32, V: en.vec3, M: en.mat33, Q: en.quat, X: en.transform, V6: en.spatial_vector,
          en.mat22d: en.mat22, en.mat44d: en.mat44, en.spatial_matrixd: en.spatial_matrix}  # fmt: skip
    if not single:
        word |= {"vec3d": "vec3h", "mat22d": "mat22h", "mat33d": "mat33h", "quatd": "quath", "transformd": "transformh"}
        of = {en.float64: en.float16, V: en.vec3h, M: en.mat33h, Q: en.quath, X: en.transformh}
    for wide, narrow in word.items():
        text = re.sub(rf"\b{re.escape(wide)}\b", narrow, text)
    return text, [of[t] for t in types], of[result]


def gradients_of(types, expression, result, inputs):
    xs = [en.array(x, dtype=t, requires_grad=True) for x, t in zip(inputs, types)]
    y = en.zeros(3, dtype=result)
    with en.Tape() as tape:
        en.launch(kernel_for(types, expression, result), dim=3, inputs=xs, outputs=[y])
    tape.backward(grads={y: np.full(y.numpy().shape, 0.5)})
    return [x.grad.numpy().astype(np.float64) for x in xs]


DOUBLE = sorted(n for n, cases in CASES.items() if all(c[0][0].scalar is en.float64 for c in cases))
#: scalars and short formulas: where eleven bits leave something to compare
HALF = [
    "sin", "cos", "tan", "asin", "acos", "atan", "tanh", "exp", "log", "sqrt", "rsqrt", "atan2", "abs", "min", "max",
    "clamp", "lerp", "smoothstep", "where", "add", "sub", "neg", "mul", "div", "dot", "cross", "length", "length_sq",
    "normalize", "cw_mul", "cw_div", "outer", "transpose", "trace", "determinant", "quat_rotate", "quat_inverse",
    "transform_point", "transform_multiply",
]  # fmt: skip


@pytest.mark.parametrize("name", DOUBLE)
def test_single_precision_agrees_with_double(name):
    compare(name, True, 2e-3)


@pytest.mark.parametrize("name", HALF)
def test_half_precision_agrees_with_double(name):
    compare(name, False, 3e-2)


def compare(name, single, tolerance):
    for seed, (types, expression, result) in enumerate(CASES[name]):
        inputs = [x.numpy().astype(np.float16).astype(np.float64) for x in operands(types, 3, seed)]
        expected = gradients_of(types, expression, result, inputs)
        text, narrow, out = narrower(expression, types, result, single)
        found = gradients_of(narrow, text, out, inputs)
        for e, f in zip(expected, found):
            assert np.abs(e - f).max() <= tolerance * max(1.0, np.abs(e).max()), expression
