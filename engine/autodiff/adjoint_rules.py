"""One adjoint rule for every differentiable pure operation.

A rule gives, for each operand, the gradient that flows to it: a function of `r`, where `r.g` is the gradient of the
result, `r.x(k)` the value of operand k, `r.y` the value of the result. A value that a rule does not ask for is neither
kept nor computed again. Operations without a row (comparisons, rounding, bits) have derivative zero.

Conventions where the derivative does not exist, all finite:
    sqrt, cbrt, asin, acos, pow at a vertical tangent: 0.   abs at 0: 0.   atan2 at the origin: 0.
    min, max: all to the operand that the forward operation returns (the second one when both are equal).
A gradient of exactly zero stays zero, whatever the slope: `where(l > 0, x / l, 0)` has no NaN in its gradient at l = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_LN2, _LN10 = math.log(2.0), math.log(10.0)
_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


def _arc_slope(r: Any) -> Any:
    """1 / sqrt(1 - x^2), and 0 where that is not finite."""
    x, one = r.x(0), r.const(1.0)
    rest = r.op("sub", one, r.op("mul", x, x))
    inside = r.op("gt", rest, r.const(0.0))
    root = r.op("sqrt", r.op("select", inside, rest, one))
    return r.op("select", inside, r.op("div", one, root), r.const(0.0))


def _bell(r: Any, scale: float) -> Any:
    """scale · exp(-x²)."""
    return r.op("mul", r.const(scale), r.op("exp", r.op("neg", r.op("mul", r.x(0), r.x(0)))))


def _sqrt(r: Any) -> Any:
    positive = r.op("gt", r.y, r.const(0.0))
    slope = r.op("div", r.const(0.5), r.op("select", positive, r.y, r.const(1.0)))
    return r.op("mul", r.g, r.op("select", positive, slope, r.const(0.0)))


def _cbrt(r: Any) -> Any:
    square = r.op("mul", r.const(3.0), r.op("mul", r.y, r.y))
    some = r.op("gt", square, r.const(0.0))
    slope = r.op("div", r.const(1.0), r.op("select", some, square, r.const(1.0)))
    return r.op("mul", r.g, r.op("select", some, slope, r.const(0.0)))


def _abs(r: Any) -> Any:
    zero = r.const(0.0)
    minus = r.op("select", r.op("lt", r.x(0), zero), r.op("neg", r.g), zero)
    return r.op("select", r.op("gt", r.x(0), zero), r.g, minus)


def _pow_base(r: Any) -> Any:
    x, y, zero = r.x(0), r.x(1), r.const(0.0)
    slope = r.op("mul", y, r.op("pow", x, r.op("sub", y, r.const(1.0))))
    steep = r.op("and", r.op("eq", x, zero), r.op("lt", y, r.const(1.0)))
    return r.gated(r.op("select", steep, zero, slope))


def _pow_exponent(r: Any) -> Any:
    x, zero = r.x(0), r.const(0.0)
    positive = r.op("gt", x, zero)
    log = r.op("log", r.op("select", positive, x, r.const(1.0)))
    return r.gated(r.op("select", positive, r.op("mul", r.y, log), zero))


def _atan2(r: Any, k: int) -> Any:
    y, x = r.x(0), r.x(1)
    square = r.op("add", r.op("mul", x, x), r.op("mul", y, y))
    some = r.op("gt", square, r.const(0.0))
    top = x if k == 0 else r.op("neg", y)
    slope = r.op("div", top, r.op("select", some, square, r.const(1.0)))
    return r.op("mul", r.g, r.op("select", some, slope, r.const(0.0)))


def _picked(op: str, k: int) -> Callable:
    def rule(r: Any) -> Any:
        missing = r.op("ne", r.x(1), r.x(1))  # a NaN on the right is not picked
        first = r.op("or", r.op("lt" if op == "min" else "gt", r.x(0), r.x(1)), missing)
        zero = r.const(0.0)
        return r.op("select", first, r.g, zero) if k == 0 else r.op("select", first, zero, r.g)

    return rule


def _slope(make: Callable) -> tuple[Callable]:
    """A rule for one operand with a finite derivative."""
    return (lambda r: r.times(make(r)),)


def _steep(make: Callable) -> tuple[Callable]:
    """A rule for one operand whose derivative may be infinite."""
    return (lambda r: r.gated(make(r)),)


#: One function per operand; None where no gradient flows.
RULES: dict[str, tuple[Callable | None, ...]] = {
    "add": (lambda r: r.g, lambda r: r.g),
    "sub": (lambda r: r.g, lambda r: r.op("neg", r.g)),
    "mul": (lambda r: r.times(r.x(1)), lambda r: r.times(r.x(0))),
    "div": (
        lambda r: r.gated(r.op("div", r.const(1.0), r.x(1))),
        lambda r: r.gated(r.op("neg", r.op("div", r.y, r.x(1)))),
    ),
    # a - b trunc(a / b)
    "mod": (lambda r: r.g, lambda r: r.gated(r.op("neg", r.op("trunc", r.op("div", r.x(0), r.x(1)))))),
    "neg": (lambda r: r.op("neg", r.g),),
    "min": (_picked("min", 0), _picked("min", 1)),
    "max": (_picked("max", 0), _picked("max", 1)),
    "abs": (_abs,),
    "sqrt": (_sqrt,),
    "cbrt": (_cbrt,),
    "exp": _slope(lambda r: r.y),
    "log": _steep(lambda r: r.op("div", r.const(1.0), r.x(0))),
    "log2": _steep(lambda r: r.op("div", r.const(1.0 / _LN2), r.x(0))),
    "log10": _steep(lambda r: r.op("div", r.const(1.0 / _LN10), r.x(0))),
    "sin": _slope(lambda r: r.op("cos", r.x(0))),
    "cos": _slope(lambda r: r.op("neg", r.op("sin", r.x(0)))),
    "tan": _steep(lambda r: r.op("add", r.const(1.0), r.op("mul", r.y, r.y))),
    "asin": (lambda r: r.op("mul", r.g, _arc_slope(r)),),
    "acos": (lambda r: r.op("neg", r.op("mul", r.g, _arc_slope(r))),),
    "atan": _slope(lambda r: r.op("div", r.const(1.0), r.op("add", r.const(1.0), r.op("mul", r.x(0), r.x(0))))),
    "sinh": _slope(lambda r: r.op("cosh", r.x(0))),
    "cosh": _slope(lambda r: r.op("sinh", r.x(0))),
    "tanh": _slope(lambda r: r.op("sub", r.const(1.0), r.op("mul", r.y, r.y))),
    "erf": _slope(lambda r: _bell(r, _TWO_OVER_ROOT_PI)),
    "erfc": _slope(lambda r: _bell(r, -_TWO_OVER_ROOT_PI)),
    "atan2": (lambda r: _atan2(r, 0), lambda r: _atan2(r, 1)),
    "pow": (_pow_base, _pow_exponent),
    "fma": (lambda r: r.times(r.x(1)), lambda r: r.times(r.x(0)), lambda r: r.g),
    "select": (
        None,
        lambda r: r.op("select", r.x(0), r.g, r.const(0.0)),
        lambda r: r.op("select", r.x(0), r.const(0.0), r.g),
    ),
    "cast": (lambda r: r.b.op("cast", r.g, type=r.operand(0).type),),
}

#: Operations of floats whose derivative is zero wherever it exists.
FLAT = {"floor", "ceil", "trunc", "rint", "round", "sign"}
