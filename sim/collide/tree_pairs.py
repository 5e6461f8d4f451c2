"""Near pairs found in a hierarchy of bounds, for scenes whose candidate pairs are too many to list.

Every shape that can move looks for boxes near its own. Worlds (collision groups) stand side by side in the hierarchy,
on a grid far enough apart, so that copies of a scene at one place never meet; shapes of group -1 stand at the origin, where
all others look as well. Pairs are sorted by their two shapes, so their order depends on nothing but the scene.
"""

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.collide.shape_types import PLANE
from sim.collide.shapes import ShapePlacement

KEPT_PAIRS = 24
KEPT = en.constant(KEPT_PAIRS)
"""Pairs a shape that one search can keep; a shape with more searches twice."""


@en.struct
class PairRules:
    """Which shapes may touch: body, region (0: group -1), dynamic, on_ground, boxed (meets others): of each shape.

    excluded_start, excluded: filtered shapes of each shape, sorted. rank: place of each shape's kind in a pair.
    kernel: number of the kernel for two ranks, -1 for none, [ranks, ranks].
    """

    body: en.array(dtype=int)
    region: en.array(dtype=int)
    dynamic: en.array(dtype=int)
    on_ground: en.array(dtype=int)
    boxed: en.array(dtype=int)
    excluded_start: en.array(dtype=int)
    excluded: en.array(dtype=int)
    rank: en.array(dtype=int)
    kernel: en.array2d(dtype=int)


