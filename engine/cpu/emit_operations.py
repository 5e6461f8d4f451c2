"""IR operations without effects → LLVM instructions."""

from __future__ import annotations

from engine import types as T
from engine.cpu.llvm_text import literal, llvm_type
from engine.lang import ir

_CMP = {
    "eq": ("eq", "oeq"),
    "ne": ("ne", "une"),
    "lt": ("lt", "olt"),
    "le": ("le", "ole"),
    "gt": ("gt", "ogt"),
    "ge": ("ge", "oge"),
}
_ARITH = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "mod": "rem"}
_INTRINSIC = {"floor", "ceil", "trunc", "rint", "round", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "log2",
              "log10", "pow", "atan2"}  # fmt: skip
_LIBM = {"cbrt", "erf", "erfc"}
#: Operations that become calls; the others have instructions of their own.
CALLS = (_INTRINSIC | _LIBM) - {"floor", "ceil", "trunc", "rint", "round", "sqrt"}


class Operations:
    """Mixin of `emit_llvm.FunctionText`, which names values (`ref`, `typed`) and collects lines (`put`)."""

    def emit_pure(self, i: ir.Instr) -> None:
        op, args = i.op, i.args
        if op == "select":
            self.put(f"select i1 {self.ref(args[0])}, {self.typed(args[1])}, {self.typed(args[2])}", i)
        elif op in _CMP:
            self.compare(i)
        elif op == "cast":
            self.cast(i)
        elif op == "bitcast":
            a, to = args[0], i.type
            if a.type is T.pointer or to is T.pointer:
                word = self.ref(a)
                self.put(f"{'ptrtoint ptr' if a.type is T.pointer else 'inttoptr i64'} {word} to {llvm_type(to)}", i)
            else:
                self.put(
                    f"bitcast {self.typed(a)} to {llvm_type(to)}"
                    if llvm_type(a.type) != llvm_type(to)
                    else f"or {self.typed(a)}, 0",
                    i,
                )
        elif op == "offset":
            self.put(f"getelementptr i8, ptr {self.ref(args[0])}, i64 {self.ref(args[1])}", i)
        elif i.type.is_float:
            self.float_op(i)
        else:
            self.int_op(i)

    def compare(self, i: ir.Instr) -> None:
        a, b = i.args
        integer, floating = _CMP[i.op]
        if a.type.is_float:
            self.put(f"fcmp {floating} {self.typed(a)}, {self.ref(b)}", i)
            return
        if integer not in ("eq", "ne"):
            integer = ("s" if a.type.family == "int" else "u") + integer
        self.put(f"icmp {integer} {self.typed(a)}, {self.ref(b)}", i)

    def float_op(self, i: ir.Instr) -> None:
        op, args, t = i.op, i.args, llvm_type(i.type)
        if op in _ARITH:
            self.put(f"f{_ARITH[op]} {t} {self.ref(args[0])}, {self.ref(args[1])}", i)
        elif op == "neg":
            self.put(f"fneg {t} {self.ref(args[0])}", i)
        elif op in ("min", "max"):
            args = args[::-1] if isinstance(args[0], ir.Const) else args  # the plain form skips a NaN on the left
            a, b = map(self.ref, args)
            c = self.put(f"fcmp {'olt' if op == 'min' else 'ogt'} {t} {a}, {b}")
            pick = self.put(f"select i1 {c}, {t} {a}, {t} {b}", i if isinstance(args[1], ir.Const) else None)
            if not isinstance(args[1], ir.Const):  # a NaN on the right counts as missing too
                missing = self.put(f"fcmp uno {t} {b}, {b}")
                self.put(f"select i1 {missing}, {t} {a}, {t} {pick}", i)
        elif op == "sign":
            c = self.put(f"fcmp olt {t} {self.ref(args[0])}, {literal(0.0, i.type)}")
            self.put(f"select i1 {c}, {t} {literal(-1.0, i.type)}, {t} {literal(1.0, i.type)}", i)
        else:
            self.function_call(i, op, args)

    def function_call(self, i: ir.Instr, op: str, args) -> None:
        t, suffix = llvm_type(i.type), f"f{i.type.bits}"
        typed = ", ".join(map(self.typed, args))
        if op in _LIBM:
            name = op + ("f" if i.type.bits == 32 else "")
            self.m.declare(name, f"{t} @{name}({', '.join([t] * len(args))}) memory(none) nounwind")
            self.put(f"call {t} @{name}({typed})", i)
            return
        if op in self.m.math and t == "float":
            self.put(f"call {t} @math_{op}({typed})", i)
            return
        intrinsic = {"abs": "fabs"}.get(op, op)
        name = f"llvm.{intrinsic}.{suffix}"
        self.m.declare(name, f"{t} @{name}({', '.join([t] * len(args))})")
        self.put(f"call {t} @{name}({typed})", i)

    def int_op(self, i: ir.Instr) -> None:
        op, args, t = i.op, i.args, llvm_type(i.type)
        signed = i.type.family == "int"
        a = self.ref(args[0])
        b = self.ref(args[1]) if len(args) > 1 else ""
        if op in ("add", "sub", "mul"):
            # signed overflow is undefined in this language, as in C: it lets address arithmetic be analysed
            self.put(f"{op} {'nsw ' if signed and i.type.bits >= 32 else ''}{t} {a}, {b}", i)
        elif op in ("div", "mod"):
            self.divide(i, signed)
        elif op in ("and", "or") and i.type.is_bool:
            # the right side may be poison (say, of an overflow) where the left one decides
            other = f"i1 {b}, i1 false" if op == "and" else f"i1 true, i1 {b}"
            self.put(f"select i1 {a}, {other}", i)
        elif op in ("and", "or", "xor"):
            self.put(f"{op} {t} {a}, {b}", i)
        elif op == "not":
            self.put(f"xor {t} {a}, {'true' if i.type.is_bool else -1}", i)
        elif op == "neg":
            self.put(f"sub {t} 0, {a}", i)
        elif op in ("min", "max"):
            c = self.put(f"icmp {'s' if signed else 'u'}{'lt' if op == 'min' else 'gt'} {t} {a}, {b}")
            self.put(f"select i1 {c}, {t} {a}, {t} {b}", i)
        elif op == "abs":
            n = self.put(f"sub {t} 0, {a}")
            c = self.put(f"icmp slt {t} {a}, 0")
            self.put(f"select i1 {c}, {t} {n}, {t} {a}", i)
        elif op == "sign":
            c = self.put(f"icmp slt {t} {a}, 0")
            self.put(f"select i1 {c}, {t} -1, {t} 1", i)
        elif op in ("shl", "shr"):
            name = "shl" if op == "shl" else "ashr" if signed else "lshr"
            inside = self.put(f"icmp ult {t} {b}, {i.type.bits}")
            by = self.put(f"select i1 {inside}, {t} {b}, {t} {i.type.bits - 1}")
            raw = self.put(f"{name} {t} {a}, {by}", None if name != "ashr" else i)
            if name != "ashr":
                self.put(f"select i1 {inside}, {t} {raw}, {t} 0", i)
        elif op in ("popcount", "clz"):
            name = f"llvm.{'ctpop' if op == 'popcount' else 'ctlz'}.{t}"
            extra = "" if op == "popcount" else ", i1 false"
            self.m.declare(name, f"{t} @{name}({t}{', i1' if extra else ''})")
            self.put(f"call {t} @{name}({t} {a}{extra})", i)
        else:
            raise AssertionError(f"no LLVM emission for integer {op}")

    def divide(self, i: ir.Instr, signed: bool) -> None:
        """Division that cannot trap: a zero divisor gives 0, the smallest integer by -1 wraps."""
        a, b = i.args
        t, name = llvm_type(i.type), ("s" if signed else "u") + _ARITH[i.op]
        if isinstance(b, ir.Const) and b.value not in (0, -1):
            self.put(f"{name} {self.typed(a)}, {self.ref(b)}", i)
            return
        zero = self.put(f"icmp eq {t} {self.ref(b)}, 0")
        bad, safe_result = zero, "0"
        if signed:
            minus = self.put(f"icmp eq {t} {self.ref(b)}, -1")
            bad = self.put(f"or i1 {zero}, {minus}")
            negated = self.put(f"sub {t} 0, {self.ref(a)}") if i.op == "div" else "0"
            safe_result = self.put(f"select i1 {minus}, {t} {negated}, {t} 0")
        d = self.put(f"select i1 {bad}, {t} 1, {t} {self.ref(b)}")
        q = self.put(f"{name} {self.typed(a)}, {d}")
        self.put(f"select i1 {bad}, {t} {safe_result}, {t} {q}", i)

    def cast(self, i: ir.Instr) -> None:
        a, to = i.args[0], i.type
        f, t, src = a.type, llvm_type(to), self.typed(a)
        if to.is_bool:
            zero = literal(0, f)
            self.put(f"fcmp une {src}, {zero}" if f.is_float else f"icmp ne {src}, {zero}", i)
        elif f.bits == 64 and to.is_float and to.bits == 16 and f.is_float:
            self.narrow_to_half(src, i)
        elif f.is_float and to.is_float:
            self.put(f"{'fpext' if to.bits > f.bits else 'fptrunc'} {src} to {t}", i)
        elif f.is_float:
            kind = "s" if to.family == "int" else "u"
            if f.bits == 16:  # LLVM turns a half NaN into the smallest integer where the machine has half arithmetic
                f, src = T.float32, f"float {self.put(f'fpext {src} to float')}"
            name = f"llvm.fpto{kind}i.sat.{t}.f{f.bits}"
            self.m.declare(name, f"{t} @{name}({llvm_type(f)})")
            self.put(f"call {t} @{name}({src})", i)
        elif to.is_float:
            self.put(f"{'sitofp' if f.family == 'int' else 'uitofp'} {src} to {t}", i)
        elif to.bits == f.bits:
            self.put(f"or {src}, 0", i)
        else:
            widen = "sext" if f.family == "int" else "zext"
            self.put(f"{widen if to.bits > f.bits else 'trunc'} {src} to {t}", i)

    def narrow_to_half(self, src: str, i: ir.Instr) -> None:
        """Double to half by way of float, rounded once: the float is rounded to odd (Boldo and Melquiond 2008)."""
        near = self.put(f"fptrunc {src} to float")
        back = self.put(f"fpext float {near} to double")
        name = src.split()[1]
        inexact = self.put(f"fcmp one double {back}, {name}")
        self.m.declare("llvm.fabs.f64", "double @llvm.fabs.f64(double)")
        size, wanted = (self.put(f"call double @llvm.fabs.f64(double {v})") for v in (back, name))
        above = self.put(f"fcmp ogt double {size}, {wanted}")
        bits = self.put(f"bitcast float {near} to i32")
        step = self.put(f"zext i1 {above} to i32")
        lower = self.put(f"sub i32 {bits}, {step}")
        sticky = self.put(f"zext i1 {inexact} to i32")
        odd = self.put(f"or i32 {lower}, {sticky}")
        whole = self.put(f"bitcast i32 {odd} to float")
        self.put(f"fptrunc float {whole} to half", i)
