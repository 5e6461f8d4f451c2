"""IR → LLVM assembly in lock-step lanes: a group of neighbouring threads is one vector, through loops and branches too.

LLVM's vectoriser turns a loop over threads into lanes where the kernel has no loops of its own. A kernel that walks a
structure which is the same for all threads (the joints of copies of a robot) has: here its loops stay loops, values that
differ between threads become vectors, and what does not differ stays scalar. A kernel asks for it with
`@kernel(lanes=16)`; the innermost extent of its launches is then a multiple of that. Where it cannot be done
(`lane_shapes.NotInLanes`) the kernel runs thread by thread as any other.
"""

from __future__ import annotations

from engine import types as T
from engine.cpu import math_functions
from engine.cpu.emit_llvm import HEADER_SLOTS, FunctionText, Module
from engine.cpu.lane_shapes import NotInLanes, Shapes
from engine.cpu.lane_values import LaneValues
from engine.cpu.llvm_text import llvm_type
from engine.lang import ir
from engine.lang.passes import remove_dead
from engine.lang.rewrite import inline

_TAIL = """!1 = distinct !{!1, !2}
!2 = !{!"llvm.loop.mustprogress"}
attributes #0 = { alwaysinline nounwind }
attributes #1 = { noinline nounwind "prefer-vector-width"="512" }
attributes #2 = { nounwind "prefer-vector-width"="512" }"""


class LaneModule(Module):
    """Text of one LLVM module: a kernel that runs `lanes` threads at once."""

    def __init__(self, kernel: ir.Function, tid_arity: int, lanes: int):
        """Raises NotInLanes where the kernel has no such form."""
        super().__init__(kernel, tid_arity, aliased=True)
        if tid_arity > 2 or self.has_effects or self.uses_tape:
            raise NotInLanes("it has more than two thread indices, or effects")
        self.lanes = lanes
        self.flat = inline(self.kernel)
        remove_dead(self.flat)
        self.innermost = max(tid_arity, 1) - 1
        self.shapes = Shapes(self.flat, self.innermost)
        self.alias_sensitive = self.packs = False
        self.lane_math: set[str] = set()

    def text(self) -> str:
        body = LaneText(self).text()
        parts = [math_functions.text(op, "#0", "") for op in sorted(self.math)]
        parts += [self.lane_function(op) for op in sorted(self.lane_math)]
        head = self.declarations()
        if self.math:
            head += [line for line in math_functions.declarations(self.math) if line not in head]
        return "\n\n".join(["\n".join(head), *parts, body, self.entry(), _TAIL]) + "\n"

    def lane_function(self, op: str) -> str:
        """`@lanes_<op>`: a loop over `@math_<op>`, which LLVM's vectoriser packs."""
        two = op in ("atan2", "pow")
        v, names = f"<{self.lanes} x float>", ["x", "y"][: 1 + two]
        lines = [
            f"define internal {v} @lanes_{op}({', '.join(f'{v} %{n}' for n in names)}) #1 {{",
            "entry:",
            *(f"  %{n}.in = alloca {v}, align 64" for n in names),
            f"  %out = alloca {v}, align 64",
            *(f"  store {v} %{n}, ptr %{n}.in, align 64" for n in names),
            "  br label %each",
            "each:",
            "  %i = phi i64 [ 0, %entry ], [ %i.next, %each ]",
        ]
        for n in names:
            lines += [
                f"  %{n}.p = getelementptr float, ptr %{n}.in, i64 %i",
                f"  %{n}.v = load float, ptr %{n}.p, align 4",
            ]
        lines += [
            f"  %r = call float @math_{op}({', '.join(f'float %{n}.v' for n in names)})",
            "  %to = getelementptr float, ptr %out, i64 %i",
            "  store float %r, ptr %to, align 4",
            "  %i.next = add nuw nsw i64 %i, 1",
            f"  %more = icmp ult i64 %i.next, {self.lanes}",
            "  br i1 %more, label %each, label %done, !llvm.loop !1",
            "done:",
            f"  %all = load {v}, ptr %out, align 64",
            f"  ret {v} %all",
            "}",
        ]
        return "\n".join(lines)

    def entry(self) -> str:
        """The loop over groups. A group belongs to the chunk in which its first thread lies."""
        lines = ["define void @kernel(ptr noalias readonly %args, i64 %begin, i64 %end) #2 {", "entry:"]
        args = ["ptr %err"]

        def slot(name: str, index: int, t: T.ScalarType) -> None:
            lines.append(f"  %{name}.p = getelementptr i8, ptr %args, i64 {8 * index}")
            if t.is_bool:
                lines.append(f"  %{name}.b = load i8, ptr %{name}.p, align 1")
                lines.append(f"  %{name} = icmp ne i8 %{name}.b, 0")
            else:
                lines.append(f"  %{name} = load {llvm_type(t)}, ptr %{name}.p, align {t.size}")

        slot("inner", self.innermost, T.int64)
        slot("err", 4, T.pointer)
        values = []
        for k, p in enumerate(self.kernel.params[4:]):
            slot(f"a{k}", HEADER_SLOTS + k, p.type)
            values.append(f"{llvm_type(p.type)} %a{k}")
        lines += [
            f"  %up = add i64 %begin, {self.lanes - 1}",
            f"  %start = and i64 %up, {-self.lanes}",
            "  %any = icmp slt i64 %start, %end",
            "  br i1 %any, label %groups, label %done",
            "groups:",
            "  %g = phi i64 [ %start, %entry ], [ %g.next, %groups ]",
            "  %line = udiv i64 %g, %inner",
            "  %before = mul i64 %line, %inner",
            "  %column = sub i64 %g, %before",
            "  %outer32 = trunc i64 %line to i32",
            "  %inner32 = trunc i64 %column to i32",
        ]
        tids = ["i32 %inner32"] if self.innermost == 0 else ["i32 %outer32", "i32 %inner32"]
        tids += ["i32 0"] * (4 - len(tids))
        lines += [
            f"  call void @body({', '.join([*args, *tids, *values])})",
            f"  %g.next = add i64 %g, {self.lanes}",
            "  %more = icmp slt i64 %g.next, %end",
            "  br i1 %more, label %groups, label %done, !llvm.loop !1",
            "done:",
            "  ret void",
            "}",
        ]
        return "\n".join(lines)


