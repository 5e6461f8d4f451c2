"""Contacts between rigid shapes: broad phase, narrow phase by shape pair, friction history, order per body.

The table `PAIR_KERNELS` says which narrow-phase kernel serves which pair of shape types; a new pair is one more row.
Everything is stored in fixed slots numbered in pair order, so the contacts are the same whatever the thread count.
"""

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.collide.body_lists import BodyLists, key_pair_sides, number_near_pairs
from sim.collide.broad_phase import list_near_pairs, mark_near_pairs
from sim.collide.contact_geometry import ContactGeometry
from sim.collide.contact_points import MAX_POINTS, POINTS, PointTable
from sim.collide.convex_pairs import collide_convex
from sim.collide.islands import pair_islands
from sim.collide.pair_table import PairTable
from sim.collide.plane_pairs import collide_plane
from sim.collide.round_pairs import collide_capsules, collide_sphere
from sim.collide.sampled_pairs import collide_samples
from sim.collide.shape_types import BOX, CAPSULE, CONE, CONVEX, CYLINDER, ELLIPSOID, FIELD, MESH, PLANE, SPHERE
from sim.collide.shapes import ShapePlacement
from sim.collide.surface_pairs import collide_field, collide_surface
from sim.errors import SimError
from sim.geometry.integer_order import stable_order

# Shape a of a pair is the one that comes first here.
ORDER = (SPHERE, CAPSULE, BOX, CYLINDER, CONE, ELLIPSOID, CONVEX, MESH, FIELD, PLANE)
SOLID = (SPHERE, CAPSULE, BOX, CYLINDER, CONE, ELLIPSOID, CONVEX)

PAIR_KERNELS = {
    **{(a, b): collide_convex for i, a in enumerate(SOLID) for b in SOLID[i:]},
    **{(SPHERE, b): collide_sphere for b in (SPHERE, CAPSULE, BOX, CYLINDER, CONE, ELLIPSOID, PLANE)},
    (CAPSULE, CAPSULE): collide_capsules,
    **{(a, MESH): collide_surface for a in SOLID},
    **{(a, FIELD): collide_field for a in SOLID},
    **{(a, b): collide_samples for a, b in ((MESH, MESH), (MESH, FIELD), (FIELD, FIELD))},
    **{(a, PLANE): collide_plane for a in (*SOLID[1:], MESH, FIELD)},
}


