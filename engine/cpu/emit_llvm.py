"""IR → LLVM assembly text.

A kernel becomes `void @name(ptr args, i64 begin, i64 end)`: a loop over thread indices around the inlined body. Loads and
stores of kernels whose threads are independent (no atomics) carry parallel-access metadata, so LLVM's vectoriser runs
8 or 16 threads in SIMD lanes, with gathers and masks.

Argument block (8 bytes a slot): 4 launch dimensions, address of the error record, then the kernel's scalars in order.
"""

from __future__ import annotations

import struct

from engine import types as T
from engine.cpu import access_order, jit, math_functions, tape
from engine.cpu.inlining import Inlining
from engine.lang import ir
from engine.lang.wide import without_bfloat16

HEADER_SLOTS = 5
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
_CALLS = (_INTRINSIC | _LIBM) - {
    "floor",
    "ceil",
    "trunc",
    "rint",
    "round",
    "sqrt",
}  # those have instructions of their own
_LANES_LIMIT = 1500  # LLVM's vectoriser takes time with the square of the size: 0.5 s here, 7 s for 5,000 instructions
_PACK_LIMIT = 6000  # so does the pass that packs scalars
_OWN_SIZE = 40  # instructions of a function of `math_functions`
#: In SIMD lanes a call is made lane by lane; it pays if this many other instructions gain from the lanes.
_CALL_COST = 20


def llvm_type(t: T.ScalarType) -> str:
    if t is T.pointer:
        return "ptr"
    if t.is_float:
        return {16: "half", 32: "float", 64: "double"}[t.bits]
    return f"i{t.bits}"


def literal(value, t: T.ScalarType) -> str:
    if t is T.pointer:
        return "null" if value == 0 else f"inttoptr (i64 {int(value)} to ptr)"
    if t.is_bool:
        return "true" if value else "false"
    if t.is_float:
        if t.bits == 16:
            return "0xH" + struct.pack(">e", value).hex().upper()
        return "0x" + struct.pack(">d", t.np_dtype.type(value)).hex().upper()
    return str(int(value))


def struct_type(values) -> str:
    """The LLVM struct of the types of some values."""
    return "{ " + ", ".join(llvm_type(v.type) for v in values) + " }"


