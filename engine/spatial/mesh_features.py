"""Which faces meet at every edge and every point of a triangle mesh, found by kernels.

Features are welded points, then edges; points at the same place count as one, so that seams of texture coordinates do not
tear the surface. Around each lie its faces in ascending order. Equal points and equal edges find each other in hash tables and go by the lowest number among them, which no
order of threads changes; one stable sort then lists the faces around each. All of it can be part of a graph. The arrays
have room for as many features as there are points and sides of faces; most edges are two sides.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.device_algorithms import radix_sort_pairs

CORNERS_AND_FACE = 4
"""Weights of a face: its angles at its three points, and 1, with which it counts at its edges."""

_FREE = -1


@en.func
def _mixed(h: en.uint32) -> en.uint32:
    """Bits that depend on all bits of `h` (the finaliser of MurmurHash3, public domain)."""
    h = (h ^ (h >> en.uint32(16))) * en.uint32(0x85EBCA6B)
    h = (h ^ (h >> en.uint32(13))) * en.uint32(0xC2B2AE35)
    return h ^ (h >> en.uint32(16))


@en.func
def _bits(x: float) -> en.uint32:
    """Bits of a coordinate; -0 and 0 are one place."""
    return en.bitcast(en.where(x == 0.0, 0.0, x), en.uint32)


@en.kernel
def clear_tables(owners: en.array(dtype=int), lowest: en.array(dtype=int)):
    """Empty tables: nobody in a slot, no number yet."""
    i = en.tid()
    owners[i] = _FREE
    lowest[i] = 2147483647


@en.kernel
def enter_points(
    points: en.array(dtype=en.vec3),
    owners: en.array(dtype=int),
    lowest: en.array(dtype=int),
    slots: en.array(dtype=int),
):
    """A slot for the place of every point, and the lowest number of a point there."""
    i = en.tid()
    p = points[i]
    last = owners.shape[0] - 1  # sizes are powers of two
    slot = int(_mixed(_bits(p[0]) ^ _mixed(_bits(p[1]) ^ _mixed(_bits(p[2]))))) & last
    searching = True
    while searching:
        owner = en.atomic_cas(owners, slot, _FREE, i)
        if owner == _FREE or owner == i:
            searching = False
        else:
            q = points[owner]
            if p[0] == q[0] and p[1] == q[1] and p[2] == q[2]:
                searching = False
            else:
                slot = (slot + 1) & last
    en.atomic_min(lowest, slot, i)
    slots[i] = slot


@en.func
def _place(indices: en.array(dtype=int), k: int, slots: en.array(dtype=int), lowest: en.array(dtype=int)) -> int:
    """The place of corner `k`: the lowest number of a point there."""
    return lowest[slots[indices[k]]]


@en.func
def _after(side: int) -> int:
    """The corner at which a side ends."""
    return side / 3 * 3 + (side + 1) % 3


@en.kernel
def enter_edges(
    indices: en.array(dtype=int),
    point_slots: en.array(dtype=int),
    point_lowest: en.array(dtype=int),
    places: en.array(dtype=int),
    owners: en.array(dtype=int),
    lowest: en.array(dtype=int),
    slots: en.array(dtype=int),
):
    """The place of every corner; a slot for the edge at every side, and the lowest number of a side there."""
    side = en.tid()
    a = _place(indices, side, point_slots, point_lowest)
    b = _place(indices, _after(side), point_slots, point_lowest)
    places[side] = a
    start = en.min(a, b)
    end = en.max(a, b)
    last = owners.shape[0] - 1
    slot = int(_mixed(en.uint32(start) ^ _mixed(en.uint32(end)))) & last
    searching = True
    while searching:
        owner = en.atomic_cas(owners, slot, _FREE, side)
        if owner == _FREE or owner == side:
            searching = False
        else:
            c = _place(indices, owner, point_slots, point_lowest)
            d = _place(indices, _after(owner), point_slots, point_lowest)
            if start == en.min(c, d) and end == en.max(c, d):
                searching = False
            else:
                slot = (slot + 1) & last
    en.atomic_min(lowest, slot, side)
    slots[side] = slot


@en.kernel
def list_meetings(
    places: en.array(dtype=int),
    edge_slots: en.array(dtype=int),
    edge_lowest: en.array(dtype=int),
    point_count: int,
    feature_ids: en.array2d(dtype=int),
    keys: en.array(dtype=int),
    items: en.array(dtype=int),
):
    """The features of every face, and every meeting of a face with one, in order of the faces."""
    face, k = en.tid()
    side = 3 * face + k
    at = 6 * face + k
    place = places[side]
    edge = point_count + edge_lowest[edge_slots[side]]
    feature_ids[face, k] = edge
    feature_ids[face, 3 + k] = place
    keys[at] = edge
    items[at] = face * CORNERS_AND_FACE + 3
    keys[at + 3] = place
    items[at + 3] = face * CORNERS_AND_FACE + k


@en.kernel
def find_starts(keys: en.array(dtype=int), count: int, starts: en.array(dtype=int)):
    """Where the meetings of every feature begin, in order of features."""
    feature = en.tid()
    at = en.lower_bound(keys, 0, count, feature)
    if keys[at] < feature:  # none of it or after it: the search ends at the last one
        at = count
    starts[feature] = at


def _slots_for(count: int) -> int:
    """Size of a table that `count` entries fill to a half at most."""
    return 1 << max(4, (2 * count - 1).bit_length())


def find_features(points: Any, indices: Any) -> tuple[Any, Any, Any]:
    """The features of a mesh, as kernels.

    Returns:
        Features at the edges ab, bc, ca and points a, b, c of every face, shape [triangle_count, 6]; edges are numbered from the
        count of points on. Where the surroundings of each feature start, and these: `4 * face + k`, where the face meets the
        feature with its `k`-th point, or with an edge if `k` is 3. Numbers that no feature has are surrounded by nothing.
    """
    device, point_count, side_count = points.device, points.shape[0], indices.shape[0]

    def integers(*shape: int) -> Any:
        return en.empty(shape, dtype=en.int32, device=device)

    point_table, edge_table = _slots_for(point_count), _slots_for(side_count)
    owners, lowest = (integers(point_table + edge_table) for _ in range(2))
    en.launch(clear_tables, owners.shape, [], [owners, lowest])
    point_lowest, edge_lowest = lowest[:point_table], lowest[point_table:]
    point_slots, edge_slots, places = integers(point_count), integers(side_count), integers(side_count)
    en.launch(enter_points, point_count, [points], [owners[:point_table], point_lowest, point_slots])
    found = [places, owners[point_table:], edge_lowest, edge_slots]
    en.launch(enter_edges, side_count, [indices, point_slots, point_lowest], found)

    meetings, features = 2 * side_count, point_count + side_count
    feature_ids, keys, items = integers(side_count // 3, 6), integers(2 * meetings), integers(2 * meetings)
    lists = [feature_ids, keys, items]
    en.launch(list_meetings, (side_count // 3, 3), [places, edge_slots, edge_lowest, point_count], lists)
    radix_sort_pairs(keys, items, meetings, end_bit=features.bit_length())
    starts = integers(features + 1)
    en.launch(find_starts, features + 1, [keys, meetings], [starts])
    return feature_ids, starts, items[:meetings]
