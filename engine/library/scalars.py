"""Scalar builtins and the operators, over numbers and (component by component or by algebra) over composites."""

from __future__ import annotations

from typing import Any

from engine import types as T
from engine.lang.values import Val
from engine.library.registry import Emit, RuleError, builtin
from engine.structs import memory_offsets, scalar_types

_MATH = "Scalar math"


def each(e: Emit, op: str, *vals: Val) -> Val:
    """The scalar operation on every component of values of one type."""
    return Val(vals[0].type, [e.op(op, *cs) for cs in zip(*(v.comps for v in vals))])


def _float_function(name: str, op: str, doc: str) -> None:
    def rule(e: Emit, x: Val) -> Val:
        (x,) = e.floating(f"{name}()", x)
        if x.type.bits == 16:  # half precision computes in single precision, as the hardware does
            return e.scalar(e.cast(e.op(op, e.cast(x.value, T.float32)), x.type))
        return e.scalar(e.op(op, x.value))

    rule.__doc__ = doc
    builtin(name, _MATH)(rule)


for _name, _doc in {
    "sin": "Sine of an angle [rad].", "cos": "Cosine of an angle [rad].", "tan": "Tangent of an angle [rad].",
    "asin": "Arc sine [rad], in [-pi/2, pi/2].", "acos": "Arc cosine [rad], in [0, pi].", "atan": "Arc tangent [rad], in (-pi/2, pi/2).",
    "sinh": "Hyperbolic sine.", "cosh": "Hyperbolic cosine.", "tanh": "Hyperbolic tangent.", "exp": "e to the power x.",
    "log": "Natural logarithm.", "log2": "Logarithm to base 2.", "log10": "Logarithm to base 10.", "sqrt": "Square root.",
    "cbrt": "Cube root.", "erf": "Error function.", "erfc": "Complementary error function, 1 - erf(x), accurate where it is small.",
     "floor": "Largest whole number not above x.", "ceil": "Smallest whole number not below x.",
    "trunc": "x without its fraction.", "round": "Nearest whole number, halves away from zero.", "rint": "Nearest whole number, halves to even.",
}.items():  # fmt: skip
    _float_function(_name, _name, _doc)


@builtin("degrees", _MATH)
def _degrees(e: Emit, x: Val) -> Val:
    """Radians as degrees."""
    return e.call("mul", e.floating("degrees()", x)[0], _number(e, x, 57.29577951308232))


@builtin("radians", _MATH)
def _radians(e: Emit, x: Val) -> Val:
    """Degrees as radians."""
    return e.call("mul", e.floating("radians()", x)[0], _number(e, x, 0.017453292519943295))


def _number(e: Emit, like: Val, value: float) -> Val:
    return e.number(value, like.scalar if like.scalar.is_float else T.float32)


@builtin("frac", _MATH)
def _frac(e: Emit, x: Val) -> Val:
    """Fraction of x: x - trunc(x)."""
    (x,) = e.floating("frac()", x)
    return e.scalar(e.op("sub", x.value, e.op("trunc", x.value)))


@builtin("rsqrt", _MATH)
def _rsqrt(e: Emit, x: Val) -> Val:
    """One over the square root."""
    (x,) = e.floating("rsqrt()", x)
    return e.scalar(e.op("div", e.const(1.0, x.type), e.op("sqrt", x.value)))


@builtin("atan2", _MATH)
def _atan2(e: Emit, y: Val, x: Val) -> Val:
    """Angle [rad] of the point (x, y), in (-pi, pi]."""
    y, x = e.floating("atan2()", y, x)
    return e.scalar(e.op("atan2", y.value, x.value))


@builtin("pow", _MATH)
def _pow(e: Emit, x: Val, y: Val) -> Val:
    """x to the power y; a small whole constant power becomes products."""
    k = y.constant
    if k is not None and float(k).is_integer() and 0 <= abs(k) <= 8:
        e.expect("pow()", x, "scalar")
        x = e.floating("pow()", x)[0] if k < 0 or x.literal else x
        out = e.const(1, x.type)
        for _ in range(int(abs(k))):
            out = e.op("mul", out, x.value)
        return e.scalar(out if k >= 0 else e.op("div", e.const(1, x.type), out))
    x, y = e.floating("pow()", x, y)
    return e.scalar(e.op("pow", x.value, y.value))


