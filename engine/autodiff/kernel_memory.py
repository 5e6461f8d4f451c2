"""What a compiled kernel does with its array arguments, and what that means for tapes: worked out once for each kernel."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from engine import types as T
from engine.arrays import array
from engine.autodiff.access_forms import Access, access_forms
from engine.autodiff.backend import backend
from engine.autodiff.buffers import has_float
from engine.autodiff.errors import GradientError
from engine.autodiff.memory_roots import HIDDEN, UNKNOWN, MemoryRoots
from engine.autodiff.reverse import Adjoint, used_values, uses_atomic_results
from engine.autodiff.shadows import Shadowed
from engine.cpu.variant import Code, Variant
from engine.device import get_device
from engine.indexed_arrays import IndexedArrayType
from engine.lang import ir
from engine.lang.rewrite import inline
from engine.structs import scalar_types

#: launches of fewer threads are not worth a form in lanes, which takes longer to compile
_LEAST_NOTED = 1024


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

    def noted_code(self, form: tuple, total: int) -> Any:
        """Machine code of a backward form for one thread that adds up at the end; None where the other is better."""
        shadowed, groups, _, own, hidden = form
        if hidden or total < _LEAST_NOTED:
            return None
        key = ("noted", form)
        if key not in self._codes:
            make = getattr(self.backend, "compile_noted", None)
            adjoint = self.adjoint(shadowed, groups, own, own, hidden)
            shared = len(set(groups)) < len(groups)
            self._codes[key] = None if make is None or adjoint.ordered else make(adjoint.function, self.arity, shared)
        return self._codes[key]

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
