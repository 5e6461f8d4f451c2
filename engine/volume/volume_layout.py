"""What the id of a `Volume` points to: descriptor words.

Next to the grid's own tree stands a map: one int32 for every 8³ tile of the box around the leaves, the number of the
leaf there or -1. With it a voxel is three loads away; without it (the leaves lie too sparsely) the tree is walked.
"""

(
    GRID,
    TYPE,
    ROOT,
    TILES,
    TILE_COUNT,
    TILE_BYTES,
    TILE_VALUE,
    UPPER_TABLE,
    UPPER_ENTRY,
    LOWER_TABLE,
    VALUE_BYTES,
    LEAVES,
    LEAF_BYTES,
    LEAF_VALUES,
    BACKGROUND,
    TILE_VALUES,
    MAP,
) = range(17)
"""Addresses (GRID, ROOT, TILES, LEAVES, BACKGROUND, MAP or 0), the type code of voxels, sizes in bytes, offsets of
values in tiles and leaves and of tables in nodes; whether values exist outside leaves."""

MAP_ORIGIN, MAP_SIZE = 17, 20
"""First tile of the map along x, y, z (int32, tile coordinates) and its tiles along x, y, z."""

VOXELS = 23
"""How many voxels the grid has."""

VOXELS_OF_LEAF = 512
NO_LEAF = -1
"""Entry of the map where no leaf is."""
