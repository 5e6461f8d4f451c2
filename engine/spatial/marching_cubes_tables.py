"""Which triangles a cube of the grid gets for each of the 256 ways in which its corners lie inside or outside.

The tables are derived, not listed. On each face of the cube the corners inside come in runs around its border; each run
is cut off by one segment, so two inside corners that meet only diagonally stay apart. Since the rule looks at the face
alone, the two cubes at a face agree and the surface has no holes. The segments of the six faces chain up to loops,
and each loop is cut into triangles such that no cut lies in a face of the cube, where it could meet its neighbour's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

CORNERS = tuple((c & 1, c >> 1 & 1, c >> 2 & 1) for c in range(8))
"""Offsets of the corners: corner `c` lies at x = bit 0, y = bit 1, z = bit 2 of `c`."""

EDGES = tuple((c, c | 1 << axis) for axis in range(3) for c in range(8) if not c >> axis & 1)
"""First and second corner of the edges: 0 to 3 run along x, 4 to 7 along y, 8 to 11 along z."""

FACES = tuple(
    tuple(sum(bits[k] << k for k in range(3)) for bits in _cycle)
    for _cycle in (
        [tuple({axis: side, u: p, v: q}[k] for k in range(3)) for p, q in ring]
        for axis in range(3)
        for u, v in [((axis + 1) % 3, (axis + 2) % 3)]
        for side, ring in ((1, ((0, 0), (1, 0), (1, 1), (0, 1))), (0, ((0, 0), (0, 1), (1, 1), (1, 0))))
    )
)
"""Corners around the six faces, counter-clockwise seen from outside."""

_EDGE_OF = {frozenset(ends): e for e, ends in enumerate(EDGES)}
_FACES_OF_EDGE = tuple({f for f, ring in enumerate(FACES) if set(ends) <= set(ring)} for ends in EDGES)


@dataclass(frozen=True)
class Tables:
    """The triangles of all cases.

    Attributes:
        case_to_triangles: Case `c` has the triangles from `[c]` to `[c + 1]`, 257 numbers.
        triangle_edges: Three edges of the cube for each triangle, flat; the corners of the triangle lie on them.
    """

    case_to_triangles: tuple[int, ...]
    triangle_edges: tuple[int, ...]


def loops_of_case(case: int) -> list[list[int]]:
    """Closed loops of edges around what bit `c` of `case` says is inside, anticlockwise seen from outside."""
    follows: dict[int, int] = {}
    for ring in FACES:
        inside = [bool(case >> c & 1) for c in ring]
        for k in range(4):
            if inside[k] and not inside[k - 1]:
                last = k
                while inside[(last + 1) % 4]:
                    last += 1
                entered = _EDGE_OF[frozenset((ring[k - 1], ring[k]))]
                left = _EDGE_OF[frozenset((ring[last % 4], ring[(last + 1) % 4]))]
                follows[entered] = left
    loops = []
    while follows:
        loop = [min(follows)]
        while (after := follows.pop(loop[-1])) != loop[0]:
            loop.append(after)
        loops.append(loop)
    return loops


def triangles_of_loop(loop: list[int]) -> list[tuple[int, int, int]]:
    """A loop cut into triangles, with as few cuts inside faces of the cube as possible."""

    def cut_cost(i: int, j: int) -> int:
        neighbours = j - i == 1 or (i == 0 and j == len(loop) - 1)
        return 0 if neighbours else len(_FACES_OF_EDGE[loop[i]] & _FACES_OF_EDGE[loop[j]])

    @functools.cache
    def best(i: int, j: int) -> tuple[int, tuple]:
        """Cost and triangles of the part of the loop from `i` to `j`."""
        if j - i < 2:
            return cut_cost(i, j), ()
        options = []
        for k in range(i + 1, j):
            left, right = best(i, k), best(k, j)
            options.append((left[0] + right[0] + cut_cost(i, j), (*left[1], (loop[i], loop[k], loop[j]), *right[1])))
        return min(options)

    return list(best(0, len(loop) - 1)[1])


@functools.cache
def marching_cubes_tables() -> Tables:
    """The triangles of all 256 cases; normals point out of what is inside."""
    starts, edges = [0], []
    for case in range(256):
        for loop in loops_of_case(case):
            for triangle in triangles_of_loop(loop):
                edges.extend(triangle)
        starts.append(len(edges) // 3)
    return Tables(tuple(starts), tuple(edges))
