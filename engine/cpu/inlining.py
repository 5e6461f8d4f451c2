"""Which functions of a kernel are inlined: all, until copies of the larger ones would dominate compile time."""

from __future__ import annotations

from engine.lang import ir

_ROOM = 3000  # instructions that a kernel may grow to by inlining before anything stays a call
_LARGE = 250  # smaller functions are always inlined; a call costs some 5 ns, as much as 20 of their instructions


class Inlining:
    """Sizes of a kernel and its callees with everything inlined, and the functions that stay calls."""

    def __init__(self, kernel: ir.Function):
        self._sizes: dict[int, int] = {}
        callees = ir.all_callees(kernel)
        #: instructions of the kernel if every call were inlined
        self.size = self._expanded(kernel)
        #: ids of the functions that stay calls
        self.calls: set[int] = set()
        if self.size > _ROOM:
            copies = self._copies(kernel, callees)
            self.calls = {id(f) for f in callees if copies[id(f)] > 1 and self._sizes[id(f)] > _LARGE}
            self.calls |= {id(f) for f in callees if f.size() > _ROOM}
        #: instructions of the largest function that is left
        self.largest = self._largest(kernel, callees)

    def _expanded(self, f: ir.Function) -> int:
        found = self._sizes.get(id(f))
        if found is None:
            found = f.size() + sum(self._expanded(i.attr) for i in ir.walk(f.body) if i.op == "call")
            self._sizes[id(f)] = found
        return found

    def _largest(self, kernel: ir.Function, callees: list[ir.Function]) -> int:
        if not self.calls:
            return self.size
        sizes: dict[int, int] = {}
        for f in (*callees, kernel):  # callees first
            inlined = (i.attr for i in ir.walk(f.body) if i.op == "call" and id(i.attr) not in self.calls)
            sizes[id(f)] = f.size() + sum(sizes[id(c)] for c in inlined)
        return max(sizes[k] for k in (*self.calls, id(kernel)))

    def _copies(self, kernel: ir.Function, callees: list[ir.Function]) -> dict[int, int]:
        """How often each function would stand in the kernel."""
        copies = {id(kernel): 1, **dict.fromkeys(map(id, callees), 0)}
        for f in (kernel, *reversed(callees)):  # callers first
            for i in ir.walk(f.body):
                if i.op == "call":
                    copies[id(i.attr)] += copies[id(f)]
        return copies
