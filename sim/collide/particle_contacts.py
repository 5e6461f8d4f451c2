"""Candidate contacts between particles and shapes, in a table of fixed slots per particle.

Every particle has `max_per_particle` slots and one thread fills them in shape order, so the table is the same whatever
the thread count. When more shapes are near, the nearest are kept and `dropped` counts the others; `total_dropped()`
tells the caller.
"""

from functools import cache

import numpy as np

import engine as en
from sim.collide.body_lists import BodyLists, key_particle_slots
from sim.collide.shape_types import PLANE
from sim.collide.shapes import ShapePlacement
from sim.collide.signed_distance import FAR, distance_function

ACTIVE = en.constant(en.uint32(1))


class ParticleContacts:
    """Candidates found by the last `collide`.

    Attributes:
        count: Slots in use, shape [particle_count].
        shape: Shape index, shape [max_per_particle, particle_count].
        point_b, normal_b: Surface point [m] and outward normal in the frame of the shape's body (world without one).
        force, point: Contact force on the particle [N] and its world point [m], written by the integrators.
        dropped: Candidates that found no slot, shape [particle_count].
        body_start, body_entry: Per body, the slots (slot * particle_count + particle) that touch it.
    """

    def __init__(self, model, max_per_particle: int = 4):
        n, k = model.particle_count, max_per_particle
        self.max_per_particle = k
        self.count = en.zeros(n, dtype=int)
        self.dropped = en.zeros(n, dtype=int)
        self.shape = en.zeros((k, n), dtype=int)
        self.distance = en.zeros((k, n), dtype=float)
        self.point_b = en.zeros((k, n), dtype=en.vec3)
        self.normal_b = en.zeros((k, n), dtype=en.vec3)
        self.force = en.zeros((k, n), dtype=en.vec3)
        self.point = en.zeros((k, n), dtype=en.vec3)
        self.body_start = en.zeros(model.body_count + 1, dtype=int)
        self.body_entry = en.zeros(k * n if model.body_count else 1, dtype=int)
        flags = np.array(model.shape_particle_collision, dtype=np.int32)
        if model.ground_shape >= 0:
            flags[model.ground_shape] = 0  # the integrators treat the ground plane themselves
        self.shape_enabled = en.array(flags, dtype=int)
        self.enabled_count = int(flags.sum())
        self._lists: BodyLists | None = None
        self._distance = distance_function(model.shape_geo.type.numpy())

    def total_dropped(self) -> int:
        """Number of candidates lost for want of slots in the last `collide` (reads back; not for use in a capture)."""
        return int(self.dropped.numpy().sum())

    def find(self, model, state, placement: ShapePlacement, body_q, margin: float, horizon: float) -> None:
        """Fills the table with every shape closer than radius + margin + speed * horizon [m]."""
        en.launch(
            find_candidates(self._distance),
            dim=model.particle_count,
            inputs=[
                state.particle_q, state.particle_qd, model.particle_radius, model.particle_flags, body_q,
                model.shape_body, model.shape_geo.type, model.shape_geo.scale, model.shape_geo.source,
                self.shape_enabled, placement.X_ws, placement.lower_s, placement.upper_s,
                model.shape_count, self.max_per_particle, margin, horizon,
            ],
            outputs=[self.count, self.shape, self.distance, self.point_b, self.normal_b, self.dropped],
        )  # fmt: skip
        if model.body_count and model.device.is_cuda:
            self.list_by_sorting(model)
        elif model.body_count:
            en.launch(
                list_slots_per_body,
                dim=1,
                inputs=[model.particle_count, model.body_count, model.shape_body, self.count, self.shape],
                outputs=[self.body_start, self.body_entry],
            )

    def list_by_sorting(self, model) -> None:
        """What `list_slots_per_body` does, with all threads."""
        n, k = model.particle_count, self.max_per_particle
        if self._lists is None:
            self._lists = BodyLists(model.body_count, n * k)
            self.body_entry = self._lists.entry
        en.launch(
            key_particle_slots,
            dim=n * k,
            inputs=[n, k, model.body_count, model.shape_body, self.count, self.shape],
            outputs=[self._lists.key, self._lists.entry],
        )
        self._lists.sort(self.body_start)


