"""IR → LLVM assembly text.

A kernel becomes `void @name(ptr args, i64 begin, i64 end)`: a loop over thread indices around the inlined body. Loads and
stores of kernels whose threads are independent (no atomics) carry parallel-access metadata, so LLVM's vectoriser runs
8 or 16 threads in SIMD lanes, with gathers and masks.

Argument block (8 bytes a slot): 4 launch dimensions, address of the error record, then the kernel's scalars in order.
"""

from __future__ import annotations

from engine import types as T
from engine.cpu import access_order, jit, math_functions, tape
from engine.cpu.emit_effects import Effects
from engine.cpu.emit_operations import CALLS, Operations
from engine.cpu.inlining import Inlining
from engine.cpu.llvm_text import literal, llvm_type, struct_type
from engine.lang import ir
from engine.lang.wide import without_bfloat16

HEADER_SLOTS = 5
_LANES_LIMIT = 1500  # LLVM's vectoriser takes time with the square of the size: 0.5 s here, 7 s for 5,000 instructions
_PACK_LIMIT = 6000  # so does the pass that packs scalars
_OWN_SIZE = 40  # instructions of a function of `math_functions`
#: In SIMD lanes a call is made lane by lane; it pays if this many other instructions gain from the lanes.
_CALL_COST = 20


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
        calls = sum(i.op in CALLS for f in everything for i in ir.walk(f.body)) - own
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


class FunctionText(Operations, Effects):
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
        go = self.loop_goes_on(index, step, f"%i{k}", self.ref(stop), t)
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

    def loop_goes_on(self, index: ir.Value, step: ir.Value, at: str, stop: str, t: str) -> str:
        """Whether a `for` loop at index `at` has not come to its end."""
        less = "slt" if index.type.family == "int" else "ult"
        more = less.replace("lt", "gt")
        if isinstance(step, ir.Const):
            return self.put(f"icmp {less if step.value > 0 else more} {t} {at}, {stop}")
        up = self.put(f"icmp sgt {t} {self.ref(step)}, 0")
        below = self.put(f"icmp {less} {t} {at}, {stop}")
        above = self.put(f"icmp {more} {t} {at}, {stop}")
        return self.put(f"select i1 {up}, i1 {below}, i1 {above}")

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
