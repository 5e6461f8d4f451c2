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
    """active_count [1], active_pair: the pair of each slot; of each pair: shapes [n, 2] and number of its kernel."""

    active_count: en.array(dtype=int)
    active_pair: en.array(dtype=int)
    shapes: en.array2d(dtype=int)
    kind: en.array(dtype=int)
