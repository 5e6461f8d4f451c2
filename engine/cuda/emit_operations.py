"""Operations of the IR without effects as expressions of CUDA C++."""

from __future__ import annotations

import math
import struct

from engine import types as T
from engine.lang import ir

_TYPES = {"bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long", "uint8": "unsigned char", "uint16": "unsigned short",
          "uint32": "unsigned int", "uint64": "unsigned long long", "float16": "half_t", "float32": "float", "float64": "double", "ptr": "ptr_t"}  # fmt: skip
_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "and": "&",
    "or": "|",
    "xor": "^",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_CALLS = {"floor", "ceil", "trunc", "rint", "round", "sqrt", "cbrt",
    "erf",
    "erfc", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "log2",
          "log10", "pow", "atan2"}  # fmt: skip


def c_type(t: T.ScalarType) -> str:
    return _TYPES[t.name]


def literal(value, t: T.ScalarType) -> str:
    if t is T.pointer:
        return f"(ptr_t){int(value)}ull"
    if t.is_bool:
        return "true" if value else "false"
    if t.is_float:
        if t.bits == 16:
            return f"half_t{{{struct.unpack('<H', struct.pack('<e', value))[0]}}}"
        if math.isnan(value):
            return "__int_as_float(0x7fc00000)" if t.bits == 32 else "__longlong_as_double(0x7ff8000000000000ll)"
        if math.isinf(value):
            sign = "-" if value < 0 else ""
            return (
                f"{sign}__int_as_float(0x7f800000)"
                if t.bits == 32
                else f"{sign}__longlong_as_double(0x7ff0000000000000ll)"
            )
        text = float(value).hex()
        return f"{text}{'f' if t.bits == 32 else ''}"
    if t.name == "int64":
        return f"({value}ll)" if value > -(2**63) else "(-9223372036854775807ll - 1)"
    if t.name == "uint64":
        return f"{value}ull"
    if t.name == "int32":
        return f"({value})" if value > -(2**31) else "(-2147483647 - 1)"
    return f"{c_type(t)}({value})" if " " not in c_type(t) else f"({c_type(t)})({value})"


class Operations:
    """Names of values, and text of operations on them."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def name(self, v: ir.Value) -> str:
        return self.names.setdefault(id(v), f"v{len(self.names)}")

    def ref(self, v: ir.Value) -> str:
        return literal(v.value, v.type) if isinstance(v, ir.Const) else self.names[id(v)]

    # pure operations -------------------------------------------------------------------------------------------
    def number(self, v: ir.Value) -> str:
        """A value as C can compute with it: half precision computes in single."""
        return f"from_half({self.ref(v)})" if v.type.name == "float16" else self.ref(v)

    def pure(self, i: ir.Instr) -> str:
        op, t = i.op, i.type
        if op == "select":
            c, a, b = map(self.ref, i.args)
            return f"{c} ? {a} : {b}"
        if op == "offset":
            return f"{self.ref(i.args[0])} + {self.ref(i.args[1])}"
        if op == "cast":
            return self.cast(i)
        if op == "bitcast":
            return self.bitcast(i)
        xs = [self.number(a) for a in i.args]
        out = self.arithmetic(op, i.args[0].type, xs)
        return f"to_half({out})" if t.name == "float16" else out

    def arithmetic(self, op: str, t: T.ScalarType, xs: list[str]) -> str:
        c = c_type(t)
        single = t.is_float and t.bits < 64
        if op in ("div", "mod") and not t.is_float:
            return f"{'divide' if op == 'div' else 'modulo'}<{c}>({', '.join(xs)})"
        if op == "mod":
            return f"{'fmodf' if single else 'fmod'}({', '.join(xs)})"
        if op in ("shl", "shr"):
            return f"{'shift_left' if op == 'shl' else 'shift_right'}<{c}>({', '.join(xs)})"
        if op in _INFIX:
            text = f"{xs[0]} {_INFIX[op]} {xs[1]}"
            narrow = (
                not t.is_float and not t.is_bool and t.bits < 32 and op in ("add", "sub", "mul", "and", "or", "xor")
            )
            return f"({c})({text})" if narrow else text
        if op == "neg":
            return f"({c})(-{xs[0]})" if not t.is_float else f"-{xs[0]}"
        if op == "not":
            return f"!{xs[0]}" if t.is_bool else f"({c})(~{xs[0]})"
        if op in ("min", "max"):
            return f"{xs[0]} {'<' if op == 'min' else '>'} {xs[1]} ? {xs[0]} : {xs[1]}"
        if op == "abs":
            return (
                f"{'fabsf' if single else 'fabs'}({xs[0]})"
                if t.is_float
                else f"({c})({xs[0]} < 0 ? -{xs[0]} : {xs[0]})"
            )
        if op == "sign":
            zero, one = ("0.0f", "1.0f") if single else ("0", "1")
            return f"{xs[0]} < {zero} ? -{one} : {one}" if t.is_float else f"({c})({xs[0]} < 0 ? -1 : 1)"
        if op == "popcount":
            return f"({c})__popcll((u64){xs[0]}{'' if t.bits == 64 else f' & {hex((1 << t.bits) - 1)}ull'})"
        if op == "clz":
            return f"({c})(__clzll((u64){xs[0]} & {hex((1 << t.bits) - 1)}ull) - {64 - t.bits})"
        if op == "fma":
            return f"{'fmaf' if single else 'fma'}({', '.join(xs)})"
        if op in _CALLS:
            return f"{op}{'f' if single else ''}({', '.join(xs)})"
        raise AssertionError(f"no CUDA emission for {op}")

    def cast(self, i: ir.Instr) -> str:
        a, to = i.args[0], i.type
        x = self.number(a)
        if to.is_bool:
            return f"{x} != 0"
        if to.name == "float16":
            return f"to_half({x})" if a.type.bits == 64 and a.type.is_float else f"to_half((float){x})"
        if to.is_float:
            return f"({c_type(to)}){x}"
        if a.type.is_float:
            signed = to.family == "int"
            low = -(2 ** (to.bits - 1)) if signed else 0
            high = 2 ** (to.bits - signed)
            if to.bits == 32 and a.type.bits <= 32:  # the conversion instruction saturates by itself
                return f"{'__float2int_rz' if signed else '__float2uint_rz'}({x})"
            most = literal(high - 1, to)
            return f"to_integer<{c_type(to)}>((double){x}, {float(low)}, {float(high)}, {most})"
        return f"({c_type(to)}){x}"

    def bitcast(self, i: ir.Instr) -> str:
        a, to = i.args[0], i.type
        if a.type is T.pointer or to is T.pointer:
            return f"({c_type(to)}){self.ref(a)}"
        return f"same_bits<{c_type(to)}, {c_type(a.type)}>({self.ref(a)})"
