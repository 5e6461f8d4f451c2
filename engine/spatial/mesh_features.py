"""Which faces meet at every edge and every point of a triangle mesh, found by kernels.

The same answer as `mesh_topology`, which does it on the host: welded points, then edges, and around each its faces in
ascending order. Points and edges are grouped by sorting, so all of it can be part of a graph. How many edges there are
is known on the device alone; the arrays have room for three edges of their own for each face.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.device_algorithms import array_scan, radix_sort_pairs
from engine.spatial.mesh_topology import CORNERS_AND_FACE


@en.kernel
def number_all(numbers: en.array(dtype=int)):
    """0, 1, 2 and so on."""
    i = en.tid()
    numbers[i] = i


@en.kernel
def take_coordinate(
    points: en.array(dtype=en.vec3), numbers: en.array(dtype=int), axis: int, keys: en.array(dtype=en.uint32)
):
    """Bits of a coordinate of the points in the order of `numbers`; -0 and 0 are one place."""
    i = en.tid()
    x = points[numbers[i]][axis]
    keys[i] = en.bitcast(en.where(x == 0.0, 0.0, x), en.uint32)


@en.kernel
def mark_new_places(points: en.array(dtype=en.vec3), numbers: en.array(dtype=int), marks: en.array(dtype=int)):
    """1 where a point, in order, lies elsewhere than the one before."""
    i = en.tid()
    mark = 0
    if i > 0:
        a = points[numbers[i]]
        b = points[numbers[i - 1]]
        if a[0] != b[0] or a[1] != b[1] or a[2] != b[2]:
            mark = 1
    marks[i] = mark


@en.kernel
def give_ranks(numbers: en.array(dtype=int), ranks: en.array(dtype=int), places: en.array(dtype=int)):
    """Number of the place of every point."""
    i = en.tid()
    places[numbers[i]] = ranks[i]


@en.kernel
def list_corners_and_edges(
    indices: en.array(dtype=int),
    places: en.array(dtype=int),
    feature_ids: en.array2d(dtype=int),
    corner_keys: en.array(dtype=int),
    corner_items: en.array(dtype=int),
    edge_keys: en.array(dtype=en.int64),
    edges: en.array(dtype=int),
):
    """The place of every corner of every face, and the two places that each of its edges joins."""
    face = en.tid()
    for k in range(3):
        start = places[indices[3 * face + k]]
        end = places[indices[3 * face + (k + 1) % 3]]
        at = 3 * face + k
        feature_ids[face, 3 + k] = start
        corner_keys[at] = start
        corner_items[at] = face * CORNERS_AND_FACE + k
        edge_keys[at] = en.int64(en.min(start, end)) * en.int64(places.shape[0]) + en.int64(en.max(start, end))
        edges[at] = at


@en.kernel
def mark_new_edges(edge_keys: en.array(dtype=en.int64), marks: en.array(dtype=int)):
    """1 where an edge, in order, is another than the one before."""
    i = en.tid()
    mark = 0
    if i > 0 and edge_keys[i] != edge_keys[i - 1]:
        mark = 1
    marks[i] = mark


@en.kernel
def find_corner_starts(corner_keys: en.array(dtype=int), count: int, starts: en.array(dtype=int)):
    """Where the corners at every place begin, in order of place."""
    place = en.tid()
    at = en.lower_bound(corner_keys, 0, count, place)
    if corner_keys[at] < place:  # no corner lies there: the search ends at the last one
        at = count
    starts[place] = at


@en.kernel
def place_edges(
    edges: en.array(dtype=int),
    marks: en.array(dtype=int),
    ranks: en.array(dtype=int),
    corner_items: en.array(dtype=int),
    place_count: int,
    feature_ids: en.array2d(dtype=int),
    starts: en.array(dtype=int),
    items: en.array(dtype=int),
):
    """Numbers of the edges for their faces, and the faces around every edge; one thread per side of a face."""
    i = en.tid()
    count = ranks.shape[0]
    side = edges[i]
    rank = ranks[i]
    feature_ids[side / 3, side % 3] = place_count + rank
    items[i] = corner_items[i]
    items[count + i] = side / 3 * CORNERS_AND_FACE + 3
    if i == 0 or marks[i] != 0:
        starts[place_count + rank] = count + i
    if i > ranks[count - 1]:
        starts[place_count + i] = 2 * count
    if i == 0:
        starts[place_count + count] = 2 * count


def find_features(points: Any, indices: Any) -> tuple[Any, Any, Any]:
    """The features of a mesh, as kernels.

    Returns:
        `feature_ids`, `starts` and `items` as in `MeshTopology`; edges are numbered from the count of points on, and
        numbers that no feature has are surrounded by nothing.
    """
    device, point_count, side_count = points.device, points.shape[0], indices.shape[0]

    def integers(*shape: int, dtype: Any = en.int32) -> Any:
        return en.empty(shape if len(shape) > 1 else shape[0], dtype=dtype, device=device)

    keys, numbers = integers(2 * point_count, dtype=en.uint32), integers(2 * point_count)
    marks, places = integers(point_count), integers(point_count)
    en.launch(number_all, point_count, [], [numbers])
    for axis in range(3):
        en.launch(take_coordinate, point_count, [points, numbers, axis], [keys])
        radix_sort_pairs(keys, numbers, point_count)
    en.launch(mark_new_places, point_count, [points, numbers], [marks])
    array_scan(marks, marks)
    en.launch(give_ranks, point_count, [numbers, marks], [places])

    feature_ids = integers(side_count // 3, 6)
    starts, items = integers(point_count + side_count + 1), integers(2 * side_count)
    corner_keys, corner_items, edges = (integers(2 * side_count) for _ in range(3))
    edge_keys = integers(2 * side_count, dtype=en.int64)
    lists = [feature_ids, corner_keys, corner_items, edge_keys, edges]
    en.launch(list_corners_and_edges, side_count // 3, [indices, places], lists)
    bits = max(1, (point_count - 1).bit_length())
    radix_sort_pairs(corner_keys, corner_items, side_count, end_bit=bits)
    radix_sort_pairs(edge_keys, edges, side_count, end_bit=2 * bits)
    marks, ranks = integers(side_count), integers(side_count)
    en.launch(mark_new_edges, side_count, [edge_keys], [marks])
    array_scan(marks, ranks)
    en.launch(find_corner_starts, point_count, [corner_keys, side_count], [starts])
    en.launch(place_edges, side_count, [edges, marks, ranks, corner_items, point_count], [feature_ids, starts, items])
    return feature_ids, starts, items