class TreePairs:
    """As `ListedPairs`: what is near now, and where it was before; here the list of pairs is made anew each time.

    Attributes:
        shapes: Pairs (a, b) of the slots, int [capacity, 2]; `active_pair` numbers them 0, 1, 2, ...
        kind, island_start, largest_island, active_count, active_pair, previous_slot, wanted: See `ListedPairs`.
        found: Boxes that the searches met, by shape: what the search costs.
    """

    def __init__(self, model, rank: np.ndarray, kernel: np.ndarray):
        shape_filter = model.shape_filter
        types = model.shape_geo.type.numpy()
        scale = model.shape_geo.scale.numpy()
        collides = np.array(model.shape_shape_collision, dtype=bool)
        dynamic = shape_filter.dynamic.numpy().astype(bool)
        group = np.array(model.shape_collision_group, dtype=np.int64)
        unbounded = (types == PLANE) & ~((scale[:, 0] > 0.0) & (scale[:, 1] > 0.0))
        ground = model.ground_shape
        boxed = collides & ~unbounded & (rank >= 0)
        searching = boxed & dynamic
        if ground >= 0:
            boxed[ground] = searching[ground] = False
            unbounded[ground] = False
        on_ground = np.array(model.shape_ground_collision, dtype=bool) & dynamic & (rank >= 0)
        searching |= on_ground
        present = np.unique(group[collides])
        present = present[present >= 0]
        region = np.zeros(len(group), dtype=np.int32)
        if len(present) > 1:
            region[group >= 0] = np.searchsorted(present, group[group >= 0]) + 1
        self._regions = len(present) + 1 if len(present) > 1 else 1
        if (searching & (region == 0)).any():
            # what can move in group -1 does not look into the worlds: their static shapes look for it
            searching |= boxed & (region > 0)
        planes = np.flatnonzero(unbounded & collides)
        planes = planes[np.argsort(region[planes], kind="stable")]
        starts = np.searchsorted(region[planes], np.arange(self._regions + 1))
        self._planes = int_array(planes)
        self._plane_start = int_array(starts)
        self._boxed, self._searching = np.flatnonzero(boxed), np.flatnonzero(searching)
        self._searched = int_array(self._boxed)
        self._seekers = int_array(self._searching)
        rules = self._rules = PairRules()
        rules.body = model.shape_body
        rules.region, rules.dynamic = int_array(region), int_array(dynamic)
        rules.on_ground = int_array(on_ground)
        rules.excluded_start, rules.excluded = shape_filter.excluded_offsets, int_array(shape_filter.excluded.numpy())
        rules.rank = int_array(rank)
        rules.kernel = en.array(kernel.astype(np.int32), dtype=int)
        rules.boxed = int_array(boxed)
        self.count = len(self._searching)
        self.tests = 0
        first = islands_of(model, region, self._searching)
        self.island_count = len(first)
        self._island_first, self.largest_island = int_array(first), 4 * int(np.diff([*first, len(group)]).max())
        self.island_start = en.zeros(self.island_count + 1, dtype=int)
        n = max(len(self._searching), 1)
        self._found, self._before = en.zeros(n, dtype=int), en.zeros(n, dtype=int)
        self._kept = en.zeros(n * KEPT_PAIRS, dtype=en.vec2i)
        self.active_count, self.wanted = en.zeros(1, dtype=int), en.zeros(1, dtype=int)
        self._old_count = en.zeros(1, dtype=int)
        self._tree: en.Bvh | None = None
        self._columns = int(np.ceil(np.sqrt(self._regions)))
        self._stride = 0.0

    def make_room(self, capacity: int) -> None:
        """Makes slots for `capacity` near pairs; what was near before is forgotten."""
        self.capacity = capacity
        self.shapes = en.zeros((capacity, 2), dtype=int)
        self.kind = en.zeros(capacity, dtype=int)
        self.active_pair = en.array(np.arange(capacity, dtype=np.int32), dtype=int)
        self.previous_slot = en.zeros(capacity, dtype=int)
        self._key = en.zeros(capacity, dtype=en.vec2i)
        self._old_key = en.zeros(capacity, dtype=en.vec2i)
        self.active_count.fill_(0)

    def find(self, model, placement: ShapePlacement, reach: float) -> None:
        """Lists the pairs whose bounds come closer than `reach` [m]."""
        tree = self._boxes(placement)
        bounds = [placement.X_ws, placement.lower_w, placement.upper_w]
        search = [
            tree.id if tree is not None else en.uint64(0), self._searched, self._seekers, self._planes,
            self._plane_start, self._rules, *bounds, self._columns, self._stride, reach,
            model.ground_shape if model.ground else -1, self._regions,
        ]  # fmt: skip
        en.launch(count_near, dim=self.count, inputs=search, outputs=[self._kept, self._found])
        en.utils.array_scan(self._found, self._before, inclusive=False)
        en.copy(self._old_key, self._key)
        en.copy(self._old_count, self.active_count)
        en.launch(
            list_near,
            dim=self.count,
            inputs=[*search, self.count, self.capacity, self._before, self._found, self._kept],
            outputs=[self._key, self.active_count, self.wanted],
        )
        en.launch(
            orient_pairs,
            dim=self.capacity,
            inputs=[self.active_count, self._key, self._rules, self._old_count, self._old_key],
            outputs=[self.shapes, self.kind, self.previous_slot],
        )
        en.launch(
            find_islands,
            dim=self.island_count + 1,
            inputs=[self.island_count, self._island_first, self.active_count, self._key],
            outputs=[self.island_start],
        )

    def boxes_met(self) -> int:
        """Near pairs that the last search found (reads back)."""
        return int(self._found.numpy()[: self.count].sum())

    def _boxes(self, placement: ShapePlacement) -> "en.Bvh | None":
        """The hierarchy, built anew; None where there are no boxes."""
        n = len(self._boxed)
        if not n:
            return None
        if self._tree is None:
            with NotRecorded():
                if self._regions > 1:
                    lower, upper = (a.numpy()[self._boxed] for a in (placement.lower_w, placement.upper_w))
                    self._stride = 2.0 * float(np.ptp(np.concatenate([lower, upper]), axis=0).max()) + 1.0
                lower, upper = en.zeros(n, dtype=en.vec3), en.zeros(n, dtype=en.vec3)
                self._place_boxes(placement, lower, upper)
                self._tree = en.Bvh(lower, upper)
        self._place_boxes(placement, self._tree.lowers, self._tree.uppers)
        self._tree.rebuild()
        return self._tree

    def _place_boxes(self, placement: ShapePlacement, lower, upper) -> None:
        inputs = [
            self._searched, self._rules.region, placement.lower_w, placement.upper_w, self._columns, self._stride
        ]  # fmt: skip
        en.launch(place_boxes, dim=len(self._boxed), inputs=inputs, outputs=[lower, upper])


def int_array(values: np.ndarray) -> en.array:
    """Integers on the device, at least one."""
    values = np.asarray(values, dtype=np.int32)
    return en.array(values if len(values) else np.zeros(1, dtype=np.int32), dtype=int)


def islands_of(model, region: np.ndarray, searching: np.ndarray) -> np.ndarray:
    """First shape of each world whose bodies meet no other world's; a single island where worlds share bodies."""
    body = model.shape_body.numpy()[searching]
    of_shape = region[searching]
    single = np.zeros(1, dtype=np.int32)
    if not len(of_shape) or of_shape.min() == 0 or (np.diff(of_shape) < 0).any():
        return single
    of_body = np.full(int(body.max()) + 1, -1)
    of_body[body] = of_shape
    if (of_body[body] != of_shape).any():
        return single
    return searching[np.append(True, np.diff(of_shape) > 0)].astype(np.int32)