class LaneText(LaneValues, FunctionText):
    """Text of the kernel's body: one group of threads."""

    def __init__(self, module: LaneModule):
        super().__init__(module, module.flat, "body", "internal")
        self.shapes, self.width = module.shapes, module.lanes
        self.access = ""
        #: which lanes are active: the name of a vector of i1, None for all of them
        self.mask: str | None = None
        self.known: list[dict[object, str]] = [{}]

    def text(self) -> str:
        params = ["ptr %err"]
        for k, p in enumerate(self.f.params):
            self.names[id(p)] = f"%p{k}"
            params.append(f"{llvm_type(p.type)} %p{k}")
        self.region(self.f.body)
        return "\n".join(
            [
                f"define internal void @body({', '.join(params)}) #0 {{\nentry:",
                *self.allocas,
                *self.lines,
                "  ret void\n}",
            ]
        )

    def branch(self, region: ir.Region) -> None:
        """A region whose broadcast values are its own."""
        self.known.append({})
        self.region(region)

    # structure -------------------------------------------------------------------------------------------------
    def emit_if(self, i: ir.Instr) -> None:
        if self.shapes[i.args[0]] != 0:
            self.masked_if(i)
            return
        k = self.counter = self.counter + 1
        self.lines.append(f"  br i1 {self.ref(i.args[0])}, label %then{k}, label %else{k}")
        ends, values = [], []
        for region, label in zip(i.regions, (f"then{k}", f"else{k}")):
            self.label(label)
            self.branch(region)
            values.append([self.shaped(y, self.shapes[r]) for r, y in zip(i.results, region.yields)])
            self.known.pop()
            ends.append(self.block)
            self.lines.append(f"  br label %join{k}")
        self.label(f"join{k}")
        for r, a, b in zip(i.results, *values):
            self.put(f"phi {self.shaped_type(r)} [ {a}, %{ends[0]} ], [ {b}, %{ends[1]} ]", r)

    def masked_if(self, i: ir.Instr) -> None:
        """Both sides, each under its mask, and skipped where no lane takes it."""
        condition, outer = self.vector(i.args[0]), self.mask
        bits = f"<{self.width} x i1>"
        sides: list[list[str]] = []
        for turn, region in enumerate(i.regions):
            mine = condition if turn == 0 else self.put(f"xor {bits} {condition}, splat (i1 true)")
            if outer is not None:
                mine = self.put(f"and {bits} {outer}, {mine}")
            if not region.instrs:
                sides.append([self.vector(y) for y in region.yields])
                continue
            packed = self.put(f"bitcast {bits} {mine} to i{self.width}")
            some = self.put(f"icmp ne i{self.width} {packed}, 0")
            k = self.counter = self.counter + 1
            before = self.block
            self.lines.append(f"  br i1 {some}, label %side{k}, label %past{k}")
            self.label(f"side{k}")
            self.mask = mine
            self.branch(region)
            values = [self.vector(y) for y in region.yields]
            self.known.pop()
            self.mask = outer
            end = self.block
            self.lines.append(f"  br label %past{k}")
            self.label(f"past{k}")
            sides.append(
                [
                    self.put(f"phi {self.vector_type(y.type)} [ {v}, %{end} ], [ zeroinitializer, %{before} ]")
                    for y, v in zip(region.yields, values)
                ]
            )
        for r, a, b in zip(i.results, *sides):
            t = self.vector_type(r.type)
            self.put(f"select {bits} {condition}, {t} {a}, {t} {b}", r)

    def emit_for(self, i: ir.Instr) -> None:
        start, stop, step, *inits = i.args
        body = i.regions[0]
        index, *params = body.params
        t = llvm_type(index.type)
        first = [self.shaped(v, self.shapes[p]) for v, p in zip(inits, params)]
        k = self.counter = self.counter + 1
        entry = self.block
        self.lines.append(f"  br label %head{k}")
        self.label(f"head{k}")
        self.names[id(index)] = f"%i{k}"
        at = len(self.lines)
        self.lines += [""] * (1 + len(params))
        for n, p in enumerate(params):
            self.names[id(p)] = f"%c{k}.{n}"
        go = self.loop_goes_on(index, step, f"%i{k}", self.ref(stop), t)
        self.lines.append(f"  br i1 {go}, label %loop{k}, label %exit{k}")
        self.label(f"loop{k}")
        self.branch(body)
        last = [self.shaped(y, self.shapes[p]) for y, p in zip(body.yields, params)]
        self.known.pop()
        self.lines.append(f"  %in{k} = add nsw {t} %i{k}, {self.ref(step)}")
        latch = self.block
        self.lines.append(f"  br label %head{k}")
        self.lines[at] = f"  %i{k} = phi {t} [ {self.ref(start)}, %{entry} ], [ %in{k}, %{latch} ]"
        for n, (p, a, b) in enumerate(zip(params, first, last)):
            self.lines[at + 1 + n] = f"  %c{k}.{n} = phi {self.shaped_type(p)} [ {a}, %{entry} ], [ {b}, %{latch} ]"
        self.label(f"exit{k}")
        for r, p in zip(i.results, params):
            self.names[id(r)] = self.names[id(p)]

    def emit_while(self, i: ir.Instr) -> None:
        guard, body = i.regions
        first = [self.shaped(v, self.shapes[p]) for v, p in zip(i.args, body.params)]
        k = self.counter = self.counter + 1
        entry = self.block
        self.lines.append(f"  br label %head{k}")
        self.label(f"head{k}")
        at = len(self.lines)
        self.lines += [""] * len(body.params)
        for n, (p, q) in enumerate(zip(guard.params, body.params)):
            self.names[id(p)] = self.names[id(q)] = f"%c{k}.{n}"
        self.region(guard)
        self.lines.append(f"  br i1 {self.ref(guard.yields[0])}, label %loop{k}, label %exit{k}")
        self.label(f"loop{k}")
        self.branch(body)
        last = [self.shaped(y, self.shapes[p]) for y, p in zip(body.yields, body.params)]
        self.known.pop()
        latch = self.block
        self.lines.append(f"  br label %head{k}")
        for n, (p, a, b) in enumerate(zip(body.params, first, last)):
            self.lines[at + n] = f"  %c{k}.{n} = phi {self.shaped_type(p)} [ {a}, %{entry} ], [ {b}, %{latch} ]"
        self.label(f"exit{k}")
        for r, p in zip(i.results, body.params):
            self.names[id(r)] = self.names[id(p)]
