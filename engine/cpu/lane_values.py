"""Values of lock-step lanes → LLVM instructions: one vector for all threads where they differ, a scalar where they do not."""

from __future__ import annotations

from engine import types as T
from engine.cpu.emit_operations import _ARITH, _CMP, Operations
from engine.cpu.lane_shapes import NotInLanes, Shape
from engine.cpu.llvm_text import literal, llvm_type
from engine.lang import ir

_INTRINSIC = {op: op for op in ("sqrt", "floor", "ceil", "trunc", "rint", "round")} | {"abs": "fabs"}
_BITWISE = ("and", "or", "xor")


class LaneValues:
    """Mixin of `emit_lanes.LaneText`: uniform values are scalars, linear ones the scalar of the first lane."""

    # forms of a value ------------------------------------------------------------------------------------------
    def vector_type(self, t: T.ScalarType) -> str:
        return f"<{self.width} x {llvm_type(t)}>"

    def shaped_type(self, v: ir.Value) -> str:
        """The LLVM type of a value in the form that fits its shape."""
        return self.vector_type(v.type) if self.shapes[v] is None else llvm_type(v.type)

    def shaped(self, v: ir.Value, shape: Shape) -> str:
        """A value in the form that `shape` asks for."""
        return self.vector(v) if shape is None else self.ref(v)

    def vector(self, v: ir.Value) -> str:
        """A value as a vector."""
        if isinstance(v, ir.Const):
            return f"splat ({self.typed(v)})"
        shape = self.shapes[v]
        if shape is None:
            return self.ref(v)
        return self.once(("vector", id(v)), lambda: self._spread(v, shape))

    def _spread(self, v: ir.Value, shape: int) -> str:
        t, n = self.vector_type(v.type), self.width
        first = self.put(f"insertelement {t} poison, {self.typed(v)}, i64 0")
        everywhere = self.put(f"shufflevector {t} {first}, {t} poison, <{n} x i32> zeroinitializer")
        if not shape:
            return everywhere
        if v.type is T.pointer:
            steps = ", ".join(f"i64 {k * shape}" for k in range(n))
            return self.put(f"getelementptr i8, {t} {everywhere}, <{n} x i64> <{steps}>")
        steps = ", ".join(f"{llvm_type(v.type)} {k * shape}" for k in range(n))
        return self.put(f"add {t} {everywhere}, <{steps}>")

    def once(self, key: object, make) -> str:
        """What `make` emits, unless an enclosing region has it already."""
        for scope in self.known:
            if key in scope:
                return scope[key]
        name = self.known[-1][key] = make()
        return name

    def of_lanes(self, v: ir.Value) -> str:
        """Type and vector of a value."""
        return f"{self.vector_type(v.type)} {self.vector(v)}"

    # operations ------------------------------------------------------------------------------------------------
    def emit_pure(self, i: ir.Instr) -> None:
        if self.shapes[i] is not None:
            Operations.emit_pure(self, i)  # of the first lane, if linear
        elif i.op == "select":
            self._select(i)
        elif i.op in _CMP:
            self._compare(i)
        elif i.op in ("cast", "bitcast"):
            self._cast(i)
        elif i.op == "offset":
            self.put(self._pointers(*i.args), i)
        elif i.type.is_float:
            self._float(i)
        else:
            self._integer(i)

    def _select(self, i: ir.Instr) -> None:
        condition, a, b = i.args
        bits = "i1" if self.shapes[condition] == 0 else f"<{self.width} x i1>"
        chosen = self.shaped(condition, self.shapes[condition])
        self.put(f"select {bits} {chosen}, {self.of_lanes(a)}, {self.of_lanes(b)}", i)

    def _compare(self, i: ir.Instr) -> None:
        a, b = i.args
        name, floating = _CMP[i.op]
        if a.type.is_float:
            self.put(f"fcmp {floating} {self.of_lanes(a)}, {self.vector(b)}", i)
            return
        if name not in ("eq", "ne"):
            name = ("s" if a.type.family == "int" else "u") + name
        self.put(f"icmp {name} {self.of_lanes(a)}, {self.vector(b)}", i)

    def _float(self, i: ir.Instr) -> None:
        op, t = i.op, self.vector_type(i.type)
        a, *rest = map(self.vector, i.args)
        if op in _ARITH:
            self.put(f"f{_ARITH[op]} {t} {a}, {rest[0]}", i)
        elif op == "neg":
            self.put(f"fneg {t} {a}", i)
        elif op in ("min", "max"):
            self._extreme(i, t, *(map(self.vector, i.args[::-1]) if isinstance(i.args[0], ir.Const) else (a, *rest)))
        elif op == "sign":
            c = self.put(f"fcmp olt {t} {a}, splat ({llvm_type(i.type)} {literal(0.0, i.type)})")
            less, more = (f"splat ({llvm_type(i.type)} {literal(v, i.type)})" for v in (-1.0, 1.0))
            self.put(f"select <{self.width} x i1> {c}, {t} {less}, {t} {more}", i)
        elif op in _INTRINSIC:
            name = f"llvm.{_INTRINSIC[op]}.v{self.width}f{i.type.bits}"
            self.m.declare(name, f"{t} @{name}({t})")
            self.put(f"call {t} @{name}({t} {a})", i)
        elif op in self.m.math and i.type is T.float32:
            self.m.lane_math.add(op)
            self.put(f"call {t} @lanes_{op}({', '.join(f'{t} {v}' for v in (a, *rest))})", i)
        else:
            raise NotInLanes(f"it uses '{op}' of {i.type.name}")

    def _extreme(self, i: ir.Instr, t: str, a: str, b: str) -> None:
        """Smaller or larger of two, as `Operations.float_op` has it: a NaN counts as missing."""
        bits = f"<{self.width} x i1>"
        c = self.put(f"fcmp {'olt' if i.op == 'min' else 'ogt'} {t} {a}, {b}")
        pick = self.put(f"select {bits} {c}, {t} {a}, {t} {b}")
        if any(isinstance(v, ir.Const) for v in i.args):
            self.names[id(i)] = pick
            return
        missing = self.put(f"fcmp uno {t} {b}, {b}")
        self.put(f"select {bits} {missing}, {t} {a}, {t} {pick}", i)

    def _integer(self, i: ir.Instr) -> None:
        op, t, signed = i.op, self.vector_type(i.type), i.type.family == "int"
        a, *rest = map(self.vector, i.args)
        bits = f"<{self.width} x i1>"
        if op in ("add", "sub", "mul"):
            self.put(f"{op} {'nsw ' if signed and i.type.bits >= 32 else ''}{t} {a}, {rest[0]}", i)
        elif op in ("and", "or") and i.type.is_bool:
            other = f"{bits} {rest[0]}, {bits} splat (i1 false)"
            other = other if op == "and" else f"{bits} splat (i1 true), {bits} {rest[0]}"
            self.put(f"select {bits} {a}, {other}", i)
        elif op in _BITWISE:
            self.put(f"{op} {t} {a}, {rest[0]}", i)
        elif op == "not":
            ones = "i1 true" if i.type.is_bool else f"{llvm_type(i.type)} -1"
            self.put(f"xor {t} {a}, splat ({ones})", i)
        elif op == "neg":
            self.put(f"sub {t} zeroinitializer, {a}", i)
        elif op in ("min", "max"):
            c = self.put(f"icmp {'s' if signed else 'u'}{'lt' if op == 'min' else 'gt'} {t} {a}, {rest[0]}")
            self.put(f"select {bits} {c}, {t} {a}, {t} {rest[0]}", i)
        elif op == "abs":
            n = self.put(f"sub {t} zeroinitializer, {a}")
            c = self.put(f"icmp slt {t} {a}, zeroinitializer")
            self.put(f"select {bits} {c}, {t} {n}, {t} {a}", i)
        elif op in ("div", "mod") and isinstance(i.args[1], ir.Const) and i.args[1].value not in (0, -1):
            self.put(f"{'s' if signed else 'u'}{_ARITH[op]} {t} {a}, {rest[0]}", i)
        else:
            raise NotInLanes(f"it uses '{op}' of {i.type.name}")

    def _cast(self, i: ir.Instr) -> None:
        a, to = i.args[0], i.type
        f, t, src = a.type, self.vector_type(to), self.of_lanes(a)
        if i.op == "bitcast":
            name = "ptrtoint" if f is T.pointer else "inttoptr" if to is T.pointer else "bitcast"
            self.put(f"{name} {src} to {t}", i)
        elif to.is_bool:
            self.put(f"{'fcmp une' if f.is_float else 'icmp ne'} {src}, zeroinitializer", i)
        elif 16 in (f.bits, to.bits) and (f.is_float or to.is_float):
            raise NotInLanes("it uses half precision")
        elif f.is_float and to.is_float:
            self.put(f"{'fpext' if to.bits > f.bits else 'fptrunc'} {src} to {t}", i)
        elif f.is_float:
            kind, n = "s" if to.family == "int" else "u", self.width
            name = f"llvm.fpto{kind}i.sat.v{n}i{to.bits}.v{n}f{f.bits}"
            self.m.declare(name, f"{t} @{name}({self.vector_type(f)})")
            self.put(f"call {t} @{name}({src})", i)
        elif to.is_float:
            self.put(f"{'sitofp' if f.family == 'int' else 'uitofp'} {src} to {t}", i)
        elif to.bits == f.bits:
            self.names[id(i)] = self.vector(a)
        else:
            widen = "sext" if f.family == "int" else "zext"
            self.put(f"{widen if to.bits > f.bits else 'trunc'} {src} to {t}", i)

    # memory ----------------------------------------------------------------------------------------------------
    def _pointers(self, base: ir.Value, offset: ir.Value) -> str:
        """Text of the addresses of all lanes; a scalar beside a vector stands for every lane."""
        if self.shapes[base] == 0 and self.shapes[offset] == 0:
            return f"getelementptr i8, {self.of_lanes(base)}, i64 {self.ref(offset)}"
        b = f"ptr {self.ref(base)}" if self.shapes[base] == 0 else self.of_lanes(base)
        o = f"i64 {self.ref(offset)}" if self.shapes[offset] == 0 else self.of_lanes(offset)
        return f"getelementptr i8, {b}, {o}"

    def _everywhere(self) -> str:
        return f"<{self.width} x i1> {self.mask or 'splat (i1 true)'}"

    def _memory(self, t: T.ScalarType) -> tuple[str, str]:
        """The vector in memory, and how intrinsics write it; a bool is a byte."""
        scalar = "i8" if t.is_bool else llvm_type(t)
        short = {"half": "f16", "float": "f32", "double": "f64", "ptr": "p0"}.get(scalar, scalar)
        return f"<{self.width} x {scalar}>", f"v{self.width}{short}"

    def emit_load(self, i: ir.Instr) -> None:
        base, offset = i.args[:2]
        shape, t = self.shapes.address(base, offset), i.type
        vector, short = self._memory(t)
        if shape == 0 and self.shapes[base] == 0:
            super().emit_load(i)
            return
        if shape == t.size and self.mask is None:
            value = self.put(f"load {vector}, ptr {self.pointer(base, offset)}, align {t.size}")
        elif shape == t.size:
            name = f"llvm.masked.load.{short}.p0"
            self.m.declare(name, f"{vector} @{name}(ptr, i32 immarg, <{self.width} x i1>, {vector})")
            p = self.pointer(base, offset)
            value = self.put(
                f"call {vector} @{name}(ptr {p}, i32 {t.size}, {self._everywhere()}, {vector} zeroinitializer)"
            )
        else:
            name = f"llvm.masked.gather.{short}.v{self.width}p0"
            many = f"<{self.width} x ptr>"
            self.m.declare(name, f"{vector} @{name}({many}, i32 immarg, <{self.width} x i1>, {vector})")
            p = self.put(self._pointers(base, offset))
            value = self.put(
                f"call {vector} @{name}({many} {p}, i32 {t.size}, {self._everywhere()}, {vector} zeroinitializer)"
            )
        if t.is_bool:
            value = self.put(f"icmp ne {vector} {value}, zeroinitializer")
        self.names[id(i)] = value

    def emit_store(self, i: ir.Instr) -> None:
        base, offset, v = i.args
        shape, t = self.shapes.address(base, offset), v.type
        vector, short = self._memory(t)
        if shape == 0 and self.shapes[base] == 0 and self.shapes[v] == 0 and self.mask is None:
            super().emit_store(i)
            return
        value = self.vector(v)
        if t.is_bool:
            value = self.put(f"zext {self.vector_type(t)} {value} to {vector}")
        if shape == t.size and self.mask is None:
            self.lines.append(f"  store {vector} {value}, ptr {self.pointer(base, offset)}, align {t.size}")
        elif shape == t.size:
            name = f"llvm.masked.store.{short}.p0"
            self.m.declare(name, f"void @{name}({vector}, ptr, i32 immarg, <{self.width} x i1>)")
            p = self.pointer(base, offset)
            self.lines.append(f"  call void @{name}({vector} {value}, ptr {p}, i32 {t.size}, {self._everywhere()})")
        else:
            name = f"llvm.masked.scatter.{short}.v{self.width}p0"
            many = f"<{self.width} x ptr>"
            self.m.declare(name, f"void @{name}({vector}, {many}, i32 immarg, <{self.width} x i1>)")
            p = self.put(self._pointers(base, offset))
            self.lines.append(f"  call void @{name}({vector} {value}, {many} {p}, i32 {t.size}, {self._everywhere()})")
