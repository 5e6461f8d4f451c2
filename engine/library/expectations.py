"""Expectations: checks that fail a launch, in every mode, when they do not hold."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from engine import types as T
from engine.errors import KernelAssertionError
from engine.lang.expressions import Expressions
from engine.lang.values import Val
from engine.library.registry import RuleError, builtin

_GROUP = "Testing"


def _fail_unless(holds: bool, message: str) -> None:
    if not holds:
        raise KernelAssertionError(message)


def _python_eq(a: Any, b: Any) -> None:
    _fail_unless(bool(np.all(a == b)), f"expect_eq: the values differ: {a} and {b}")


def _python_neq(a: Any, b: Any) -> None:
    _fail_unless(not np.all(a == b), f"expect_neq: the values are equal: {a}")


def _python_near(a: Any, b: Any, tolerance: float = 1e-6) -> None:
    near = np.all(np.abs(np.asarray(a) - np.asarray(b)) <= tolerance)
    _fail_unless(bool(near), f"expect_near: {a} and {b} differ by more than {tolerance}")


@builtin("expect_eq", _GROUP, kernel_only=True, python=_python_eq)
def _expect_eq(c: Expressions, a: Val, b: Val) -> None:
    """Fails the launch if two values differ. Not differentiable."""
    c.check(_equal(c, a, b), "expect_eq: the values differ", c.call_node)


@builtin("expect_neq", _GROUP, kernel_only=True, python=_python_neq)
def _expect_neq(c: Expressions, a: Val, b: Val) -> None:
    """Fails the launch if two values are equal. Not differentiable."""
    c.check(c.b.op("not", _equal(c, a, b)), "expect_neq: the values are equal", c.call_node)


def _equal(c: Expressions, a: Val, b: Val) -> Any:
    if a.type is not b.type and not (a.literal or b.literal):
        raise RuleError(f"can't test equality for objects with different types: {a.type.name} and {b.type.name}")
    return c.compare(ast.Eq(), a, b, c.call_node).value


@builtin("expect_near", _GROUP, kernel_only=True, python=_python_near)
def _expect_near(c: Expressions, a: Val, b: Val, tolerance: Any = 1e-6) -> None:
    """Fails the launch if any components of two values differ by more than `tolerance`, or one is NaN. Not differentiable."""
    if a.is_scalar and b.is_scalar:
        a, b = c.emit.floating("expect_near()", a, b)
    elif a.type is not b.type:
        raise RuleError(f"got {a.type.name} and {b.type.name}; expected two values of one type")
    wide = T.float32 if a.scalar.bits == 16 else a.scalar
    limit = tolerance if isinstance(tolerance, Val) else c.value(tolerance, c.call_node)
    limit = c.emit.literal_as(limit, wide).value if limit.literal else c.emit.cast(limit.value, wide)
    near = None
    for x, y in zip(a.comps, b.comps):
        gap = c.b.op("abs", c.b.op("sub", c.emit.cast(x, wide), c.emit.cast(y, wide)))
        one = c.b.op("le", gap, limit)
        near = one if near is None else c.b.op("and", near, one)
    c.check(near, "expect_near: the values differ by more than the tolerance", c.call_node)