@en.func
def shift_of(region: int, columns: int, stride: float) -> en.vec3:
    """Where a region stands in the hierarchy."""
    return en.vec3(float(region % columns) * stride, 0.0, float(region // columns) * stride)


@en.kernel
def place_boxes(
    boxed: en.array(dtype=int), region: en.array(dtype=int), lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3), columns: int, stride: float, lower: en.array(dtype=en.vec3),
    upper: en.array(dtype=en.vec3),
):  # fmt: skip
    i = en.tid()
    s = boxed[i]
    shift = shift_of(region[s], columns, stride)
    low = lower_w[s] + shift
    high = upper_w[s] + shift
    # what rounding at the shifted place may take away
    pad = 3.0e-7 * (en.length(shift) + en.length(lower_w[s]) + en.length(upper_w[s]))
    grown = en.vec3(pad, pad, pad)
    # a body that has diverged is nowhere
    if en.length(high - low) < 1.0e12 and en.length(low) < 1.0e12:
        lower[i] = low - grown
        upper[i] = high + grown
    else:
        lower[i] = shift
        upper[i] = shift


@en.func
def is_excluded(rules: PairRules, a: int, b: int) -> bool:
    """Whether the pair is filtered out (binary search among the excluded shapes of a)."""
    low = rules.excluded_start[a]
    end = rules.excluded_start[a + 1]
    high = int(end)
    while low < high:
        middle = low + (high - low) // 2
        if rules.excluded[middle] < b:
            low = middle + 1
        else:
            high = middle
    return low < end and rules.excluded[low] == b


@en.func
def may_touch(rules: PairRules, s: int, o: int) -> bool:
    """Whether two shapes are a pair, found from s.

    Of two that can move it is found from the first, of one in a world and one of group -1 from that in the world.
    """
    fits = rules.body[s] != rules.body[o] and rules.kernel[rules.rank[s], rules.rank[o]] >= 0
    if rules.dynamic[s] == 0:
        fits = fits and rules.dynamic[o] != 0 and rules.region[o] == 0
    elif rules.region[s] == rules.region[o]:
        fits = fits and (rules.dynamic[o] == 0 or o > s)
    return fits and not is_excluded(rules, s, o)


@en.func
def boxes_gap(la: en.vec3, ua: en.vec3, lb: en.vec3, ub: en.vec3) -> float:
    """Distance of two boxes along the axis on which they are farthest apart."""
    return en.max(
        en.max(en.max(lb[0] - ua[0], la[0] - ub[0]), en.max(lb[1] - ua[1], la[1] - ub[1])),
        en.max(lb[2] - ua[2], la[2] - ub[2]),
    )


@en.func
def plane_gap(X_wp: en.transform, lower: en.vec3, upper: en.vec3) -> float:
    """Height of a box's lowest corner over a plane."""
    n = en.transform_vector(X_wp, en.vec3(0.0, 1.0, 0.0))
    half = (upper - lower) * 0.5
    height = en.dot(n, (upper + lower) * 0.5 - en.transform_get_translation(X_wp))
    return height - en.abs(n[0]) * half[0] - en.abs(n[1]) * half[1] - en.abs(n[2]) * half[2]


@en.func
def put_key(key: en.array(dtype=en.vec2i), first: int, room: int, found: int, s: int, o: int):
    """Adds (s, o) to the keys of s, which begin at `first`, in ascending order; what exceeds `room` is left out."""
    if found < room:
        at = first + found
        while at > first and key[at - 1][1] > o:
            key[at] = key[at - 1]
            at = at - 1
        key[at] = en.vec2i(s, o)


@en.func
def search(
    s: int, tree: en.uint64, boxed: en.array(dtype=int), planes: en.array(dtype=int), plane_start: en.array(dtype=int),
    rules: PairRules, X_ws: en.array(dtype=en.transform), lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3), columns: int, stride: float, reach: float, ground: int, regions: int, first: int,
    room: int, key: en.array(dtype=en.vec2i),
) -> int:  # fmt: skip
    """Number of shapes near s; the first `room` pairs met go to `key`, sorted, from `first` on."""
    found = 0
    low = lower_w[s]
    high = upper_w[s]
    if rules.boxed[s] != 0:
        grown = en.vec3(reach, reach, reach)
        turns = 1
        if rules.region[s] != 0:
            turns = 2
        for turn in range(turns):
            region = rules.region[s]
            if turn == 1:
                region = 0
            shift = shift_of(region, columns, stride)
            query = en.bvh_query_aabb(tree, low + shift - grown, high + shift + grown)
            box = 0
            while en.bvh_query_next(query, box):
                o = boxed[box]
                if rules.region[o] == region and boxes_gap(low, high, lower_w[o], upper_w[o]) < reach:
                    if may_touch(rules, s, o):
                        put_key(key, first, room, found, s, o)
                        found = found + 1
            first_plane = plane_start[region]
            end_plane = plane_start[region + 1]
            if rules.region[s] == 0:
                end_plane = plane_start[regions]
            if rules.dynamic[s] == 0:
                end_plane = first_plane
            for k in range(first_plane, end_plane):
                o = planes[k]
                if may_touch(rules, s, o):
                    if plane_gap(X_ws[o], low, high) < reach:
                        put_key(key, first, room, found, s, o)
                        found = found + 1
    if ground >= 0 and rules.on_ground[s] != 0:
        if plane_gap(X_ws[ground], low, high) < reach:
            put_key(key, first, room, found, s, ground)
            found = found + 1
    return found


