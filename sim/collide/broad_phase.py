"""Which shape pairs are near each other: bounds overlap, then a compaction in pair order."""

import engine as en
from sim.collide.contact_points import PointTable
from sim.collide.point_history import keep_points_of_slot
from sim.collide.shape_types import PLANE


@en.func
def is_near(
    a: int,
    b: int,
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    X_ws: en.array(dtype=en.transform),
    lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3),
    reach: float,
    ignored_shape: int,
) -> bool:
    """Whether the bounds of two shapes come closer than `reach`; an infinite plane b is tested as a half space.

    `ignored_shape` is the ground plane while it is switched off, else -1.
    """
    la = lower_w[a]
    ua = upper_w[a]
    lb = lower_w[b]
    ub = upper_w[b]
    gap = en.max(
        en.max(en.max(lb[0] - ua[0], la[0] - ub[0]), en.max(lb[1] - ua[1], la[1] - ub[1])),
        en.max(lb[2] - ua[2], la[2] - ub[2]),
    )
    if shape_type[b] == PLANE:
        n = en.transform_vector(X_ws[b], en.vec3(0.0, 1.0, 0.0))
        half = (ua - la) * 0.5
        height = en.dot(n, (ua + la) * 0.5 - en.transform_get_translation(X_ws[b]))
        below = height - en.abs(n[0]) * half[0] - en.abs(n[1]) * half[1] - en.abs(n[2]) * half[2]
        if shape_scale[b][0] > 0.0 and shape_scale[b][1] > 0.0:
            gap = en.max(gap, below)
        else:
            gap = below
    return gap < reach and b != ignored_shape


@en.kernel
def mark_near_pairs(
    pair_shapes: en.array2d(dtype=int),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    X_ws: en.array(dtype=en.transform),
    lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3),
    reach: float,
    ignored_shape: int,
    near: en.array(dtype=int),
):
    """near[pair] = 1 for near pairs, else 0."""
    pair = en.tid()
    a = pair_shapes[pair, 0]
    b = pair_shapes[pair, 1]
    is_in_reach = is_near(a, b, shape_type, shape_scale, X_ws, lower_w, upper_w, reach, ignored_shape)
    near[pair] = en.where(is_in_reach, 1, 0)


@en.kernel
def place_near_pairs(
    pair_shapes: en.array2d(dtype=int),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    X_ws: en.array(dtype=en.transform),
    lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3),
    reach: float,
    ignored_shape: int,
    pair_count: int,
    kind_of_pair: en.array(dtype=int),
    pair_slot: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    previous_slot: en.array(dtype=int),
    wanted: en.array(dtype=int),
    kind: en.array(dtype=int),
    points: PointTable,
    slip: en.array(dtype=en.vec3),
    old_count: en.array(dtype=int),
    old_point_a: en.array(dtype=en.vec3),
    old_slip: en.array(dtype=en.vec3),
):
    """What `list_near_pairs` does, with a slot for every pair: those that are not near have no kernel and no points.

    Keeps the former points of the slot before, as `keep_points` does.
    """
    pair = en.tid()
    if pair < active_count[0]:
        keep_points_of_slot(pair, points, slip, old_count, old_point_a, old_slip)
    a = pair_shapes[pair, 0]
    b = pair_shapes[pair, 1]
    is_in_reach = is_near(a, b, shape_type, shape_scale, X_ws, lower_w, upper_w, reach, ignored_shape)
    active_pair[pair] = pair
    previous_slot[pair] = pair_slot[pair]
    pair_slot[pair] = en.where(is_in_reach, pair, -1)
    kind[pair] = en.where(is_in_reach, kind_of_pair[pair], -1)
    points.count[pair] = 0
    if pair == 0:
        # threads that see this too soon keep points that nobody asks for
        active_count[0] = pair_count
        wanted[0] = 0


@en.kernel
def list_near_pairs(
    pair_count: int,
    capacity: int,
    near: en.array(dtype=int),
    pair_slot: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    previous_slot: en.array(dtype=int),
    wanted: en.array(dtype=int),
):
    """Numbers the near pairs in pair order (one thread); remembers the slot each had before, -1 for none."""
    n = 0
    total = 0
    for pair in range(pair_count):
        old = pair_slot[pair]
        slot = -1
        if near[pair] != 0:
            total = total + 1
            if n < capacity:
                slot = n
                active_pair[slot] = pair
                previous_slot[slot] = old
                n = n + 1
        pair_slot[pair] = slot
    active_count[0] = n
    wanted[0] = total
