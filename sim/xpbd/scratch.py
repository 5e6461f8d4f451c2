"""Multipliers and other arrays that live for one XPBD step, allocated once per model."""

import numpy as np

import engine as en


class Scratch:
    """Work arrays of one model.

    Attributes:
        movable: Inverse mass, 0 for inactive particles [1/kg], shape [particle_count].
        predicted: Positions before constraints [m], shape [particle_count].
        ground_push: Displacement by the ground in this step [m], shape [particle_count].
        corners: Per family (spring tri edge tet), particle indices in colour order, shape [vertices, elements], so that
            neighbouring threads load neighbouring indices.
        spring_multiplier, tri_multiplier, edge_multiplier, tet_multiplier: One per constraint, in colour order.
    """

    def __init__(self, model):
        self.movable = en.zeros(max(model.particle_count, 1), dtype=float)
        self.predicted = en.zeros(max(model.particle_count, 1), dtype=en.vec3)
        self.ground_push = en.zeros(max(model.particle_count, 1), dtype=float)
        self.spring_multiplier = en.zeros(max(model.spring_count, 1), dtype=float)
        self.tri_multiplier = en.zeros((3, max(model.tri_count, 1)), dtype=float)
        self.edge_multiplier = en.zeros(max(model.edge_count, 1), dtype=float)
        self.tet_multiplier = en.zeros((6, max(model.tet_count, 1)), dtype=float)
        self.corners = {family: colored_corners(model, family) for family in ("spring", "tri", "edge", "tet")}
        self._contact_total = None
        self._rigid = None

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
    """Particle indices of the elements of a family, colour after colour, or None when there are none."""
    if not getattr(model, f"{family}_count"):
        return None
    order = getattr(model, f"{family}_color_order").numpy()
    rows = getattr(model, f"{family}_indices").numpy().reshape(getattr(model, f"{family}_count"), -1)
    return en.array(np.ascontiguousarray(rows[order].T), dtype=int)
