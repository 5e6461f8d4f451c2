"""Making grids in memory: the tree over a set of leaves, as one buffer in the format of NanoVDB."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.volume.grid_format import (
    ALIGNMENT,
    BREADTH_FIRST,
    GRID,
    HAS_BBOX,
    INDEX,
    LEAF_VOXELS,
    LEAF_WIDTH,
    LOWER_WIDTH,
    ON_INDEX,
    TREE,
    UPPER_WIDTH,
    VERSION,
    ValueType,
    layout_of,
    leaf_slot,
    lower_slot,
    root_key,
    upper_slot,
)


def leaves_of(voxels: np.ndarray) -> np.ndarray:
    """Origins of the leaves that hold voxels, each once, in the order of the tree; shape [n, 3] → [leaf_count, 3]."""
    origins = voxels.astype(np.int32) & ~np.int32(LEAF_WIDTH - 1)
    return in_tree_order(np.unique(origins, axis=0)) if len(origins) else origins.reshape(0, 3)


def in_tree_order(leaves: np.ndarray) -> np.ndarray:
    """Leaf origins sorted by upper node, then lower node, then place in it."""
    upper, lower = leaves & ~np.int32(UPPER_WIDTH - 1), leaves & ~np.int32(LOWER_WIDTH - 1)
    keys = (lower_slot(leaves), upper_slot(lower), upper[:, 2], upper[:, 1], upper[:, 0])
    return leaves[np.lexsort(keys)]


def build_grid(
    leaves: np.ndarray,
    value: ValueType,
    background: Any,
    matrix: np.ndarray,
    translation: np.ndarray,
    *,
    values: np.ndarray | None = None,
    voxels: np.ndarray | None = None,
    name: str = "",
) -> np.ndarray:
    """Build a grid.

    Args:
        leaves: Origins of the leaves in tree order, shape [leaf_count, 3], multiples of 8.
        value: Type of the voxels.
        background: Value outside (ignored for index grids).
        matrix: Index to world, shape [3, 3].
        translation: Where index (0, 0, 0) lies in the world.
        values: Values of the voxels, shape [leaf_count, 512, ...]; None: the background.
        voxels: For `ON_INDEX` grids the active voxels, shape [voxel_count, 3], each once.
        name: Name of the grid.

    Returns:
        The buffer, uint8.
    """
    layout = layout_of(value)
    lowers, leaf_parent = _group(leaves, LOWER_WIDTH)
    uppers, lower_parent = _group(lowers, UPPER_WIDTH)
    counts = (len(leaves), len(lowers), len(uppers))
    root_at = GRID.itemsize + TREE.itemsize
    upper_at = root_at + layout.root.itemsize + len(uppers) * layout.tile.itemsize
    lower_at = upper_at + len(uppers) * layout.upper.itemsize
    leaf_at = lower_at + len(lowers) * layout.lower.itemsize
    size = leaf_at + len(leaves) * layout.leaf.itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    buffer = raw[start : start + size]

    def part(at: int, kind: np.dtype, count: int) -> np.ndarray:
        return buffer[at : at + count * kind.itemsize].view(kind)

    leaf = part(leaf_at, layout.leaf, len(leaves))
    leaf["lower"], leaf["extent"], leaf["flags"] = leaves, LEAF_WIDTH - 1, HAS_BBOX
    active = _fill_leaves(leaf, leaves, value, background, values, voxels)
    leaf_lower, leaf_upper = leaf["lower"], leaf["lower"] + leaf["extent"]

    lower = part(lower_at, layout.lower, len(lowers))
    _fill_nodes(lower, lowers, leaf_lower, leaf_upper, leaf_parent, lower_slot(leaves), value, background)
    lower["table"]["child"][leaf_parent, lower_slot(leaves)] = (leaf_at - lower_at) + (
        np.arange(len(leaves)) * layout.leaf.itemsize - leaf_parent * layout.lower.itemsize
    )
    upper = part(upper_at, layout.upper, len(uppers))
    _fill_nodes(upper, uppers, lower["lower"], lower["upper"], lower_parent, upper_slot(lowers), value, background)
    upper["table"]["child"][lower_parent, upper_slot(lowers)] = (lower_at - upper_at) + (
        np.arange(len(lowers)) * layout.lower.itemsize - lower_parent * layout.upper.itemsize
    )
    tile = part(root_at + layout.root.itemsize, layout.tile, len(uppers))
    tile["key"] = root_key(uppers)
    tile["child"] = (upper_at - root_at) + np.arange(len(uppers)) * layout.upper.itemsize
    root = part(root_at, layout.root, 1)
    root["tile_count"] = len(uppers)
    if value.dtype is not None:
        root["background"] = background
    if len(leaves):
        root["lower"], root["upper"] = leaf_lower.min(0), leaf_upper.max(0)
    else:  # an empty box is inverted
        root["lower"], root["upper"] = np.iinfo(np.int32).max, np.iinfo(np.int32).min

    tree = part(GRID.itemsize, TREE, 1)
    tree["node_offset"] = [at - GRID.itemsize for at in (leaf_at, lower_at, upper_at, root_at)]
    tree["node_count"], tree["voxel_count"] = counts, active
    _fill_header(part(0, GRID, 1), root, value, matrix, translation, size, active, name)
    return buffer


def _group(origins: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Origins of the parent nodes in the order in which they appear, and the parent of every node."""
    parents = origins & ~np.int32(width - 1)
    if not len(parents):
        return parents.reshape(0, 3), np.zeros(0, np.int64)
    new = np.concatenate([[True], np.any(parents[1:] != parents[:-1], axis=1)])
    return parents[new], np.cumsum(new) - 1


