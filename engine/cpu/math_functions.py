"""Elementary functions of float32 as LLVM assembly without branches, so that kernels that use them run in SIMD lanes.

Each computes in float64 and rounds once, within 0.51 units in the last place; the same bits on every machine with fused
multiply-add. Sine and cosine reduce their argument by a table of 2^e modulo 2 pi, exactly for every float. Polynomials are
minimax fits of the relative error (below 5e-11); the reductions are those of Cody and Waite (1980).
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable
from fractions import Fraction

_SIN = (0.9999999999949729, -0.16666666627442428, 0.008333328404861557, -0.00019839093719591015, 2.7163822614591023e-06)
_COS = (0.9999999999999256, -0.4999999999919356, 0.04166666652250347, -0.0013888879376928226, 2.4798731934333477e-05,
        -2.7160121036115793e-07)  # fmt: skip
_ATAN = (0.999999999999271, -0.33333333278388616, 0.19999993184978831, -0.14285390975105597, 0.11103527737085547,
         -0.08993135102855263, 0.06976568996584492, -0.03769301371493089)  # fmt: skip
_LOG = (1.9999999999999443, 0.6666666667970582, 0.3999999485386647, 0.2857217003883465, 0.22174088542039896,
        0.1961042765441326)  # fmt: skip
_EXP = (0.9999999999613797, 1.0000000002450644, 0.5000000105158685, 0.16666665116735976, 0.04166622367102904,
        0.008333562027175449, 0.0013948301350572246, 0.00019775027099519388)  # fmt: skip
_ROUND = 6755399441055744.0
"""1.5 * 2^52: added to a double below 2^51 it leaves the nearest integer in the low bits."""
# pi to 200 bits and more, for the table: Bailey, Borwein, Plouffe (1997).
_PI = sum(
    Fraction(1, 16**k)
    * (Fraction(4, 8 * k + 1) - Fraction(2, 8 * k + 4) - Fraction(1, 8 * k + 5) - Fraction(1, 8 * k + 6))
    for k in range(80)
)
_FIRST_BIG = 157
"""Biased exponent from which the table is used: floats of 2^30 and above."""


def _double(value: float) -> str:
    return "0x" + struct.pack(">d", value).hex().upper()


class _Body:
    """Lines of one function under construction; every method returns the name of a value."""

    def __init__(self, access: str):
        self.lines: list[str] = []
        self.access = access

    def put(self, text: str) -> str:
        self.lines.append(f"  %t{len(self.lines)} = {text}")
        return f"%t{len(self.lines) - 1}"

    def add(self, a: str, b: str | float) -> str:
        return self.put(f"fadd double {a}, {_number(b)}")

    def sub(self, a: str | float, b: str | float) -> str:
        return self.put(f"fsub double {_number(a)}, {_number(b)}")

    def mul(self, a: str, b: str | float) -> str:
        return self.put(f"fmul double {a}, {_number(b)}")

    def div(self, a: str, b: str) -> str:
        return self.put(f"fdiv double {a}, {b}")

    def fma(self, a: str, b: str | float, c: str | float) -> str:
        return self.put(f"call double @llvm.fma.f64(double {a}, double {_number(b)}, double {_number(c)})")

    def call(self, name: str, a: str) -> str:
        return self.put(f"call double @llvm.{name}.f64(double {a})")

    def less(self, a: str, b: str | float, kind: str = "olt") -> str:
        return self.put(f"fcmp {kind} double {a}, {_number(b)}")

    def pick(self, condition: str, a: str | float, b: str | float) -> str:
        return self.put(f"select i1 {condition}, double {_number(a)}, double {_number(b)}")

    def both(self, a: str, b: str) -> str:
        return self.put(f"and i1 {a}, {b}")

    def wide(self, x: str) -> str:
        return self.put(f"fpext float {x} to double")

    def bits(self, x: str) -> str:
        return self.put(f"bitcast double {x} to i64")

    def integer(self, op: str, a: str, b: str | int) -> str:
        return self.put(f"{op} i64 {a}, {b}")

    def number(self, bits: str) -> str:
        return self.put(f"bitcast i64 {bits} to double")

    def polynomial(self, x: str, coefficients: tuple[float, ...]) -> str:
        *rest, value = coefficients
        value = _number(value)
        for c in reversed(rest):
            value = self.fma(value, x, c)
        return value

    # shared steps ----------------------------------------------------------------------------------------------
    def nearest(self, x: str) -> tuple[str, str]:
        """Nearest integer of a small double: as a double, and in the low bits of an i64."""
        shifted = self.add(x, _ROUND)
        return self.sub(shifted, _ROUND), self.bits(shifted)

    def quarter_turns(self, x: str) -> tuple[str, str]:
        """Rest of the float x in [-pi/4, pi/4], and how many quarter turns it is beyond (low bits of an i64)."""
        word = self.put(f"bitcast float {x} to i32")
        exponent = self.put(f"and i32 {self.put(f'lshr i32 {word}, 23')}, 255")
        big = self.put(f"icmp uge i32 {exponent}, {_FIRST_BIG}")
        row = self.put(f"select i1 {big}, i32 {self.put(f'sub i32 {exponent}, {_FIRST_BIG - 1}')}, i32 0")
        mantissa = self.put(f"or i32 {self.put(f'and i32 {word}, {-0x7F800001}')}, {150 << 23}")
        scaled = self.put(f"select i1 {big}, i32 {mantissa}, i32 {word}")
        value = self.wide(self.put(f"bitcast i32 {scaled} to float"))
        place = self.put(f"getelementptr [{len(_turns())} x [2 x double]], ptr @turns, i32 0, i32 {row}, i32 0")
        high = self.put(f"load double, ptr {place}, align 16{self.access}")
        place = self.put(f"getelementptr i8, ptr {place}, i64 8")
        low = self.put(f"load double, ptr {place}, align 8{self.access}")
        product = self.mul(value, high)
        missing = self.fma(value, low, self.fma(value, high, self.put(f"fneg double {product}")))
        turns, bits = self.nearest(self.mul(product, 2.0 / math.pi))
        back = self.put(f"fneg double {turns}")
        half_pi = _PI / 2
        first = float(half_pi)
        rest = self.fma(back, first, product)
        return self.add(rest, self.fma(back, float(half_pi - Fraction(first)), missing)), bits

    def sine_and_cosine(self, rest: str) -> tuple[str, str]:
        square = self.mul(rest, rest)
        return self.mul(rest, self.polynomial(square, _SIN)), self.polynomial(square, _COS)

    def exponential(self, x: str) -> str:
        """e^x of a double in [-740, 700]."""
        power, bits = self.nearest(self.mul(x, 1.0 / math.log(2.0)))
        back = self.put(f"fneg double {power}")
        rest = self.fma(back, math.log(2.0), x)
        scale = self.number(self.integer("add", self.integer("shl", bits, 52), 1023 << 52))
        return self.mul(self.polynomial(rest, _EXP), scale)

    def logarithm(self, x: str) -> tuple[str, str]:
        """(e, l): a positive normal double x is 2^e * exp(l) with |l| below 0.35."""
        bits = self.bits(x)
        root = struct.unpack(">q", struct.pack(">d", math.sqrt(0.5)))[0] & ~0xFFFFFFFF
        power = self.integer("ashr", self.integer("sub", bits, root), 52)
        mantissa = self.number(self.integer("sub", bits, self.integer("shl", power, 52)))
        s = self.div(self.sub(mantissa, 1.0), self.add(mantissa, 1.0))
        l = self.mul(s, self.polynomial(self.mul(s, s), _LOG))
        offset = struct.unpack(">q", struct.pack(">d", _ROUND))[0]
        return self.sub(self.number(self.integer("add", power, offset)), _ROUND), l

    def angle(self, y: str, x: str) -> str:
        """Angle of the point (x, y) of doubles, in [-pi, pi]."""
        ax, ay = self.call("fabs", x), self.call("fabs", y)
        steep = self.less(ax, ay)
        flat = self.less(ay, ax)
        low, high = self.pick(flat, ay, ax), self.pick(flat, ax, ay)  # a NaN ends in one of them
        infinite = self.less(low, math.inf, "oeq")
        large = self.put(f"or i1 {self.less(self.mul(high, math.sqrt(2.0) - 1.0), low)}, {infinite}")
        over = self.pick(infinite, 0.0, self.pick(large, self.sub(low, high), low))
        under = self.pick(large, self.add(low, high), high)
        under = self.pick(self.less(under, 0.0, "oeq"), 1.0, under)
        t = self.div(over, under)
        angle = self.mul(t, self.polynomial(self.mul(t, t), _ATAN))
        angle = self.add(angle, self.pick(large, math.pi / 4.0, 0.0))
        angle = self.pick(steep, self.sub(math.pi / 2.0, angle), angle)
        behind = self.put(f"icmp slt i64 {self.bits(x)}, 0")
        angle = self.pick(behind, self.sub(math.pi, angle), angle)
        return self.put(f"call double @llvm.copysign.f64(double {angle}, double {y})")

    def leg(self, x: str) -> str:
        """sqrt(1 - x^2) of a double."""
        return self.call("sqrt", self.mul(self.sub(1.0, x), self.add(x, 1.0)))

    def clamped(self, x: str, low: float, high: float) -> str:
        """x within bounds; a NaN stays."""
        x = self.pick(self.less(x, low), low, x)
        return self.pick(self.less(x, high, "ogt"), high, x)


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else _double(value)


def _turn(b: _Body, x: str, quarter: int) -> str:
    """sin(x + quarter pi/2) as a double."""
    rest, bits = b.quarter_turns(x)
    sine, cosine = b.sine_and_cosine(rest)
    bits = b.integer("add", bits, quarter) if quarter else bits
    odd = b.put(f"trunc i64 {bits} to i1")
    sign = b.integer("shl", b.integer("and", bits, 2), 62)
    return b.number(b.integer("xor", b.bits(b.pick(odd, cosine, sine)), sign))


def _sin(b: _Body) -> str:
    return b.pick(b.less(b.wide("%x"), 0.0, "oeq"), b.wide("%x"), _turn(b, "%x", 0))  # keeps the sign of zero


def _cos(b: _Body) -> str:
    return _turn(b, "%x", 1)


def _tan(b: _Body) -> str:
    rest, bits = b.quarter_turns("%x")
    sine, cosine = b.sine_and_cosine(rest)
    odd = b.put(f"trunc i64 {bits} to i1")
    over = b.pick(odd, b.put(f"fneg double {cosine}"), sine)
    tangent = b.div(over, b.pick(odd, sine, cosine))
    return b.pick(b.less(b.wide("%x"), 0.0, "oeq"), b.wide("%x"), tangent)


def _exp(b: _Body) -> str:
    return b.exponential(b.clamped(b.wide("%x"), -105.0, 89.0))


def _log_by(of_two: float, of_e: float) -> Callable[[_Body], str]:
    """Logarithm in the base in which log(2) is `of_two` and log(e) is `of_e`."""

    def log(b: _Body) -> str:
        x = b.wide("%x")
        power, l = b.logarithm(x)
        value = b.fma(power, of_two, b.mul(l, of_e))
        inside = b.both(b.less(x, 0.0, "ogt"), b.less(x, math.inf))
        outside = b.pick(b.less(x, 0.0), math.nan, b.pick(b.less(x, 0.0, "oeq"), -math.inf, x))  # x: infinity or NaN
        return b.pick(inside, value, outside)

    return log


def _pow(b: _Body) -> str:
    x, y = b.wide("%x"), b.wide("%y")
    size = b.call("fabs", x)
    power, l = b.logarithm(size)
    exponent = b.fma(power, math.log(2.0), l)
    exponent = b.pick(b.less(size, 0.0, "oeq"), -math.inf, exponent)
    exponent = b.pick(b.less(size, math.inf, "ult"), exponent, size)  # infinity or NaN
    exponent = b.pick(b.less(size, math.inf, "uno"), size, exponent)
    value = b.exponential(b.clamped(b.mul(y, exponent), -105.0, 90.0))
    whole = b.less(b.call("trunc", y), y, "oeq")
    half = b.mul(y, 0.5)
    odd = b.both(whole, b.less(b.call("trunc", half), half, "une"))
    behind = b.put(f"icmp slt i64 {b.bits(x)}, 0")
    sign = b.put(f"select i1 {b.both(odd, behind)}, i64 {-(1 << 63)}, i64 0")
    value = b.number(b.integer("xor", b.bits(value), sign))
    finite = b.both(b.less(size, 0.0, "ogt"), b.less(size, math.inf))
    root = b.both(b.both(b.less(x, 0.0), finite), b.put(f"xor i1 {whole}, true"))
    value = b.pick(root, math.nan, value)
    endless = b.less(b.call("fabs", y), math.inf, "oeq")
    value = b.pick(b.both(endless, b.less(size, 1.0, "oeq")), 1.0, value)
    return b.pick(b.put(f"or i1 {b.less(y, 0.0, 'oeq')}, {b.less(x, 1.0, 'oeq')}"), 1.0, value)


def _tanh(b: _Body) -> str:
    x = b.wide("%x")
    size = b.call("fabs", x)
    e = b.exponential(b.clamped(b.mul(size, 2.0), 0.0, 40.0))
    value = b.div(b.sub(e, 1.0), b.add(e, 1.0))
    square = b.mul(x, x)
    near = b.mul(size, b.polynomial(square, (1.0, -1.0 / 3.0, 2.0 / 15.0, -17.0 / 315.0)))
    value = b.pick(b.less(size, 0.02), near, value)
    return b.put(f"call double @llvm.copysign.f64(double {value}, double {x})")


def _atan(b: _Body) -> str:
    return b.angle(b.wide("%x"), _double(1.0))


def _atan2(b: _Body) -> str:
    return b.angle(b.wide("%x"), b.wide("%y"))


def _asin(b: _Body) -> str:
    x = b.wide("%x")
    return b.angle(x, b.leg(x))


def _acos(b: _Body) -> str:
    x = b.wide("%x")
    return b.angle(b.leg(x), x)


_FUNCTIONS: dict[str, Callable[[_Body], str]] = {
    "sin": _sin, "cos": _cos, "tan": _tan, "exp": _exp, "log": _log_by(math.log(2.0), 1.0),
    "log2": _log_by(1.0, 1.0 / math.log(2.0)), "log10": _log_by(math.log10(2.0), 1.0 / math.log(10.0)),
    "pow": _pow, "tanh": _tanh, "atan": _atan, "atan2": _atan2, "asin": _asin, "acos": _acos,
}  # fmt: skip
#: Operations that have a function here.
NAMES = frozenset(_FUNCTIONS)
_TWO = {"pow", "atan2"}
_TABLE = {"sin", "cos", "tan"}


def text(op: str, attributes: str, access: str) -> str:
    """The function `@math_<op>` of one or two floats.

    Args:
        op: One of `NAMES`.
        attributes: What stands behind the parameters, such as an attribute group.
        access: Metadata of loads from the table.
    """
    body = _Body(access)
    result = _FUNCTIONS[op](body)
    parameters = "float %x, float %y" if op in _TWO else "float %x"
    lines = [f"define internal float @math_{op}({parameters}) {attributes} {{", *body.lines]
    return "\n".join([*lines, f"  %r = fptrunc double {result} to float", "  ret float %r", "}"])


def declarations(ops: set[str]) -> list[str]:
    """What the functions of `ops` need beside them."""
    out = ["declare double @llvm.fma.f64(double, double, double)", "declare double @llvm.fabs.f64(double)",
           "declare double @llvm.copysign.f64(double, double)", "declare double @llvm.sqrt.f64(double)",
           "declare double @llvm.trunc.f64(double)"]  # fmt: skip
    return out + ([_table()] if ops & _TABLE else [])


@functools.cache
def _turns() -> list[tuple[float, float]]:
    """2^e modulo 2 pi in two doubles; first the factor 1, last NaN, between them the floats of 2^30 and above."""
    rows = [(1.0, 0.0)]
    for exponent in range(_FIRST_BIG, 255):
        rest = Fraction(2) ** (exponent - 150) % (2 * _PI)
        high = float(rest)
        rows.append((high, float(rest - Fraction(high))))
    return [*rows, (math.nan, math.nan)]


@functools.cache
def _table() -> str:
    rows = ", ".join(f"[2 x double] [double {_double(a)}, double {_double(b)}]" for a, b in _turns())
    return f"@turns = private constant [{len(_turns())} x [2 x double]] [{rows}], align 16"