@builtin("abs", _MATH)
def _abs(e: Emit, x: Val) -> Val:
    """Absolute value; of a vector, of each component."""
    x = e.concrete(x)
    return x if x.scalar.family in ("uint", "bool") else each(e, "abs", x)


@builtin("sign", _MATH)
def _sign(e: Emit, x: Val) -> Val:
    """-1 for negative x, else 1; of a vector, of each component."""
    x = e.concrete(x)
    one, minus, zero = (e.const(k, x.scalar) for k in (1, -1 if x.scalar.family != "uint" else 1, 0))
    return Val(x.type, [e.op("select", e.op("lt", c, zero), minus, one) for c in x.comps])


@builtin("nonzero", _MATH)
def _nonzero(e: Emit, x: Val) -> Val:
    """1 where x is not zero, else 0."""
    x = e.concrete(x)
    return e.scalar(e.op("select", e.op("ne", x.value, e.const(0, x.type)), e.const(1, x.type), e.const(0, x.type)))


@builtin("step", _MATH)
def _step(e: Emit, x: Val) -> Val:
    """1 for negative x, else 0."""
    x = e.concrete(x)
    return e.scalar(e.op("select", e.op("lt", x.value, e.const(0, x.type)), e.const(1, x.type), e.const(0, x.type)))


def _extreme(op: str, args: tuple[Val, ...], e: Emit) -> Val:
    if len(args) == 1 and args[0].kind == "vec":
        out = args[0].comps[0]
        for c in args[0].comps[1:]:
            out = e.op(op, out, c)
        return e.scalar(out)
    if len(args) < 2:
        raise RuleError("takes two values or more, or one vector")
    if args[0].is_scalar:
        args = tuple(e.unify(f"{op}()", *args))
    out = args[0]
    for v in args[1:]:
        e.same(f"{op}()", out, v)
        out = each(e, op, out, v)
    return out


@builtin("min", _MATH)
def _min(e: Emit, *args: Val) -> Val:
    """Smallest of the arguments; of two vectors, component by component; of one vector, its smallest component."""
    return _extreme("min", args, e)


@builtin("max", _MATH)
def _max(e: Emit, *args: Val) -> Val:
    """Largest of the arguments; of two vectors, component by component; of one vector, its largest component."""
    return _extreme("max", args, e)


@builtin("clamp", _MATH)
def _clamp(e: Emit, x: Val, low: Val, high: Val) -> Val:
    """x limited to [low, high]."""
    x, low, high = e.unify("clamp()", x, low, high)
    return e.scalar(e.op("min", e.op("max", low.value, x.value), high.value))


@builtin("isnan", _MATH)
def _isnan(e: Emit, x: Val) -> Val:
    """Whether x, or any component of x, is not a number."""
    out = None
    for c in x.comps:
        one = e.op("ne", c, c)
        out = one if out is None else e.op("or", out, one)
    return e.scalar(out)


@builtin("isfinite", _MATH)
def _isfinite(e: Emit, x: Val) -> Val:
    """Whether every component of x is neither infinite nor NaN."""
    out = None
    for c in x.comps:
        zero = e.op("sub", c, c)  # inf - inf and nan - nan are nan
        one = e.op("eq", zero, zero)
        out = one if out is None else e.op("and", out, one)
    return e.scalar(out)


@builtin("isinf", _MATH)
def _isinf(e: Emit, x: Val) -> Val:
    """Whether any component of x is infinite."""
    out = None
    for c in x.comps:
        one = e.op("eq", e.op("abs", c), e.const(float("inf"), c.type))
        out = one if out is None else e.op("or", out, one)
    return e.scalar(out)


@builtin("select", "Control")
def _select(e: Emit, condition: Val, if_false: Val, if_true: Val) -> Val:
    """`if_true` where the condition holds, else `if_false`; both are evaluated."""
    return _where(e, condition, if_true, if_false)


@builtin("where", "Control")
def _where(e: Emit, condition: Val, if_true: Val, if_false: Val) -> Val:
    """`if_true` where the condition holds, else `if_false`; both are evaluated."""
    c = condition.value
    if not c.type.is_bool:
        c = e.op("ne", c, e.const(0, c.type))
    if if_true.is_scalar:
        if_true, if_false = e.unify("where()", if_true, if_false)
    e.same("where()", if_true, if_false)
    return Val(if_true.type, [e.op("select", c, a, b) for a, b in zip(if_true.comps, if_false.comps)])


