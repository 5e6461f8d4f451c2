"""Kernels that bring the derived data of a mesh up to date with its points.

Each kernel writes every number from one thread, and the boxes are combined level by level from the deepest up: no
atomics, and the same bits whatever the thread count.
"""

from __future__ import annotations

import functools
from typing import Any

import engine as en
from engine.spatial.bvh import EMPTY
from engine.spatial.closest_point import THIN, TINY
from engine.spatial.mesh_features import CORNERS_AND_FACE
from engine.spatial.mesh_layout import LANES

INFINITY = float("inf")
HALF_TURN = 3.14159265
FLAT = 1.0e-6
"""A sum of unit normals this short has no direction: the sheets around the feature lie back to back."""

_EMPTY = int(EMPTY)


@en.kernel
def note_wrong(points: en.array(dtype=en.vec3), indices: en.array(dtype=int), wrong: en.array(dtype=int)):
    """How many indices there are from the first one out of range on, and points from the first one that is not finite."""
    i = en.tid()
    if i < indices.shape[0]:
        if indices[i] < 0 or indices[i] >= points.shape[0]:
            en.atomic_max(wrong, 0, indices.shape[0] - i)
    if i < points.shape[0]:
        if not en.isfinite(points[i]):
            en.atomic_max(wrong, 1, points.shape[0] - i)


def first_wrong(points: Any, indices: Any) -> tuple[int, int]:
    """The first index out of range and the first point that is not finite; counts of either where there is none."""
    counts = indices.shape[0], points.shape[0]
    wrong = en.zeros(2, dtype=en.int32, device=points.device)
    en.launch(note_wrong, max(counts), [points, indices], [wrong], record_tape=False)
    first, second = wrong.numpy()
    return counts[0] - int(first), counts[1] - int(second)


@en.kernel
def fill_packets(
    points: en.array(dtype=en.vec3),
    indices: en.array(dtype=int),
    packet_faces: en.array2d(dtype=int),
    packets: en.array3d(dtype=float),
):
    """Write the points of every packet's triangles; one thread per lane."""
    packet, lane = en.tid()
    face = packet_faces[packet, lane]
    for corner in range(3):
        p = points[indices[3 * face + corner]]
        for axis in range(3):
            packets[packet, 3 * corner + axis, lane] = p[axis]


@en.kernel
def fit_nodes(
    child: en.array2d(dtype=int), packets: en.array3d(dtype=float), first_node: int, nodes: en.array3d(dtype=float)
):
    """Fit the boxes of one level's children; one thread per child. Deeper levels must be fitted already."""
    offset, slot = en.tid()
    node = first_node + offset
    code = child[node, slot]
    if code != _EMPTY:
        for axis in range(3):
            lower = en.float32(INFINITY)
            upper = en.float32(-INFINITY)
            if code >= 0:
                for k in range(LANES):
                    lower = en.min(lower, nodes[code, axis, k])
                    upper = en.max(upper, nodes[code, axis + 3, k])
            else:
                packet = -(code + 1) / LANES
                for k in range(LANES):
                    for corner in range(3):
                        x = packets[packet, 3 * corner + axis, k]
                        lower = en.min(lower, x)
                        upper = en.max(upper, x)
            nodes[node, axis, slot] = lower
            nodes[node, axis + 3, slot] = upper


@en.func
def _angle(x: en.vec3, y: en.vec3) -> float:
    """Angle between two vectors, to 1e-5 rad, which is ample for a weight; plain arithmetic, so that it vectorises.

    Abramowitz & Stegun, Handbook of Mathematical Functions, 4.4.47.
    """
    across = en.length(en.cross(x, y))
    along = en.dot(x, y)
    forward = en.abs(along)
    r = en.min(across, forward) / en.max(en.max(across, forward), TINY)
    rr = r * r
    angle = r * (0.9998660 + rr * (-0.3302995 + rr * (0.1801410 + rr * (-0.0851330 + rr * 0.0208351))))
    angle = en.where(across > forward, HALF_TURN / 2.0 - angle, angle)
    return en.where(along < 0.0, HALF_TURN - angle, angle)


@en.kernel
def weigh_faces(
    points: en.array(dtype=en.vec3),
    indices: en.array(dtype=int),
    normals: en.array(dtype=en.vec3),
    weights: en.array2d(dtype=float),
):
    """Unit normal of every face, zero where it has no area, and the weights of `CORNERS_AND_FACE`."""
    face = en.tid()
    a = points[indices[3 * face]]
    b = points[indices[3 * face + 1]]
    c = points[indices[3 * face + 2]]
    ab = b - a
    ac = c - a
    bc = c - b
    n = en.cross(ab, ac)
    normal = en.vec3(0.0, 0.0, 0.0)
    if en.dot(n, n) > THIN * en.dot(ab, ab) * en.dot(ac, ac):
        normal = en.normalize(n)
    normals[face] = normal
    weights[face, 0] = _angle(ab, ac)
    weights[face, 1] = _angle(bc, -ab)
    weights[face, 2] = _angle(ac, bc)
    weights[face, 3] = 1.0


@functools.cache
def sum_feature_normals(at_once: int) -> Any:
    """The kernel for unit pseudonormals of features, zero where they cannot tell inside from outside.

    `at_once` faces around a feature are fetched together and then added in order: a pole where hundreds meet would make one
    thread of a GPU wait hundreds of times.
    """

    @en.kernel(module="engine.mesh_refresh")
    def sum_normals(
        starts: en.array(dtype=int),
        items: en.array(dtype=int),
        normals: en.array(dtype=en.vec3),
        weights: en.array2d(dtype=float),
        feature_normals: en.array(dtype=en.vec3),
    ):
        feature = en.tid()
        total = en.vec3(0.0, 0.0, 0.0)
        usable = True
        before = -1
        end = starts[feature + 1]
        for first in range(starts[feature], end, en.static(at_once)):
            for k in range(en.static(at_once)):
                item = items[en.min(first + k, end - 1)]
                face = item / CORNERS_AND_FACE
                normal = normals[face]
                weight = weights[face, item % CORNERS_AND_FACE]
                # an edge that a face uses twice (a triangle folded onto itself) is met by that face once; past the end
                # the last one is met again
                if item != before:
                    total = total + normal * weight
                    # next to a face without area a piece of the sum is missing
                    usable = usable and en.dot(normal, normal) > 0.0
                before = item
        if not usable or en.length(total) < FLAT:
            feature_normals[feature] = en.vec3(0.0, 0.0, 0.0)
        else:
            feature_normals[feature] = en.normalize(total)

    return sum_normals


#: how many faces a GPU fetches together
ON_GPU = 16
