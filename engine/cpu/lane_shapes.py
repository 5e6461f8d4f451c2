"""How values of a kernel differ between neighbouring threads, for emission in lock-step lanes.

A value is uniform (the same for all threads of a group), linear (it grows by a constant from thread to thread: addresses
of neighbouring data), or varying. Threads of a group take the same path through loops and through branches whose condition
is uniform; where a branch depends on the thread, both sides run under masks (Karrenberg and Hack 2011).
"""

from __future__ import annotations

from engine.lang import ir

#: The shape of a value: its distance from thread to thread (0: uniform), None where that is no constant.
Shape = int | None
VARYING: Shape = None
_FIXPOINT_TURNS = 8
_CARRIED = {"for": 3, "while": 0}
_PURE_OF_LINEAR = {"add", "sub", "mul", "neg", "cast", "offset"}


class NotInLanes(Exception):
    """A kernel that cannot run in lock-step lanes; the message says why."""


class Shapes:
    """Shapes of all values of a kernel without calls."""

    def __init__(self, kernel: ir.Function, innermost: int):
        """Analyses `kernel`, whose thread index number `innermost` counts lanes. Raises NotInLanes."""
        self._of: dict[int, Shape] = {id(p): 0 for p in kernel.params}
        self._of[id(kernel.params[innermost])] = 1
        self._region(kernel.body)

    def __getitem__(self, v: ir.Value) -> Shape:
        return 0 if isinstance(v, ir.Const) else self._of[id(v)]

    def address(self, base: ir.Value, offset: ir.Value) -> Shape:
        """Shape of the address of an access."""
        a, b = self[base], self[offset]
        return VARYING if a is None or b is None else a + b

    def _region(self, region: ir.Region) -> None:
        for i in region.instrs:
            if i.op in ir.OPS:
                self._of[id(i)] = self._pure(i)
            elif i.op == "load":
                self._of[id(i)] = 0 if self.address(*i.args[:2]) == 0 else VARYING
            elif i.op in ir.STRUCTURED:
                getattr(self, "_" + i.op)(i)
            elif i.op != "store":
                raise NotInLanes(f"it uses '{i.op}'")

    def _pure(self, i: ir.Instr) -> Shape:
        shapes = [self[a] for a in i.args]
        if all(s == 0 for s in shapes):
            return 0
        if None in shapes or i.op not in _PURE_OF_LINEAR or i.type.is_float or i.type.is_bool:
            return VARYING
        if i.op in ("add", "offset"):
            return shapes[0] + shapes[1]
        if i.op == "sub":
            return shapes[0] - shapes[1]
        if i.op == "neg":
            return -shapes[0]
        if i.op == "cast":  # signed integers do not overflow in this language
            signed = i.args[0].type.family == i.type.family == "int"
            return shapes[0] if signed and i.type.bits >= i.args[0].type.bits else VARYING
        for s, other in zip(shapes, i.args[::-1]):
            if s and isinstance(other, ir.Const):
                return s * other.value
        return VARYING

    def _if(self, i: ir.Instr) -> None:
        for r in i.regions:
            self._region(r)
        uniform = self[i.args[0]] == 0
        for r, a, b in zip(i.results, i.regions[0].yields, i.regions[1].yields):
            self._of[id(r)] = _join(self[a], self[b]) if uniform else VARYING

    def _for(self, i: ir.Instr) -> None:
        if any(self[a] != 0 for a in i.args[:3]):
            raise NotInLanes("the bounds of a loop differ between threads")
        self._of[id(i.regions[0].params[0])] = 0
        self._loop(i, 1)

    def _while(self, i: ir.Instr) -> None:
        self._loop(i, 0)
        if self[i.regions[0].yields[0]] != 0:
            raise NotInLanes("the condition of a while loop differs between threads")

    def _loop(self, i: ir.Instr, first: int) -> None:
        carried = [self[a] for a in i.args[_CARRIED[i.op] :]]
        for _ in range(_FIXPOINT_TURNS):
            for r in i.regions:
                self._of.update((id(p), s) for p, s in zip(r.params[first:], carried))
                self._region(r)
            after = [_join(s, self[y]) for s, y in zip(carried, i.regions[-1].yields)]
            if after == carried:
                break
            carried = after
        else:
            raise NotInLanes("the values that a loop carries are too entangled")
        self._of.update((id(r), s) for r, s in zip(i.results, carried))


def _join(a: Shape, b: Shape) -> Shape:
    return a if a == b else VARYING
