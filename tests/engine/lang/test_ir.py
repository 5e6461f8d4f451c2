"""The intermediate representation: verifier, printer, passes; folding agrees with compiled code."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine as en
from engine import types as T
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.passes import VerificationError, verify
from tests.engine.programs import define


def function(*types):
    return ir.Function("f", [ir.Param(f"p{k}", t) for k, t in enumerate(types)])


def test_equal_pure_operations_are_made_once():
    f = function(T.float32, T.float32)
    b = Builder(f)
    x, y = f.params
    assert b.op("add", x, y) is b.op("add", x, y)
    assert b.op("mul", x, b.const(1.0, T.float32)) is x
    assert b.op("cast", b.const(3, T.int32), type=T.float32) is b.const(3.0, T.float32)


def test_negative_zero_is_kept_apart_from_zero():
    b = Builder(function())
    assert b.const(-0.0, T.float32) is not b.const(0.0, T.float32)


def test_values_of_one_branch_are_not_reused_in_the_other():
    f = function(T.float32, T.bool_)
    b = Builder(f)
    x, c = f.params
    regions = []
    for _ in range(2):
        region = ir.Region()
        previous = b.enter(region)
        region.yields = [b.op("sin", x)]
        b.leave(previous)
        regions.append(region)
    f.body.yields = b.structured("if", (c,), tuple(regions), [T.float32])
    verify(f)


@pytest.mark.parametrize("fault", ["undefined", "types", "arity", "yields", "loop"])
def test_verifier_finds_faults(fault):
    f = function(T.float32, T.int32)
    b = Builder(f)
    x, i = f.params
    if fault == "undefined":
        f.body.yields = [ir.Instr("add", T.float32, (x, x))]
    elif fault == "types":
        f.body.instrs.append(ir.Instr("add", T.float32, (x, i)))
    elif fault == "arity":
        f.body.instrs.append(ir.Instr("add", T.float32, (x,)))
    elif fault == "yields":
        one, two = ir.Region(), ir.Region()
        one.yields, two.yields = [x], [i]
        b.structured("if", (b.op("gt", x, x),), (one, two), [T.float32])
    else:
        body = ir.Region([ir.Param("i", T.int32), ir.Param("c", T.float32)])
        body.yields = [i]
        b.structured("for", (i, i, i, x), (body,), [T.float32])
    with pytest.raises(VerificationError):
        verify(f)


LOOPS = """
@en.func
def helper(x: float) -> float:
    return x * 2.0

@en.kernel
def k(a: en.array(dtype=float), v: en.vec3, n: int):
    i = en.tid()
    w = v
    s = float(0.0)
    for j in range(n):
        s += helper(a[j]) * w[0]
        w[1] += 1.0
        unused = a[j] + 3.0
    a[i] = s + w[1] + w[2]
"""


def test_loops_carry_only_what_they_change():
    k = define(LOOPS, en=en)["k"]
    text = k.ir()
    loop = next(line for line in text.splitlines() if "= for" in line)
    assert loop.split("=")[0].count(":float32") == 2  # s and w[1]
    assert "3.0" not in text  # never used


def test_text_is_the_same_for_the_same_source_and_shows_calls():
    texts = {define(LOOPS, en=en)["k"].ir() for _ in range(3)}
    assert len(texts) == 1
    text = texts.pop()
    assert "function helper(" in text and "[helper]" in text


def test_branches_that_agree_yield_nothing():
    k = define(
        """
@en.kernel
def k(a: en.array(dtype=float), n: int):
    x = a[0]
    for j in range(n):
        if a[j] > 1.0:
            y = en.exp(x)
            a[j] = y
        else:
            a[j] = 0.0
    a[0] = x
""",
        en=en,
    )["k"]
    assert "= for" not in k.ir() and "= if" not in k.ir()


# -- folding against compiled code -------------------------------------------------------------------------------

_FLOAT = ["({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / {1})", "en.min({0}, {1})", "en.max({0}, {1})", "(-{0})", "en.abs({0})", "en.floor({0})", "en.ceil({0})",
          "en.round({0})", "en.trunc({0})", "en.sign({0})", "en.step({0})", "en.where({0} < {1}, {0}, {1})", "en.clamp({0}, {1}, {1} + {2})", "en.sqrt(en.abs({0}))"]  # fmt: skip
_INT = ["({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / {1})", "({0} % {1})", "({0} // {1})", "en.min({0}, {1})", "en.max({0}, {1})", "(-{0})", "en.abs({0})",
        "({0} & {1})", "({0} | {1})", "({0} ^ {1})", "(~{0})", "({0} << ({1} & T(15)))", "({0} >> ({1} & T(15)))", "en.where({0} <= {1}, {0}, {2})", "en.sign({0})",
        "({0} << {1})", "({0} >> {1})"]  # fmt: skip


def expression(draw, forms, depth, leaves):
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(leaves))
    form = draw(st.sampled_from(forms))
    return form.format(*(expression(draw, forms, depth - 1, leaves) for _ in range(3)))


@st.composite
def expressions(draw, forms):
    return [expression(draw, forms, 3, ["x", "y", "z"]) for _ in range(6)]


def folded_and_compiled(kind, texts, numbers):
    """The results with the numbers as compile-time constants, and with the numbers from an array."""
    lines = "\n".join(f"    out[{k}] = {text}" for k, text in enumerate(texts))
    source = f"""
@en.kernel
def constant(out: en.array(dtype=T)):
    x = T(X)
    y = T(Y)
    z = T(Z)
{lines}

@en.kernel
def loaded(a: en.array(dtype=T), out: en.array(dtype=T)):
    x = a[0]
    y = a[1]
    z = a[2]
{lines}
"""
    k = define(source, en=en, T=kind, **dict(zip("XYZ", numbers)))
    first, second = en.zeros(len(texts), dtype=kind), en.zeros(len(texts), dtype=kind)
    en.launch(k["constant"], 1, inputs=[first])
    en.launch(k["loaded"], 1, inputs=[en.array(np.array(numbers, kind.np_dtype)), second])
    assert not any(op in k["constant"].ir() for op in (" add ", " mul ", " div ", " select ", " min "))
    return first.numpy(), second.numpy()


_SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@_SETTINGS
@given(
    expressions(_FLOAT),
    st.lists(st.floats(-1e3, 1e3, width=16), min_size=3, max_size=3),
    st.sampled_from(["float16", "float32", "float64"]),
)
def test_folding_floats_gives_the_same_bits_as_compiled_code(texts, numbers, name):
    folded, compiled = folded_and_compiled(getattr(en, name), texts, numbers)
    np.testing.assert_array_equal(folded, compiled, err_msg=str(texts))


@_SETTINGS
@given(
    expressions(_INT),
    st.lists(st.integers(-128, 127), min_size=3, max_size=3),
    st.sampled_from(["int8", "int16", "uint8", "uint16", "uint32", "uint64"]),
)
def test_folding_integers_gives_the_same_bits_as_compiled_code(texts, numbers, name):
    kind = getattr(en, name)
    numbers = [n % 2**kind.bits if kind.family == "uint" else n for n in numbers]
    folded, compiled = folded_and_compiled(kind, texts, numbers)
    np.testing.assert_array_equal(folded, compiled, err_msg=str(texts))
