"""Loops: `for` and `while` as structured operations, with the names that they change as loop-carried values."""

from __future__ import annotations

import ast
from typing import Any

from engine import types as T
from engine.errors import KernelSyntaxError
from engine.in_out import out_places
from engine.lang import exits, ir
from engine.lang.calls import static
from engine.lang.exits import BROKE, CONTINUED, RESULT, RETURNED
from engine.lang.values import Poison, Val, is_number, leaves, lift, rebuild, signature


class Loops:
    """Mixin of the compiler: dynamic loops, unrolled loops, what can be iterated."""

    def do_While(self, s: ast.While) -> None:
        if s.orelse:
            raise self.fail("while ... else is not part of the kernel language", s, KernelSyntaxError)
        if self.changes_arguments(s.test):
            self.stepped(s, s.test)
            return
        self.loop(s, s.body, test=s.test)

    def changes_arguments(self, test: ast.expr) -> bool:
        """Whether evaluating `test` binds names anew, as `query_next(query, index)` does."""
        calls = [n for n in ast.walk(test) if isinstance(n, ast.Call) and isinstance(n.func, (ast.Name, ast.Attribute))]
        return any(getattr(self.expression(n.func), "mutates", ()) for n in calls)

    def stepped(self, s: ast.While | ast.For, test: ast.expr) -> None:
        """`while test: body` as `while True: if test: body else: break`: names that `test` binds reach the body."""
        step = ast.copy_location(ast.If(test, s.body, [ast.copy_location(ast.Break(), s)]), s)
        self.loop(s, [step], test=ast.copy_location(ast.Constant(True), test))

    def over_query(self, s: ast.For, query: Val, step: Any) -> None:
        """`for index in query`: a copy of the query is asked for the next index until there is none."""
        if not isinstance(s.target, ast.Name):
            raise self.fail("the loop variable of a query must be one name", s.target, KernelSyntaxError)
        hidden, call = f"%query{s.lineno}", f"%next{s.lineno}"
        self.env[hidden], self.env[call] = query, step
        self.env[s.target.id] = self.emit.number(0, T.int32)
        arguments = [ast.Name(hidden, ast.Load()), ast.Name(s.target.id, ast.Load())]
        test = ast.Call(ast.Name(call, ast.Load()), arguments, [])
        for part in (test, test.func, *arguments):
            ast.copy_location(part, s.iter)
        self.stepped(s, test)
        for name in (hidden, call):
            self.env.pop(name, None)

    def do_For(self, s: ast.For) -> None:
        if s.orelse:
            raise self.fail("for ... else is not part of the kernel language", s, KernelSyntaxError)
        items = self.iterable(s.iter)
        if isinstance(items, Query):
            self.over_query(s, items.value, items.step)
            return
        if isinstance(items, Range):
            bounds = [v.constant for v in (items.start, items.stop, items.step)]
            if all(c is not None for c in bounds):
                if bounds[2] == 0:
                    raise self.fail("range() step must not be zero", s.iter)
                fixed = range(*bounds)
                leaving = exits.may_exit_loop(s.body) or any(exits.may_return(x) for x in s.body)
                if (len(fixed) <= self.max_unroll and not leaving) or self.needed_by_static(s):
                    items = [
                        self.emit.literal_as(lift(self.b, i), items.start.type)
                        if not items.literal
                        else lift(self.b, i)
                        for i in fixed
                    ]
        if isinstance(items, Range):
            self.loop(s, s.body, bounds=items)
        else:
            self.unrolled(s, items, 0)

    def needed_by_static(self, s: ast.For) -> bool:
        """Whether `static()` in the body asks for the loop variable, so that the loop must be unrolled whatever it costs."""
        names = {n.id for n in ast.walk(s.target) if isinstance(n, ast.Name)}
        calls = (n for part in s.body for n in ast.walk(part) if isinstance(n, ast.Call) and n.args)
        return any(
            isinstance(n, ast.Name) and n.id in names
            for call in calls
            if self.static_callee(call.func) is static
            for n in ast.walk(call.args[0])
        )

    def unrolled(self, s: ast.For, items: list, k: int) -> None:
        leaving = exits.may_exit_loop(s.body)
        returning = any(exits.may_return(x) for x in s.body)
        if leaving and k == 0:
            self.env[BROKE] = self.emit.number(False, T.bool_)
        while k < len(items):
            if ast.Continue in leaving:
                self.env[CONTINUED] = self.emit.number(False, T.bool_)
            self.assign(s.target, items[k], s)
            self.block(s.body)
            k += 1
            if (leaving or returning) and k < len(items):
                alive = self.not_exited((RETURNED, BROKE))
                if alive.constant is None or not alive.constant:
                    self.branch(alive, lambda k=k: self.unrolled(s, items, k), lambda: None, s)
                    break
        if leaving:
            self.env.pop(BROKE, None)
            self.env.pop(CONTINUED, None)

    def loop(
        self, s: ast.stmt, body: list[ast.stmt], test: ast.expr | None = None, bounds: Range | None = None
    ) -> None:
        """A dynamic loop: names that the body binds become loop-carried values."""
        leaving, returning = exits.may_exit_loop(body), any(exits.may_return(x) for x in body)
        outer = {n: self.env.pop(n) for n in (BROKE, CONTINUED) if n in self.env}
        names = exits.assigned_names(body, self.changed_by_call)
        escaping = self.read_outside(s)
        if ast.Break in leaving:
            self.env[BROKE] = self.emit.number(False, T.bool_)
            names.add(BROKE)
        if returning:
            names |= {RETURNED, RESULT}
            escaping |= {RETURNED, RESULT}
        target = s.target if bounds is not None else None
        if target is not None and not isinstance(target, ast.Name):
            raise self.fail("the loop variable of range() must be one name", target, KernelSyntaxError)
        # carried: known before the loop and bound in it
        carried: dict[str, Any] = {}
        for name in sorted(names):
            value = self.env.get(name)
            if value is None or isinstance(value, Poison) or (target is not None and name == target.id):
                continue
            value = self.concrete(value)
            if leaves(value) is not None:
                carried[name] = value
        counted = bounds is not None and not returning and ast.Break not in leaving
        before = self.env
        region = ir.Region()
        index = None
        if bounds is not None:
            index = ir.Param("i", bounds.start.type)
            region.params.append(index)
        entry: dict[str, Any] = {}
        for name, value in carried.items():
            params = [ir.Param(name, v.type) for v in leaves(value)]
            region.params += params
            entry[name] = rebuild(value, params)
        inits = [v for value in carried.values() for v in leaves(value)]
        guard = None
        if not counted:
            guard = self.loop_guard(
                region, entry, index, bounds, test, (BROKE,) * (ast.Break in leaving) + (RETURNED,) * returning
            )
        previous = self.b.enter(region)
        self.env = {**before, **entry}
        try:
            if target is not None:
                self.env[target.id] = self.emit.scalar(index)
            if ast.Continue in leaving:
                self.env[CONTINUED] = self.emit.number(False, T.bool_)
            self.block(body)
            after = self.env
            new: dict[str, Any] = {}
            for name, value in after.items():
                if name in carried or name == CONTINUED or (name.startswith("%") and name != RESULT):
                    continue
                if (
                    before.get(name) is not value
                    and name in escaping
                    and (
                        before.get(name) is None
                        or isinstance(before.get(name), Poison)
                        or (target is not None and name == target.id)
                    )
                ):
                    value = self.concrete(value)
                    if leaves(value) is not None:
                        new[name] = value
            yields: list[ir.Value] = []
            if bounds is not None and not counted:
                yields.append(self.b.op("add", index, bounds.step.value))
            for name, value in carried.items():
                yields += leaves(self.same_after_loop(name, value, after.get(name), s))
            for value in new.values():
                yields += leaves(value)
            region.yields = yields
        finally:
            self.b.leave(previous)
        self.env = before
        for name, value in new.items():
            region.params += [ir.Param("late", v.type) for v in leaves(value)]
            if guard is not None:
                guard.params += [ir.Param("late", v.type) for v in leaves(value)]
            inits += self.before_first_pass(before.get(name), value)
        types = [v.type for v in region.yields]
        if counted:
            args = (bounds.start.value, bounds.stop.value, bounds.step.value, *inits)
            results = self.b.structured("for", args, (region,), types)
        else:
            first = [bounds.start.value] if bounds is not None else []
            results = self.b.structured("while", (*first, *inits), (guard, region), types)
            results = results[len(first) :]
        at = 0
        for name, value in [*carried.items(), *new.items()]:
            n = len(leaves(value))
            self.env[name] = rebuild(value, results[at : at + n])
            at += n
        for name in (BROKE, CONTINUED):
            self.env.pop(name, None)
        self.env.update(outer)

    def before_first_pass(self, old: Any, value: Any) -> list[ir.Value]:
        """What a name first bound in a loop holds if the loop never runs: its old value if it fits, else zero."""
        old = None if isinstance(old, Poison) else self.concrete(old)
        if leaves(old) is not None and signature(old) == signature(value):
            return leaves(old)
        return [self.b.const(0, v.type) for v in leaves(value)]

    def loop_guard(self, body: ir.Region, entry: dict, index, bounds, test, flags: tuple[str, ...]) -> ir.Region:
        """The region that decides whether a `while` goes on, over parameters of its own."""
        guard = ir.Region([ir.Param(p.name, p.type) for p in body.params])
        twin = {id(p): q for p, q in zip(body.params, guard.params)}
        before = self.env
        previous = self.b.enter(guard)
        self.env = {**before, **{n: rebuild(v, [twin[id(x)] for x in leaves(v)]) for n, v in entry.items()}}
        try:
            alive = None
            if bounds is not None:
                i, stop, step = twin[id(index)], bounds.stop.value, bounds.step
                if step.constant is not None:
                    alive = self.b.op("lt" if step.constant > 0 else "gt", i, stop)
                else:
                    up = self.b.op("gt", step.value, self.b.const(0, step.type))
                    alive = self.b.op("select", up, self.b.op("lt", i, stop), self.b.op("gt", i, stop))
            for name in flags:
                running = self.b.op("not", self.env[name].value)
                alive = running if alive is None else self.b.op("and", alive, running)
            if test is not None:
                if alive is None:
                    alive = self.condition(test).value
                else:
                    holder = self.logical(
                        ast.And(), [lambda: self.emit.scalar(alive), lambda: self.condition(test)], test
                    )
                    alive = holder.value
            guard.yields = [alive]
        finally:
            self.b.leave(previous)
            self.env = before
        return guard

    def read_outside(self, loop: ast.stmt) -> set[str]:
        """Names read in the function outside `loop`."""
        if self.all_reads is None:
            self.all_reads = exits.reads(self.source.tree)
        return set((self.all_reads - exits.reads(loop)).keys())

    def changed_by_call(self, call: ast.Call) -> list[ast.expr]:
        """The arguments that a call changes in place: those of builtins such as `randf(state)`."""
        callee = self.static_callee(call.func)
        changed = [call.args[k] for k in getattr(callee, "mutates", ()) if k < len(call.args)]
        return changed + out_places(callee, call.args)

    def static_callee(self, node: ast.expr) -> Any:
        """The Python object that a callee's name or dotted name means; None if it is no such thing."""
        if isinstance(node, ast.Attribute):
            return getattr(self.static_callee(node.value), node.attr, None)
        if not isinstance(node, ast.Name):
            return None
        found = self.env.get(node.id)
        if found is None and node.id not in self.local_names:
            found = self.source.peek(node.id)
        return None if isinstance(found, Val) else found

    def same_after_loop(self, name: str, entry: Any, value: Any, s: ast.stmt) -> Any:
        """`value` as the type that the name had before the loop."""
        node = _last_assignment(s, name)
        if isinstance(value, Poison):
            raise self.fail(value.why, node)
        joined = self.join(name, entry, value)
        if isinstance(joined, Poison) or signature(joined[0]) != signature(entry):
            before, after = self.describe(entry), self.describe(value)
            raise self.fail(
                f"'{name}' is {before} before the loop and becomes {after} here; start it as {after}, or convert it here",
                node,
            )
        return joined[1]

    def iterable(self, node: ast.expr):
        if isinstance(node, ast.Call):
            callee = self.expression(node.func)
            if callee is range:
                args = [
                    v if v.literal or (v.type.is_bool and v.constant is not None) else self.emit.integer("range()", v)
                    for v in (self.value(self.expression(a), a) for a in node.args)
                ]
                args = [lift(self.b, int(v.constant)) if v.type.is_bool and v.constant is not None else v for v in args]
                if not 1 <= len(args) <= 3:
                    raise self.fail("range() takes 1 to 3 integers", node)
                if len(args) == 1:
                    args = [lift(self.b, 0), args[0]]
                if len(args) == 2:
                    args.append(lift(self.b, 1))
                literal = all(v.literal for v in args)
                start, stop, step = (self.emit.integer("range()", v) for v in self.emit.unify("range()", *args))
                return Range(start, stop, step, literal)
            if callee is reversed and len(node.args) == 1:
                items = self.iterable(node.args[0])
                if isinstance(items, Query):
                    raise self.fail("reversed() takes a range(), a tuple or a vector", node)
                return items[::-1] if isinstance(items, list) else self.reversed_range(items)
        value = self.expression(node)
        if isinstance(value, (tuple, list, range)):
            return list(value)
        if isinstance(value, Val) and value.kind in ("vec", "quat"):
            return [Val(value.scalar, [c]) for c in value.comps]
        if isinstance(value, Val) and value.kind == "struct" and hasattr(value.type.cls, "__engine_next__"):
            return Query(value, value.type.cls.__engine_next__)
        raise self.fail(f"cannot loop over {self.describe(value)}; use range(), a tuple or a vector", node)

    def reversed_range(self, r: Range) -> Range:
        """The same indices, last to first."""
        b, t = self.b, r.start.type
        start, stop, step = (v.value for v in (r.start, r.stop, r.step))
        sign = b.op("select", b.op("gt", step, b.const(0, t)), b.const(1, t), b.const(-1, t))
        reach = b.op("add", b.op("sub", stop, start), b.op("sub", step, sign))
        count = b.op("max", b.op("div", reach, step), b.const(0, t))
        last = b.op("add", start, b.op("mul", b.op("sub", count, b.const(1, t)), step))
        down = [last, b.op("sub", start, step), b.op("neg", step)]
        return Range(*(Val(t, [v]) for v in down), r.literal)

    def is_literal(self, node: ast.expr) -> bool:
        value = self.expression(node)
        return (isinstance(value, Val) and value.literal) or is_number(value)


class Range:
    """A `range()` whose bounds are scalars."""

    def __init__(self, start: Val, stop: Val, step: Val, literal: bool):
        self.start, self.stop, self.step, self.literal = start, stop, step, literal


class Query:
    """A struct that can be iterated: its class says in `__engine_next__` which function steps it."""

    def __init__(self, value: Val, step: Any):
        self.value, self.step = value, step


def _last_assignment(loop: ast.stmt, name: str) -> ast.AST:
    """The last statement inside `loop` that binds `name`, else the loop."""
    found: ast.AST = loop
    for n in ast.walk(loop):
        if isinstance(n, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and n.lineno >= found.lineno:
            targets = n.targets if isinstance(n, ast.Assign) else [n.target]
            if any(isinstance(t, ast.Name) and t.id == name for target in targets for t in ast.walk(target)):
                found = n
    return found