@builtin("lerp", _MATH)
def _lerp(e: Emit, a: Val, b: Val, t: Val) -> Val:
    """a (1 - t) + b t."""
    one = e.number(1.0, t.scalar if not t.literal else T.float32)
    if a.is_scalar:
        a, b, t = e.floating("lerp()", a, b, t)
        one = e.number(1.0, t.type)
    return e.call("add", e.call("mul", a, e.call("sub", one, t)), e.call("mul", b, t))


@builtin("smoothstep", _MATH)
def _smoothstep(e: Emit, low: Val, high: Val, x: Val) -> Val:
    """Hermite step from 0 at `low` to 1 at `high`."""
    low, high, x = e.floating("smoothstep()", low, high, x)
    t = e.call(
        "clamp",
        e.call("div", e.call("sub", x, low), e.call("sub", high, low)),
        e.number(0, x.type),
        e.number(1, x.type),
    )
    return e.call("mul", e.call("mul", t, t), e.call("sub", e.number(3, x.type), e.call("mul", e.number(2, x.type), t)))


# -- operators -----------------------------------------------------------------------------------------------------

_OP = "Operators"


def _elementwise(e: Emit, name: str, a: Val, b: Val) -> Val:
    if a.is_scalar and b.is_scalar:
        a, b = e.unify(f"'{_SIGN[name]}'", a, b)
        if a.type.is_bool:
            raise RuleError(f"'{_SIGN[name]}' got bool; convert it, e.g. int(x)")
        return e.scalar(e.op(name, a.value, b.value))
    if a.type is not b.type:
        raise RuleError(f"'{_SIGN[name]}' got {a.type.name} and {b.type.name}; expected two values of one type")
    if a.kind in ("struct", "array"):
        raise RuleError(f"'{_SIGN[name]}' got {a.type.name}; expected numbers, vectors or matrices")
    return each(e, name, a, b)


_SIGN = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "floordiv": "//"}


@builtin("add", _OP)
def _add(e: Emit, a: Val, b: Val) -> Val:
    """Sum of two values of one type."""
    return _elementwise(e, "add", a, b)


@builtin("sub", _OP)
def _sub(e: Emit, a: Val, b: Val) -> Val:
    """Difference of two values of one type."""
    return _elementwise(e, "sub", a, b)


@builtin("neg", _OP)
def _neg(e: Emit, a: Val) -> Val:
    """The negative of a value."""
    if a.literal:
        return Val(a.type, [type(a.comps[0])(-a.constant, a.type)], literal=True)
    if a.scalar.is_bool:
        raise RuleError("'-' got bool; use 'not'")
    return each(e, "neg", a)


def scale(e: Emit, v: Val, s: Val) -> Val:
    """Each component of `v` times the scalar `s`."""
    s = e.literal_as(s, v.scalar) if s.literal else s
    if s.type is not v.scalar:
        raise RuleError(
            f"'*' got {v.type.name} and {s.type.name}; expected a {v.scalar.name}; convert it, e.g. {v.scalar.name}(x)"
        )
    return Val(v.type, [e.op("mul", c, s.value) for c in v.comps])


def dot_of(e: Emit, xs: list, ys: list) -> Any:
    out = e.op("mul", xs[0], ys[0])
    for x, y in zip(xs[1:], ys[1:]):
        out = e.op("add", out, e.op("mul", x, y))
    return out


@builtin("mul", _OP)
def _mul(e: Emit, a: Val, b: Val) -> Val:
    """Product: of numbers, of a scalar and a composite, of matrices, of a matrix and a vector, of quaternions, of transforms."""
    if a.is_scalar and b.is_scalar:
        return _elementwise(e, "mul", a, b)
    if b.is_scalar:
        return scale(e, a, b)
    if a.is_scalar:
        return scale(e, b, a)
    pair = (a.kind, b.kind)
    if a.scalar is not b.scalar:
        raise RuleError(f"'*' got {a.type.name} and {b.type.name}; both need one scalar type")
    if pair == ("mat", "mat"):
        (n, m), (m2, p) = a.type.shape, b.type.shape
        if m != m2:
            raise RuleError(
                f"'*' got {a.type.name} and {b.type.name}; the columns of the first must match the rows of the second"
            )
        comps = [dot_of(e, a.comps[i * m : i * m + m], b.comps[j::p]) for i in range(n) for j in range(p)]
        return Val(T.matrix((n, p), a.scalar), comps)
    if pair == ("mat", "vec"):
        n, m = a.type.shape
        if m != b.type.count:
            raise RuleError(f"'*' got {a.type.name} and {b.type.name}; the columns must match the vector")
        return Val(T.vector(n, a.scalar), [dot_of(e, a.comps[i * m : i * m + m], b.comps) for i in range(n)])
    if pair == ("vec", "mat"):
        n, m = b.type.shape
        if n != a.type.count:
            raise RuleError(f"'*' got {a.type.name} and {b.type.name}; the vector must match the rows")
        return Val(T.vector(m, a.scalar), [dot_of(e, a.comps, b.comps[j::m]) for j in range(m)])
    if pair == ("quat", "quat"):
        return e.call("%quat_mul", a, b)
    if pair == ("transform", "transform"):
        return e.call("transform_multiply", a, b)
    if pair == ("vec", "vec"):
        raise RuleError(f"'*' got {a.type.name} and {b.type.name}; use cw_mul() for components, dot() or cross()")
    raise RuleError(f"'*' got {a.type.name} and {b.type.name}; there is no such product")


