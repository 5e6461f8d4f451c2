"""The mass properties of a model's bodies as one kernel argument."""

import engine as en
from sim.forces.contact_resistance import Resistance

BODY_ARRAYS = ("body_mass", "body_com", "body_inertia")


@en.struct
class BodyTable:
    """Mass properties of all bodies, and how contacts resist their acceleration where ``resisted`` is not 0."""

    mass: en.array(dtype=float)
    com: en.array(dtype=en.vec3)
    inertia: en.array(dtype=en.mat33)
    resisted: int
    resistance: Resistance


def body_table(model, resistance: Resistance | None = None) -> BodyTable:
    """The table of a model's bodies."""
    table = BodyTable()
    table.mass, table.com, table.inertia = (getattr(model, name) for name in BODY_ARRAYS)
    if resistance is not None:
        table.resisted, table.resistance = 1, resistance
    return table
