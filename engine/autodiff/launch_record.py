"""A launch on a tape: what it read and wrote, and how its gradient is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import types as T
from engine.arrays import array
from engine.autodiff.access_forms import Access, access_forms, is_own, overwrites
from engine.autodiff.buffers import Buffer, Buffers, Copy
from engine.autodiff.errors import TapeError
from engine.autodiff.memory_roots import UNKNOWN, MemoryRoots
from engine.autodiff.reverse import Adjoint
from engine.autodiff.shadows import Shadowed
from engine.kernel import Code, Variant
from engine.lang import ir
from engine.lang.rewrite import inline


def stays_call(callee: ir.Function) -> bool:
    """Whether autodiff does not look inside a function."""
    return callee.gradient is not None


class KernelMemory:
    """What a compiled kernel does with its array arguments; the same for every launch.

    Attributes:
        pointers: Indices of the address parameters, one for each array argument (or array field of a struct argument).
        loads, stores: Those that it may read, or write (atomics do both).
        reads_raw, writes_raw: Whether it reads or writes through addresses that are not arguments.
        ordered: Whether what it does depends on the order of the threads: it uses what an atomic returns.
    """

    def __init__(self, variant: Variant):
        self.function, self.arity = variant.function, variant.arity
        self.pointers = [k for k, p in enumerate(self.function.params) if p.type is T.pointer]
        flat = inline(self.function, stays_call)
        roots = MemoryRoots(flat, {id(flat.params[k]): k for k in self.pointers})
        instrs = list(ir.walk(flat.body))
        used = {id(a) for i in instrs for a in i.args} | {id(y) for i in instrs for r in i.regions for y in r.yields}
        atomics = [i for i in instrs if i.op == "atomic"]
        self.ordered = any(id(i) in used for i in atomics)
        plain_adds = {id(i) for i in atomics if i.attr in ("add", "sub") and id(i) not in used}
        #: a plain atomic addition does not depend on what was there
        self.loads = {
            k for i in instrs if i.op in ("load", "atomic") and id(i) not in plain_adds for k in roots.of(i.args[0])
        }
        self.stores = set(roots.stored)
        self.reads_raw, self.writes_raw = UNKNOWN in self.loads, UNKNOWN in self.stores
        self.accesses: dict[int, list[Access] | None] = access_forms(flat)
        self._adjoints: dict[Any, tuple[Adjoint, Code | None]] = {}

    @classmethod
    def of(cls, variant: Variant) -> KernelMemory:
        found = variant.__dict__.get("memory")
        if found is None:
            found = variant.memory = cls(variant)  # type: ignore[attr-defined]
        return found

    def adjoint(self, shadowed: tuple[int, ...], groups: tuple[int, ...], plain: frozenset[int]) -> Adjoint:
        """The backward form, given which arguments have gradients, which share memory, which are accessed own."""
        key = (shadowed, groups, plain)
        found = self._adjoints.get(key)
        if found is None:
            group_of = dict(zip(self.pointers, groups))
            kernel = Shadowed(self.function, shadowed, group_of, stays_call)
            found = self._adjoints[key] = (Adjoint(kernel, {group_of[k] for k in shadowed}, plain), None)
        return found[0]

    def adjoint_code(self, shadowed: tuple[int, ...], groups: tuple[int, ...], plain: frozenset[int]) -> Code:
        adjoint = self.adjoint(shadowed, groups, plain)
        key = (shadowed, groups, plain)
        code = self._adjoints[key][1]
        if code is None:
            code = Code(adjoint.function, self.arity, aliased=True)
            self._adjoints[key] = (adjoint, code)
        return code


def pointer_arguments(types: Sequence[Any], args: Sequence[Any]) -> list[array | None]:
    """The array behind each address parameter, in order; None where none was given."""
    out: list[array | None] = []
    for t, a in zip(types, args):
        if t.kind == "array":
            out.append(a)
        elif t.kind == "struct":
            out += pointer_arguments(list(t.fields.values()), [getattr(a, name) for name in t.fields])
    return out


def has_float(dtype: Any) -> bool:
    if dtype.kind == "struct":
        return any(has_float(t) for t in dtype.fields.values() if t.kind != "array")
    return dtype.scalar.is_float


class LaunchRecord:
    """One launch on a tape."""

    def __init__(self, name: str, variant: Variant, args: Sequence[Any], dims: Sequence[int], total: int, values: list):
        self.name, self.variant, self.dims, self.total, self.values = name, variant, tuple(dims), total, list(values)
        self.memory = KernelMemory.of(variant)
        self.arrays = pointer_arguments(variant.types, args)
        self.buffers: list[Buffer | None] = []
        self.groups: tuple[int, ...] = ()
        self.versions: list[int] = []
        self.varied: list[bool] = []
        self.first: list[bool] = []

    # recording -------------------------------------------------------------------------------------------------
    def bind(self, buffers: Buffers) -> None:
        """Looks up the memory of the arguments, as it is before the launch."""
        self.buffers = [buffers.of(a) if isinstance(a, array) and a.size else None for a in self.arrays]
        first: dict[int, int] = {}
        groups = []
        for k, buffer in zip(self.memory.pointers, self.buffers):
            groups.append(first.setdefault(id(buffer), k) if buffer is not None else k)
        self.groups = tuple(groups)
        self.versions = [b.version if b else 0 for b in self.buffers]
        self.varied = [bool(b and b.varied) for b in self.buffers]
        self.first = [bool(b and not b.touched) for b in self.buffers]

    def slots(self, indices: set[int]):
        """Positions among the array arguments of those whose memory is also that of `indices` (parameters)."""
        wanted = {g for k, g in zip(self.memory.pointers, self.groups) if k in indices}
        return [n for n, g in enumerate(self.groups) if g in wanted and self.buffers[n] is not None]

    def written(self) -> list[int]:
        return self.slots(self.memory.stores)

    def read(self) -> list[int]:
        return self.slots(self.memory.loads)

    @property
    def carries(self) -> bool:
        """Whether a value with a gradient goes into the launch."""
        return any(self.varied[n] for n in self.read())

    def needs(self, buffer: Buffer, version: int) -> bool:
        """Whether the backward form reads `version` of a buffer."""
        everything = [n for n, b in enumerate(self.buffers) if b is not None and self.is_float(n)]
        read, written = set(self.read()), set(self.written())
        shadowed = [n for n in everything if (n in read and self.varied[n]) or n in written]
        adjoint = self.adjoint(shadowed, frozenset())
        pairs = list(zip(self.memory.pointers, self.groups, self.buffers, self.versions))
        if any(b is buffer and v == version and g in adjoint.loads for _, g, b, v in pairs):
            return True
        return any(b is buffer and v + 1 == version and k in adjoint.after for k, _, b, v in pairs)

    def is_float(self, n: int) -> bool:
        return has_float(self.arrays[n].dtype)

    def adjoint(self, shadowed: list[int], plain: frozenset[int]) -> Adjoint:
        return self.memory.adjoint(tuple(self.memory.pointers[n] for n in shadowed), self.groups, plain)

    # backward --------------------------------------------------------------------------------------------------
    def backward(self, tape: Any) -> None:
        read, written = set(self.read()), set(self.written())
        floats = [n for n, b in enumerate(self.buffers) if b is not None and self.is_float(n)]
        arriving = [n for n in written if n in floats and self.buffers[n].has_gradient]
        if not arriving:
            return
        carries = self.carries
        shadowed = [
            n
            for n in floats
            if (n in read and self.varied[n]) or n in arriving or (n in read and n in written and carries)
        ]
        plain = frozenset(self.groups[n] for n in shadowed if self.accesses_own(n))
        key = (tuple(self.memory.pointers[n] for n in shadowed), self.groups, plain)
        adjoint, code = self.memory.adjoint(*key), self.memory.adjoint_code(*key)
        values, keep = list(self.values), []
        for n, b in enumerate(self.buffers):
            g = self.groups[n]
            if b is None or g not in adjoint.loads:
                continue
            slot = self.memory.pointers[n] - 4
            if g in adjoint.stores:
                scratch = next((c for h, c in keep if h == g), None)
                if scratch is None:
                    scratch = b.copy(self.versions[n])
                    keep.append((g, scratch))
                values[slot] = scratch.address(values[slot])
            else:
                values[slot] = b.address(self.versions[n], values[slot])
        retained = []
        for n in shadowed:
            buffer, ptr = self.buffers[n], self.values[self.memory.pointers[n] - 4]
            address = buffer.gradient_address(ptr)
            if n in written and n not in read and self.first[n] and self.overwrites(n):
                copy = Copy(ptr, ptr + self.arrays[n]._data.nbytes, address)
                retained.append(copy)
                address = copy.address(ptr)
            values.append(address)
        for k in adjoint.after:
            n = self.memory.pointers.index(k)
            values.append(self.buffers[n].address(self.versions[n] + 1, self.values[k - 4]))
        tape.run(code, self.dims, self.total, values, serial=adjoint.ordered)

    def accesses_own(self, n: int) -> bool:
        alone = self.groups.count(self.groups[n]) == 1
        return alone and is_own(self.accesses(n), self.values, self.dims, self.total, self.memory.arity)

    def overwrites(self, n: int) -> bool:
        a = self.arrays[n]
        alone = self.groups.count(self.groups[n]) == 1 and a.is_contiguous
        return alone and overwrites(
            self.accesses(n), self.values, self.dims, self.total, self.memory.arity, a._data.nbytes
        )

    def accesses(self, n: int) -> list[Access] | None:
        return self.memory.accesses.get(self.memory.pointers[n])

    def describe(self, buffer: Buffer) -> str:
        names = [
            self.memory.function.params[self.memory.pointers[n]].name for n, b in enumerate(self.buffers) if b is buffer
        ]
        return f"argument '{names[0]}' of kernel '{self.name}'"

    def needed_versions(self) -> list[tuple[Buffer, int]]:
        """What the backward form may read, without looking closer."""
        out = [(self.buffers[n], self.versions[n]) for n in self.read()]
        return out + [(self.buffers[n], self.versions[n] + 1) for n in self.written() if n in self.read()]


class CopyRecord:
    """A copy from one array to another."""

    name = "copy"

    def __init__(self, dest: array, src: array, buffers: Buffers):
        self.dest, self.src = dest, src
        self.dest_buffer, self.src_buffer = buffers.of(dest), buffers.of(src)
        self.carries = self.src_buffer.varied

    def backward(self, tape: Any) -> None:
        if not self.dest_buffer.has_gradient:
            return
        target = self.dest_buffer.gradient_of(self.dest)
        if self.carries:
            from engine.autodiff.buffers import accumulate

            values = target.copy()
            target[...] = 0
            accumulate(self.src_buffer.gradient_of(self.src), values)
        else:
            target[...] = 0


class FillRecord:
    """An array, or a part of one, that was set to values without a gradient."""

    name = "fill"
    carries = False

    def __init__(self, dest: array, index: Any, buffers: Buffers):
        self.dest, self.index, self.buffer = dest, index, buffers.of(dest)

    def backward(self, tape: Any) -> None:
        if self.buffer.has_gradient:
            self.buffer.gradient_of(self.dest)[self.index] = 0


class FunctionRecord:
    """A function of the user that runs in the backward pass."""

    name = "record_func"
    carries = True

    def __init__(self, backward: Any, arrays: Sequence[array], buffers: Buffers):
        if not callable(backward):
            raise TapeError(
                f"record_func: backward is {type(backward).__name__}; expected a function without arguments"
            )
        self.function = backward
        self.buffers = [buffers.of(a) for a in arrays]

    def backward(self, tape: Any) -> None:
        self.function()