@builtin("div", _OP)
def _div(e: Emit, a: Val, b: Val) -> Val:
    """Quotient; integers truncate towards zero, a zero integer divisor gives 0."""
    if a.is_scalar and b.is_scalar:
        return _elementwise(e, "div", a, b)
    if b.is_scalar:
        b = e.literal_as(b, a.scalar) if b.literal else b
        if b.type is not a.scalar:
            raise RuleError(f"'/' got {a.type.name} and {b.type.name}; expected a {a.scalar.name}")
        return Val(a.type, [e.op("div", c, b.value) for c in a.comps])
    if a.is_scalar:
        a = e.literal_as(a, b.scalar) if a.literal else a
        return Val(b.type, [e.op("div", a.value, c) for c in b.comps])
    raise RuleError(f"'/' got {a.type.name} and {b.type.name}; use cw_div() for components")


@builtin("floordiv", _OP)
def _floordiv(e: Emit, a: Val, b: Val) -> Val:
    """Whole quotient rounded down, as in Python; a zero integer divisor gives 0. Not differentiable."""
    a, b = e.unify("'//'", a, b)
    q = e.op("div", a.value, b.value)
    if a.type.is_float:
        return e.scalar(e.op("floor", q))
    power = b.constant
    if isinstance(power, int) and power > 0 and power & (power - 1) == 0:
        return e.scalar(e.op("shr", a.value, e.const(power.bit_length() - 1, a.type)))
    if a.type.family == "int":  # truncated; one less where signs differ and something is left over
        zero = e.const(0, a.type)
        left = e.op("ne", e.op("mod", a.value, b.value), zero)
        apart = e.op("lt", e.op("xor", a.value, b.value), zero)
        known = e.op("ne", b.value, zero)
        below = e.op("and", e.op("and", left, apart), known)
        q = e.op("sub", q, e.op("select", below, e.const(1, a.type), zero))
    return e.scalar(q)


@builtin("mod", _OP)
def _mod(e: Emit, a: Val, b: Val) -> Val:
    """Remainder with the sign of the dividend (as C and CUDA); vectors component by component."""
    if a.kind == "vec":
        return _elementwise(e, "mod", a, b)
    a, b = e.unify("'%'", a, b)
    return e.scalar(e.op("mod", a.value, b.value))


def _bits(name: str, op: str, sign: str, doc: str) -> None:
    def rule(e: Emit, a: Val, b: Val) -> Val:
        if a.kind in ("vec", "mat") and a.type is b.type:
            parts = [rule(e, Val(a.scalar, [x]), Val(a.scalar, [y])) for x, y in zip(a.comps, b.comps)]
            return Val(a.type, [p.value for p in parts])
        a, b = e.unify(f"'{sign}'", a, b)
        if a.type.is_float:
            raise RuleError(f"'{sign}' got {a.type.name}; expected integers")
        return e.scalar(e.op(op, a.value, b.value))

    rule.__doc__ = doc
    builtin(name, _OP)(rule)


_bits("bit_and", "and", "&", "Bitwise and.")
_bits("bit_or", "or", "|", "Bitwise or.")
_bits("bit_xor", "xor", "^", "Bitwise exclusive or.")
_bits("lshift", "shl", "<<", "Left shift; shifting by the width or more gives 0.")
_bits(
    "rshift",
    "shr",
    ">>",
    "Right shift, arithmetic for signed integers; shifting by the width or more gives 0 (or the sign).",
)


