"""Force slots: where an element leaves its force on each corner, three planes of numbers (x, y, z) of one row.

Planes rather than vectors, so that threads (or lanes) of neighbouring elements touch neighbouring numbers: on a GPU a
stored vector of 12 bytes costs three partly filled memory transactions where three planes cost one each, on a CPU a
scattered store becomes a plain one.
"""

import engine as en

_ALIGNMENT = 32  # numbers; every plane starts on a memory line


def new_slots(count: int, device=None, planes: int = 3):
    """Slots for `count` forces and the zero slot number `count`, all zero, float, shape [3, >= count + 1]."""
    return en.zeros((planes, -(-(count + 1) // _ALIGNMENT) * _ALIGNMENT), dtype=float, device=device)


@en.func
def set_slot(slots: en.array2d(dtype=float), s: int, f: en.vec3):
    slots[0, s] = f[0]
    slots[1, s] = f[1]
    slots[2, s] = f[2]


@en.func
def get_slot(slots: en.array2d(dtype=float), s: int) -> en.vec3:
    return en.vec3(slots[0, s], slots[1, s], slots[2, s])


@en.func
def leave(slots: en.array2d(dtype=float), place: int, f: en.vec3):
    """Writes a slot, unless `place` is -1."""
    if place >= 0:
        set_slot(slots, place, f)
