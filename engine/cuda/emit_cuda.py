"""IR → CUDA C++ text.

Below the front end everything is a scalar, so the text is straight C: one local variable a value, `if` and loops as they
are in the IR. A kernel receives one argument block by value: 4 launch extents, the number of threads, the address of
the error record, then the kernel's scalars, 8 bytes each. It strides over the grid, so any launch size fits.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.cuda.emit_body import Body
from engine.cuda.emit_operations import c_type
from engine.cuda.meeting import sums_that_meet
from engine.cuda.prelude import PRELUDE, TAPE, TAPE_BYTES
from engine.lang import ir
from engine.lang.wide import without_bfloat16
from engine.native import header

HEADER_SLOTS = 5
_INLINE_LIMIT = 400  # callees above this many instructions stay calls: NVRTC's time grows faster than the text
_TAPE_FULL = (
    "the values that differentiated loops keep do not fit the GPU's heap (a thread asked for {0} bytes); use fewer "
    "threads or shorter loops, keep their state in arrays, or set engine.config.cuda_heap_size"
)


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
        #: sums for which a warp may agree on a place
        self.meeting = sums_that_meet(kernel, everything[:-1], tid_arity)
        self.uses_tape = any(i.op == "tape_push" for i in ir.walk(kernel.body))
        if self.uses_tape:
            self.checks.append(_TAPE_FULL)
        self.has_barriers = any(i.op == "barrier" for f in everything for i in ir.walk(f.body))
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
            lines += [f"    alignas(16) char tape_own[{TAPE_BYTES}];", f"    Tape tape{{tape_own, 0, {TAPE_BYTES}, nullptr}};"]  # fmt: skip
        body.region(self.kernel.body, "    ")
        if self.uses_tape:
            body.lines.append("    if (tape.heap) free(tape.heap);")
        end = [] if is_job else ["  let_next_kernel_come();"]
        return "\n".join([*lines, *body.lines, "  }", *end, "}"])