@cache
def find_candidates(distance):
    """Kernel that fills the table with a distance function of `sim.collide.signed_distance`."""

    @en.kernel
    def find(
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
        radius: en.array(dtype=float),
        flags: en.array(dtype=en.uint32),
        body_q: en.array(dtype=en.transform),
        shape_body: en.array(dtype=int),
        shape_type: en.array(dtype=int),
        shape_scale: en.array(dtype=en.vec3),
        shape_source: en.array(dtype=en.uint64),
        shape_enabled: en.array(dtype=int),
        X_ws: en.array(dtype=en.transform),
        lower_s: en.array(dtype=en.vec3),
        upper_s: en.array(dtype=en.vec3),
        shape_count: int,
        slots: int,
        margin: float,
        horizon: float,
        count: en.array(dtype=int),
        contact_shape: en.array2d(dtype=int),
        contact_distance: en.array2d(dtype=float),
        contact_point_b: en.array2d(dtype=en.vec3),
        contact_normal_b: en.array2d(dtype=en.vec3),
        dropped: en.array(dtype=int),
    ):
        p = en.tid()
        found = 0
        lost = 0
        if (flags[p] & ACTIVE) != en.uint32(0):
            xp = x[p]
            reach = radius[p] + margin + horizon * en.length(v[p])
            for s in range(shape_count):
                if shape_enabled[s] != 0:
                    kind = shape_type[s]
                    local = en.transform_point(en.transform_inverse(X_ws[s]), xp)
                    lo = lower_s[s] - local
                    hi = local - upper_s[s]
                    gap = en.max(en.max(en.max(lo[0], hi[0]), en.max(lo[1], hi[1])), en.max(lo[2], hi[2]))
                    if gap < reach or kind == PLANE:
                        d, n = distance(kind, shape_scale[s], shape_source[s], local, reach)
                        if d < reach and d < 0.5 * FAR:
                            slot = int(found)
                            if found == slots:
                                # full: give up the farthest candidate if this one is nearer
                                lost = lost + 1
                                slot = -1
                                farthest = d
                                for c in range(slots):
                                    if contact_distance[c, p] > farthest:
                                        farthest = contact_distance[c, p]
                                        slot = c
                            else:
                                found = found + 1
                            if slot >= 0:
                                point = en.transform_point(X_ws[s], local - n * d)
                                normal = en.transform_vector(X_ws[s], n)
                                b = shape_body[s]
                                if b >= 0:
                                    X_bw = en.transform_inverse(body_q[b])
                                    point = en.transform_point(X_bw, point)
                                    normal = en.transform_vector(X_bw, normal)
                                contact_shape[slot, p] = s
                                contact_distance[slot, p] = d
                                contact_point_b[slot, p] = point
                                contact_normal_b[slot, p] = normal
        count[p] = found
        dropped[p] = lost

    return find


@en.kernel
def list_slots_per_body(
    particle_count: int,
    body_count: int,
    shape_body: en.array(dtype=int),
    count: en.array(dtype=int),
    contact_shape: en.array2d(dtype=int),
    body_start: en.array(dtype=int),
    body_entry: en.array(dtype=int),
):
    """Counting sort of the used slots by body, in one thread so that the order is fixed."""
    for b in range(body_count + 1):
        body_start[b] = 0
    for p in range(particle_count):
        for c in range(count[p]):
            b = shape_body[contact_shape[c, p]]
            if b >= 0:
                body_start[b + 1] = body_start[b + 1] + 1
    for b in range(body_count):
        body_start[b + 1] = body_start[b + 1] + body_start[b]
    # fill from each start; afterwards every start has moved to its end, so shift back
    for p in range(particle_count):
        for c in range(count[p]):
            b = shape_body[contact_shape[c, p]]
            if b >= 0:
                body_entry[body_start[b]] = c * particle_count + p
                body_start[b] = body_start[b] + 1
    for i in range(body_count):
        b = body_count - i
        body_start[b] = body_start[b - 1]
    body_start[0] = 0
