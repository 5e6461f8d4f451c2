"""What every narrow-phase kernel reads: shapes, and pairs that are near."""

import engine as en


@en.struct
class ShapeTable:
    """Rows of all shapes: body (-1: static), kind (see `shape_types`, with CONVEX and FIELD), scale, thickness [m].

    hull: place in the hull table (convex meshes, and meshes as planes see them). field: place in the field table.
    source: mesh id. X_ws: frame in the world. lower_s, upper_s: bounds in the shape frame [m].
    """

    body: en.array(dtype=int)
    kind: en.array(dtype=int)
    scale: en.array(dtype=en.vec3)
    thickness: en.array(dtype=float)
    hull: en.array(dtype=int)
    field: en.array(dtype=int)
    source: en.array(dtype=en.uint64)
    X_ws: en.array(dtype=en.transform)
    lower_s: en.array(dtype=en.vec3)
    upper_s: en.array(dtype=en.vec3)


@en.struct
class PairTable:
    """active_count [1], active_pair: the pair of each slot; of each pair: shapes [n, 2] and number of its kernel.

    previous_slot: slot that each slot's pair had before, -1 for none. corners, corner_a, corner_b: simplex where the search
    for closest points ended, up to three points of each core in the frames of the shapes; old_...: those of the last
    detection, by its slots. Empty where no kernel needs them.
    """

    active_count: en.array(dtype=int)
    active_pair: en.array(dtype=int)
    shapes: en.array2d(dtype=int)
    kind: en.array(dtype=int)
    previous_slot: en.array(dtype=int)
    corners: en.array(dtype=int)
    corner_a: en.array(dtype=en.vec3)
    corner_b: en.array(dtype=en.vec3)
    old_corners: en.array(dtype=int)
    old_corner_a: en.array(dtype=en.vec3)
    old_corner_b: en.array(dtype=en.vec3)


@en.func
def pair_of_kind(pairs: PairTable, slot: int, kind: int) -> int:
    """The pair in a slot if it is for the kernel of this number; -1 for another's, and for a slot that is not taken."""
    pair = -1
    if slot < pairs.active_count[0]:
        at = pairs.active_pair[slot]
        if pairs.kind[at] == kind:
            pair = at
    return pair
