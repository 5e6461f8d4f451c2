"""Multipliers and other arrays that live for one XPBD step, allocated once per model."""

from functools import cached_property

import numpy as np

import engine as en
from engine.capture import NotRecorded
from engine.taping import active_tape
from sim.semi_implicit.particles import WIDEST_UNROLLED
from sim.xpbd.island_steps import clusters_of_islands
from sim.xpbd.pulls import PullBatch
from sim.xpbd.sweeps import StiffnessAtRest


class Scratch:
    """Work arrays of one model.

    Attributes:
        movable: Inverse mass, 0 for inactive particles [1/kg], shape [particle_count].
        predicted: Positions before constraints [m], shape [particle_count].
        ground_push: Displacement by the ground in this step [m], shape [particle_count].
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
        self._model = model
        self._corners = {}
        self._largest = {}
        self._contact_total = None
        self._rigid = None
        self._whole: tuple | None = None

    def corners(self, family: str):
        """Particle indices of a family (spring tri edge tet) in colour order, shape [vertices, elements], so that
        neighbouring threads load neighbouring indices."""
        if family not in self._corners:
            self._corners[family] = colored_corners(self._model, family)
        return self._corners[family]

    def largest_stiffness(self, dt: float, relaxation: float) -> float:
        """See `sim.xpbd.sweeps.StiffnessAtRest`."""
        if (dt, relaxation) not in self._largest:
            self._largest[dt, relaxation] = self._stiffness_at_rest.largest(dt, relaxation)
        return self._largest[dt, relaxation]

    @cached_property
    def _stiffness_at_rest(self):
        return StiffnessAtRest(self._model)

    @cached_property
    def batch(self):
        """What elements do to their corners when all are solved at once."""
        with NotRecorded():  # may be the first step of a capture
            return PullBatch(self._model, WIDEST_UNROLLED)

    @cached_property
    def stiffness(self):
        """Sum of the weights of each particle's elements, shape [particle_count]."""
        return en.zeros(max(self._model.particle_count, 1), dtype=float)

    @cached_property
    def pulled(self):
        """How far elements have moved each particle in this step [m], shape [particle_count]."""
        return en.zeros(max(self._model.particle_count, 1), dtype=en.vec3)

    @cached_property
    def predicted_bodies(self):
        """Where free flight leads the bodies, before contacts push them."""
        return en.zeros(max(self._model.body_count, 1), dtype=en.transform)

    def contact_total(self, contacts):
        """Impulse of every particle contact slot over the step [kg m]."""
        if self._contact_total is None:
            self._contact_total = en.zeros_like(contacts.force)
        return self._contact_total

    def steps_whole(self, clusters, contacts) -> bool:
        """Whether islands are stepped as a whole, see `sim.xpbd.island_steps`."""
        if self._whole is None or self._whole[0] is not contacts:
            with NotRecorded():
                self._whole = contacts, clusters_of_islands(self._model, clusters, contacts)
        return self._whole[1] is not None and active_tape() is None

    @property
    def cluster_start(self):
        """First cluster of each island, where `steps_whole`."""
        return self._whole[1]

    def rigid_multipliers(self, contacts):
        """(push, drag) of every rigid contact point over the step [kg m]."""
        n = contacts.points.normal.shape[0]
        if self._rigid is None or self._rigid[0].shape[0] != n:
            self._rigid = en.zeros(n, dtype=float), en.zeros(n, dtype=en.vec3)
        return self._rigid


def colored_corners(model, family: str):
    """Particle indices of the elements of a family, colour after colour."""
    order = getattr(model, f"{family}_color_order").numpy()
    rows = getattr(model, f"{family}_indices").numpy().reshape(getattr(model, f"{family}_count"), -1)
    return en.array(np.ascontiguousarray(rows[order].T), dtype=int)
