"""Edges that take a triangle along: the three common corners are loaded once and get one force each from both."""

import numpy as np

import engine as en

#: A hosted triangle and how it lies at its edge, in one number: triangle * 32 + side + 2 k + 8 l. Its third corner is the
#: edge's first opposite corner (side 0) or the second (side 1); the edge's ends are its corners number k and l.
HOST_CODES = 32

CODES = en.constant(HOST_CODES)


@en.func
def hosted_pose(pose: en.mat22, code: int) -> en.mat22:
    """Inverse rest shape of a hosted triangle with its corners in the order third corner, ends of the edge.

    F = sum(x b^T) over the corners and their rows b, of which the first corner's is minus the sum of the others. Where
    the new order turns the triangle over, the second axis of the rest shape does so, too, which no isotropic material
    feels.
    """
    k = (code >> 1) & 3
    l = (code >> 3) & 3
    first = -(pose[0, 0] + pose[1, 0])
    second = -(pose[0, 1] + pose[1, 1])
    a = en.where(k == 0, first, en.where(k == 1, pose[0, 0], pose[1, 0]))
    b = en.where(k == 0, second, en.where(k == 1, pose[0, 1], pose[1, 1]))
    c = en.where(l == 0, first, en.where(l == 1, pose[0, 0], pose[1, 0]))
    d = en.where(l == 0, second, en.where(l == 1, pose[0, 1], pose[1, 1]))
    turned = en.where(a * d < b * c, -1.0, 1.0)
    return en.mat22(a, b * turned, c, d * turned)


def hosted_triangles(triangles: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """For each edge row the triangle beside it that it takes along, as in `HOST_CODES`, or -1, int64 [edge_count].

    An edge takes one triangle at most; triangles that find no free edge, or share all corners with another, stay alone.
    """
    host = np.full(len(edges), -1, dtype=np.int64)
    if not len(triangles) or not len(edges) or len(triangles) >= 2**31 // HOST_CODES:
        return host
    triangle_keys, first, copies = np.unique(_corner_keys(triangles), return_index=True, return_counts=True)
    first = np.where(copies == 1, first, -1)
    pairs = []
    for side in (0, 1):
        rows = np.flatnonzero(edges[:, [side, 2, 3]].min(axis=1) >= 0)
        corners = edges[rows][:, [side, 2, 3]]
        keys = _corner_keys(corners)
        at = np.minimum(np.searchsorted(triangle_keys, keys), len(triangle_keys) - 1)
        same = np.sort(triangles[first[at]], axis=1) == np.sort(corners, axis=1)
        hit = (triangle_keys[at] == keys) & (first[at] >= 0) & same.all(axis=1)
        pairs.append(np.stack([rows[hit], first[at[hit]]]))
    edge, triangle = np.concatenate(pairs, axis=1)
    taken = np.zeros(len(triangles), dtype=bool)
    # every free triangle asks its first free edge, every edge takes the first that asks
    while len(edge):
        _, asking = np.unique(triangle, return_index=True)
        _, answered = np.unique(edge[asking], return_index=True)
        chosen = asking[answered]
        host[edge[chosen]] = triangle[chosen]
        taken[triangle[chosen]] = True
        free = ~taken[triangle] & (host[edge] < 0)
        edge, triangle = edge[free], triangle[free]
    rows = np.flatnonzero(host >= 0)
    # which corner of the triangle each corner of the edge is: one of three for the ends, for one of the opposite corners
    found = triangles[host[rows]][:, None, :] == edges[rows][:, :, None]
    corner = np.argmax(found, axis=2)
    side = ~found[:, 0].any(axis=1)
    host[rows] = host[rows] * HOST_CODES + side + 2 * corner[:, 2] + 8 * corner[:, 3]
    return host


def _corner_keys(rows: np.ndarray) -> np.ndarray:
    """A number for each unordered triple; different triples have different ones but for rare collisions."""
    low, middle, high = np.sort(rows, axis=1).T.astype(np.uint64)
    mixed = (low * np.uint64(0x9E3779B97F4A7C15) + middle) * np.uint64(0xC2B2AE3D27D4EB4F) + high
    return mixed ^ (mixed >> np.uint64(29))
