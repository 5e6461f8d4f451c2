"""Elastic energy as quantities over time: of springs, membranes, bending, volumes and joints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.frame_history import Frame
from app.session import Session
from app.view.quantity import Quantity
from sim.elastic_energy import element_energy, joint_energy

#: family of elements, and what its energy is called
NAMES = {"spring": "spring energy", "tri": "membrane energy", "edge": "bending energy", "tet": "volume energy"}
JOINT_NAMES = {"springs": "joint spring energy", "limits": "joint limit energy", "drives": "joint drive energy"}


def elastic_quantities(session: Session, rest: Callable[[Frame], float]) -> list[Quantity]:
    """Elastic energies of a scene: by kind, together, and with `rest`, the other energies, the mechanical energy."""
    model, found = session.model, []
    for family, name in NAMES.items():
        if getattr(model, f"{family}_count"):
            found.append(_of_elements(session, name, (family,)))
    jointed = bool(model.joint_axis_count) or bool(model.joint_count and model.joint_stiffness.numpy().any())
    if jointed:
        found += [Quantity(name, "J", lambda f, k=k: _in_joints(session, f)[k]) for k, name in JOINT_NAMES.items()]
    if not found:
        return []

    def together(frame: Frame) -> float:
        total = sum(each.read(frame) for each in found if each.name not in JOINT_NAMES.values())
        return total + (sum(_in_joints(session, frame).values()) if jointed else 0.0)

    def prepare() -> None:
        for each in found:
            if each.prepare is not None:
                each.prepare()

    return [
        *found,
        Quantity("elastic energy", "J", together, prepare),
        Quantity("mechanical energy", "J", lambda f: rest(f) + together(f), prepare),
    ]


def part_elastic(session: Session, name: str, particles: range) -> list[Quantity]:
    """Elastic energy of one cloth or soft body, whose elements lie among `particles`."""
    model = session.model
    families, rows = [], {}
    for family in NAMES:
        count = getattr(model, f"{family}_count")
        if count:
            corners = getattr(model, f"{family}_indices").numpy().reshape(count, -1)[:, -1]
            mine = (corners >= particles.start) & (corners < particles.stop)
            if mine.any():
                families.append(family)
                rows[family] = mine
    return [_of_elements(session, f"{name} elastic energy", tuple(families), rows)] if families else []


def _of_elements(
    session: Session, name: str, families: tuple[str, ...], rows: dict[str, np.ndarray] | None = None
) -> Quantity:
    def read(frame: Frame) -> float:
        law = "constraints" if session.settings.solver == "xpbd" else "forces"  # the solver may change meanwhile
        total = 0.0
        for family in families:
            energy = element_energy(session.model, family, frame.rows("particle_q"), law)
            total += float(energy.sum() if rows is None else energy[rows[family]].sum())
        return total

    first = session.history.newest()
    return Quantity(name, "J", read, lambda: read(first))


def _in_joints(session: Session, frame: Frame) -> dict[str, float]:
    return joint_energy(session.model, frame.rows("joint_q"), frame.targets)