class RigidContacts:
    """Contacts found by the last detection.

    Attributes:
        pair_shapes: Candidate pairs (a, b), island after island, shape [pair_count, 2]; the contact normal points from b
            to a.
        island_start: First pair of each island (see `sim.collide.islands`) and the number of pairs, [island_count + 1].
        step_margin: Margin that is enough when contacts are found anew in every step [m].
        active_count: Number of pairs that are near, shape [1].
        active_pair: Pair of each active slot, shape [capacity].
        points: Contact points, eight per active slot.
        slip: Tangential displacement since the contact stuck, world [m], one per point; the friction spring.
        dropped: Near pairs that found no slot, shape [1].
        body_start, body_entry: Per body, its active slots in order: 2 * slot + side (0: body is a, 1: body is b).
    """

    def __init__(self, model, capacity: int | None = None):
        self.geometry = ContactGeometry(model)
        pairs, self.kernels, kinds = candidate_pairs(model, self.geometry.kinds)
        self.pair_count = len(pairs)
        bodies = model.shape_body.numpy()[pairs].reshape(-1, 2)
        island = pair_islands(bodies[:, 0], bodies[:, 1], model.body_count)
        order = stable_order(island)
        pairs, kinds = pairs[order], kinds[order]
        starts = np.concatenate([[0], np.cumsum(np.bincount(island))]) if len(pairs) else np.zeros(1)
        self.island_count = len(starts) - 1
        self.island_start = en.array(starts.astype(np.int32), dtype=int)
        room = min(self.pair_count, max(1024, 24 * model.shape_count))
        self.capacity = max(1, room if capacity is None else capacity)
        radius = model.shape_collision_radius.numpy()[np.unique(pairs)]
        sizes = radius[(radius > 0.0) & (radius < 1.0e5)]
        adhesion = float(model.shape_materials.ka.numpy().max(initial=0.0))
        self.step_margin = max(0.05 * float(sizes.min(initial=1.0)), adhesion)
        n, c = max(self.pair_count, 1), self.capacity
        self.pair_shapes = en.array(pairs if len(pairs) else np.zeros((1, 2), dtype=np.int32), dtype=int)
        self.pair_kind = en.array(kinds if len(pairs) else np.zeros(1, dtype=np.int32), dtype=int)
        self.pair_slot = en.array(np.full(n, -1, dtype=np.int32), dtype=int)
        self.near = en.zeros(n, dtype=int)
        self.active_count = en.zeros(1, dtype=int)
        self.active_pair = en.zeros(c, dtype=int)
        self.previous_slot = en.zeros(c, dtype=int)
        self.dropped = en.zeros(1, dtype=int)
        self._pairs = PairTable()
        self._pairs.active_count, self._pairs.active_pair = self.active_count, self.active_pair
        self._pairs.shapes, self._pairs.kind = self.pair_shapes, self.pair_kind
        self.points = PointTable()
        self.points.count = en.zeros(c, dtype=int)
        self.points.point_a = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.points.point_b = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.points.normal = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.slip = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.old_count = en.zeros(c, dtype=int)
        self.old_point_a = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.old_slip = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.body_start = en.zeros(model.body_count + 1, dtype=int)
        self.body_entry = en.zeros(2 * c, dtype=int)
        self._lists: BodyLists | None = None
        self._before = None
        # per active slot: wrench on body a and on body b about their centres of mass (torque, force)
        self.wrench_a = en.zeros(c, dtype=en.spatial_vector)
        self.wrench_b = en.zeros(c, dtype=en.spatial_vector)

    def total_dropped(self) -> int:
        """Near pairs lost for want of slots in the last detection (reads back; not for use in a capture)."""
        return int(self.dropped.numpy()[0])

    def find(self, model, placement: ShapePlacement, body_q, margin: float) -> None:
        """Detects all contacts closer than `margin` [m] and carries the friction history over."""
        geo = model.shape_geo
        en.launch(
            mark_near_pairs,
            dim=self.pair_count,
            inputs=[
                self.pair_shapes, geo.type, geo.scale, placement.X_ws, placement.lower_w, placement.upper_w, margin,
                -1 if model.ground else model.ground_shape,
            ],
            outputs=[self.near],
        )  # fmt: skip
        self._list_near_pairs(model.device.is_cuda)
        en.copy(self.old_count, self.points.count)
        en.copy(self.old_point_a, self.points.point_a)
        en.copy(self.old_slip, self.slip)
        geometry = self.geometry.placed(placement)
        for kind, kernel in enumerate(self.kernels):
            inputs = [kind, self._pairs, *geometry, body_q, margin, self.points]
            en.launch(kernel, dim=self.capacity, inputs=inputs)
        en.launch(
            carry_slip,
            dim=self.capacity,
            inputs=[
                self.active_count, self.previous_slot, self.old_count, self.old_point_a, self.old_slip, self.points
            ],
            outputs=[self.slip],
        )  # fmt: skip
        self._list_by_body(model, model.device.is_cuda)

    def _list_near_pairs(self, parallel: bool) -> None:
        """Numbers the near pairs; by one thread, or `parallel` with the same result."""
        outputs = [self.pair_slot, self.active_count, self.active_pair, self.previous_slot, self.dropped]
        if not parallel:
            en.launch(list_near_pairs, dim=1, inputs=[self.pair_count, self.capacity, self.near], outputs=outputs)
            return
        if self._before is None:
            with NotRecorded():
                self._before = en.zeros(self.pair_count, dtype=int)
        en.utils.array_scan(self.near, self._before, inclusive=False)
        inputs = [self.pair_count, self.capacity, self.near, self._before]
        en.launch(number_near_pairs, dim=self.pair_count, inputs=inputs, outputs=outputs)

    def _list_by_body(self, model, parallel: bool) -> None:
        """Lists the active slots of each body, likewise."""
        inputs = [model.body_count, self.active_count, self.active_pair, self.pair_shapes, model.shape_body]
        if not parallel:
            en.launch(list_pairs_per_body, dim=1, inputs=inputs, outputs=[self.body_start, self.body_entry])
            return
        if self._lists is None:
            self._lists = BodyLists(model.body_count, 2 * self.capacity)
            self.body_entry = self._lists.entry
        outputs = [self._lists.key, self._lists.entry]
        en.launch(key_pair_sides, dim=2 * self.capacity, inputs=inputs, outputs=outputs)
        self._lists.sort(self.body_start)


