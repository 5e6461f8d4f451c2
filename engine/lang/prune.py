"""Dead code elimination that also drops unused results of branches and unused carried values of loops."""

from __future__ import annotations

from engine.lang import ir

#: Operations without a use of their own: they stay only where something that stays needs them.
_IDLE = {"load", "alloca", "tape_push", "tape_pop", "tape_load"}


class _Marker:
    """Finds what is needed, starting from effects and results."""

    def __init__(self, function: ir.Function, optional: set[int], wakes: dict[int, list[ir.Instr]]):
        self.live: set[int] = set()
        self.owners: dict[int, ir.Instr] = {}  # of regions
        self.homes: dict[int, ir.Region] = {}  # of instructions
        self.params: dict[int, tuple[ir.Instr, int]] = {}  # of carried values: the loop, and which
        self.wakes = wakes
        self.work: list[ir.Value] = []
        roots: list[ir.Instr] = []

        def visit(region: ir.Region) -> None:
            for i in region.instrs:
                self.homes[id(i)] = region
                if i.op in ir.STRUCTURED:
                    first = 1 if i.op == "for" else 0
                    for r in i.regions:
                        self.owners[id(r)] = i
                        for k, p in enumerate(r.params):
                            self.params[id(p)] = (i, k - first)
                        visit(r)
                elif i.op not in ir.OPS and i.op not in _IDLE and id(i) not in optional:
                    roots.append(i)

        visit(function.body)
        self.work += function.body.yields
        for i in roots:
            self.keep(i)
        self.run()

    def run(self) -> None:
        while self.work:
            v = self.work.pop()
            if isinstance(v, ir.Const):
                continue
            if isinstance(v, ir.Instr):
                self.keep(v)
            elif isinstance(v, ir.Result):
                if v.owner.op == "if":
                    if id(v) not in self.live:
                        self.live.add(id(v))
                        self.work += [r.yields[v.index] for r in v.owner.regions]
                elif v.owner.op in ("for", "while"):
                    self.carried(v.owner, v.index)
                self.keep(v.owner)
            elif id(v) in self.params:
                loop, k = self.params[id(v)]
                self.keep(loop)
                if k >= 0:
                    self.carried(loop, k)

    def carried(self, loop: ir.Instr, k: int) -> None:
        if id(loop.results[k]) not in self.live:
            self.live.add(id(loop.results[k]))
            self.work += [loop.args[(3 if loop.op == "for" else 0) + k], loop.regions[-1].yields[k]]

    def keep(self, i: ir.Instr) -> None:
        if id(i) in self.live:
            return
        self.live.add(id(i))
        if i.op in ("if", "for", "while"):
            self.work += i.args[:1] if i.op == "if" else i.args[:3] if i.op == "for" else i.regions[0].yields
        else:
            self.work += i.args
        for other in self.wakes.get(id(i), ()):
            self.keep(other)
        owner = self.owners.get(id(self.homes[id(i)]))
        if owner is not None:
            self.keep(owner)


def prune(
    function: ir.Function, optional: set[int] | None = None, wakes: dict[int, list[ir.Instr]] | None = None
) -> None:
    """Removes what neither a result nor an effect needs.

    Args:
        function: Changed in place.
        optional: Ids of effects that only stay if another instruction wakes them.
        wakes: By id of an instruction, the effects that it needs.
    """
    live = _Marker(function, optional or set(), wakes or {}).live

    def sweep(region: ir.Region) -> None:
        region.instrs = [i for i in region.instrs if id(i) in live]
        for i in region.instrs:
            if i.op not in ir.STRUCTURED:
                continue
            kept = [k for k, r in enumerate(i.results) if id(r) in live]
            if len(kept) < len(i.results):
                _keep_results(i, kept)
            for r in i.regions:
                sweep(r)

    sweep(function.body)


def _keep_results(i: ir.Instr, kept: list[int]) -> None:
    i.results = [i.results[k] for k in kept]
    for n, r in enumerate(i.results):
        r.index = n
    if i.op == "if":
        for r in i.regions:
            r.yields = [r.yields[k] for k in kept]
        return
    bounds, first = (3, 1) if i.op == "for" else (0, 0)
    i.args = (*i.args[:bounds], *(i.args[bounds + k] for k in kept))
    for r in i.regions:
        r.params = [*r.params[:first], *(r.params[first + k] for k in kept)]
    i.regions[-1].yields = [i.regions[-1].yields[k] for k in kept]
