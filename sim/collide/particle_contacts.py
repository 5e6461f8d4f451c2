"""Candidate contacts between particles and shapes, in a table of fixed slots per particle.

Every particle has `max_per_particle` slots and one thread fills them in shape order, so the table is the same whatever
the thread count. When more shapes are near, the nearest are kept and `dropped` counts the others; `total_dropped()`
tells the caller.
"""

from functools import cache

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.collide.body_lists import BodyLists, key_particle_slots
from sim.collide.shape_types import PLANE
from sim.collide.shapes import ShapePlacement
from sim.collide.signed_distance import FAR, distance_function

ACTIVE = en.constant(en.uint32(1))

#: From this many shapes on their bounds are in a hierarchy; fewer are tested one after the other.
TREE_FROM = 32


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
        self.enabled_count = int(flags.sum())
        self._lists: BodyLists | None = None
        types = model.shape_geo.type.numpy()
        self._distance = distance_function(types)
        enabled = np.flatnonzero(flags)
        alone = types[enabled] == PLANE if len(enabled) >= TREE_FROM else np.ones(len(enabled), dtype=bool)
        self._tested, self._boxed = (
            en.array(rows.astype(np.int32), dtype=int) for rows in (enabled[alone], enabled[~alone])
        )
        self._tree: en.Bvh | None = None

    def total_dropped(self) -> int:
        """Number of candidates lost for want of slots in the last `collide` (reads back; not for use in a capture)."""
        return int(self.dropped.numpy().sum())

    def find(self, model, state, placement: ShapePlacement, body_q, margin: float, horizon: float) -> None:
        """Fills the table with every shape closer than radius + margin + speed * horizon [m]."""
        tree = self._boxes_of(placement)
        en.launch(
            find_candidates(self._distance, tree is not None),
            dim=model.particle_count,
            inputs=[
                state.particle_q, state.particle_qd, model.particle_radius, model.particle_flags, body_q,
                model.shape_body, model.shape_geo.type, model.shape_geo.scale, model.shape_geo.source,
                placement.X_ws, placement.lower_s, placement.upper_s, self._tested, len(self._tested),
                tree.id if tree is not None else en.uint64(0), self._boxed,
                self.max_per_particle, margin, horizon,
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

    def _boxes_of(self, placement: ShapePlacement) -> en.Bvh | None:
        """The hierarchy of the shapes' bounds, brought up to date; None where there are few shapes."""
        n = len(self._boxed)
        if not n:
            return None
        inputs = [self._boxed, placement.lower_w, placement.upper_w]
        if self._tree is None:
            with NotRecorded():
                lower, upper = en.zeros(n, dtype=en.vec3), en.zeros(n, dtype=en.vec3)
                en.launch(copy_boxes, dim=n, inputs=inputs, outputs=[lower, upper])
                self._tree = en.Bvh(lower, upper)
        en.launch(copy_boxes, dim=n, inputs=inputs, outputs=[self._tree.lowers, self._tree.uppers])
        self._tree.refit()
        return self._tree

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
def find_candidates(distance, in_tree: bool = False):
    """Kernel that fills the table with a distance function of `sim.collide.signed_distance`.

    With `in_tree` only planes are tested one by one, and of the other shapes those whose boxes in a hierarchy are near.
    """

    @en.func
    def consider(
        s: int,
        p: int,
        found: int,
        lost: int,
        xp: en.vec3,
        reach: float,
        slots: int,
        body_q: en.array(dtype=en.transform),
        shape_body: en.array(dtype=int),
        shape_type: en.array(dtype=int),
        shape_scale: en.array(dtype=en.vec3),
        shape_source: en.array(dtype=en.uint64),
        X_ws: en.array(dtype=en.transform),
        lower_s: en.array(dtype=en.vec3),
        upper_s: en.array(dtype=en.vec3),
        contact_shape: en.array2d(dtype=int),
        contact_distance: en.array2d(dtype=float),
        contact_point_b: en.array2d(dtype=en.vec3),
        contact_normal_b: en.array2d(dtype=en.vec3),
    ):
        """Lists shape `s` if it is near; how many are listed and how many were lost then."""
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
        return found, lost

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
        X_ws: en.array(dtype=en.transform),
        lower_s: en.array(dtype=en.vec3),
        upper_s: en.array(dtype=en.vec3),
        tested: en.array(dtype=int),
        tested_count: int,
        tree: en.uint64,
        in_tree_shape: en.array(dtype=int),
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
            for k in range(tested_count):
                found, lost = consider(
                    tested[k], p, found, lost, xp, reach, slots, body_q, shape_body, shape_type, shape_scale,
                    shape_source, X_ws, lower_s, upper_s, contact_shape, contact_distance, contact_point_b,
                    contact_normal_b,
                )  # fmt: skip
            if en.static(in_tree):
                corner = en.vec3(reach, reach, reach)
                query = en.bvh_query_aabb(tree, xp - corner, xp + corner)
                box = 0
                while en.bvh_query_next(query, box):
                    found, lost = consider(
                        in_tree_shape[box], p, found, lost, xp, reach, slots, body_q, shape_body, shape_type,
                        shape_scale, shape_source, X_ws, lower_s, upper_s, contact_shape, contact_distance,
                        contact_point_b, contact_normal_b,
                    )  # fmt: skip
                # in the order of the shapes, as if each had been tested
                for i in range(1, found):
                    for j in range(i):
                        k = i - j
                        if contact_shape[k, p] < contact_shape[k - 1, p]:
                            s = contact_shape[k, p]
                            d = contact_distance[k, p]
                            point = contact_point_b[k, p]
                            normal = contact_normal_b[k, p]
                            contact_shape[k, p] = contact_shape[k - 1, p]
                            contact_distance[k, p] = contact_distance[k - 1, p]
                            contact_point_b[k, p] = contact_point_b[k - 1, p]
                            contact_normal_b[k, p] = contact_normal_b[k - 1, p]
                            contact_shape[k - 1, p] = s
                            contact_distance[k - 1, p] = d
                            contact_point_b[k - 1, p] = point
                            contact_normal_b[k - 1, p] = normal
        count[p] = found
        dropped[p] = lost

    return find


@en.kernel
def copy_boxes(
    shape: en.array(dtype=int),
    lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3),
    lower: en.array(dtype=en.vec3),
    upper: en.array(dtype=en.vec3),
):
    """Bounds of the shapes that are in the hierarchy."""
    box = en.tid()
    lower[box] = lower_w[shape[box]]
    upper[box] = upper_w[shape[box]]


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
