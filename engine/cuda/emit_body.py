"""Structure and effects of the IR as CUDA C++: `if` and loops as they are, loads, stores, atomics, calls."""

from __future__ import annotations

from typing import Any

from engine.cuda.emit_operations import Operations, c_type
from engine.lang import ir
from engine.native.text import wire


class Body(Operations):
    """Text of the instructions of one function."""

    def __init__(self, source: Any, function: ir.Function):
        super().__init__()
        self.source, self.function = source, function
        self.lines: list[str] = []

    def region(self, region: ir.Region, pad: str) -> None:
        for i in region.instrs:
            if i.op in ir.STRUCTURED or i.op in ir.EFFECTS:
                getattr(self, "emit_" + i.op)(i, pad)
            else:
                value = self.pure(i)
                self.lines.append(f"{pad}const {c_type(i.type)} {self.name(i)} = {value};")

    def declare(self, values, pad: str, inits=None) -> None:
        for k, v in enumerate(values):
            init = f" = {self.ref(inits[k])}" if inits else ""
            self.lines.append(f"{pad}{c_type(v.type)} {self.name(v)}{init};")

    def assign(self, targets, values, pad: str) -> None:
        """All targets at once: a yield may read what another one overwrites."""
        pairs = [(self.name(t), self.ref(v), t.type) for t, v in zip(targets, values) if self.name(t) != self.ref(v)]
        written = {t for t, _, _ in pairs}
        temporary = {}
        for k, (_, v, t) in enumerate(pairs):
            if v in written:
                temporary[k] = f"t{len(self.names)}_{len(self.lines)}"
                self.lines.append(f"{pad}const {c_type(t)} {temporary[k]} = {v};")
        for k, (t, v, _) in enumerate(pairs):
            self.lines.append(f"{pad}{t} = {temporary.get(k, v)};")

    # structure -------------------------------------------------------------------------------------------------
    def emit_if(self, i: ir.Instr, pad: str) -> None:
        self.declare(i.results, pad)
        self.lines.append(f"{pad}if ({self.ref(i.args[0])}) {{")
        for k, region in enumerate(i.regions):
            if k:
                self.lines.append(f"{pad}}} else {{")
            self.region(region, pad + "  ")
            self.assign(i.results, region.yields, pad + "  ")
        self.lines.append(f"{pad}}}")

    def emit_for(self, i: ir.Instr, pad: str) -> None:
        start, stop, step, *inits = i.args
        body = i.regions[0]
        index, *params = body.params
        self.declare(params, pad, inits)
        n, t = self.name(index), c_type(index.type)
        if isinstance(step, ir.Const):
            go = f"{n} {'<' if step.value > 0 else '>'} {self.ref(stop)}"
        else:
            go = f"{self.ref(step)} > 0 ? {n} < {self.ref(stop)} : {n} > {self.ref(stop)}"
        self.lines.append(f"{pad}for ({t} {n} = {self.ref(start)}; {go}; {n} += {self.ref(step)}) {{")
        self.region(body, pad + "  ")
        self.assign(params, body.yields, pad + "  ")
        self.lines.append(f"{pad}}}")
        for r, p in zip(i.results, params):
            self.names[id(r)] = self.names[id(p)]

    def emit_while(self, i: ir.Instr, pad: str) -> None:
        guard, body = i.regions
        self.declare(body.params, pad, i.args)
        for p, q in zip(guard.params, body.params):
            self.names[id(p)] = self.names[id(q)]
        self.lines.append(f"{pad}while (true) {{")
        self.region(guard, pad + "  ")
        self.lines.append(f"{pad}  if (!({self.ref(guard.yields[0])})) break;")
        self.region(body, pad + "  ")
        self.assign(body.params, body.yields, pad + "  ")
        self.lines.append(f"{pad}}}")
        for r, p in zip(i.results, body.params):
            self.names[id(r)] = self.names[id(p)]

    # effects ---------------------------------------------------------------------------------------------------
    def place(self, base: ir.Value, offset: ir.Value) -> str:
        if isinstance(offset, ir.Const):
            return self.ref(base) if offset.value == 0 else f"{self.ref(base)} + {offset.value}"
        return f"{self.ref(base)} + {self.ref(offset)}"

    def emit_load(self, i: ir.Instr, pad: str) -> None:
        self.lines.append(
            f"{pad}const {c_type(i.type)} {self.name(i)} = read<{c_type(i.type)}>({self.place(*i.args)});"
        )

    def emit_store(self, i: ir.Instr, pad: str) -> None:
        base, offset, value = i.args
        self.lines.append(f"{pad}write<{c_type(value.type)}>({self.place(base, offset)}, {self.ref(value)});")

    def emit_alloca(self, i: ir.Instr, pad: str) -> None:
        size, zero = i.attr
        name = self.name(i)
        self.lines.append(f"{pad}alignas(16) char {name}_data[{size}]; char* const {name} = {name}_data;")
        if zero:
            self.lines.append(f"{pad}for (int k = 0; k < {size}; ++k) {name}_data[k] = 0;")

    def emit_zero_memory(self, i: ir.Instr, pad: str) -> None:
        self.lines.append(f"{pad}for (int k = 0; k < {i.attr}; ++k) {self.ref(i.args[0])}[k] = 0;")

    def emit_barrier(self, i: ir.Instr, pad: str) -> None:
        self.lines.append(f"{pad}sync_lanes({self.ref(i.args[0])});")

    def emit_tape_push(self, i: ir.Instr, pad: str) -> None:
        self.lines.append(f"{pad}char* const {self.name(i)} = tape_push(&tape, {i.attr}, err, 1);")

    def emit_tape_pop(self, i: ir.Instr, pad: str) -> None:
        self.lines.append(f"{pad}char* const {self.name(i)} = tape_pop(&tape, {i.attr});")

    def emit_atomic(self, i: ir.Instr, pad: str) -> None:
        base, offset, *values = i.args
        site = self.source.sites.get(id(i))
        if site is not None:
            bits = "__float_as_uint" if i.type.bits == 32 else "__double_as_longlong"
            number = f"{'-' if i.attr == 'sub' else ''}({self.ref(values[0])})"
            at = f"[index * {len(self.source.sites)} + {site}]"
            self.lines.append(f"{pad}args.log_keys{at} = (u64)({self.place(base, offset)});")
            self.lines.append(f"{pad}args.log_values{at} = (u64){bits}({number});")
            return
        t = c_type(i.type)
        op, shown = i.attr, [self.ref(v) for v in values]
        if op == "sub":
            op, shown = (
                "add",
                [f"to_half(-from_half({shown[0]}))" if i.type.name == "float16" else f"({t})(-{shown[0]})"],
            )
        args = ", ".join(f"({t})({s})" if i.type.name != "float16" else s for s in shown)
        if id(i) in self.source.meeting:
            self.lines.append(f"{pad}sum_up({self.place(base, offset)}, {args});")
            return
        self.lines.append(f"{pad}const {t} {self.name(i)} = atomic_{op}({self.place(base, offset)}, {args});")

    def emit_call(self, i: ir.Instr, pad: str) -> None:
        name = self.source.names[id(i.attr)]
        call = f"{name}({', '.join(['err', *map(self.ref, i.args)])})"
        if not i.results:
            self.lines.append(f"{pad}{call};")
            return
        whole = self.name(i)
        self.lines.append(f"{pad}const r_{name} {whole} = {call};")
        for k, r in enumerate(i.results):
            self.lines.append(f"{pad}const {c_type(r.type)} {self.name(r)} = {whole}.v{k};")

    def emit_native(self, i: ir.Instr, pad: str) -> None:
        args = [f"{self.ref(v)}.bits" if v.type.is_float and v.type.bits == 16 else self.ref(v) for v in i.args]
        for r in i.results:
            self.lines.append(f"{pad}{wire(r.type)} {self.name(r)}_out;")
            args.append(f"&{self.name(r)}_out")
        self.lines.append(f"{pad}{i.attr.symbol}({', '.join(args)});")
        for r in i.results:
            out, t = f"{self.name(r)}_out", c_type(r.type)
            value = f"{t}{{(unsigned short){out}}}" if r.type.is_float and r.type.bits == 16 else f"({t}){out}"
            self.lines.append(f"{pad}const {t} {self.name(r)} = {value};")

    def emit_print(self, i: ir.Instr, pad: str) -> None:
        text = i.attr.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        shown = [
            f"(double){self.number(v)}"
            if v.type.is_float
            else f"(int){self.ref(v)}"
            if v.type.bits < 32
            else self.ref(v)
            for v in i.args
        ]
        self.lines.append(f"{pad}printf({', '.join([chr(34) + text + chr(34), *shown])});")

    def emit_check(self, i: ir.Instr, pad: str) -> None:
        ok, *details = i.args
        self.source.checks.append(i.attr)
        code = len(self.source.checks)
        notes = " ".join(f"err[{k + 1}] = {self.ref(d)};" for k, d in enumerate(details[:2]))
        self.lines.append(f"{pad}if (!({self.ref(ok)}) && atomicCAS((u64*)err, 0ull, {code}ull) == 0ull) {{ {notes} }}")
