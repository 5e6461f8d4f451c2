"""Plain launches that look like an earlier one: from Python objects to the device in compiled code.

A *recipe* says what arguments of certain types and layouts become: which machine code runs, and how each argument turns into
slots of its argument block. A kernel keeps a few. `enter` follows one whose expectations the arguments meet, by comparing
identities, without running Python; it declines wherever something has to be looked at: a tape or a graph that records,
deterministic or debug mode, functions defined anew, arguments of another kind. Then `launching.launch` does it in Python.
"""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import config
from engine import types as T
from engine.arrays import array
from engine.brain_float import BFloat16
from engine.cpu import entry, jit
from engine.device import known_devices
from engine.lang import definitions
from engine.once import made_once
from engine.quick_launch_text import ENVIRONMENT, HEAD, KINDS, MOST, text
from engine.taping import onlookers, watching

_ARRAY, _NONE, _WHOLE, _SINGLE, _DOUBLE, *_COMPOSITE = range(len(KINDS))
_SIGNED = 1 << 63
_MOST_RECIPES = 8
_MOST_FAILURES = 8  # launches of a kernel that no recipe helps, before we stop trying
_MOST_BYTES = 4000  # what a GPU takes as an argument block
_making = threading.Lock()


class _Patience:
    """Counts launches: compiling the entry takes 80 ms where the cache does not have it, which few launches do not repay."""

    most = 100

    def __init__(self) -> None:
        self.left = self.most

    def is_over(self) -> bool:
        self.left -= 1
        return self.left < 0

    def end(self) -> None:
        self.left = 0


_patience = _Patience()


def enter(kernel: Any, dim: Any, inputs: Any, outputs: Any, device: Any) -> bool:
    """Runs a launch if a recipe fits; False: nothing was done. Replaced by compiled code when the first recipe is made."""
    return False


def note(kernel: Any, variant: Any, args: Sequence[Any], place: Any) -> None:
    """Makes a recipe for launches like one that was just done with these arguments, if they can have one."""
    if kernel.recipe_failures >= _MOST_FAILURES or onlookers or watching or config.deterministic:
        return
    if not _patience.is_over():
        return
    recipe = _recipe(kernel, variant, args, place)
    if recipe is None:
        kernel.recipe_failures += 1
        return
    compile_entry()
    with _making:
        others = [r for r in kernel.recipes if r[1] is recipe[1] and r[2] is recipe[2]]
        if any(_are_same(r, recipe) for r in others):
            kernel.recipe_failures += 1  # it is there, and did not fit
            return
        kernel.recipes = (recipe, *others[: _MOST_RECIPES - 1])


def _are_same(a: tuple, b: tuple) -> bool:
    return len(a) == len(b) and a[0] == b[0] and all(x is y for x, y in zip(a[1:], b[1:]))


def _recipe(kernel: Any, variant: Any, args: Sequence[Any], place: Any) -> tuple | None:
    if len(args) > MOST or variant.size > _MOST_BYTES or not variant.is_plain or kernel.epoch != definitions.epoch:
        return None
    rows, expected = [], []
    for a, t, (_, pattern) in zip(args, variant.types, kernel.parameters):
        row = _row(a, t)
        if row is None or (row[0] == _NONE and T.is_generic(pattern)):
            return None
        rows += row
        expected.append(a._layout if type(a) is array else type(a))
    any_array = any(type(a) is array for a in args)
    # what an aliased form computes is right for all arguments, but another one is faster where none overlap
    overlap = 2 if variant.aliased else int(variant.alias_sensitive)
    facts = dict.fromkeys(HEAD, 0) | variant.launch_facts()
    facts |= {
        "bytes": variant.size,
        "needs_device": int(not any_array),
        "overlap": overlap,
        "is_cuda": int(place.is_cuda),
    }
    numbers = struct.pack(f"<{len(HEAD) + len(rows)}q", *(facts[name] for name in HEAD), *rows)
    return numbers, config.mode, definitions.epoch, place, variant, *expected


def _row(a: Any, t: Any) -> tuple[int, int, int, int] | None:
    """Kind, slots and bounds of an argument of type `t`; None if compiled code cannot convert it."""
    kind = getattr(t, "kind", None)
    if type(a) is array:
        return (_ARRAY, len(a._slots), 0, 0) if kind == "array" else None
    if kind == "array":
        return (_NONE, t.count, 0, 0) if a is None else None
    if kind == "scalar" and isinstance(a, (bool, int, float, np.integer, np.floating)):
        scalar = _scalar_kind(t, a)
        return None if scalar is None else (scalar, 1, *_bounds(t))
    if isinstance(a, T.Composite) and type(a) is t:
        scalar = _scalar_kind(t.scalar, a._values[0]) if type(a._values) is list else None
        return None if scalar is None else (scalar + 3, t.count, *_bounds(t.scalar))
    return None


def _scalar_kind(t: T.ScalarType, a: Any) -> int | None:
    if t.is_float:
        return {"float32": _SINGLE, "float64": _DOUBLE}.get(t.name) if not isinstance(a, BFloat16) else None
    if t.is_bool:
        return _WHOLE if isinstance(a, bool) else None
    return _WHOLE if isinstance(a, (int, np.integer)) else None


def _bounds(t: T.ScalarType) -> tuple[int, int]:
    """Whole numbers that fit a type, as far as a signed number of 64 bits goes."""
    return (0, 0) if t.is_float else (0, 1) if t.is_bool else (max(t.low, -_SIGNED), min(t.high, _SIGNED - 1))


@made_once
def compile_entry() -> Callable:
    """Compiles the entry and puts it in the place of `enter`; plain launches do so when there were enough of them."""
    global enter
    from engine.kernel import Kernel

    known = {
        "Kernel": Kernel, "array": array, "list": list, "tuple": tuple, "int": int, "str": str, "None": None, "False": False,
        "True": True, "config": vars(config), "definitions": vars(definitions), "devices": known_devices,
        "onlookers": onlookers, "watching": watching, "state": entry.runtime_place.address,
    }  # fmt: skip
    environment = tuple(known[name] if name in known else sys.intern(name) for name in ENVIRONMENT)
    code = jit.load_object(jit.compile_text(text(), level=2), ["py_quick_launch"])
    enter = entry.python_function("quick_launch", code["py_quick_launch"], environment)
    _patience.end()
    return code, enter
