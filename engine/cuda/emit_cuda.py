"""IR → CUDA C++ text.

Below the front end everything is a scalar, so the text is straight C: one local variable a value, `if` and loops as they
are in the IR. A kernel receives one argument block by value: 4 launch extents, the number of threads, the address of
the error record, then the kernel's scalars, 8 bytes each. It strides over the grid, so any launch size fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine import types as T
from engine.lang import ir
from engine.lang.wide import without_bfloat16
from engine.native import header
from engine.native.text import wire

HEADER_SLOTS = 5
_INLINE_LIMIT = 400  # callees above this many instructions stay calls: NVRTC's time grows faster than the text
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

PRELUDE = r"""
typedef long long i64; typedef unsigned long long u64; typedef unsigned int u32; typedef char* ptr_t;
struct half_t { unsigned short bits; };
__device__ __forceinline__ float from_half(half_t h) { float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits)); return f; }
__device__ __forceinline__ half_t to_half(double f) { half_t h; asm("cvt.rn.f16.f64 %0, %1;" : "=h"(h.bits) : "d"(f)); return h; }
__device__ __forceinline__ half_t to_half(float f) { half_t h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f)); return h; }
template <class A> __device__ __forceinline__ A read(const char* p) { return *(const A*)p; }
template <class A> __device__ __forceinline__ void write(char* p, A v) { *(A*)p = v; }
template <class A, class B> __device__ __forceinline__ A same_bits(B b) { union { B b; A a; } u; u.b = b; return u.a; }
// division that never faults: a zero divisor gives 0, the smallest integer by -1 wraps
template <class A> __device__ __forceinline__ A divide(A a, A b) { return b == 0 ? A(0) : b == A(-1) && A(-1) < A(1) ? A(A(0) - a) : A(a / b); }
template <class A> __device__ __forceinline__ A modulo(A a, A b) { return b == 0 || (b == A(-1) && A(-1) < A(1)) ? A(0) : A(a % b); }
template <class A> __device__ __forceinline__ A shift_left(A a, A b) { return u64(b) < 8 * sizeof(A) ? A(a << b) : A(0); }
template <class A> __device__ __forceinline__ A shift_right(A a, A b) { return u64(b) < 8 * sizeof(A) ? A(a >> b) : A(A(-1) < A(1) && a < A(0) ? A(-1) : A(0)); }
template <class A> __device__ __forceinline__ A smaller(A a, A b) { return a < b ? a : b; }
template <class A> __device__ __forceinline__ A larger(A a, A b) { return a > b ? a : b; }
__device__ __forceinline__ half_t smaller(half_t a, half_t b) { return from_half(a) < from_half(b) ? a : b; }
__device__ __forceinline__ half_t larger(half_t a, half_t b) { return from_half(a) > from_half(b) ? a : b; }
// floats to integers saturate, nan gives 0
template <class A> __device__ __forceinline__ A to_integer(double f, double lo, double hi, A most) {
  return f != f ? A(0) : f <= lo ? A(lo) : f >= hi ? most : A(f); }