def _fill_leaves(leaf, leaves, value: ValueType, background, values, voxels) -> int:
    """Values or indices of the leaves; returns the number of active voxels."""
    if value.code == ON_INDEX:
        number = _leaf_number(leaves, voxels)
        bits = np.zeros((len(leaves), LEAF_VOXELS), bool)
        bits[number, leaf_slot(voxels)] = True
        leaf["value_mask"] = np.packbits(bits, axis=1, bitorder="little")
        per_word = bits.reshape(len(leaves), 8, 64).sum(2)
        sums = np.cumsum(per_word, axis=1)[:, :7].astype(np.uint64)
        leaf["prefix_sum"] = (sums << (np.arange(7, dtype=np.uint64) * np.uint64(9))).sum(1, dtype=np.uint64)
        total = per_word.sum(1)
        leaf["first_index"] = 1 + np.cumsum(total) - total
        return int(total.sum())
    leaf["value_mask"] = 255
    if value.code == INDEX:
        leaf["first_index"] = 1 + np.arange(len(leaves)) * LEAF_VOXELS
    else:
        leaf["values"] = background if values is None else values
    return len(leaves) * LEAF_VOXELS


def _leaf_number(leaves: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Number of the leaf that each voxel is in."""
    origins = voxels & ~np.int32(LEAF_WIDTH - 1)
    both = np.concatenate([leaves, origins]).astype(np.int32)
    _, first, inverse = np.unique(both, axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()[len(leaves) :]]


def _fill_nodes(nodes, origins, child_lower, child_upper, parent, slot, value: ValueType, background) -> None:
    """Boxes, masks and tile values of inner nodes; the children's offsets come afterwards."""
    if not len(nodes):
        return
    first = np.flatnonzero(np.concatenate([[True], parent[1:] != parent[:-1]]))
    nodes["lower"] = np.minimum.reduceat(child_lower, first)
    nodes["upper"] = np.maximum.reduceat(child_upper, first)
    if value.dtype is not None:
        nodes["table"]["value"] = background
    bits = np.zeros((len(nodes), nodes.dtype["table"].shape[0]), bool)
    bits[parent, slot] = True
    nodes["child_mask"] = np.packbits(bits, axis=1, bitorder="little")


def _fill_header(grid, root, value: ValueType, matrix, translation, size: int, active: int, name: str) -> None:
    grid["magic"], grid["checksum"], grid["version"] = b"NanoVDB1", np.iinfo(np.uint64).max, VERSION
    grid["flags"], grid["grid_count"], grid["grid_size"] = HAS_BBOX | BREADTH_FIRST, 1, size
    grid["name"], grid["grid_type"] = name.encode()[:255], value.code
    if value.dtype is None:
        grid["grid_class"], grid["data1"] = 8, active + 1
    inverse = np.linalg.inv(matrix)
    for suffix in ("", "_f"):
        grid["map"]["matrix" + suffix] = matrix.ravel()
        grid["map"]["inverse" + suffix] = inverse.ravel()
        grid["map"]["offset" + suffix] = translation
        grid["map"]["taper" + suffix] = 1.0
    grid["voxel_size"] = np.linalg.norm(matrix, axis=0)
    if root["lower"][0, 0] <= root["upper"][0, 0]:
        ends = np.stack([root["lower"][0], root["upper"][0] + 1]).astype(float)
        corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), -1).reshape(-1, 3) @ matrix.T + translation
        grid["world_lower"], grid["world_upper"] = corners.min(0), corners.max(0)
