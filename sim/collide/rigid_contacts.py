"""Contacts between rigid shapes: broad phase, narrow phase by shape pair, friction history, order per body.

The table `PAIR_KERNELS` says which narrow-phase kernel serves which pair of shape types; a new pair is one more row.
Everything is stored in fixed slots numbered in pair order, so the contacts are the same whatever the thread count.
"""

import numpy as np

import engine as en
from engine.capture import NotRecorded, recording_of
from sim.collide.body_lists import BodyLists, key_pair_sides
from sim.collide.contact_geometry import ContactGeometry
from sim.collide.contact_points import MAX_POINTS, PointTable
from sim.collide.convex_pairs import collide_convex
from sim.collide.islands import IslandOrder
from sim.collide.listed_pairs import ListedPairs
from sim.collide.pair_table import PairTable
from sim.collide.plane_pairs import collide_plane
from sim.collide.point_history import carry_slip, keep_points
from sim.collide.round_pairs import collide_capsules, collide_sphere
from sim.collide.sampled_pairs import collide_samples
from sim.collide.shape_types import BOX, CAPSULE, CONE, CONVEX, CYLINDER, ELLIPSOID, FIELD, MESH, PLANE, SPHERE
from sim.collide.shapes import ShapePlacement
from sim.collide.start_overlaps import ease_overlaps
from sim.collide.surface_pairs import collide_field, collide_surface
from sim.collide.tree_pairs import TreePairs

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


# Up to this many candidate pairs, or this many a shape, all are tested; beyond, a hierarchy finds those that are near.
LISTED, LISTED_A_SHAPE = 100_000, 32


