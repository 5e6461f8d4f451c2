"""Where each element leaves its forces when all are evaluated in one launch, and which edge takes which triangle along.

Two measures save memory traffic, which is what a large cloth costs on a GPU (figures: benchmarks/README.md):

* An edge and a triangle beside it share three corners. The thread of the edge computes both and leaves one force per
  corner: a regular cloth has 12 forces a particle instead of 18, and the triangle's corners are loaded once less
  (`sim.forces.hosting`).
* A force is left where its particle reads it: forces number 0, 1, 2 ... of all particles are rows one after the other,
  so particles read in order, without a list of places.
"""

from dataclasses import dataclass

import numpy as np

from sim.forces.hosting import HOST_CODES, hosted_triangles
from sim.forces.places import NO_PLACE, packed_edges
from sim.geometry.integer_order import stable_order

#: Up to so many edges and triangles a GPU gives threads of their own: all run at once, and two short computations are over
#: sooner than a long one. From there on memory traffic is what they cost. Measured on an H100, see benchmarks/README.md.
FEW = 1 << 16


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
        host: For each edge the triangle that it takes along, see `sim.forces.hosting`, or -1, int32 [edge_count].
        order: Which edge the columns of `edge` and `host` stand for, int32 [edge_count].
        corners: Their particles, -1 for none, int32 [4, edge_count]; or packed with the places.
        layout: One of `sim.forces.places.LAYOUTS`.
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
    order: np.ndarray
    corners: np.ndarray
    layout: str


def element_table(
    particle_count: int,
    elements: dict[str, np.ndarray],
    widest: int,
    *,
    hosting: bool = True,
    by_triangle: bool = False,
) -> ElementTable:
    """Builds the tables from element indices [n, vertices] of the families spring, tri, edge and tet.

    Args:
        particle_count: Number of particles.
        elements: Particle indices; edges as rows (opposite corner, opposite corner, end, end) with -1 for no corner.
        widest: Above this many forces on one particle rows get lengths of their own.
        hosting: Whether edges take triangles along at all.
        by_triangle: Whether edges stand in the order of the triangles that they take along, so that neighbouring threads
            read neighbouring constants of triangles, and packed if they can be; else in their own.
    """
    host = hosted_triangles(elements["tri"] if hosting else elements["tri"][:0], elements["edge"])
    lone = np.setdiff1d(np.arange(len(elements["tri"])), host[host >= 0] // HOST_CODES)
    edge_order = np.arange(len(host))
    if by_triangle:
        edge_order = np.lexsort((edge_order, np.where(host >= 0, host, np.iinfo(np.int64).max)))
    edges, host = elements["edge"][edge_order], host[edge_order]
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
    edge_corners, layout = edges.T, "listed"
    if not uneven:
        tables, layout = [_numbers(table, particle_count) for table in tables], "numbered"
        packed = packed_edges(edge_corners, tables[2][0]) if by_triangle else None
        if packed is not None:
            edge_corners, layout = packed, "packed"
    return ElementTable(
        -1 if uneven else most,
        int(row_start[-1]) if uneven else most * particle_count,
        row_start.astype(np.int32),
        *(table.astype(np.int32) for table in tables),
        lone.astype(np.int32),
        host.astype(np.int32),
        edge_order.astype(np.int32),
        np.ascontiguousarray(edge_corners, dtype=np.int32),
        layout,
    )


def _numbers(places: np.ndarray, particle_count: int) -> np.ndarray:
    numbers = np.where(places >= 0, places // max(particle_count, 1), NO_PLACE)
    shifts = 8 * np.arange(len(places))[:, None]
    return (numbers << shifts).sum(axis=0, keepdims=True).astype(np.uint32).view(np.int32)
