"""Where each element leaves its forces when all are evaluated in one launch, and which edge takes which triangle along.

Two measures save memory traffic, which is what a large cloth costs on a GPU (figures: benchmarks/README.md):

* An edge and a triangle beside it share three corners. The thread of the edge computes both and leaves one force per
  corner: a regular cloth has 12 forces a particle instead of 18, and the triangle's corners are loaded once less.
* A force is left where its particle reads it: forces number 0, 1, 2 ... of all particles are rows one after the other,
  so particles read in order, without a list of places.
"""

from dataclasses import dataclass

import numpy as np

from sim.geometry.integer_order import stable_order

#: A hosted triangle and the corners of its edge that it uses, in one number: triangle * 64 + c0 + 4 c1 + 16 c2.
HOST_CODES = 64
NO_PLACE = 255


@dataclass(frozen=True)
class ElementTable:
    """Host tables of `element_table`.

    Attributes:
        width: Forces of every particle, rounded up to the most; -1 if they lie in rows of different lengths.
        slot_count: Number of places for forces.
        row_start: Places of particle p are row_start[p] to row_start[p + 1], int32 [particle_count + 1]; with a `width`
            place `a` of particle p is a * particle_count + p, and this is not needed.
        spring, tri, edge, tet: Where each corner's force is left; `tri` has one column for each of `lone`. With a `width`
            the number `a` of the place, 8 bits a corner, 255 for none, int32 [1, elements]: a quarter of the bytes.
            Else the place or -1, int32 [vertices, elements].
        lone: Triangles that no edge takes along, int32.
        host: For each edge the triangle that it takes along, see `HOST_CODES`, or -1, int32 [edge_count].
    """

    width: int
    slot_count: int
    row_start: np.ndarray
    spring: np.ndarray
    tri: np.ndarray
    edge: np.ndarray
    tet: np.ndarray
    lone: np.ndarray
    host: np.ndarray


def element_table(particle_count: int, elements: dict[str, np.ndarray], widest: int) -> ElementTable:
    """Builds the tables from element indices [n, vertices] of the families spring, tri, edge and tet.

    Args:
        particle_count: Number of particles.
        elements: Particle indices; edges as rows (opposite corner, opposite corner, end, end) with -1 for no corner.
        widest: Above this many forces on one particle rows get lengths of their own.
    """
    host = hosted_triangles(elements["tri"], elements["edge"])
    lone = np.setdiff1d(np.arange(len(elements["tri"])), host[host >= 0] // HOST_CODES)
    edges = elements["edge"]
    used = (edges >= 0) & ((edges.min(axis=1, initial=0) >= 0) | (host >= 0))[:, None]
    corners = {
        "spring": elements["spring"].T,
        "tri": elements["tri"][lone].T,
        "edge": np.where(used, edges, -1).T,
        "tet": elements["tet"].T,
    }
    owner = np.concatenate([rows.ravel() for rows in corners.values()])
    taking_part = np.flatnonzero(owner >= 0)
    order = taking_part[stable_order(owner[taking_part])]
    degree = np.bincount(owner[order], minlength=particle_count)
    row_start = np.zeros(particle_count + 1, dtype=np.int64)
    np.cumsum(degree, out=row_start[1:])
    most = int(degree.max(initial=0))
    uneven = most > widest or most > max(48, 4.0 * degree.mean()) if particle_count else False
    places = np.full(len(owner), -1, dtype=np.int64)
    if uneven:
        places[order] = np.arange(len(order))
    else:
        places[order] = (np.arange(len(order)) - row_start[owner[order]]) * particle_count + owner[order]
    split = np.cumsum([rows.size for rows in corners.values()])[:-1]
    tables = [part.reshape(rows.shape) for part, rows in zip(np.split(places, split), corners.values())]
    if not uneven:
        tables = [_packed_numbers(table, particle_count) for table in tables]
    return ElementTable(
        -1 if uneven else most,
        int(row_start[-1]) if uneven else most * particle_count,
        row_start.astype(np.int32),
        *(table.astype(np.int32) for table in tables),
        lone.astype(np.int32),
        host.astype(np.int32),
    )


def _packed_numbers(places: np.ndarray, particle_count: int) -> np.ndarray:
    numbers = np.where(places >= 0, places // max(particle_count, 1), NO_PLACE)
    shifts = 8 * np.arange(len(places))[:, None]
    return (numbers << shifts).sum(axis=0, keepdims=True).astype(np.uint32).view(np.int32)


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
    corner = np.argmax(triangles[host[rows]][:, :, None] == edges[rows][:, None, :], axis=2)
    host[rows] = host[rows] * HOST_CODES + corner @ np.array([1, 4, 16])
    return host


def _corner_keys(rows: np.ndarray) -> np.ndarray:
    """A number for each unordered triple; different triples have different ones but for rare collisions."""
    low, middle, high = np.sort(rows, axis=1).T.astype(np.uint64)
    mixed = (low * np.uint64(0x9E3779B97F4A7C15) + middle) * np.uint64(0xC2B2AE3D27D4EB4F) + high
    return mixed ^ (mixed >> np.uint64(29))
