"""The mass properties of a model's bodies as one kernel argument."""

import engine as en

BODY_ARRAYS = ("body_mass", "body_com", "body_inertia")


@en.struct
class BodyTable:
    """Mass properties of all bodies."""

    mass: en.array(dtype=float)
    com: en.array(dtype=en.vec3)
    inertia: en.array(dtype=en.mat33)


def body_table(model) -> BodyTable:
    """The table of a model's bodies."""
    table = BodyTable()
    table.mass, table.com, table.inertia = (getattr(model, name) for name in BODY_ARRAYS)
    return table