// any read-modify-write on a 1, 2, 4 or 8 byte element, by compare-and-swap of the word around it
// (memory private to the thread has no atomics and needs none)
template <class A, class F> __device__ __forceinline__ A plain_any(char* p, F change) { A o = read<A>(p); write<A>(p, change(o)); return o; }
template <class A, class F> __device__ A atomic_any(char* p, F change) {
  if (__isLocal(p)) return plain_any<A>(p, change);
  if (sizeof(A) == 8) {
    u64 old = *(volatile u64*)p, seen;
    do { seen = old; A v; v = same_bits<A, u64>(seen); A n = change(v); u64 w = 0; union { A a; u64 u; } c; c.u = 0; c.a = n; w = c.u;
         old = atomicCAS((u64*)p, seen, w); } while (old != seen);
    return same_bits<A, u64>(old);
  } else {
    u32* word = (u32*)((u64)p & ~3ull); u32 shift = ((u64)p & 3) * 8; u32 mask = sizeof(A) == 4 ? 0xffffffffu : ((1u << (8 * sizeof(A))) - 1) << shift;
    u32 old = *(volatile u32*)word, seen;
    union { A a; u32 u; } c;
    do { seen = old; c.u = (seen & mask) >> shift; A n = change(c.a); c.u = 0; c.a = n; old = atomicCAS(word, seen, (seen & ~mask) | (c.u << shift)); } while (old != seen);
    c.u = (old & mask) >> shift; return c.a;
  }
}
__device__ __forceinline__ float atomic_add(char* p, float v) { return __isLocal(p) ? plain_any<float>(p, [v](float o) { return o + v; }) : atomicAdd((float*)p, v); }
__device__ __forceinline__ double atomic_add(char* p, double v) { return __isLocal(p) ? plain_any<double>(p, [v](double o) { return o + v; }) : atomicAdd((double*)p, v); }
__device__ __forceinline__ int atomic_add(char* p, int v) { return __isLocal(p) ? plain_any<int>(p, [v](int o) { return o + v; }) : atomicAdd((int*)p, v); }
__device__ __forceinline__ u32 atomic_add(char* p, u32 v) { return __isLocal(p) ? plain_any<u32>(p, [v](u32 o) { return o + v; }) : atomicAdd((u32*)p, v); }
__device__ __forceinline__ u64 atomic_add(char* p, u64 v) { return __isLocal(p) ? plain_any<u64>(p, [v](u64 o) { return o + v; }) : atomicAdd((u64*)p, v); }
__device__ __forceinline__ i64 atomic_add(char* p, i64 v) { return (i64)atomic_add(p, (u64)v); }
template <class A> __device__ __forceinline__ A atomic_add(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o + v); }); }
__device__ __forceinline__ half_t atomic_add(char* p, half_t v) { return atomic_any<half_t>(p, [v](half_t o) { return to_half(from_half(o) + from_half(v)); }); }
template <class A> __device__ __forceinline__ A atomic_min(char* p, A v) { return atomic_any<A>(p, [v](A o) { return smaller(o, v); }); }
template <class A> __device__ __forceinline__ A atomic_max(char* p, A v) { return atomic_any<A>(p, [v](A o) { return larger(o, v); }); }
__device__ __forceinline__ int atomic_min(char* p, int v) { return __isLocal(p) ? plain_any<int>(p, [v](int o) { return smaller(o, v); }) : atomicMin((int*)p, v); }
__device__ __forceinline__ int atomic_max(char* p, int v) { return __isLocal(p) ? plain_any<int>(p, [v](int o) { return larger(o, v); }) : atomicMax((int*)p, v); }
__device__ __forceinline__ u32 atomic_min(char* p, u32 v) { return __isLocal(p) ? plain_any<u32>(p, [v](u32 o) { return smaller(o, v); }) : atomicMin((u32*)p, v); }
__device__ __forceinline__ u32 atomic_max(char* p, u32 v) { return __isLocal(p) ? plain_any<u32>(p, [v](u32 o) { return larger(o, v); }) : atomicMax((u32*)p, v); }
template <class A> __device__ __forceinline__ A atomic_exch(char* p, A v) { return atomic_any<A>(p, [v](A) { return v; }); }
template <class A> __device__ __forceinline__ A atomic_and(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o & v); }); }
template <class A> __device__ __forceinline__ A atomic_or(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o | v); }); }
template <class A> __device__ __forceinline__ A atomic_xor(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o ^ v); }); }
template <class A> __device__ __forceinline__ bool equal(A a, A b) { return a == b; }
__device__ __forceinline__ bool equal(half_t a, half_t b) { return a.bits == b.bits || from_half(a) == from_half(b); }
template <class A> __device__ __forceinline__ A atomic_cas(char* p, A e, A n) { return atomic_any<A>(p, [e, n](A o) { return equal(o, e) ? n : o; }); }
extern "C" __device__ int printf(const char*, ...);
// A node of a graph is brought to the GPU while the one before ends, and waits here for what that has written.
__device__ __forceinline__ void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
__device__ __forceinline__ void let_next_kernel_come() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
"""

#: The stack on which differentiated loops keep values: it starts in the thread's own memory and moves to the heap. What
#: is popped stays readable until the next push.
TAPE = r"""
struct Tape { char* base; i64 top, capacity; char* heap; };
__device__ __noinline__ void tape_grow(Tape* t, i64 used, i64 need, i64* err, i64 code) {
  i64 size = t->capacity * 2 > need ? t->capacity * 2 : need;
  if (size < 4096) size = 4096;
  char* fresh = (char*)malloc(size);
  if (!fresh) { if (atomicCAS((u64*)err, 0ull, (u64)code) == 0ull) err[1] = size; asm("exit;"); }
  for (i64 k = 0; k < used; k += 8) *(i64*)(fresh + k) = *(const i64*)(t->base + k);
  if (t->heap) free(t->heap);
  t->base = t->heap = fresh; t->capacity = size;
}
__device__ __forceinline__ char* tape_push(Tape* t, i64 size, i64* err, i64 code) {
  i64 top = t->top; t->top = top + size;
  if (t->top > t->capacity) tape_grow(t, top, t->top, err, code);
  return t->base + top;
}
__device__ __forceinline__ char* tape_pop(Tape* t, i64 size) { t->top -= size; return t->base + t->top; }
"""
_TAPE_BYTES = 512  # of a thread's stack before it moves to the heap
_TAPE_FULL = (
    "the values that differentiated loops keep do not fit the GPU's heap (a thread asked for {0} bytes); use fewer "
    "threads or shorter loops, keep their state in arrays, or set engine.config.cuda_heap_size"
)


def c_type(t: T.ScalarType) -> str:
    return _TYPES[t.name]


def literal(value, t: T.ScalarType) -> str:
    if t is T.pointer:
        return f"(ptr_t){int(value)}ull"
    if t.is_bool:
        return "true" if value else "false"
    if t.is_float:
        if t.bits == 16:
            import struct

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


def _depends_on_order(f: ir.Function) -> bool:
    floats = [i for i in ir.walk(f.body) if i.op == "atomic" and i.type.is_float]
    if not floats:
        return False
    regions = [f.body, *(r for i in ir.walk(f.body) for r in i.regions)]
    used = {id(v) for r in regions for v in r.yields} | {id(a) for i in ir.walk(f.body) for a in i.args}
    return any(i.attr not in ("min", "max") or id(i) in used for i in floats)


class Source:
    """CUDA C++ text of a kernel and what it calls."""

    def __init__(self, kernel: ir.Function, tid_arity: int, name: str = "kernel", sites: Sequence[ir.Instr] = ()):
        """`sites`: atomic additions that are noted in a log instead of done (see `engine.cuda.ordered`)."""
        self.sites = {id(i): k for k, i in enumerate(sites)}
        kernel = without_bfloat16(kernel)
        self.kernel, self.tid_arity, self.name = kernel, max(1, tid_arity), name
        self.checks: list[str] = []
        self.structs: list[str] = []
        self.names: dict[int, str] = {}
        everything = [*ir.all_callees(kernel), kernel]
        self.size = sum(f.size() for f in everything)
        self.natives = ir.natives(everything)
        self.uses_tape = any(i.op == "tape_push" for i in ir.walk(kernel.body))
        if self.uses_tape:
            self.checks.append(_TAPE_FULL)
        self.has_prints = any(i.op == "print" for f in everything for i in ir.walk(f.body))
        #: whether results depend on the order of the threads: sums of floats, and what atomics on floats return
        self.has_float_atomics = any(_depends_on_order(f) for f in everything)

    def text(self) -> str:
        functions = self.callees()
        entry = self.entry()
        natives = [header.CUDA, *(n.text for n in self.natives), '#line 1 "kernel"'] if self.natives else []
        return "\n".join([PRELUDE, *([TAPE] if self.uses_tape else ()), *natives, *self.structs, *functions, entry])

    def job_text(self) -> str:
        """The kernel as a function of the block that runs it, one job of a sequence (see `engine.cuda.sequence`)."""
        functions = self.callees(f"{self.name}_")
        entry = self.entry(is_job=True)
        return "\n".join([*self.structs, *functions, entry])

    def callees(self, prefix: str = "") -> list[str]:
        """Text of every function that is called; they get names that start with `prefix`."""
        out = []
        for k, f in enumerate(ir.all_callees(self.kernel)):
            self.names[id(f)] = f"{prefix}f{k}"
            out.append(self.device_function(f, f"{prefix}f{k}"))
        return out

    def device_function(self, f: ir.Function, name: str) -> str:
        body = Body(self, f)
        outs = f.body.yields
        result = "void"
        if outs:
            result = f"r_{name}"
            self.structs.append(
                f"struct {result} {{ {' '.join(f'{c_type(v.type)} v{k};' for k, v in enumerate(outs))} }};"
            )
        params = ", ".join(["i64* err", *(f"{c_type(p.type)} {body.name(p)}" for p in f.params)])
        body.region(f.body, "  ")
        if outs:
            body.lines.append(f"  return {result}{{{', '.join(body.ref(v) for v in outs)}}};")
        inline = "__forceinline__" if f.size() <= _INLINE_LIMIT else "__noinline__"
        return "\n".join([f"__device__ {inline} {result} {name}({params}) {{", *body.lines, "}"])

    def entry(self, is_job: bool = False) -> str:
        """The kernel itself: all threads of the grid stride over the launch, or those of the block that runs a job."""
        body = Body(self, self.kernel)
        params = self.kernel.params
        fields = ["i64 dim0, dim1, dim2, dim3; i64* err;"] + [
            f"alignas(8) {c_type(p.type)} a{k};" for k, p in enumerate(params[4:])
        ]
        if self.sites:
            fields.append("u64 *log_keys, *log_values;")
        args = f"{self.name}_args" if is_job else "Args"
        head = f"__device__ __forceinline__ void {self.name}(const {args}& args)"
        if not is_job:
            head = f'extern "C" __global__ void {self.name}(const Args args)'
        lines = [f"struct {args} {{ {' '.join(fields)} }};", f"{head} {{", "  i64* err = args.err;"]
        if not is_job:
            lines.append("  wait_for_kernel_before();")
        for k, p in enumerate(params[4:]):
            lines.append(f"  const {c_type(p.type)} {body.name(p)} = args.a{k};")
        n = self.tid_arity
        total = " * ".join(f"args.dim{d}" for d in range(4 if not is_job else n))
        stride = "i64 index = blockIdx.x * (i64)blockDim.x + threadIdx.x; index < total; index += (i64)gridDim.x * blockDim.x"
        if is_job:
            stride = "u32 index = threadIdx.x; index < total; index += blockDim.x"
        lines += [f"  const {'u32' if is_job else 'i64'} total = {total};", f"  for ({stride}) {{"]
        tids = [body.name(p) for p in params[:4]]
        if n == 1:
            lines.append(f"    const int {tids[0]} = (int)index;")
        else:
            lines.append("    i64 rest = index;")
            for d in range(n - 1, 0, -1):
                lines.append(f"    const int {tids[d]} = (int)(rest % args.dim{d}); rest /= args.dim{d};")
            lines.append(f"    const int {tids[0]} = (int)rest;")
        for d in range(n, 4):
            lines.append(f"    const int {tids[d]} = 0;")
        if self.uses_tape:
            lines += [f"    alignas(16) char tape_own[{_TAPE_BYTES}];", f"    Tape tape{{tape_own, 0, {_TAPE_BYTES}, nullptr}};"]  # fmt: skip
        body.region(self.kernel.body, "    ")
        if self.uses_tape:
            body.lines.append("    if (tape.heap) free(tape.heap);")
        end = [] if is_job else ["  let_next_kernel_come();"]
        return "\n".join([*lines, *body.lines, "  }", *end, "}"])


class Body:
    """Text of the instructions of one function."""

    def __init__(self, source: Source, function: ir.Function):
        self.source, self.function = source, function
        self.lines: list[str] = []
        self.names: dict[int, str] = {}

    def name(self, v: ir.Value) -> str:
        return self.names.setdefault(id(v), f"v{len(self.names)}")

    def ref(self, v: ir.Value) -> str:
        return literal(v.value, v.type) if isinstance(v, ir.Const) else self.names[id(v)]

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