def candidate_pairs(model, types) -> tuple[np.ndarray, list, np.ndarray]:
    """All shape pairs that may touch, each in the order of `ORDER`, and the narrow-phase kernels that they need.

    Args:
        model: The model.
        types: Kind of each shape as in `ORDER`.

    Returns:
        Pairs [n, 2], kernels, and for every pair the number of its kernel [n]. Left out are pairs within one body and
        pairs of types without a row in the table (plane against plane).

    Raises:
        SimError: The model has too many pairs to list.
    """
    if not model.shape_contact_pairs_complete:
        raise SimError(
            "collide()",
            f"{model.shape_count} shapes with more candidate pairs than ModelBuilder.shape_contact_pair_limit",
            "collision groups that keep distant shapes apart, or a higher limit",
        )
    body = model.shape_body.numpy()
    listed = [model.shape_contact_pairs.numpy(), model.shape_ground_contact_pairs.numpy()]
    pairs = np.concatenate([rows.reshape(-1, 2) for rows in listed]).astype(np.int32)
    pairs = pairs[body[pairs[:, 0]] != body[pairs[:, 1]]]
    rank = np.full(max(int(types.max(initial=0)), max(ORDER)) + 1, len(ORDER))
    rank[list(ORDER)] = np.arange(len(ORDER))
    swap = rank[types[pairs[:, 0]]] > rank[types[pairs[:, 1]]]
    pairs[swap] = pairs[swap][:, ::-1]
    kernels: list = []
    number = np.full(len(pairs), -1, dtype=np.int32)
    for (type_a, type_b), kernel in PAIR_KERNELS.items():
        rows = (types[pairs[:, 0]] == type_a) & (types[pairs[:, 1]] == type_b)
        if rows.any():
            if kernel not in kernels:
                kernels.append(kernel)
            number[rows] = kernels.index(kernel)
    served = number >= 0
    return pairs[served], kernels, number[served]


@en.kernel
def carry_slip(
    active_count: en.array(dtype=int),
    previous_slot: en.array(dtype=int),
    old_count: en.array(dtype=int),
    old_point_a: en.array(dtype=en.vec3),
    old_slip: en.array(dtype=en.vec3),
    points: PointTable,
    slip: en.array(dtype=en.vec3),
):
    """Gives every point the friction history of the nearest former point of the same pair, zero for a new pair.

    Nearest in the frame of body a; a new point farther from all former ones than these are from each other gets the
    same displacement as its nearest, since both bodies are rigid.
    """
    slot = en.tid()
    if slot >= active_count[0]:
        return
    old = previous_slot[slot]
    for i in range(points.count[slot]):
        c = slot * POINTS + i
        best = 1.0e30
        s = en.vec3(0.0, 0.0, 0.0)
        if old >= 0:
            p = points.point_a[c]
            for j in range(old_count[old]):
                d = old_point_a[old * POINTS + j] - p
                dist = en.dot(d, d)
                if dist < best:
                    best = dist
                    s = old_slip[old * POINTS + j]
        slip[c] = s


@en.kernel
def list_pairs_per_body(
    body_count: int,
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    body_start: en.array(dtype=int),
    body_entry: en.array(dtype=int),
):
    """Counting sort of (slot, side) by body, in one thread so that the order is fixed."""
    n = active_count[0]
    for b in range(body_count + 1):
        body_start[b] = 0
    for slot in range(n):
        for side in range(2):
            b = shape_body[pair_shapes[active_pair[slot], side]]
            if b >= 0:
                body_start[b + 1] = body_start[b + 1] + 1
    for b in range(body_count):
        body_start[b + 1] = body_start[b + 1] + body_start[b]
    for slot in range(n):
        for side in range(2):
            b = shape_body[pair_shapes[active_pair[slot], side]]
            if b >= 0:
                body_entry[body_start[b]] = 2 * slot + side
                body_start[b] = body_start[b] + 1
    for i in range(body_count):
        b = body_count - i
        body_start[b] = body_start[b - 1]
    body_start[0] = 0