class RigidContacts:
    """Contacts found by the last detection.

    Attributes:
        pairs: The broad phase, `ListedPairs` or `TreePairs`.
        pair_count: Number of candidate pairs, or of shapes that look for partners; 0 if nothing can ever touch.
        capacity: Slots for near pairs. Outside of graphs on the CPU they grow as needed; elsewhere, pairs that find none
            are left out, which is said once on standard output.
        step_margin: Margin that is enough when contacts are found anew in every step [m].
        points: Contact points, eight per active slot.
        slip: Tangential displacement since the contact stuck, world [m], one per point; the friction spring.
        old_points: Of the last detection, number of points of each slot, points on a, and `slip`.
        body_start, body_entry: Per body, its active slots in order: 2 * slot + side (0: body is a, 1: body is b).
        body_touching: Points at which each body touched others when contact forces were last taken; pair_touching: of each slot.
        allowed: Overlap that the pair of each slot may still keep from the start [m]; eases: whether there is any
            (see `sim.collide.start_overlaps`).
        wrench: Per entry of ``body_entry``, wrench on that body about its centre of mass (torque, force).
    """

    def __init__(self, model, capacity: int | None = None):
        """Makes the tables.

        Args:
            model: The model.
            capacity: Slots for near pairs; None means `model.rigid_contact_max`, or 24 a shape where that is 0.
        """
        self.geometry = ContactGeometry(model)
        kinds = self.geometry.kinds
        listed = model.shape_contact_pair_count <= max(LISTED, LISTED_A_SHAPE * model.shape_count)
        if model.shape_contact_pairs_complete and listed:
            pairs, self.kernels, kernel_of = candidate_pairs(model, kinds)
            self.pairs: ListedPairs | TreePairs = ListedPairs(model, pairs, kernel_of)
            shapes, most = np.unique(pairs), len(pairs)
        else:
            rank, self.kernels, table = kernel_table(kinds)
            self.pairs = TreePairs(model, rank, table)
            shapes, most = np.flatnonzero(rank >= 0), 2**31
        self.pair_count = self.pairs.count
        radius = model.shape_collision_radius.numpy()[shapes]
        sizes = radius[(radius > 0.0) & (radius < 1.0e5)]
        adhesion = float(model.shape_materials.ka.numpy().max(initial=0.0))
        self.step_margin = max(0.05 * float(sizes.min(initial=1.0)), adhesion)
        room = min(most, model.rigid_contact_max or max(1024, 24 * model.shape_count))
        self.body_start = en.zeros(model.body_count + 1, dtype=int)
        self.body_touching = en.zeros(model.body_count, dtype=int)
        self._told = en.zeros(1, dtype=int)
        self.eases = False
        self._make_room(max(1, room if capacity is None else capacity))

    def _make_room(self, capacity: int) -> None:
        """Slots for `capacity` near pairs; the friction history starts anew."""
        c = self.capacity = capacity
        self.pairs.make_room(c)
        self._pairs = PairTable()
        self._pairs.active_count, self._pairs.active_pair = self.active_count, self.active_pair
        self._pairs.shapes, self._pairs.kind = self.pair_shapes, self.pairs.kind
        table, kept = self._pairs, c if collide_convex in self.kernels else 0
        table.previous_slot = self.pairs.previous_slot
        table.corners, table.old_corners = en.zeros(kept, dtype=int), en.zeros(kept, dtype=int)
        table.corner_a, table.old_corner_a = (en.zeros(3 * kept, dtype=en.vec3) for _ in range(2))
        table.corner_b, table.old_corner_b = (en.zeros(3 * kept, dtype=en.vec3) for _ in range(2))
        self.points = PointTable()
        self.points.count = en.zeros(c, dtype=int)
        self.points.point_a = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.points.point_b = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.points.normal = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.slip = en.zeros(c * MAX_POINTS, dtype=en.vec3)
        self.pair_touching = en.zeros(c, dtype=int)
        self.allowed, self._old_allowed = en.zeros(c, dtype=float), en.zeros(c, dtype=float)
        n = c * MAX_POINTS
        self.old_points = [en.zeros(c, dtype=int), en.zeros(n, dtype=en.vec3), en.zeros(n, dtype=en.vec3)]
        self.body_entry = en.zeros(2 * c, dtype=int)
        self._lists: BodyLists | None = None
        self.wrench = en.zeros(2 * c, dtype=en.spatial_vector)
        self._order: IslandOrder | None = None

    def order_of(self, model) -> IslandOrder:
        """Room for the order in which solvers serve contacts one after the other."""
        if self._order is None:
            with NotRecorded():
                self._order = IslandOrder(model, self)
        return self._order

    @property
    def pair_shapes(self):
        """Shapes (a, b) of each pair, [n, 2]; the contact normal points from b to a."""
        return self.pairs.shapes

    @property
    def active_count(self):
        """Number of slots in use, [1]."""
        return self.pairs.active_count

    @property
    def active_pair(self):
        """Pair of each active slot, [capacity], ascending."""
        return self.pairs.active_pair

    @property
    def island_start(self):
        """First pair of each island (see `sim.collide.islands`) and the number of pairs, [island_count + 1]."""
        return self.pairs.island_start

    @property
    def island_count(self) -> int:
        """Number of groups of bodies that cannot touch each other."""
        return self.pairs.island_count

    def total_dropped(self) -> int:
        """Near pairs lost for want of slots in the last detection (reads back; not for use in a capture)."""
        return max(int(self.pairs.wanted.numpy()[0]) - self.capacity, 0)

    def find(
        self, model, placement: ShapePlacement, body_q, margin: float, elapsed: float = 0.0, *, grow: bool = True,
        by_body: bool = True, carry: bool = True,
    ) -> None:  # fmt: skip
        """Detects all contacts closer than `margin` [m] and carries over what they remember, `elapsed` [s] later.

        With `grow`, room is made for all pairs that are near, on the CPU outside of graphs. Without `by_body`,
        `body_start` and `body_entry` stay as they are; without `carry`, the caller carries `slip` over.
        """
        if len(self._pairs.corners):
            en.launch(keep_corners_of_slots, dim=self.capacity, inputs=[self._pairs])
        self._find_pairs(model, placement, margin, grow, by_body)
        geometry = self.geometry.placed(placement)
        for kind, kernel in enumerate(self.kernels):
            inputs = [kind, self._pairs, *geometry, body_q, margin, self.points]
            en.launch(kernel, dim=self.capacity, inputs=inputs)
        if self.eases:
            en.copy(self._old_allowed, self.allowed)
            en.launch(
                ease_overlaps,
                dim=self.capacity,
                inputs=[
                    self.active_count, self.active_pair, self.pair_shapes, model.shape_body,
                    model.shape_collision_radius, body_q, self.pairs.previous_slot, self._old_allowed,
                    float(model.max_depenetration_velocity), elapsed, self.points,
                ],
                outputs=[self.allowed],
            )  # fmt: skip
        if carry:
            inputs = [self.active_count, self.pairs.previous_slot, *self.old_points, self.points]
            en.launch(carry_slip, dim=self.capacity, inputs=inputs, outputs=[self.slip])
        if by_body:
            self.list_by_body(model, model.device.is_cuda)

    def _find_pairs(self, model, placement, margin: float, grow: bool, by_body: bool) -> None:
        """Near pairs; those of a list keep their places where that is cheaper."""
        pairs = self.pairs
        if model.device.is_cuda and not by_body and isinstance(pairs, ListedPairs) and self.capacity == pairs.count:
            history = [self.slip, *self.old_points]
            self._pairs.kind = pairs.find_in_place(model, placement, margin, self.points, history)
            return
        inputs = [self.active_count, self.points, self.slip]
        en.launch(keep_points, dim=self.capacity, inputs=inputs, outputs=self.old_points)
        pairs.find(model, placement, margin)
        if grow and model.device.is_cpu and recording_of(model.device) is None:
            wanted = int(pairs.wanted.numpy()[0])
            if wanted > self.capacity:
                self._make_room(wanted + wanted // 2)
                pairs.find(model, placement, margin)
        else:
            en.launch(tell_overflow, dim=1, inputs=[self.capacity, pairs.wanted], outputs=[self._told])
        self._pairs.kind = pairs.kind

    def list_by_body(self, model, parallel: bool) -> None:
        """Lists the active slots of each body; by one thread, or `parallel` with the same result."""
        inputs = [model.body_count, self.active_count, self.active_pair, self.pair_shapes, model.shape_body]
        if not parallel:
            en.launch(list_pairs_per_body, dim=1, inputs=inputs, outputs=[self.body_start, self.body_entry])
            return
        if self._lists is None:
            with NotRecorded():
                self._lists = BodyLists(model.body_count, 2 * self.capacity)
            self.body_entry = self._lists.entry
        outputs = [self._lists.key, self._lists.entry]
        en.launch(key_pair_sides, dim=2 * self.capacity, inputs=inputs, outputs=outputs)
        self._lists.sort(self.body_start)


def kernel_table(kinds: np.ndarray) -> tuple[np.ndarray, list, np.ndarray]:
    """How shapes of some kinds pair up.

    Args:
        kinds: Kind of each shape as in `ORDER`.

    Returns:
        Place of each shape's kind in a pair (-1: meets nothing), the kernels needed, and the number of the kernel for
        two places [len(ORDER), len(ORDER)], -1 for none.
    """
    place = np.full(max(int(kinds.max(initial=0)), *map(int, ORDER)) + 1, -1)
    place[list(ORDER)] = np.arange(len(ORDER))
    present = set(kinds.tolist())
    kernels: list = []
    table = np.full((len(ORDER), len(ORDER)), -1, dtype=np.int32)
    for (a, b), kernel in PAIR_KERNELS.items():
        if int(a) in present and int(b) in present:
            if kernel not in kernels:
                kernels.append(kernel)
            table[place[a], place[b]] = table[place[b], place[a]] = kernels.index(kernel)
    return place[kinds], kernels, table


def candidate_pairs(model, kinds: np.ndarray) -> tuple[np.ndarray, list, np.ndarray]:
    """All shape pairs that may touch, each in the order of `ORDER`, and the narrow-phase kernels that they need.

    Args:
        model: The model.
        kinds: Kind of each shape as in `ORDER`.

    Returns:
        Pairs [n, 2], kernels, and for every pair the number of its kernel [n]. Left out are pairs within one body and
        pairs of kinds without a row in the table (plane against plane).
    """
    body = model.shape_body.numpy()
    listed = [model.shape_contact_pairs.numpy(), model.shape_ground_contact_pairs.numpy()]
    pairs = np.concatenate([rows.reshape(-1, 2) for rows in listed]).astype(np.int32)
    pairs = pairs[body[pairs[:, 0]] != body[pairs[:, 1]]]
    rank, kernels, table = kernel_table(kinds)
    rank = np.where(rank < 0, len(ORDER), rank)
    pairs = pairs[(rank[pairs] < len(ORDER)).all(axis=1)]
    swap = rank[pairs[:, 0]] > rank[pairs[:, 1]]
    pairs[swap] = pairs[swap][:, ::-1]
    number = table[rank[pairs[:, 0]], rank[pairs[:, 1]]]
    # only what some pair needs is compiled
    used = np.unique(number[number >= 0])
    renumbered = np.full(len(kernels) + 1, -1, dtype=np.int32)
    renumbered[used] = np.arange(len(used))
    number = renumbered[number]
    served = number >= 0
    return pairs[served], [kernels[k] for k in used], number[served]


@en.kernel
def keep_corners_of_slots(pairs: PairTable):
    """Copies the simplices that the next detection begins with."""
    slot = en.tid()
    if slot >= pairs.active_count[0]:
        return
    count = pairs.corners[slot]
    pairs.old_corners[slot] = count
    for k in range(3 * slot, 3 * slot + count):
        pairs.old_corner_a[k] = pairs.corner_a[k]
        pairs.old_corner_b[k] = pairs.corner_b[k]


@en.kernel
def tell_overflow(capacity: int, wanted: en.array(dtype=int), told: en.array(dtype=int)):
    """Says once, also from a graph, that pairs are left out."""
    if wanted[0] > capacity and told[0] == 0:
        told[0] = 1
        print("sim.collide:", wanted[0], "pairs of shapes are near, but a graph or GPU has room for", capacity)
        print("sim.collide: the others are left out; set model.rigid_contact_max before the first step")


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
