"""Multipliers and other arrays that live for one XPBD step, allocated once per model."""

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.forces.element_table import element_table
from sim.forces.slots import new_slots
from sim.semi_implicit.particles import WIDEST_UNROLLED


class Scratch:
    """Work arrays of one model.

    Attributes:
        movable: Inverse mass, 0 for inactive particles [1/kg], shape [particle_count].
        predicted: Positions before constraints [m], shape [particle_count].
        ground_push: Displacement by the ground in this step [m], shape [particle_count].
        copies: Into how many copies simultaneous sweeps split each particle, at least 1, float, shape [particle_count].
        slots: Displacement of the copies [m], see `sim.forces.slots`.
        places, width, row_start: Where they are, by family and by particle, see `sim.forces.element_table`.
        spring_multiplier, tri_multiplier, edge_multiplier, tet_multiplier: One per constraint, in colour order, or by
            element when all are solved at once.
    """

    def __init__(self, model):
        self.movable = en.zeros(max(model.particle_count, 1), dtype=float)
        self.predicted = en.zeros(max(model.particle_count, 1), dtype=en.vec3)
        self.ground_push = en.zeros(max(model.particle_count, 1), dtype=float)
        self.spring_multiplier = en.zeros(max(model.spring_count, 1), dtype=float)
        self.tri_multiplier = en.zeros((3, max(model.tri_count, 1)), dtype=float)
        self.edge_multiplier = en.zeros(max(model.edge_count, 1), dtype=float)
        self.tet_multiplier = en.zeros((6, max(model.tet_count, 1)), dtype=float)
        self._model = model
        self._corners = {}
        self.copies = self.places = self.slots = self.row_start = self._row_start = None
        self.width, self._relaxation = 0, 0.0
        self._contact_total = None
        self._rigid = None

    def corners(self, family: str):
        """Particle indices of a family (spring tri edge tet) in colour order, shape [vertices, elements], so that
        neighbouring threads load neighbouring indices."""
        if family not in self._corners:
            self._corners[family] = colored_corners(self._model, family)
        return self._corners[family]

    def share_masses(self, relaxation: float) -> None:
        """Makes ready for simultaneous sweeps, whose corrections grow by `relaxation`."""
        if self._relaxation == relaxation:
            return
        with NotRecorded():  # may be the first step of a capture
            if self.slots is None:
                self._make_places()
            copies = np.maximum(np.diff(self._row_start) / np.float32(relaxation), 1.0)
            self.copies = en.array(copies.astype(np.float32), dtype=float)
            self._relaxation = relaxation

    def _make_places(self) -> None:
        model, families = self._model, ("spring", "tri", "edge", "tet")
        elements = {family: model._element_indices(family) for family in families}
        table = element_table(model.particle_count, elements, WIDEST_UNROLLED, hosting=False)
        self.width, self._row_start = table.width, table.row_start
        self.row_start = en.array(table.row_start, dtype=int)
        self.places = {family: en.array(getattr(table, family), dtype=int) for family in families}
        self.slots = new_slots(table.slot_count)

    def contact_total(self, contacts):
        """Impulse of every particle contact slot over the step [kg m]."""
        if self._contact_total is None:
            self._contact_total = en.zeros_like(contacts.force)
        return self._contact_total

    def rigid_multipliers(self, contacts):
        """(push, drag) of every rigid contact point over the step [kg m]."""
        if self._rigid is None:
            n = contacts.points.normal.shape[0]
            self._rigid = en.zeros(n, dtype=float), en.zeros(n, dtype=en.vec3)
        return self._rigid


def colored_corners(model, family: str):
    """Particle indices of the elements of a family, colour after colour."""
    order = getattr(model, f"{family}_color_order").numpy()
    rows = getattr(model, f"{family}_indices").numpy().reshape(getattr(model, f"{family}_count"), -1)
    return en.array(np.ascontiguousarray(rows[order].T), dtype=int)
