"""What the elements of an array of structs refer to: they hold addresses, so something else must keep the arrays alive."""

from __future__ import annotations

from typing import Any

from engine.arrays import array


def held_arrays(a: array) -> list[array]:
    """The arrays that elements of an array of structs refer to, as far as it is known."""
    if not refers_to_arrays(a.dtype):
        return []
    found: dict[int, array] = {}

    def visit(owner: Any, inside: bool) -> None:
        if isinstance(owner, (tuple, list)):
            for item in owner:
                visit(item, True)
        elif isinstance(owner, array):
            if inside and owner.dtype is not a.dtype:
                found[id(owner)] = owner
            elif not inside or owner.dtype is a.dtype:
                visit(owner._owner, False)

    visit(a._owner, False)
    return list(found.values())


def hold(a: array, held: list[array]) -> None:
    """Keeps `held` alive as long as the memory of `a`, which may be a view."""
    root = a
    while isinstance(root._owner, array):
        root = root._owner
    known = {id(x) for x in held_arrays(root)}
    if new := [x for x in held if id(x) not in known]:
        root._owner = (root._owner, new)


def refers_to_arrays(t: Any) -> bool:
    """Whether a value of a type holds addresses of arrays."""
    return t.kind == "struct" and any(f.kind == "array" or refers_to_arrays(f) for f in t.fields.values())
