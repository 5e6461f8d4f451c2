"""Checking a grid's buffer, and finding its parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.volume.errors import VolumeFileError
from engine.volume.grid_format import (
    GRID,
    GRID_MAGICS,
    GRID_TYPE_NAMES,
    LEAF_WIDTH,
    LOWER_WIDTH,
    MAJOR_VERSION,
    TREE,
    VALUE_TYPES,
    Layout,
    ValueType,
    layout_of,
    origin_of_key,
)


@dataclass(frozen=True)
class GridParts:
    """The structures inside a grid's buffer, as NumPy views.

    Attributes:
        value, layout: Type of the voxels and the structures that follow from it.
        grid, tree, root: Single structures.
        tiles, uppers, lowers, leaves: Rows of them.
        root_at, leaves_at: Byte offsets of the root and the first leaf.
        has_tile_values: Whether a value other than the background exists outside leaves.
    """

    value: ValueType
    layout: Layout
    grid: np.void
    tree: np.void
    root: np.void
    tiles: np.ndarray
    uppers: np.ndarray
    lowers: np.ndarray
    leaves: np.ndarray
    root_at: int
    leaves_at: int
    has_tile_values: bool


def read_parts(buffer: np.ndarray) -> GridParts:
    """Find the parts of a grid, and check that every offset in it stays inside, so that kernels can follow them.

    Raises:
        VolumeFileError: Damaged, of another version, or voxels of a type that is not supported.
    """
    if len(buffer) < GRID.itemsize + TREE.itemsize or bytes(buffer[:8]) not in GRID_MAGICS:
        raise VolumeFileError(f"not a NanoVDB grid: {len(buffer)} bytes that start with {bytes(buffer[:8])!r}")
    grid = buffer[: GRID.itemsize].view(GRID)[0]
    if int(grid["version"]) >> 21 != MAJOR_VERSION:
        raise VolumeFileError(f"grid of NanoVDB version {int(grid['version']) >> 21}; expected {MAJOR_VERSION}")
    code = int(grid["grid_type"])
    value = VALUE_TYPES.get(code)
    if value is None:
        name = GRID_TYPE_NAMES[code] if code < len(GRID_TYPE_NAMES) else str(code)
        known = ", ".join(row.name for row in VALUE_TYPES.values())
        raise VolumeFileError(f"grid with voxels of type {name}; expected one of {known}")
    layout = layout_of(value)
    tree = buffer[GRID.itemsize : GRID.itemsize + TREE.itemsize].view(TREE)[0]
    leaf_at, lower_at, upper_at, root_at = (GRID.itemsize + int(offset) for offset in tree["node_offset"])
    leaf_count, lower_count, upper_count = (int(count) for count in tree["node_count"])

    def part(what: str, at: int, kind: np.dtype, count: int) -> np.ndarray:
        if count and (at < 0 or at % 8 or at + count * kind.itemsize > len(buffer)):
            raise VolumeFileError(f"damaged grid: its {count} {what} at byte {at} do not fit into {len(buffer)} bytes")
        return buffer[at : at + count * kind.itemsize].view(kind) if count else np.zeros(0, kind)

    root = part("roots", root_at, layout.root, 1)[0]
    tiles = part("tiles", root_at + layout.root.itemsize, layout.tile, int(root["tile_count"]))
    uppers = part("upper nodes", upper_at, layout.upper, upper_count)
    lowers = part("lower nodes", lower_at, layout.lower, lower_count)
    leaves = part("leaves", leaf_at, layout.leaf, leaf_count)

    def check(what: str, targets: np.ndarray, first: int, kind: np.dtype, count: int) -> None:
        place = targets - first
        if np.any((place < 0) | (place % kind.itemsize != 0) | (place >= count * kind.itemsize)):
            raise VolumeFileError(f"damaged grid: a node refers to {what} that is none")

    check("an upper node", root_at + tiles["child"][tiles["child"] != 0], upper_at, layout.upper, upper_count)
    upper_child = _bits(uppers["child_mask"])
    lower_child = _bits(lowers["child_mask"])
    node, slot = np.nonzero(upper_child)
    targets = upper_at + node * layout.upper.itemsize + uppers["table"]["child"][node, slot]
    check("a lower node", targets, lower_at, layout.lower, lower_count)
    node, slot = np.nonzero(lower_child)
    targets = lower_at + node * layout.lower.itemsize + lowers["table"]["child"][node, slot]
    check("a leaf", targets, leaf_at, layout.leaf, leaf_count)

    background = root["background"] if value.dtype is not None else np.uint64(0)
    beside = [(tiles["value"], tiles["child"] != 0), (uppers["table"]["value"], upper_child)]
    beside.append((lowers["table"]["value"], lower_child))
    has_tile_values = any(_differs(values[~is_child], background) for values, is_child in beside)
    return GridParts(value, layout, grid, tree, root, tiles, uppers, lowers, leaves, root_at, leaf_at, has_tile_values)


def _bits(mask: np.ndarray) -> np.ndarray:
    return np.unpackbits(mask, axis=1, bitorder="little").astype(bool)


def _differs(values: np.ndarray, background: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(np.any(values != background))


def leaf_origins(parts: GridParts) -> np.ndarray:
    """Origins of all leaves, shape [leaf_count, 3]."""
    origins = np.zeros((len(parts.leaves), 3), np.int32)
    upper_origin = np.zeros((len(parts.uppers), 3), np.int32)
    inner = parts.tiles["child"] != 0
    upper_at = parts.grid.itemsize + int(parts.tree["node_offset"][2])
    number = (parts.root_at + parts.tiles["child"][inner] - upper_at) // parts.layout.upper.itemsize
    upper_origin[number] = origin_of_key(parts.tiles["key"][inner])
    lower_at = parts.grid.itemsize + int(parts.tree["node_offset"][1])
    lower_origin = np.zeros((len(parts.lowers), 3), np.int32)
    _descend(parts.uppers, upper_at, upper_origin, lower_at, parts.layout.lower, lower_origin, 5, LOWER_WIDTH)
    _descend(parts.lowers, lower_at, lower_origin, parts.leaves_at, parts.layout.leaf, origins, 4, LEAF_WIDTH)
    return origins


def _descend(nodes, at, origin, child_at, child_type, child_origin, bits, width) -> None:
    node, slot = np.nonzero(_bits(nodes["child_mask"]))
    target = at + node * nodes.dtype.itemsize + nodes["table"]["child"][node, slot]
    number = (target - child_at) // child_type.itemsize
    side = (1 << bits) - 1
    offset = np.stack([slot >> 2 * bits, slot >> bits & side, slot & side], 1) * width
    child_origin[number] = origin[node] + offset
