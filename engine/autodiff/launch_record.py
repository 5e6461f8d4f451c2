"""A launch on a tape: what it read and wrote, and how its gradient is computed."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

from engine import types as T
from engine.arrays import array
from engine.autodiff.access_forms import Access, access_forms, is_own, overwrites
from engine.autodiff.backend import backend
from engine.autodiff.buffers import Buffer, Buffers, Copy, add_from, packed, refuse_brain
from engine.autodiff.errors import GradientError, TapeError
from engine.autodiff.memory_roots import HIDDEN, UNKNOWN, MemoryRoots
from engine.autodiff.reverse import Adjoint, used_values, uses_atomic_results
from engine.autodiff.shadows import Shadowed
from engine.autodiff.structure_reads import StructureRead
from engine.device import get_device
from engine.indexed_arrays import IndexedArrayType
from engine.kernel import Code, Variant
from engine.lang import ir
from engine.lang.rewrite import inline
from engine.structs import scalar_types
from engine.taping import structures

_MOST_PLANS = 4096


def stays_call(callee: ir.Function) -> bool:
    """Whether autodiff does not look inside a function."""
    return callee.gradient is not None


def is_constant(callee: ir.Function) -> bool:
    """Whether no gradient goes through a function."""
    return callee.gradient == "constant"


class KernelMemory:
    """What a compiled kernel does with its array arguments; the same for every launch.

    Array arguments (and array fields of struct arguments) are counted through: argument n has the address
    `pointers[n]` among the parameters.

    Attributes:
        pointers: Indices of the address parameters.
        floats: Arguments with numbers that can have gradients.
        loads, stores: Arguments that it may read, or write (atomics that return nothing only write).
        reads_raw, writes_raw: Whether it reads or writes through addresses that are not arguments.
        ordered: Whether what it does depends on the order of the threads: it uses what an atomic returns.
    """

    def __init__(self, variant: Variant):
        self.function, self.arity, self.types = variant.function, variant.arity, variant.types
        self.backend = backend(getattr(variant, "device", None) or get_device("cpu"))
        self.pointers = [k for k, p in enumerate(self.function.params) if p.type is T.pointer]
        self.floats = frozenset(n for n, t in enumerate(element_types(variant.types)) if has_float(t))
        flat = inline(self.function, is_constant)
        roots = MemoryRoots(flat, {id(flat.params[k]): n for n, k in enumerate(self.pointers)})
        instrs = list(ir.walk(flat.body))
        used = used_values(flat)
        atomics = [i for i in instrs if i.op == "atomic"]
        plain_adds = {id(i) for i in atomics if i.attr in ("add", "sub") and id(i) not in used}
        reads = [i for i in instrs if i.op in ("load", "atomic") and id(i) not in plain_adds]
        loads = {g for i in reads for g in roots.of(i.args[0])}
        loads |= {g for i in instrs if i.op == "native" for a in i.args for g in roots.of(a)}
        self.loads, self.stores = ({g for g in found if isinstance(g, int)} for found in (loads, roots.stored))
        self.reads_raw = UNKNOWN in loads or any(i.op == "call" for i in instrs)
        self.writes_raw = UNKNOWN in roots.stored
        callees = ir.all_callees(self.function)
        #: arguments that a replay reads as the launch left them
        self.late: frozenset[int] = frozenset()
        self.ordered = uses_atomic_results(flat)
        if any(f.replay is not None for f in callees):
            again = inline(self.function, is_constant, replay=True)
            replayed = MemoryRoots(again, {id(again.params[k]): n for n, k in enumerate(self.pointers)})
            reads = {g for g in replayed.loaded if isinstance(g, int)}
            self.late = frozenset((reads & self.stores) - replayed.stored)
            self.loads |= reads
            self.ordered = uses_atomic_results(again)
        #: it calls functions with gradients of their own, which may touch any gradient
        self.has_custom = any(f.gradient not in (None, "constant") for f in callees)
        self.accesses: dict[int, list[Access] | None] = access_forms(flat)
        forms = [a.form for accesses in self.accesses.values() for a in accesses or ()]
        #: scalar arguments (by place among the packed values) that say how arrays are accessed
        self.geometry = sorted({k - 4 for form in forms for key in form for k in key if k >= 4})
        #: scalar arguments that may be the id of a mesh, a grid or a hierarchy
        self.ids = [k - 4 for k, p in enumerate(self.function.params) if p.type is T.uint64]
        #: whether arrays may hold such ids
        self.ids_in_arrays = any(T.uint64 in scalar_types(t) for t in element_types(variant.types))
        self._plans: dict[Any, LaunchPlan] = {}
        self._backward_plans: dict[Any, Any] = {}
        self._overwrites: dict[Any, bool] = {}
        self._adjoints: dict[Any, Adjoint] = {}
        self._codes: dict[Any, Code] = {}

    @classmethod
    def of(cls, variant: Variant) -> KernelMemory:
        found = variant.__dict__.get("memory")
        if found is None:
            found = variant.memory = cls(variant)  # type: ignore[attr-defined]
        return found

    def written_arrays(self, args: Sequence[Any]) -> list[array]:
        """Those among the arguments that a launch may write."""
        found = pointer_arguments(self.types, args)
        return [found[n] for n in self.stores if isinstance(found[n], array) and found[n].size]

    def plan(self, groups: tuple[int, ...], varied: tuple[bool | None, ...], moving: bool) -> LaunchPlan:
        found = self._plans.get((groups, varied, moving))
        if found is None:
            found = self._plans[groups, varied, moving] = LaunchPlan(self, groups, varied, moving)
        return found

    def adjoint(
        self,
        shadowed: tuple[int, ...],
        groups: tuple[int, ...],
        plain: frozenset[Any],
        own: frozenset[Any],
        hidden: bool,
    ) -> Adjoint:
        """The backward form.

        Args:
            shadowed: Arguments with gradients.
            groups: The group of each argument.
            plain: Groups whose gradients may be added to without atomic operations.
            own: Groups where each thread touches places of its own only.
            hidden: Whether arrays of spatial structures have gradients.
        """
        key = (shadowed, groups, plain, own, hidden)
        found = self._adjoints.get(key)
        if found is None:
            group_of = dict(zip(self.pointers, groups))
            kernel = Shadowed(self.function, tuple(self.pointers[n] for n in shadowed), group_of, stays_call, hidden)
            active = {groups[n] for n in shadowed} | ({HIDDEN} if hidden else set())
            found = self._adjoints[key] = Adjoint(kernel, active, plain, own)
        return found

    def adjoint_code(self, form: tuple, one_thread: bool) -> Any:
        """Machine code of a backward form; `one_thread`: only one thread runs it, which may add where others did."""
        found = self._codes.get((form, one_thread))
        if found is None:
            found = self.backend.compile(self.adjoint(*form).function, self.arity, one_thread)
            self._codes[form, one_thread] = found
        return found


class LaunchPlan:
    """What a launch means for a tape, given which arguments share memory and which depend on something with a gradient.

    Attributes:
        read, written: Arguments that it may read or write, those with the same memory included.
        carries: Whether a value with a gradient goes in.
        moving: Whether a spatial structure that it may read has arrays with a gradient.
    """

    def __init__(self, memory: KernelMemory, groups: tuple[int, ...], varied: tuple[bool | None, ...], moving: bool):
        self.memory, self.groups, self.varied, self.moving = memory, groups, varied, moving
        present = [n for n, v in enumerate(varied) if v is not None]
        loaded, stored = {groups[n] for n in memory.loads}, {groups[n] for n in memory.stores}
        self.read = [n for n in present if groups[n] in loaded]
        self.written = [n for n in present if groups[n] in stored]
        self.floats = [n for n in present if n in memory.floats]
        late = {groups[n] for n in memory.late}
        #: by argument, 1 if the backward form reads it as the launch left it, else 0
        self.late = [int(g in late) for g in groups]
        self.carries = any(varied[n] for n in self.read) or (moving and bool(self.written))

    @functools.cached_property
    def needed(self) -> tuple[list[int], list[int]]:
        """Arguments whose contents before, and after the launch the backward form may read."""
        try:
            adjoint = self._widest()
        except GradientError:  # an error only if the backward pass comes here
            return self.read, [n for n in self.written if n in self.read]
        before = [n for n in self.read if self.groups[n] in adjoint.loads]
        return before, [self.memory.pointers.index(k) for k in adjoint.after]

    def _widest(self) -> Adjoint:
        """The backward form for gradients of everything."""
        shadowed = tuple(n for n in self.floats if (n in self.read and self.varied[n]) or n in self.written)
        return self.memory.adjoint(shadowed, self.groups, frozenset(), frozenset(), self.moving)

    def refuse_raw_stores(self) -> None:
        """Raises GradientError if a value with a gradient is stored where no argument lies, unseen by the tape."""
        self._widest()

    def shadowed(self, arriving: list[int]) -> tuple[int, ...]:
        """Arguments that take part in the backward pass when gradients have arrived for some."""
        return tuple(
            n
            for n in self.floats
            if n in arriving
            or (n in self.read and self.varied[n])
            or (n in self.read and n in self.written and self.carries)
        )


def element_types(types: Sequence[Any]) -> list[Any]:
    """The element type of each array among argument types, fields of structs included."""
    out: list[Any] = []
    for t in types:
        if t.kind == "array":
            out += [t.dtype, *[T.int32] * (scalar_types(t).count(T.pointer) - 1)]
        elif t.kind == "struct":
            out += element_types(list(t.fields.values()))
    return out


def pointer_arguments(types: Sequence[Any], args: Sequence[Any]) -> list[array | None]:
    """The array behind each address parameter, in order; None where none was given."""
    out: list[array | None] = []
    for t, a in zip(types, args):
        if isinstance(t, IndexedArrayType):
            out += [a.data, *a.index_arrays] if a is not None else [None] * (1 + t.ndim)
        elif t.kind == "array":
            out.append(a)
        elif t.kind == "struct":
            out += pointer_arguments(list(t.fields.values()), [getattr(a, name) for name in t.fields])
    return out


def has_float(dtype: Any) -> bool:
    if dtype.kind == "struct":
        return any(has_float(t) for t in dtype.fields.values() if t.kind != "array")
    return dtype.scalar.is_float


class Layer:
    """Where the contents of buffers and their gradients lie; second derivatives add a layer of their derivatives."""

    def address(self, buffer: Buffer, version: int, ptr: int) -> int:
        return buffer.address(version, ptr)

    def copy(self, buffer: Buffer, version: int) -> Copy:
        return buffer.copy(version)

    def gradient_address(self, buffer: Buffer, ptr: int) -> int:
        return buffer.gradient_address(ptr)


class LaunchRecord:
    """One launch on a tape."""

    __slots__ = (
        "arrays", "buffers", "dims", "first", "hidden", "memory", "name", "plan", "total", "values", "versions"
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        variant: Variant,
        args: Sequence[Any],
        dims: Sequence[int],
        total: int,
        values: list,
        known: Buffers,
    ):
        """Notes the arguments and their memory as it is before the launch."""
        self.name, self.dims, self.total, self.values = name, tuple(dims), total, tuple(values)
        self.memory = KernelMemory.of(variant)
        self.arrays = pointer_arguments(variant.types, args)
        self.buffers = [known.of(a) if isinstance(a, array) and a.size else None for a in self.arrays]
        first: dict[int, int] = {}
        groups = tuple(n if b is None else first.setdefault(id(b), n) for n, b in enumerate(self.buffers))
        #: spatial structures that the kernel may read or write without having them as arguments
        self.hidden: list[StructureRead] = []
        if self.memory.reads_raw or self.memory.writes_raw:
            self.hidden = [StructureRead(found, known) for found in self._structures().values()]
        varied = tuple(None if b is None else b.varied for b in self.buffers)
        self.plan = self.memory.plan(groups, varied, self.is_moving)
        self.versions = [0 if b is None else b.version for b in self.buffers]
        self.first = [b is not None and not b.touched for b in self.buffers]

    def _structures(self) -> dict[int, Any]:
        """The spatial structures that the kernel may know by their ids."""
        ids = [int(self.values[k]) for k in self.memory.ids]
        if not ids or self.memory.ids_in_arrays:
            ids.append(0)
        return {id(found): found for number in ids for found in structures.living(number)}

    @property
    def is_moving(self) -> bool:
        """Whether a structure that it may read has arrays with a gradient."""
        return any(r.gradients for r in self.hidden)

    @property
    def hidden_reads(self) -> list[tuple[Buffer, int]]:
        """Memory that it may read through structures, with the version then."""
        return [pair for r in self.hidden for pair in r.reads or ()]

    @property
    def extents(self) -> tuple[int, ...]:
        """The grid, without trailing dimensions of one."""
        dims = list(self.dims)
        while len(dims) > 1 and dims[-1] == 1:
            dims.pop()
        return tuple(dims)

    @property
    def changed(self) -> list[Buffer]:
        """What it wrote."""
        written = [self.buffers[n] for n in self.plan.written]
        return written + ([b for b, _ in self.hidden_reads] if self.memory.writes_raw else [])

    @property
    def carries(self) -> bool:
        """Whether a value with a gradient goes into the launch."""
        return self.plan.carries

    def needs(self, buffer: Buffer, version: int) -> bool:
        """Whether the backward form reads `version` of a buffer."""
        if any(b is buffer and v == version for b, v in self.hidden_reads):
            return True
        before, after = self.plan.needed
        late = self.plan.late
        if any(self.buffers[n] is buffer and self.versions[n] + late[n] == version for n in before):
            return True
        return any(self.buffers[n] is buffer and self.versions[n] + 1 == version for n in after)

    # backward --------------------------------------------------------------------------------------------------
    def backward(self, tape: Any) -> None:
        buffers, plan = self.buffers, self.plan
        arriving = [n for n in plan.written if buffers[n].has_gradient and n in self.memory.floats]
        if not arriving:
            return
        if any(r.is_lost() for r in self.hidden):
            raise TapeError(
                f"kernel '{self.name}' read a spatial structure (mesh, grid, hierarchy) that was changed since, where the "
                "tape did not see it: call backward() before, or change it inside the tape"
            )
        with contextlib.ExitStack() as stack:
            for r in self.hidden:
                stack.enter_context(r.restored(tape))
            tape.run_backward(self, *self.backward_plan(tuple(arriving), tape.prefers_one_thread(self.memory.backend)))

    def backward_addresses(
        self, shadowed: tuple[int, ...], adjoint: Adjoint, whole: list[int], layer: Layer
    ) -> tuple[dict[int, int], list[int], Any]:
        """Where the backward form finds memory.

        Returns:
            By array argument, the address of the contents that it reads; the addresses of gradients, then those of
            contents after the launch; what must stay alive meanwhile.
        """
        contents: dict[int, int] = {}
        pointers, keep, copies = self.memory.pointers, [], {}
        for n, b in enumerate(self.buffers):
            g = self.plan.groups[n]
            if b is None or g not in adjoint.loads:
                continue
            ptr = self.values[pointers[n] - 4]
            version = self.versions[n] + self.plan.late[n]
            contents[n] = layer.address(b, version, ptr)
            if g in adjoint.stores:  # the kernel is run again: on a copy
                if g not in copies:
                    copies[g] = layer.copy(b, version)
                contents[n] = copies[g].address(ptr)
        others = []
        for n in shadowed:
            ptr = self.values[pointers[n] - 4]
            address = layer.gradient_address(self.buffers[n], ptr)
            if n in whole and self.first[n]:  # the contents before do not matter: keep the gradient of those after
                keep.append(Copy(self.memory.backend, ptr, ptr + self.arrays[n]._data.nbytes, address))
                address = keep[-1].address(ptr)
            others.append(address)
        for k in adjoint.after:
            n = pointers.index(k)
            others.append(layer.address(self.buffers[n], self.versions[n] + 1, self.values[k - 4]))
        return contents, others, (keep, copies)

    def backward_plan(self, arriving: tuple[int, ...], alone: bool) -> tuple[tuple[int, ...], tuple, list[int], bool]:
        """How to run backward.

        Args:
            arriving: Array arguments whose gradients have arrived.
            alone: Whether one thread without atomic additions is better than many with them.

        Returns:
            Arguments with gradients, the key of the backward form, arguments that the launch overwrites whole, whether
            one thread has to run it.
        """
        plan, memory = self.plan, self.memory
        sizes = tuple(self.arrays[n]._data.nbytes for n in arriving)
        geometry = tuple(self.values[k] for k in memory.geometry)
        key = (plan, arriving, self.dims, self.total, geometry, sizes, alone)
        found = memory._backward_plans.get(key)
        if found is None:
            shadowed = plan.shadowed(list(arriving))
            grid = (self.values, self.dims, self.total, memory.arity)
            unshared = [n for n in shadowed if plan.groups.count(plan.groups[n]) == 1]
            own = () if memory.has_custom or plan.moving else unshared
            own = frozenset(plan.groups[n] for n in own if is_own(self.accesses(n), *grid))
            whole = []
            for n in unshared:
                a = self.arrays[n]
                if n in plan.written and n not in plan.read and a.is_contiguous:
                    if overwrites(self.accesses(n), *grid, a._data.nbytes):
                        whole.append(n)
            form = (shadowed, plan.groups, own, own, plan.moving)
            one_thread = alone and memory.adjoint(*form).adds_atomically
            if one_thread:
                every = {plan.groups[n] for n in shadowed} | ({HIDDEN, UNKNOWN} if plan.moving else set())
                form = (shadowed, plan.groups, frozenset(every), own, plan.moving)
            if len(memory._backward_plans) > _MOST_PLANS:
                memory._backward_plans.clear()
            found = (shadowed, form, whole, one_thread or memory.adjoint(*form).ordered)
            memory._backward_plans[key] = found
        return found

    def accesses(self, n: int) -> list[Access] | None:
        return self.memory.accesses.get(self.memory.pointers[n])

    def overwrites(self, n: int) -> bool:
        """Whether the launch writes all of an array argument, and only writes it."""
        a, memory = self.arrays[n], self.memory
        if not a.is_contiguous or self.plan.groups.count(self.plan.groups[n]) > 1:
            return False
        geometry = tuple(self.values[k] for k in memory.geometry)
        key = (n, self.dims, self.total, geometry, a._data.nbytes)
        found = memory._overwrites.get(key)
        if found is None:
            grid = (self.values, self.dims, self.total, memory.arity)
            found = memory._overwrites[key] = overwrites(self.accesses(n), *grid, a._data.nbytes)
        return found

    def describe(self, buffer: Buffer) -> str:
        pointers, params = self.memory.pointers, self.memory.function.params
        names = [params[pointers[n]].name for n, b in enumerate(self.buffers) if b is buffer]
        what = f"argument '{names[0]}'" if names else "an array of a mesh, grid or volume"
        return f"{what} of kernel '{self.name}'"

    def needed_versions(self) -> list[tuple[Buffer, int]]:
        """What the backward form may read, without looking closer."""
        read, written = self.plan.read, self.plan.written
        out = [(self.buffers[n], self.versions[n]) for n in read] + self.hidden_reads
        return out + [(self.buffers[n], self.versions[n] + 1) for n in written if n in read]


class CopyRecord:
    """A copy from one array to another."""

    name = "copy"

    def __init__(self, dest: array, src: array, buffers: Buffers):
        self.dest, self.src = dest, src
        self.dest_buffer, self.src_buffer = buffers.of(dest), buffers.of(src)
        self.carries = self.src_buffer.varied
        self.changed = [self.dest_buffer]

    def backward(self, tape: Any) -> None:
        if not self.dest_buffer.has_gradient:
            return
        if self.carries:
            refuse_brain(self.dest, self.src)
        there, here = self.dest_buffer.backend, self.src_buffer.backend
        targets = tape.gradient_views(self.dest)
        # set aside first: the gradients of source and destination may share memory
        aside = [packed(there, t) for t in targets] if self.carries else []
        for target in targets:
            there.zero(target)
        for source, values in zip(tape.gradient_views(self.src), aside):
            add_from(there, values, here, source)


class FillRecord:
    """An array, or a part of one, that was set to values without a gradient."""

    name = "fill"
    carries = False

    def __init__(self, dest: array, index: Any, buffers: Buffers):
        self.dest, self.index, self.buffer = dest, index, buffers.of(dest)
        self.changed = [self.buffer]

    def backward(self, tape: Any) -> None:
        if self.buffer.has_gradient:
            for target in tape.gradient_views(self.dest):
                self.buffer.backend.zero(target, self.index)


class FunctionRecord:
    """A function of the user that runs in the backward pass."""

    name = "record_func"
    carries = True
    changed = ()

    def __init__(self, backward: Any, arrays: Sequence[array], buffers: Buffers):
        if not callable(backward):
            raise TapeError(
                f"record_func: backward is {type(backward).__name__}; expected a function without arguments"
            )
        self.function, self.arrays = backward, [a for a in arrays if a is not None]
        self.buffers = [buffers.of(a) for a in self.arrays]

    def backward(self, tape: Any) -> None:
        self.function()
