"""How kernels find where an element leaves what it does to a corner: three layouts of the tables of `ElementTable`.

"listed" is a place for each corner; "numbered" the number of the place among those of the particle, a byte a corner;
"packed" is the same for edges of orderly meshes, corners and numbers in twelve bytes instead of twenty: the third corner,
how far the others are from it in 16 bits each, and numbers of 4 bits. A large cloth costs a GPU what it reads.
"""

import numpy as np

import engine as en

NO_PLACE = 255
_FAR = 1 << 15  # what 16 bits hold; -_FAR stands for no corner
_NO_NUMBER = 15

NONE = en.constant(NO_PLACE)
NO_NUMBER = en.constant(_NO_NUMBER)


def packed_edges(corners: np.ndarray, numbers: np.ndarray) -> np.ndarray | None:
    """Edges in three words, int32 [3, edge_count], or None if some corner is too far or has too many places.

    Args:
        corners: Particles, -1 for none among the first two, [4, edge_count].
        numbers: Bytes of the "numbered" layout, int32 [edge_count].
    """
    bytes_of = (numbers.view(np.uint32) >> (8 * np.arange(4)[:, None])) & 255
    away = np.where(corners >= 0, corners - corners[2], -_FAR)
    fits = (np.abs(away) < _FAR) | (corners < 0)
    if not fits.all() or (corners[2:] < 0).any() or ((bytes_of >= _NO_NUMBER) & (bytes_of != NO_PLACE)).any():
        return None
    nibbles = np.minimum(bytes_of, _NO_NUMBER).astype(np.int64)
    low = away.astype(np.int64) & 0xFFFF
    rows = [
        corners[2].astype(np.int64),
        low[0] | low[1] << 16,
        low[3] | nibbles[0] << 16 | nibbles[1] << 20 | nibbles[2] << 24 | nibbles[3] << 28,
    ]
    return np.stack(rows).astype(np.uint32).view(np.int32)


@en.func
def listed_place(table: en.array2d(dtype=int), v: int, e: int, corner: int, particle_count: int) -> int:
    """Place of corner `v` of element `e`, or -1."""
    return table[v, e]


@en.func
def numbered_place(table: en.array2d(dtype=int), v: int, e: int, corner: int, particle_count: int) -> int:
    """The same; `corner` is the particle."""
    number = (table[0, e] >> (8 * v)) & 255
    return en.where(number == NONE, -1, number * particle_count + corner)


@en.func
def listed_edge(corners: en.array2d(dtype=int), table: en.array2d(dtype=int), e: int, particle_count: int):
    """Particles of an edge, -1 for none, and their places."""
    return (
        corners[0, e], corners[1, e], corners[2, e], corners[3, e],
        table[0, e], table[1, e], table[2, e], table[3, e],
    )  # fmt: skip


@en.func
def numbered_edge(corners: en.array2d(dtype=int), table: en.array2d(dtype=int), e: int, particle_count: int):
    i = corners[0, e]
    j = corners[1, e]
    k = corners[2, e]
    l = corners[3, e]
    p0 = numbered_place(table, 0, e, i, particle_count)
    p1 = numbered_place(table, 1, e, j, particle_count)
    p2 = numbered_place(table, 2, e, k, particle_count)
    p3 = numbered_place(table, 3, e, l, particle_count)
    return i, j, k, l, p0, p1, p2, p3


@en.func
def unpacked_corner(near: int, low: int) -> int:
    """The particle that is `low` - a number of 16 bits with sign - from `near`, or -1."""
    away = ((low & 65535) ^ 32768) - 32768
    return en.where(away == -32768, -1, near + away)


@en.func
def unpacked_place(numbers: int, v: int, corner: int, particle_count: int) -> int:
    number = (numbers >> (16 + 4 * v)) & 15
    return en.where(number == NO_NUMBER, -1, number * particle_count + corner)


@en.func
def packed_edge(corners: en.array2d(dtype=int), table: en.array2d(dtype=int), e: int, particle_count: int):
    k = corners[0, e]
    sides = corners[1, e]
    rest = corners[2, e]
    i = unpacked_corner(k, sides)
    j = unpacked_corner(k, sides >> 16)
    l = unpacked_corner(k, rest)
    p0 = unpacked_place(rest, 0, i, particle_count)
    p1 = unpacked_place(rest, 1, j, particle_count)
    p2 = unpacked_place(rest, 2, k, particle_count)
    p3 = unpacked_place(rest, 3, l, particle_count)
    return i, j, k, l, p0, p1, p2, p3


#: For each layout the place of a corner of other elements, and corners and places of an edge.
LAYOUTS = {
    "listed": (listed_place, listed_edge),
    "numbered": (numbered_place, numbered_edge),
    "packed": (numbered_place, packed_edge),
}