@builtin("invert", _OP)
def _invert(e: Emit, a: Val) -> Val:
    """Bitwise complement."""
    if a.kind in ("vec", "mat") and a.scalar.is_int:
        return Val(a.type, [e.op("not", c) for c in a.comps])
    a = e.integer("'~'", a)
    return e.scalar(e.op("not", a.value))


def _bit_count(name: str) -> None:
    def rule(e: Emit, a: Val) -> Val:
        """Number of bits that are one (int32). Not differentiable."""
        if a.kind in ("vec", "mat") and a.scalar.is_int:
            counts = [rule(e, Val(a.scalar, [c])).value for c in a.comps]
            return Val(T.type_for_shape(a.type.shape, T.int32), counts)
        a = e.integer(f"{name}()", a)
        bits = e.cast(a.value, getattr(T, f"uint{a.type.bits}"))
        return e.scalar(e.cast(e.op("popcount", bits), T.int32))

    builtin(name, _OP)(rule)


_bit_count("popcount")
_bit_count("bit_count")


@builtin("copysign", _MATH)
def _copysign(e: Emit, x: Val, y: Val) -> Val:
    """The size of x with the sign of y, the sign of a zero included. Differentiable in x."""
    x, y = e.floating("copysign()", x, y)
    bits = getattr(T, f"uint{x.type.bits}")
    differ = e.op("xor", *(e.b.op("bitcast", v.value, type=bits) for v in (x, y)))
    turned = e.op("ne", e.op("and", differ, e.const(1 << x.type.bits - 1, bits)), e.const(0, bits))
    return e.scalar(e.op("select", turned, e.op("neg", x.value), x.value))


@builtin("div_approx", _MATH)
def _div_approx(e: Emit, x: Val, y: Val) -> Val:
    """Quotient of numbers, or of a composite and a number, where speed matters more than the last bit; as exact as `/`.

    Differentiable.
    """
    if not (x.is_scalar and y.is_scalar):
        return e.call("div", x, y)
    x, y = e.floating("div_approx()", x, y)
    return e.scalar(e.op("div", x.value, y.value))


@builtin("inverse_approx", _MATH)
def _inverse_approx(e: Emit, x: Val) -> Val:
    """1/x, or the inverse of a matrix, where speed matters more than the last bit; as exact as `/`. Differentiable."""
    if x.kind == "mat":
        return e.call("inverse", x)
    (x,) = e.floating("inverse_approx()", x)
    return e.scalar(e.op("div", e.const(1, x.type), x.value))


@builtin("unot", _OP)
def _unot(e: Emit, a: Val) -> Val:
    """Whether a number is zero, or a bool false."""
    return e.scalar(e.op("eq", a.value, e.const(0, a.type)))


@builtin("pos", _OP)
def _pos(e: Emit, a: Val) -> Val:
    """The value itself."""
    return a


@builtin("bitcast", _OP)
def _bitcast(e: Emit, a: Val, dtype: Any) -> Val:
    """The same bits as a value of another scalar type of the same size."""
    a = e.concrete(a)
    dtype = T.as_type(dtype)
    if not isinstance(dtype, T.ScalarType) or dtype.size != a.type.size:
        raise RuleError(
            f"bitcast() got {a.type.name} and {T.type_name(dtype)}; expected a scalar type of {a.type.size} bytes"
        )
    return e.scalar(e.b.op("bitcast", a.value, type=dtype))


@builtin("cast", _OP)
def _cast(e: Emit, a: Val, dtype: Any) -> Val:
    """The same bytes as a value of another type of the same size: number, vector, matrix or struct."""
    a = e.concrete(a)
    dtype = T.as_type(dtype)
    if getattr(dtype, "kind", "array") == "array" or a.kind == "array" or dtype.size != a.type.size:
        raise RuleError(f"cast() got {a.type.name} and {T.type_name(dtype)}; expected a type of {a.type.size} bytes")
    if a.is_scalar and dtype.kind == "scalar":
        return e.scalar(e.b.op("bitcast", a.value, type=dtype))
    memory = e.b.effect("alloca", T.pointer, (), (a.type.size, True))
    for value, at in zip(a.comps, memory_offsets(a.type)):
        e.b.store(memory, e.const(at, T.int64), value)
    offsets = zip(scalar_types(dtype), memory_offsets(dtype))
    return Val(dtype, [e.b.load(memory, e.const(at, T.int64), t) for t, at in offsets])
