"""Python function → IR. Statements and branches here; `loops`, `expressions`, `indexing`, `calls` hold the rest."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from typing import Any

from engine import config
from engine import types as T
from engine.array_types import FixedArrayType, FixedValue
from engine.errors import KernelError, KernelSyntaxError, KernelTypeError
from engine.lang import exits, ir
from engine.lang.builder import Builder
from engine.lang.exits import BROKE, CONTINUED, RESULT, RETURNED
from engine.lang.expressions import Expressions
from engine.lang.indexing import is_private
from engine.lang.loops import Loops
from engine.lang.refusals import refusal
from engine.lang.source import Source
from engine.lang.values import Poison, ThreadIndexBase, Val, is_number, is_struct, leaves, lift, rebuild, signature
from engine.library.registry import Emit, RuleError

_SPECULATE = 24  # branches of at most this many cheap operations become selects


class Compiler(Expressions, Loops):
    """Compiles one Python function for given argument types into one `ir.Function`."""

    def __init__(
        self,
        source: Source,
        compile_callee: Callable,
        debug: bool = False,
        returns: Any = Any,
        max_unroll: int | None = None,
    ):
        self.source, self.compile_callee, self.debug = source, compile_callee, debug
        self.env: dict[str, Any] = {}
        self.trap_memory: ir.Instr | None = None
        self.all_reads: Counter[str] | None = None
        self.max_unroll = config.max_unroll if max_unroll is None else max_unroll
        self.returns = returns  # declared type of the result; None for a kernel, Any where the body decides
        self.tid_arity = 0
        self.tid_params: list[ir.Param] = []
        self.prologue: Callable = lambda: None

    def compile(
        self, name: str, params: list[ir.Param], arguments: dict[str, Any], refs: dict[str, Any] | None = None
    ) -> tuple[ir.Function, Any]:
        """Compiles the body with `arguments` bound; returns the function and the (tuple of) result type.

        With `refs`, names and types of arguments that go back to the caller, the type is `(result, refs...)`.
        """
        self.function = ir.Function(name, params)
        self.b = Builder(self.function)
        self.emit = Emit(self.b)
        self.env = dict(arguments)
        self.prologue()
        self.env[RETURNED] = self.emit.number(False, T.bool_)
        body = self.source.tree.body
        if isinstance(body, list):
            self.block(body)
        else:  # lambda
            self.env[RESULT] = self.expression(body)
        result = self.env.get(RESULT)
        if isinstance(result, Poison):
            raise self.source.error(result.why, self.source.tree, KernelTypeError)
        if result is not None:
            result = self.concrete(result)
            if leaves(result) is None:
                return self.function, result  # a compile-time value: a function or a type
            self.function.body.yields = list(leaves(result))
        found = signature(result) if result is not None else None
        if refs:
            given_back = [self.stored(self.env[n], t, self.source.tree) for n, t in refs.items()]
            self.function.body.yields = [*self.function.body.yields, *(c for v in given_back for c in v.comps)]
            return self.function, (found, *refs.values())
        return self.function, found

    # helpers ---------------------------------------------------------------------------------------------------
    def fail(self, reason: str, node: ast.AST, kind: type[KernelError] = KernelTypeError) -> KernelError:
        return self.source.error(reason, node, kind)

    def concrete(self, obj: Any) -> Any:
        if isinstance(obj, tuple):
            return tuple(self.concrete(o) for o in obj)
        if is_number(obj) or isinstance(obj, T.Composite):
            obj = lift(self.b, obj)
        return self.emit.concrete(obj) if isinstance(obj, Val) else obj

    def not_exited(self, names: tuple[str, ...]) -> Val:
        flag = None
        for name in names:
            v = self.env.get(name)
            if v is not None:
                flag = v.value if flag is None else self.b.op("or", flag, v.value)
        return self.emit.scalar(self.b.op("not", flag))

    # blocks ----------------------------------------------------------------------------------------------------
    def block(self, stmts: list[ast.stmt]) -> None:
        for k, s in enumerate(stmts):
            rest = stmts[k + 1 :]
            if not exits.may_exit(s):
                self.statement(s)
                continue
            if isinstance(s, ast.If):
                if exits.always_exits(s.body):
                    self.if_statement(s.test, s.body, s.orelse + rest)
                    return
                if s.orelse and exits.always_exits(s.orelse):
                    self.if_statement(s.test, s.body + rest, s.orelse)
                    return
            self.statement(s)
            if isinstance(s, (ast.Return, ast.Break, ast.Continue)):
                return
            if rest:
                alive = self.not_exited((RETURNED, BROKE, CONTINUED))
                if alive.constant is True:
                    continue
                self.branch(alive, lambda rest=rest: self.block(rest), lambda: None, s)
                return

    def statement(self, s: ast.stmt) -> None:
        method = getattr(self, "do_" + type(s).__name__, None)
        if method is None:
            raise self.fail(refusal(s), s, KernelSyntaxError)
        try:
            method(s)
        except RuleError as error:
            raise self.fail(str(error), s) from None

    def do_Pass(self, s) -> None:
        pass

    def do_Expr(self, s: ast.Expr) -> None:
        if not isinstance(s.value, ast.Constant):  # docstrings
            self.expression(s.value)

    def do_Assert(self, s: ast.Assert) -> None:
        if self.debug:
            ok = self.truth(self.expression(s.test), s.test)
            self.check(ok, f"assertion failed: {self.source.line(s).strip()}", s)

    def check(self, ok: ir.Value, message: str, node: ast.AST, *details: ir.Value) -> None:
        where = f"{self.source.place(node)}: in {self.source.name}: {message}"
        details = tuple(self.b.op("cast", d, type=T.int64) for d in details)
        self.b.effect("check", None, (ok, *details), where)

    def do_AnnAssign(self, s: ast.AnnAssign) -> None:
        if s.value is not None:
            self.assign(s.target, self.expression(s.value), s.value)

    def do_Assign(self, s: ast.Assign) -> None:
        value = self.expression(s.value)
        for target in s.targets:
            self.assign(target, value, s.value)

    def do_AugAssign(self, s: ast.AugAssign) -> None:
        """`x op= y`. On an element of an array `+=` and `-=` are atomic, so that many threads lose no update.

        As in Python the place comes first, then the right side.
        """
        place = self.array_place(s.target)
        if place is None:
            old = self.expression(s.target)
            self.assign(s.target, self.binary(s.op, old, self.expression(s.value), s), s.value)
            return
        dtype, base, offset = place
        additive = isinstance(s.op, (ast.Add, ast.Sub)) and dtype.kind != "struct" and not dtype.scalar.is_bool
        if additive and not is_private(base):
            value = self.stored(self.expression(s.value), dtype, s.value)
            self.atomic_each("add" if isinstance(s.op, ast.Add) else "sub", base, offset, value)
            return
        old = self.load(dtype, base, offset)
        value = self.binary(s.op, old, self.expression(s.value), s)
        self.store(dtype, base, offset, self.stored(value, dtype, s.value))

    def stored(self, value: Any, t: Any, node: ast.AST) -> Val:
        """`value` as a `t` for an assignment; an error points at the value."""
        try:
            return self.as_type(value, t, node)
        except RuleError as error:
            raise self.fail(str(error), node) from None

    def assign(self, target: ast.expr, value: Any, node: ast.AST) -> None:
        """Binds or stores `value`, which the syntax node `node` wrote."""
        if isinstance(target, ast.Name):
            self.env[target.id] = self.value(value, node) if isinstance(value, ThreadIndexBase) else value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = self.unpack(value, len(target.elts), node)
            for t, v in zip(target.elts, items):
                self.assign(t, v, node)
        elif isinstance(target, (ast.Subscript, ast.Attribute)):
            place = self.array_place(target)
            if place is not None:
                dtype, base, offset = place
                self.store(dtype, base, offset, self.stored(value, dtype, node))
                return
            container = self.expression(target.value)
            if not isinstance(container, Val) or container.kind == "array":
                raise self.fail(_not_assignable(target, container), target, KernelSyntaxError)
            try:
                if isinstance(target, ast.Attribute):
                    changed = self.with_field(container, target.attr, value, node)
                else:
                    changed = self.with_item(container, target, value, node)
            except RuleError as error:
                raise self.fail(str(error), target) from None
            self.assign(target.value, changed, node)
        elif isinstance(target, ast.Starred):
            raise self.fail("a starred target is not part of the kernel language", target, KernelSyntaxError)
        else:
            what = ast.unparse(target)
            raise self.fail(f"'{what}' cannot be changed; put it in a variable first", target, KernelSyntaxError)

    def unpack(self, value: Any, count: int, node: ast.AST) -> list:
        if isinstance(value, (tuple, list)):
            items = list(value)
        elif isinstance(value, Val) and value.kind in ("vec", "quat"):
            items = [Val(value.scalar, [c]) for c in value.comps]
        elif isinstance(value, ThreadIndexBase):
            self.tid_arity = max(self.tid_arity, count)
            return [self.emit.scalar(p) for p in self.tid_params[:count]]
        else:
            raise self.fail(f"cannot unpack {self.describe(value)} into {count} names", node)
        if len(items) != count:
            raise self.fail(f"got {len(items)} values for {count} names", node)
        return items

    # return, break, continue -----------------------------------------------------------------------------------
    def do_Return(self, s: ast.Return) -> None:
        if s.value is not None:
            value = self.concrete_tuple(self.expression(s.value))
            if self.returns is None and value is not None:
                raise self.fail(
                    "a kernel returns nothing; write its results to an array argument", s, KernelSyntaxError
                )
            self.env[RESULT] = self.by_value(self.declared(value, self.returns, s.value))
        self.env[RETURNED] = self.emit.number(True, T.bool_)

    def concrete_tuple(self, value: Any) -> Any:
        """Compile-time numbers and vectors as values, tuples and lists as tuples of them."""
        if isinstance(value, (tuple, list)):
            return tuple(map(self.concrete_tuple, value))
        if is_number(value) or isinstance(value, (T.Composite, ThreadIndexBase)) or is_struct(value):
            return self.value(value, self.source.tree)
        return value

    def by_value(self, value: Any) -> Any:
        """A returned value, with the elements of local arrays in their place: their memory ends with the function."""
        if isinstance(value, tuple):
            return tuple(map(self.by_value, value))
        if not (isinstance(value, Val) and isinstance(value.type, FixedArrayType)):
            return value
        t, whole = value.type.dtype, FixedValue(value.type)
        places = (self.b.const(k * t.size, T.int64) for k in range(whole.elements))
        return Val(whole, [c for at in places for c in self.load(t, value.comps[0], at).comps])

    def as_local(self, value: Any) -> Any:
        """What a call returned, with arrays that came by value as local arrays."""
        if isinstance(value, tuple):
            return tuple(map(self.as_local, value))
        if not (isinstance(value, Val) and value.kind == "fixed"):
            return value
        t = value.type.dtype
        out = self.local_array(value.type.array, zero=False)
        for k in range(value.type.elements):
            part = Val(t, value.comps[k * t.count : (k + 1) * t.count])
            self.store(t, out.comps[0], self.b.const(k * t.size, T.int64), part)
        return out

    def local_array(self, t: FixedArrayType, zero: bool) -> Val:
        """Memory private to the thread as an array."""
        strides, step = [], t.dtype.size
        for s in reversed(t.shape):
            strides.insert(0, step)
            step *= s
        base = self.b.effect("alloca", T.pointer, (), (step, zero))
        return Val(t, [base, *(self.b.const(n, T.int64) for n in (*t.shape, *strides))])

    def declared(self, value: Any, t: Any, node: ast.AST) -> Any:
        """A returned value as the declared type of the result."""
        if not hasattr(t, "kind") or not isinstance(value, Val) or (t.kind == "array" and t.dtype is Any):
            return value
        if isinstance(value.type, FixedArrayType) and not isinstance(t, FixedArrayType):
            fits = f"fixedarray(dtype={T.type_name(value.type.dtype)}, shape={value.type.shape})"
            raise self.fail(f"a local array lives as long as its function; annotate the result as {fits}", node)
        try:
            return self.as_type(value, t, node)
        except RuleError as error:
            raise self.fail(f"{self.source.name}() returns {T.type_name(t)} by its annotation: {error}", node) from None

    def do_Break(self, s) -> None:
        self.env[BROKE] = self.emit.number(True, T.bool_)

    def do_Continue(self, s) -> None:
        self.env[CONTINUED] = self.emit.number(True, T.bool_)

    # if --------------------------------------------------------------------------------------------------------
    def do_If(self, s: ast.If) -> None:
        self.if_statement(s.test, s.body, s.orelse)

    def if_statement(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> None:
        condition = self.condition(test)
        self.branch(condition, lambda: self.block(body), lambda: self.block(orelse), test)

    def condition(self, test: ast.expr) -> Val:
        try:
            return self.emit.scalar(self.truth(self.expression(test), test))
        except RuleError as error:
            raise self.fail(str(error), test) from None

    def branch(self, condition: Val, then: Callable, otherwise: Callable, node: ast.AST) -> None:
        """Runs `then` and `otherwise` under `condition` and merges the names they bind."""
        known = condition.constant
        if known is not None:
            (then if known else otherwise)()
            return
        before = self.env
        regions, envs = [], []
        for run in (then, otherwise):
            region = ir.Region()
            previous = self.b.enter(region)
            self.env = dict(before)
            try:
                run()
            finally:
                self.b.leave(previous)
            regions.append(region)
            envs.append(self.env)
        self.env = before
        self.merge(condition.value, regions, envs, node)

    def merge(self, condition: ir.Value, regions: list[ir.Region], envs: list[dict], node: ast.AST) -> None:
        before, (a_env, b_env) = self.env, envs
        merged: dict[str, tuple[Any, list, list]] = {}
        env = dict(before)
        for name in list(dict.fromkeys([*a_env, *b_env])):
            a, b = a_env.get(name), b_env.get(name)
            if a is b:
                env[name] = a
                continue
            joined = self.join(name, a, b)
            if isinstance(joined, Poison):
                env[name] = joined
                continue
            a, b = joined
            merged[name] = (a, leaves(a), leaves(b))
        cheap = all(all(ir.is_cheap(i) for i in r.instrs) for r in regions)
        if cheap and sum(len(r.instrs) for r in regions) <= _SPECULATE:
            for r in regions:
                self.b.splice(r)
            for name, (shape, xs, ys) in merged.items():
                env[name] = rebuild(
                    shape, [x if x is y else self.b.op("select", condition, x, y) for x, y in zip(xs, ys)]
                )
            self.env = env
            return
        pairs: dict[tuple[int, int], int] = {}
        for _, xs, ys in merged.values():
            for x, y in zip(xs, ys):
                if x is not y and (id(x), id(y)) not in pairs:
                    pairs[id(x), id(y)] = len(regions[0].yields)
                    regions[0].yields.append(x)
                    regions[1].yields.append(y)
        results = self.b.structured("if", (condition,), tuple(regions), [v.type for v in regions[0].yields])
        for name, (shape, xs, ys) in merged.items():
            env[name] = rebuild(shape, [x if x is y else results[pairs[id(x), id(y)]] for x, y in zip(xs, ys)])
        self.env = env

    def join(self, name: str, a: Any, b: Any):
        """`a` and `b` as two values of one type, or a Poison that says why not."""
        shown = "the return value" if name == RESULT else f"'{name}'"
        a, b = (lift(self.b, x) if is_number(x) or isinstance(x, T.Composite) else x for x in (a, b))
        if isinstance(a, Poison) or isinstance(b, Poison):
            return a if isinstance(a, Poison) else b
        if a is None or b is None:  # bound on one path only: zero on the other
            known = self.concrete(b if a is None else a)
            if leaves(known) is None:
                return Poison(f"{shown} is set on one path only; set it before the branch")
            zeros = rebuild(known, [self.b.const(0, v.type) for v in leaves(known)])
            return (zeros, known) if a is None else (known, zeros)
        if (
            isinstance(a, Val)
            and isinstance(b, Val)
            and a.type is not b.type
            and a.is_scalar
            and b.is_scalar
            and (a.literal or b.literal)
        ):
            try:
                a, b = self.emit.unify(shown, a, b)
            except RuleError as error:
                return Poison(str(error))
        a, b = self.concrete(a), self.concrete(b)
        if leaves(a) is None or leaves(b) is None:
            return Poison(f"{shown} is a different compile-time value on each path; use numbers to choose at run time")
        if signature(a) != signature(b):
            return Poison(
                f"{shown} is {self.describe(a)} on one path and {self.describe(b)} on the other; make both one type"
            )
        return a, b


def _not_assignable(target: ast.expr, container: Any) -> str:
    shown = ast.unparse(target)
    if isinstance(container, Val) and container.kind == "array" and isinstance(target, ast.Subscript):
        return f"'{shown}' is a row of the array; only single elements can be assigned, one index for each dimension"
    if isinstance(container, Val):
        return f"'{shown}' cannot be assigned; an array's shape and type are fixed"
    return f"'{shown}' cannot be assigned; only arrays, vectors, matrices and struct fields of the kernel can"
