"""Passes over the IR that every function goes through after the front end, and the check of the IR's own rules."""

from __future__ import annotations

from engine.lang import ir


def remove_dead(function: ir.Function) -> None:
    """Drops pure values, loads and structured results that nothing uses."""
    used: set[int] = set()

    def need(values) -> None:
        for v in values:
            used.add(id(v.owner) if isinstance(v, ir.Result) else id(v))
            if isinstance(v, ir.Result):
                used.add(id(v))

    def sweep(region: ir.Region) -> None:
        need(region.yields)
        kept = []
        for instr in reversed(region.instrs):
            if instr.op in ir.STRUCTURED:
                if instr.op == "if":
                    wanted = [k for k, r in enumerate(instr.results) if id(r) in used]
                    if len(wanted) < len(instr.results):
                        _keep_results(instr, wanted)
                for inner in reversed(instr.regions):
                    sweep(inner)
                if id(instr) not in used and not any(_has_effect(r) for r in instr.regions):
                    continue
            elif (instr.op in ir.OPS or instr.op in ("load", "alloca")) and id(instr) not in used:
                continue
            need(instr.args)
            kept.append(instr)
        region.instrs = kept[::-1]

    sweep(function.body)


def finish(function: ir.Function, check: bool) -> None:
    """The passes that every function goes through after the front end."""
    drop_invariant(function)
    remove_dead(function)
    if check:
        verify(function)


def drop_invariant(function: ir.Function) -> None:
    """Drops loop-carried values that no pass of the loop changes, and results of branches that agree."""
    same: dict[int, ir.Value] = {}  # a value, by identity, and the one that it always equals

    def resolve(v: ir.Value) -> ir.Value:
        while id(v) in same:
            v = same[id(v)]
        return v

    def scan(region: ir.Region) -> None:
        for instr in region.instrs:
            if instr.op not in ir.STRUCTURED:
                continue
            for inner in instr.regions:
                scan(inner)
            if instr.op == "if":
                for r, a, b in zip(instr.results, instr.regions[0].yields, instr.regions[1].yields):
                    if resolve(a) is resolve(b):
                        same[id(r)] = resolve(a)
                continue
            for k, (first, y) in enumerate(carried(instr)):
                params = [r.params[k - len(instr.results)] for r in instr.regions]
                y = resolve(y)
                if any(y is p for p in params) or y is resolve(first):
                    for v in (*params, instr.results[k]):
                        same[id(v)] = first

    def rewrite(region: ir.Region) -> None:
        for instr in region.instrs:
            if instr.op in ir.STRUCTURED:
                keep = [k for k, r in enumerate(instr.results) if id(r) not in same]
                if len(keep) < len(instr.results):
                    _keep_results(instr, keep)
            if any(id(a) in same for a in instr.args):
                instr.args = tuple(map(resolve, instr.args))
            for inner in instr.regions:
                rewrite(inner)
        region.yields = [resolve(v) for v in region.yields]

    scan(function.body)
    if same:
        rewrite(function.body)


def carried(loop: ir.Instr) -> list[tuple[ir.Value, ir.Value]]:
    """The value before the loop and the value after a pass, for each result of a `for` or `while`."""
    yields = loop.regions[-1].yields
    return list(zip(loop.args[len(loop.args) - len(yields) :], yields))


def _keep_results(instr: ir.Instr, keep: list[int]) -> None:
    total = len(instr.results)
    if instr.op != "if":
        bounds = instr.args[: len(instr.args) - total]
        instr.args = (*bounds, *(instr.args[len(bounds) + k] for k in keep))
        for r in instr.regions:
            fixed = r.params[: len(r.params) - total]
            r.params = [*fixed, *(r.params[len(fixed) + k] for k in keep)]
    regions = instr.regions if instr.op == "if" else instr.regions[-1:]
    for r in regions:
        r.yields = [r.yields[k] for k in keep]
    instr.results = [instr.results[k] for k in keep]
    for k, r in enumerate(instr.results):
        r.index = k


def _has_effect(region: ir.Region) -> bool:
    return any(i.op in ir.EFFECTS and i.op not in ("load", "alloca") for i in ir.walk(region)) or any(
        i.op == "while" for i in ir.walk(region)
    )


class VerificationError(AssertionError):
    """The IR breaks its own rules: a bug of the compiler, never of its user."""


def verify(function: ir.Function) -> None:
    """Checks that every operand is defined before its use and that types agree; raises VerificationError."""
    defined: set[int] = {id(p) for p in function.params}

    def fail(instr, why):
        raise VerificationError(f"{function.name}: {instr.op}: {why}\n{ir.print_function(function)}")

    def check(instr: ir.Instr) -> None:
        for a in instr.args:
            if not isinstance(a, ir.Const) and id(a) not in defined:
                fail(instr, "operand used before its definition")
        if instr.op in ir.OPS:
            row = ir.OPS[instr.op]
            if len(instr.args) != row.arity:
                fail(instr, f"{len(instr.args)} operands, expected {row.arity}")
            operands = instr.args[1:] if instr.op == "select" else instr.args
            if row.result != "attr" and instr.op != "offset" and len({a.type.name for a in operands}) > 1:
                fail(instr, f"operand types {[a.type.name for a in operands]} differ")
        elif instr.op == "if":
            for r in instr.regions:
                if [v.type for v in r.yields] != [v.type for v in instr.results]:
                    fail(instr, "branch yields do not fit the results")
        elif instr.op in ("for", "while"):
            body = instr.regions[-1]
            if [v.type for v in body.yields] != [v.type for v in instr.results]:
                fail(instr, "loop yields do not fit the carried values")

    def visit(region: ir.Region) -> None:
        mine = [id(p) for p in region.params]
        defined.update(mine)
        for instr in region.instrs:
            check(instr)
            for inner in instr.regions:
                visit(inner)
            mine.append(id(instr))
            mine.extend(id(r) for r in instr.results)
            defined.update(mine[-1 - len(instr.results) :])
        for v in region.yields:
            if not isinstance(v, ir.Const) and id(v) not in defined:
                raise VerificationError(f"{function.name}: yields a value that is not defined here")
        defined.difference_update(mine)

    visit(function.body)
