"""Roots without mass, which cannot move freely: nothing says how they would turn and speed up."""

from __future__ import annotations

import warnings

import numpy as np

from sim.articulation.joint_types import JOINT_FIXED, JOINT_FREE
from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.errors import SimWarning

MOST_NAMED = 4


def warn_of_weightless_roots(builder) -> None:
    """Warns of bodies on free joints that have no mass, neither they nor what fixed joints hold to them."""
    types, child, parent = builder.joint_type.view, builder.joint_child.view, builder.joint_parent.view
    movable = builder.body_flags.view & BODY_FLAG_KINEMATIC == 0
    roots = child[types == JOINT_FREE]
    roots = roots[(builder.body_mass.view[roots] <= 0.0) & movable[roots]]
    if not len(roots):
        return
    fixed = (types == JOINT_FIXED) & (parent >= 0)
    found = [b for b in roots if not _has_mass(int(b), parent[fixed], child[fixed], builder.body_mass.view)]
    if not found:
        return
    names = ", ".join(repr(builder.body_name[b]) for b in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    warnings.warn(
        f"finalize(): {names}{more} shall move freely (free joint) without mass, so nothing says how; give the body m and "
        "I_m or a shape with density, or join it to the world by a fixed joint",
        SimWarning,
        stacklevel=4,
    )


def _has_mass(root: int, parent: np.ndarray, child: np.ndarray, mass: np.ndarray) -> bool:
    """Whether a body, or one that fixed joints hold to it, has mass."""
    held, before = {root}, 0
    while len(held) > before:
        before = len(held)
        members = np.fromiter(held, int)
        held |= set(child[np.isin(parent, members)].tolist()) | set(parent[np.isin(child, members)].tolist())
    return bool((mass[list(held)] > 0.0).any())
