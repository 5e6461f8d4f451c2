"""What contact points remember from one detection to the next."""

import engine as en
from sim.collide.contact_points import POINTS, PointTable


@en.func
def keep_points_of_slot(
    slot: int,
    points: PointTable,
    slip: en.array(dtype=en.vec3),
    old_count: en.array(dtype=int),
    old_point_a: en.array(dtype=en.vec3),
    old_slip: en.array(dtype=en.vec3),
):
    """Copies what the next detection needs of this one."""
    count = points.count[slot]
    old_count[slot] = count
    for i in range(count):
        c = slot * POINTS + i
        old_point_a[c] = points.point_a[c]
        old_slip[c] = slip[c]


@en.kernel
def keep_points(
    active_count: en.array(dtype=int),
    points: PointTable,
    slip: en.array(dtype=en.vec3),
    old_count: en.array(dtype=int),
    old_point_a: en.array(dtype=en.vec3),
    old_slip: en.array(dtype=en.vec3),
):
    slot = en.tid()
    if slot < active_count[0]:
        keep_points_of_slot(slot, points, slip, old_count, old_point_a, old_slip)


@en.func
def carry_slip_of_slot(
    slot: int,
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
def carry_slip(
    active_count: en.array(dtype=int),
    previous_slot: en.array(dtype=int),
    old_count: en.array(dtype=int),
    old_point_a: en.array(dtype=en.vec3),
    old_slip: en.array(dtype=en.vec3),
    points: PointTable,
    slip: en.array(dtype=en.vec3),
):
    slot = en.tid()
    if slot < active_count[0]:
        carry_slip_of_slot(slot, previous_slot, old_count, old_point_a, old_slip, points, slip)