class Module:
    """Text of one LLVM module: a kernel, what it calls, and declarations."""

    def __init__(self, kernel: ir.Function, tid_arity: int, aliased: bool = False, independent: bool = True):
        """Analyses the kernel; `independent`: without atomics, no thread touches what another one writes."""
        kernel = without_bfloat16(kernel)
        self.kernel, self.tid_arity = kernel, tid_arity
        self.declared: dict[str, str] = {}
        self.strings: list[str] = []
        self.checks: list[str] = []
        everything = [*ir.all_callees(kernel), kernel]
        self.has_atomics = any(i.op == "atomic" for f in everything for i in ir.walk(f.body))
        self.has_float_atomics = any(i.op == "atomic" and i.type.is_float for f in everything for i in ir.walk(f.body))
        self.has_prints = any(i.op == "print" for f in everything for i in ir.walk(f.body))
        self.natives = ir.natives(everything)
        checks = any(i.op == "check" for f in everything for i in ir.walk(f.body))
        self.has_effects = self.has_atomics or self.has_prints or bool(self.natives) or checks
        self.has_loops = any(i.op in ("for", "while") for f in everything for i in ir.walk(f.body))
        self.size = sum(f.size() for f in everything)
        #: the kernel keeps values on a stack that grows; one stack serves all threads of a chunk, one after the other
        self.uses_tape = any(i.op == "tape_push" for i in ir.walk(kernel.body))
        #: threads of a plain kernel touch their own data, so the loop over threads may run in SIMD lanes
        #: (a local array is one stack slot for all iterations of the loop over threads, so it must not be claimed parallel)
        local = any(i.op == "alloca" for f in everything for i in ir.walk(f.body))
        trace = None if self.has_effects or local else access_order.Trace(kernel)
        self.parallel = (
            independent and trace is not None and not self.uses_tape and access_order.may_regroup(trace, aliased)
        )
        #: functions of floats that are written out here rather than called
        self.math = {i.op for f in everything for i in ir.walk(f.body) if self.is_own(i)}
        own = sum(self.is_own(i) for f in everything for i in ir.walk(f.body))
        calls = sum(i.op in _CALLS for f in everything for i in ir.walk(f.body)) - own
        #: whether the loop over threads is worth running in SIMD lanes
        self.inlining = Inlining(kernel)
        size = self.inlining.size + own * _OWN_SIZE
        self.in_lanes = self.parallel and size <= _LANES_LIMIT and calls * _CALL_COST <= size
        #: whether to look for scalar operations that pack into SIMD ones: local arrays are where queries test several
        #: boxes or triangles at once
        self.packs = local and self.inlining.largest <= _PACK_LIMIT
        #: the code relies on array arguments that share no memory
        self.alias_sensitive = self.parallel and not aliased and not access_order.may_regroup(trace, True)
        self.names: dict[int, str] = {}

    @staticmethod
    def is_own(i: ir.Instr) -> bool:
        """Whether an operation is one of `math_functions`."""
        return i.op in math_functions.NAMES and i.type is T.float32 and jit.has_fma()

    def text(self) -> str:
        attributes, access = ("#0", ", !llvm.access.group !0") if self.in_lanes else ("#3", "")
        parts = [math_functions.text(op, attributes, access) for op in sorted(self.math)]
        for f in ir.all_callees(self.kernel):
            self.names[id(f)] = f"f{len(self.names)}"
            parts.append(FunctionText(self, f, self.names[id(f)], "internal").text())
        parts.append(FunctionText(self, self.kernel, "body", "internal").text())
        parts.append(self.entry())
        if self.uses_tape:
            parts.insert(0, tape.TEXT)
        if self.math:
            head = math_functions.declarations(self.math)
            parts.insert(0, "\n".join(line for line in head if line not in self.declarations()))
        head = self.declarations()
        head += self.strings
        tail = [
            "!0 = distinct !{}",
            "!1 = distinct !{!1, !2, !3}",
            '!2 = !{!"llvm.loop.parallel_accesses", !0}',
            '!3 = !{!"llvm.loop.mustprogress"}',
        ]
        tail += ["!4 = distinct !{!4, !5}", '!5 = !{!"llvm.loop.vectorize.enable", i1 false}']
        tail += [
            "attributes #0 = { alwaysinline nounwind }",
            "attributes #1 = { noinline nounwind }",
            'attributes #2 = { nounwind "prefer-vector-width"="512" }',
            "attributes #3 = { noinline nounwind willreturn memory(none) }",
        ]
        return "\n\n".join(["\n".join(head), *parts, "\n".join(tail)]) + "\n"

    def declarations(self) -> list[str]:
        return [f"declare {signature}" for signature in self.declared.values()]

    def entry(self) -> str:
        """The loop over thread indices. Rows of the innermost dimension run as one countable loop."""
        params = self.kernel.params
        lines = ["define void @kernel(ptr noalias readonly %args, i64 %begin, i64 %end) #2 {", "entry:"]

        def slot(name, index, t):
            lines.append(f"  %{name}.p = getelementptr i8, ptr %args, i64 {8 * index}")
            if t.is_bool:
                lines.append(f"  %{name}.b = load i8, ptr %{name}.p, align 1")
                lines.append(f"  %{name} = icmp ne i8 %{name}.b, 0")
            else:
                lines.append(f"  %{name} = load {llvm_type(t)}, ptr %{name}.p, align {t.size}")

        for d in range(4):
            slot(f"dim{d}", d, T.int64)
        slot("err", 4, T.pointer)
        args = ["ptr %err"]
        if self.uses_tape:
            lines += tape.BEGIN
            self.declare("memset", "void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            args.append("ptr %tape")
        own = len(args)
        for k, p in enumerate(params[4:]):
            slot(f"a{k}", HEADER_SLOTS + k, p.type)
            args.append(f"{llvm_type(p.type)} %a{k}")
        n = self.tid_arity or 1
        loop = "!1" if self.in_lanes else "!4"
        lines.append("  %any = icmp slt i64 %begin, %end")
        lines.append("  br i1 %any, label %rows, label %done")
        lines.append("rows:")
        lines.append("  %row = phi i64 [ %begin, %entry ], [ %row.next, %row.latch ]")
        if n == 1:
            lines += ["  %c0 = trunc i64 %row to i32", "  %stop = trunc i64 %end to i32", "  %next = add i64 %end, 0"]
            first, tids = "%c0", ["i32 %i", "i32 0", "i32 0", "i32 0"]
        else:
            inner = f"%dim{n - 1}"
            lines += [f"  %line = udiv i64 %row, {inner}", f"  %line.base = mul i64 %line, {inner}", "  %c64 = sub i64 %row, %line.base",
                      "  %left = sub i64 %end, %row", f"  %room = sub i64 {inner}, %c64", "  %fits = icmp ult i64 %left, %room",
                      "  %len = select i1 %fits, i64 %left, i64 %room", "  %next = add i64 %row, %len", "  %s64 = add i64 %c64, %len",
                      "  %c0 = trunc i64 %c64 to i32", "  %stop = trunc i64 %s64 to i32"]  # fmt: skip
            outer, rest = [], "%line"
            for d in range(n - 2, -1, -1):
                if d == 0:
                    lines.append(f"  %o{d} = trunc i64 {rest} to i32")
                else:
                    lines += [
                        f"  %q{d} = udiv i64 {rest}, %dim{d}",
                        f"  %m{d} = urem i64 {rest}, %dim{d}",
                        f"  %o{d} = trunc i64 %m{d} to i32",
                    ]
                    rest = f"%q{d}"
                outer.insert(0, f"i32 %o{d}")
            first, tids = "%c0", [*outer, "i32 %i", *["i32 0"] * (4 - n)]
        lines += ["  br label %threads", "threads:", f"  %i = phi i32 [ {first}, %rows ], [ %i.next, %threads ]",
                  f"  call void @body({', '.join([*args[:own], *tids, *args[own:]])})",
                  "  %i.next = add nsw i32 %i, 1", "  %more = icmp slt i32 %i.next, %stop", f"  br i1 %more, label %threads, label %row.latch, !llvm.loop {loop}",
                  "row.latch:", "  %row.next = add i64 %next, 0", "  %again = icmp slt i64 %row.next, %end", "  br i1 %again, label %rows, label %done",
                  "done:", *(tape.END if self.uses_tape else ()), "  ret void", "}"]  # fmt: skip
        return "\n".join(lines)

    def declare(self, name: str, signature: str) -> str:
        self.declared.setdefault(name, signature)
        return name

    def string(self, text: str) -> str:
        data = text.encode() + b"\0"
        name = f"@s{len(self.strings)}"
        body = "".join(chr(c) if 32 <= c < 127 and c not in (34, 92) else f"\\{c:02X}" for c in data)
        self.strings.append(f'{name} = private constant [{len(data)} x i8] c"{body}"')
        return name


class FunctionText:
    """Text of one function."""

    def __init__(self, module: Module, function: ir.Function, name: str, linkage: str):
        self.m, self.f, self.name, self.linkage = module, function, name, linkage
        self.lines: list[str] = []
        self.allocas: list[str] = []
        self.names: dict[int, str] = {}
        self.counter = 0
        self.block = "entry"
        self.access = ", !llvm.access.group !0" if module.parallel else ""

    def text(self) -> str:
        params = ["ptr %err"]
        if self.m.uses_tape and self.name == "body":
            params.append("ptr %tape")
        for k, p in enumerate(self.f.params):
            self.names[id(p)] = f"%p{k}"
            params.append(f"{llvm_type(p.type)} %p{k}")
        self.region(self.f.body)
        stays_call = id(self.f) in self.m.inlining.calls
        outs = self.f.body.yields
        shape = struct_type(outs) if outs else "void"
        if outs and stays_call:
            params.insert(0, "ptr noalias %out")
            for k, v in enumerate(outs):
                field = self.put(f"getelementptr {shape}, ptr %out, i32 0, i32 {k}")
                self.lines.append(f"  store {self.typed(v)}, ptr {field}")
            shape = "void"
        elif outs:
            value = "undef"
            for k, v in enumerate(outs):
                name = self.fresh()
                self.lines.append(f"  {name} = insertvalue {shape} {value}, {self.typed(v)}, {k}")
                value = name
            self.lines.append(f"  ret {shape} {value}")
        if shape == "void":
            self.lines.append("  ret void")
        head = (
            f"define {self.linkage} {shape} @{self.name}({', '.join(params)}) {'#1' if stays_call else '#0'} {{\nentry:"
        )
        return "\n".join([head, *self.allocas, *self.lines, "}"])

    # values ----------------------------------------------------------------------------------------------------
    def fresh(self) -> str:
        self.counter += 1
        return f"%v{self.counter}"

    def ref(self, v: ir.Value) -> str:
        if isinstance(v, ir.Const):
            return literal(v.value, v.type)
        return self.names[id(v)]

    def typed(self, v: ir.Value) -> str:
        return f"{llvm_type(v.type)} {self.ref(v)}"

    def put(self, text: str, v: ir.Value | None = None) -> str:
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        if v is not None:
            self.names[id(v)] = name
        return name

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    # structure -------------------------------------------------------------------------------------------------
    def region(self, region: ir.Region) -> None:
        for i in region.instrs:
            if i.op in ir.STRUCTURED:
                getattr(self, "emit_" + i.op)(i)
            elif i.op in ir.EFFECTS:
                getattr(self, "emit_" + i.op)(i)
            else:
                self.emit_pure(i)

    def emit_if(self, i: ir.Instr) -> None:
        k = self.counter = self.counter + 1
        self.lines.append(f"  br i1 {self.ref(i.args[0])}, label %then{k}, label %else{k}")
        ends = []
        for region, label in zip(i.regions, (f"then{k}", f"else{k}")):
            self.label(label)
            self.region(region)
            ends.append(self.block)
            self.lines.append(f"  br label %join{k}")
        self.label(f"join{k}")
        for r, a, b in zip(i.results, i.regions[0].yields, i.regions[1].yields):
            self.put(f"phi {llvm_type(r.type)} [ {self.ref(a)}, %{ends[0]} ], [ {self.ref(b)}, %{ends[1]} ]", r)

    def emit_for(self, i: ir.Instr) -> None:
        start, stop, step, *inits = i.args
        body = i.regions[0]
        index, *params = body.params
        t = llvm_type(index.type)
        k = self.counter = self.counter + 1
        entry = self.block
        self.lines.append(f"  br label %head{k}")
        self.label(f"head{k}")
        self.names[id(index)] = f"%i{k}"
        patches = [(len(self.lines), f"  %i{k} = phi {t} [ {self.ref(start)}, %{entry} ], [ %in{k}, %LATCH ]")]
        self.lines.append("")
        for n, (p, init) in enumerate(zip(params, inits)):
            self.names[id(p)] = f"%c{k}.{n}"
            patches.append(
                (
                    len(self.lines),
                    f"  %c{k}.{n} = phi {llvm_type(p.type)} [ {self.ref(init)}, %{entry} ], [ NEXT{n}, %LATCH ]",
                )
            )
            self.lines.append("")
        less = "slt" if index.type.family == "int" else "ult"
        if isinstance(step, ir.Const):
            go = self.put(f"icmp {less if step.value > 0 else less.replace('lt', 'gt')} {t} %i{k}, {self.ref(stop)}")
        else:
            up = self.put(f"icmp sgt {t} {self.ref(step)}, 0")
            below = self.put(f"icmp {less} {t} %i{k}, {self.ref(stop)}")
            above = self.put(f"icmp {less.replace('lt', 'gt')} {t} %i{k}, {self.ref(stop)}")
            go = self.put(f"select i1 {up}, i1 {below}, i1 {above}")
        self.lines.append(f"  br i1 {go}, label %loop{k}, label %exit{k}")
        self.label(f"loop{k}")
        self.region(body)
        self.lines.append(f"  %in{k} = add nsw {t} %i{k}, {self.ref(step)}")
        latch = self.block
        self.lines.append(f"  br label %head{k}")
        for n, (at, text) in enumerate(patches):
            self.lines[at] = text.replace("%LATCH", f"%{latch}")
            if n:
                self.lines[at] = self.lines[at].replace(f"NEXT{n - 1}", self.ref(body.yields[n - 1]))
        self.label(f"exit{k}")
        for r, p in zip(i.results, params):
            self.names[id(r)] = self.names[id(p)]

    def emit_while(self, i: ir.Instr) -> None:
        guard, body = i.regions
        k = self.counter = self.counter + 1
        entry = self.block
        self.lines.append(f"  br label %head{k}")
        self.label(f"head{k}")
        at = len(self.lines)
        for n, (p, q) in enumerate(zip(guard.params, body.params)):
            self.names[id(p)] = self.names[id(q)] = f"%c{k}.{n}"
            self.lines.append("")
        self.region(guard)
        self.lines.append(f"  br i1 {self.ref(guard.yields[0])}, label %loop{k}, label %exit{k}")
        self.label(f"loop{k}")
        self.region(body)
        latch = self.block
        self.lines.append(f"  br label %head{k}")
        for n, (p, init, y) in enumerate(zip(body.params, i.args, body.yields)):
            self.lines[at + n] = (
                f"  %c{k}.{n} = phi {llvm_type(p.type)} [ {self.ref(init)}, %{entry} ], [ {self.ref(y)}, %{latch} ]"
            )
        self.label(f"exit{k}")
        for r, p in zip(i.results, body.params):
            self.names[id(r)] = self.names[id(p)]

    # effects ---------------------------------------------------------------------------------------------------
    def pointer(self, base: ir.Value, offset: ir.Value) -> str:
        if isinstance(offset, ir.Const) and offset.value == 0:
            return self.ref(base)
        return self.put(f"getelementptr i8, ptr {self.ref(base)}, i64 {self.ref(offset)}")

    def emit_load(self, i: ir.Instr) -> None:
        p = self.pointer(*i.args)
        t = i.type
        if t.is_bool:
            byte = self.put(f"load i8, ptr {p}, align 1{self.access}")
            self.put(f"icmp ne i8 {byte}, 0", i)
        else:
            self.put(f"load {llvm_type(t)}, ptr {p}, align {t.size}{self.access}", i)

    def emit_store(self, i: ir.Instr) -> None:
        base, offset, value = i.args
        p = self.pointer(base, offset)
        t = value.type
        if t.is_bool:
            byte = self.put(f"zext i1 {self.ref(value)} to i8")
            self.lines.append(f"  store i8 {byte}, ptr {p}, align 1{self.access}")
        else:
            self.lines.append(f"  store {self.typed(value)}, ptr {p}, align {t.size}{self.access}")

    def emit_alloca(self, i: ir.Instr) -> None:
        size, zero = i.attr
        name = self.fresh()
        self.allocas.append(f"  {name} = alloca [{size} x i8], align 16")
        self.names[id(i)] = name
        if zero:
            self.m.declare("memset", "void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            self.lines.append(f"  call void @llvm.memset.p0.i64(ptr align 16 {name}, i8 0, i64 {size}, i1 false)")

    def emit_zero_memory(self, i: ir.Instr) -> None:
        self.m.declare("memset", "void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.lines.append(f"  call void @llvm.memset.p0.i64(ptr {self.ref(i.args[0])}, i8 0, i64 {i.attr}, i1 false)")

    def emit_tape_push(self, i: ir.Instr) -> None:
        self.put(f"call ptr @{i.op}(ptr %tape, i64 {i.attr})", i)

    emit_tape_pop = emit_tape_push

    def emit_atomic(self, i: ir.Instr) -> None:
        base, offset, *values = i.args
        p, t = self.pointer(base, offset), i.type
        if i.attr == "cas":
            expected, new = values
            it, e, n = f"i{t.bits}", self.ref(expected), self.ref(new)
            if t.is_float:
                e, n = (self.put(f"bitcast {self.typed(v)} to {it}") for v in values)
            pair = self.put(f"cmpxchg ptr {p}, {it} {e}, {it} {n} monotonic monotonic")
            old = self.put(f"extractvalue {{ {it}, i1 }} {pair}, 0", None if t.is_float else i)
            if t.is_float:
                self.put(f"bitcast {it} {old} to {llvm_type(t)}", i)
            return
        names = {"add": "fadd", "sub": "fsub", "min": "fmin", "max": "fmax", "exch": "xchg"} if t.is_float else {
            "add": "add", "sub": "sub", "exch": "xchg", "and": "and", "or": "or", "xor": "xor",
            "min": "min" if t.family == "int" else "umin", "max": "max" if t.family == "int" else "umax"}  # fmt: skip
        self.put(f"atomicrmw {names[i.attr]} ptr {p}, {self.typed(values[0])} monotonic", i)

    def emit_call(self, i: ir.Instr) -> None:
        callee: ir.Function = i.attr
        args = ", ".join(["ptr %err", *map(self.typed, i.args)])
        if not i.results:
            self.lines.append(f"  call void @{self.m.names[id(callee)]}({args})")
            return
        shape, name = struct_type(i.results), self.m.names[id(callee)]
        if id(callee) in self.m.inlining.calls:
            # Results through memory: LLVM returns the third float of a struct on the x87 stack, and a tail call to such
            # a function leaves it there.
            out = self.fresh()
            self.allocas.append(f"  {out} = alloca {shape}")
            self.lines.append(f"  call void @{name}(ptr {out}, {args})")
            for k, r in enumerate(i.results):
                field = self.put(f"getelementptr {shape}, ptr {out}, i32 0, i32 {k}")
                self.put(f"load {llvm_type(r.type)}, ptr {field}", r)
            return
        whole = self.put(f"call {shape} @{name}({args})")
        for k, r in enumerate(i.results):
            self.put(f"extractvalue {shape} {whole}, {k}", r)

    def emit_native(self, i: ir.Instr) -> None:
        """Narrow numbers travel as 32-bit integers, results through addresses, see `engine.native.text`."""
        args, slots = [], []
        for v in i.args:
            t = llvm_type(v.type)
            if t == "half":
                t, v_ref = "i16", self.put(f"bitcast {self.typed(v)} to i16")
            else:
                v_ref = self.ref(v)
            if t in ("i1", "i8", "i16"):
                widen = "sext" if v.type.family == "int" else "zext"
                t, v_ref = "i32", self.put(f"{widen} {t} {v_ref} to i32")
            args.append(f"{t} {v_ref}")
        for _ in i.results:
            slots.append(self.fresh())
            self.allocas.append(f"  {slots[-1]} = alloca i64, align 8")
            args.append(f"ptr {slots[-1]}")
        self.m.declare(i.attr.symbol, f"void @{i.attr.symbol}({', '.join(a.split()[0] for a in args)})")
        self.lines.append(f"  call void @{i.attr.symbol}({', '.join(args)})")
        for r, slot in zip(i.results, slots):
            t = llvm_type(r.type)
            if t not in ("half", "i1", "i8", "i16"):
                self.put(f"load {t}, ptr {slot}, align 8", r)
                continue
            wide = self.put(f"load i32, ptr {slot}, align 8")
            if t == "half":
                self.put(f"bitcast i16 {self.put(f'trunc i32 {wide} to i16')} to half", r)
            else:
                self.put(f"icmp ne i32 {wide}, 0" if t == "i1" else f"trunc i32 {wide} to {t}", r)

    def emit_print(self, i: ir.Instr) -> None:
        text = self.m.string(i.attr)
        self.m.declare("printf", "i32 @printf(ptr, ...)")
        args = [f"ptr {text}"]
        for v in i.args:  # C's default promotions
            if v.type.is_float and v.type.bits < 64:
                args.append("double " + self.put(f"fpext {self.typed(v)} to double"))
            elif v.type.bits < 32:
                args.append("i32 " + self.put(f"{'sext' if v.type.family == 'int' else 'zext'} {self.typed(v)} to i32"))
            else:
                args.append(self.typed(v))
        self.put(f"call i32 (ptr, ...) @printf({', '.join(args)})")

    def emit_check(self, i: ir.Instr) -> None:
        """First failure wins: the error record is {code, two details}."""
        ok, *details = i.args
        self.m.checks.append(i.attr)
        code = len(self.m.checks)
        k = self.counter = self.counter + 1
        self.lines.append(f"  br i1 {self.ref(ok)}, label %fine{k}, label %bad{k}")
        self.label(f"bad{k}")
        pair = self.put(f"cmpxchg ptr %err, i64 0, i64 {code} monotonic monotonic")
        first = self.put(f"extractvalue {{ i64, i1 }} {pair}, 1")
        self.lines.append(f"  br i1 {first}, label %note{k}, label %fine{k}")
        self.label(f"note{k}")
        for n, d in enumerate(details[:2]):
            p = self.put(f"getelementptr i8, ptr %err, i64 {8 + 8 * n}")
            self.lines.append(f"  store i64 {self.ref(d)}, ptr {p}")
        self.lines.append(f"  br label %fine{k}")
        self.label(f"fine{k}")

    # pure operations -------------------------------------------------------------------------------------------
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