@en.kernel
def count_near(
    tree: en.uint64, boxed: en.array(dtype=int), seekers: en.array(dtype=int), planes: en.array(dtype=int),
    plane_start: en.array(dtype=int), rules: PairRules, X_ws: en.array(dtype=en.transform),
    lower_w: en.array(dtype=en.vec3), upper_w: en.array(dtype=en.vec3), columns: int, stride: float, reach: float,
    ground: int, regions: int, kept: en.array(dtype=en.vec2i), near: en.array(dtype=int),
):  # fmt: skip
    """Number of shapes near each seeker; the pairs of those that have at most `KEPT` of them."""
    i = en.tid()
    near[i] = search(
        seekers[i], tree, boxed, planes, plane_start, rules, X_ws, lower_w, upper_w, columns, stride, reach, ground,
        regions, i * KEPT, KEPT, kept,
    )  # fmt: skip


@en.kernel
def list_near(
    tree: en.uint64, boxed: en.array(dtype=int), seekers: en.array(dtype=int), planes: en.array(dtype=int),
    plane_start: en.array(dtype=int), rules: PairRules, X_ws: en.array(dtype=en.transform),
    lower_w: en.array(dtype=en.vec3), upper_w: en.array(dtype=en.vec3), columns: int, stride: float, reach: float,
    ground: int, regions: int, count: int, capacity: int, before: en.array(dtype=int), near: en.array(dtype=int),
    kept: en.array(dtype=en.vec2i), key: en.array(dtype=en.vec2i), active_count: en.array(dtype=int),
    wanted: en.array(dtype=int),
):  # fmt: skip
    """The pairs of all seekers one behind the other; those with more than `KEPT` search once more."""
    i = en.tid()
    first = before[i]
    if near[i] <= KEPT:
        for k in range(en.min(near[i], capacity - first)):
            key[first + k] = kept[i * KEPT + k]
    else:
        search(
            seekers[i], tree, boxed, planes, plane_start, rules, X_ws, lower_w, upper_w, columns, stride, reach, ground,
            regions, first, capacity - first, key,
        )  # fmt: skip
    if i == count - 1:
        total = before[i] + near[i]
        wanted[0] = total
        active_count[0] = en.min(total, capacity)


@en.kernel
def orient_pairs(
    active_count: en.array(dtype=int), key: en.array(dtype=en.vec2i), rules: PairRules, old_count: en.array(dtype=int),
    old_key: en.array(dtype=en.vec2i), shapes: en.array2d(dtype=int), kind: en.array(dtype=int),
    previous_slot: en.array(dtype=int),
):  # fmt: skip
    """Which shape comes first, which kernel serves the pair, and in which slot the pair was before."""
    slot = en.tid()
    if slot >= active_count[0]:
        return
    k = key[slot]
    a = k[0]
    b = k[1]
    if rules.rank[a] > rules.rank[b] or (rules.rank[a] == rules.rank[b] and a > b):
        a = k[1]
        b = k[0]
    shapes[slot, 0] = a
    shapes[slot, 1] = b
    kind[slot] = rules.kernel[rules.rank[a], rules.rank[b]]
    low = 0
    high = old_count[0]
    while low < high:
        middle = low + (high - low) // 2
        m = old_key[middle]
        if m[0] < k[0] or (m[0] == k[0] and m[1] < k[1]):
            low = middle + 1
        else:
            high = middle
    found = -1
    if low < old_count[0]:
        m = old_key[low]
        if m[0] == k[0] and m[1] == k[1]:
            found = low
    previous_slot[slot] = found


@en.kernel
def find_islands(
    islands: int, first_shape: en.array(dtype=int), active_count: en.array(dtype=int), key: en.array(dtype=en.vec2i),
    island_start: en.array(dtype=int),
):  # fmt: skip
    k = en.tid()
    low = 0
    high = active_count[0]
    if k == islands:
        low = high
    while low < high:
        middle = low + (high - low) // 2
        if key[middle][0] < first_shape[k]:
            low = middle + 1
        else:
            high = middle
    island_start[k] = low
