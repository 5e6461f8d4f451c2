"""A launch on a tape: what it read and wrote, and how its gradient is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from engine.arrays import array
from engine.autodiff.access_forms import Access, is_own, overwrites
from engine.autodiff.buffers import Buffer, Buffers, Copy
from engine.autodiff.errors import GradientError, TapeError
from engine.autodiff.kernel_memory import KernelMemory, pointer_arguments
from engine.autodiff.memory_roots import HIDDEN, UNKNOWN
from engine.autodiff.reverse import Adjoint
from engine.autodiff.structure_reads import HeldRead, StructureRead
from engine.cpu.variant import Variant
from engine.held_arrays import held_arrays
from engine.taping import structures

_MOST_PLANS = 4096


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
        "args", "arrays", "buffers", "dims", "first", "hidden", "memory", "name", "plan", "total", "values", "variant", "versions"
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
        self.memory, self.variant, self.args = KernelMemory.of(variant), variant, tuple(args)
        self.arrays = pointer_arguments(variant.types, args)
        self.buffers = [known.of(a) if isinstance(a, array) and a.size else None for a in self.arrays]
        first: dict[int, int] = {}
        groups = tuple(n if b is None else first.setdefault(id(b), n) for n, b in enumerate(self.buffers))
        #: spatial structures that the kernel may read or write without having them as arguments
        self.hidden: list[StructureRead | HeldRead] = []
        if self.memory.reads_raw or self.memory.writes_raw:
            self.hidden = [StructureRead(found, known) for found in self._structures().values()]
            held = [x for a in self.arrays if isinstance(a, array) for x in held_arrays(a)]
            if held:
                self.hidden.append(HeldRead(held, known))
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
        held = [b for r in self.hidden if isinstance(r, HeldRead) for b in r.smooth]
        if held and (arriving or (self.memory.writes_raw and any(b.has_gradient for b in held))):
            raise GradientError(
                f"kernel '{self.name}' reaches arrays with a gradient through the elements of an array of structs, and the "
                "gradient cannot follow; pass these arrays, or structs of them, as arguments"
            )
        if not arriving:
            return
        if any(r.is_lost() for r in self.hidden):
            raise TapeError(
                f"kernel '{self.name}' read a spatial structure (mesh, grid, hierarchy) that was changed since, where the "
                "tape did not see it: call backward() before, or change it inside the tape"
            )
        alone = tape.prefers_one_thread(self.memory.backend)
        with contextlib.ExitStack() if self.hidden else contextlib.nullcontext() as stack:
            for r in self.hidden:
                stack.enter_context(r.restored(tape))
            tape.run_backward(self, *self.backward_plan(tuple(arriving), alone))

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
