"""Memory, atomics, calls, output and checks → LLVM instructions."""

from __future__ import annotations

from engine.cpu.llvm_text import llvm_type, struct_type
from engine.lang import ir


class Effects:
    """Mixin of `emit_llvm.FunctionText`, which names values (`ref`, `typed`) and collects lines (`put`)."""

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

    def emit_barrier(self, i: ir.Instr) -> None:
        """Threads run one after the other: there is nobody to wait for."""

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
