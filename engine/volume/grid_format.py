"""Layout of NanoVDB grids in memory (version 32): the structures of a grid's buffer as NumPy types.

A grid is one buffer: header, tree, root with its tiles, then all upper nodes (32³ children of 128³ voxels), all lower
nodes (16³ children of 8³ voxels) and all leaves (8³ voxels). Source: Museth, "NanoVDB: A GPU-Friendly and Portable VDB
Data Structure", SIGGRAPH Talks 2021, and the format's documentation in OpenVDB.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import types as T

ALIGNMENT = 32
LEAF_VOXELS, LOWER_ENTRIES, UPPER_ENTRIES = 8**3, 16**3, 32**3
LEAF_WIDTH, LOWER_WIDTH, UPPER_WIDTH = 8, 128, 4096

GRID_MAGICS = (b"NanoVDB0", b"NanoVDB1")
MAJOR_VERSION = 32
VERSION = MAJOR_VERSION << 21 | 6 << 10
HAS_BBOX, BREADTH_FIRST = 2, 32

INDEX, ON_INDEX = 19, 20


@dataclass(frozen=True)
class ValueType:
    """A type of voxels: its number and name in files, the engine's type, and the type of its statistics.

    Index grids hold no values: their voxels are the places of values in arrays outside; `dtype` is None.
    """

    code: int
    name: str
    dtype: Any
    scalar: np.dtype
    width: int
    statistics: np.dtype


def _row(code: int, name: str, dtype: Any, statistics: Any) -> ValueType:
    scalar = np.dtype(np.uint64) if dtype is None else dtype.scalar.np_dtype
    return ValueType(code, name, dtype, scalar, 1 if dtype is None else dtype.count, np.dtype(statistics))


VALUE_TYPES = {
    row.code: row
    for row in (
        _row(1, "float", T.float32, np.float32),
        _row(2, "double", T.float64, np.float64),
        _row(4, "int32", T.int32, np.float32),
        _row(5, "int64", T.int64, np.float64),
        _row(6, "Vec3f", T.vector(3, T.float32), np.float32),
        _row(7, "Vec3d", T.vector(3, T.float64), np.float64),
        _row(10, "uint32", T.uint32, np.float32),
        _row(17, "Vec4f", T.vector(4, T.float32), np.float32),
        _row(18, "Vec4d", T.vector(4, T.float64), np.float64),
        _row(INDEX, "Index", None, np.uint64),
        _row(ON_INDEX, "OnIndex", None, np.uint64),
    )
}

GRID_TYPE_NAMES = (
    *("?", "float", "double", "int16", "int32", "int64", "Vec3f", "Vec3d", "Mask", "Half", "uint32", "bool", "RGBA8"),
    *("Float4", "Float8", "Float16", "FloatN", "Vec4f", "Vec4d", "Index", "OnIndex"),
)


def value_type_of(dtype: Any) -> ValueType | None:
    """The value type that holds an engine type, or None."""
    return next((row for row in VALUE_TYPES.values() if row.dtype is not None and row.dtype is dtype), None)


MAP = np.dtype(
    [("matrix_f", "<f4", 9), ("inverse_f", "<f4", 9), ("offset_f", "<f4", 3), ("taper_f", "<f4"),
     ("matrix", "<f8", 9), ("inverse", "<f8", 9), ("offset", "<f8", 3), ("taper", "<f8")]
)  # fmt: skip

GRID = np.dtype(
    [("magic", "S8"), ("checksum", "<u8"), ("version", "<u4"), ("flags", "<u4"), ("grid_index", "<u4"),
     ("grid_count", "<u4"), ("grid_size", "<u8"), ("name", "S256"), ("map", MAP), ("world_lower", "<f8", 3),
     ("world_upper", "<f8", 3), ("voxel_size", "<f8", 3), ("grid_class", "<u4"), ("grid_type", "<u4"),
     ("blind_offset", "<i8"), ("blind_count", "<u4"), ("data0", "<u4"), ("data1", "<u8"), ("data2", "<u8")]
)  # fmt: skip
assert GRID.itemsize == 672

MAP_OFFSET = GRID.fields["map"][1]
MATRIX_OFFSET, INVERSE_OFFSET, TRANSLATION_OFFSET = (
    MAP_OFFSET + MAP.fields[name][1] for name in ("matrix_f", "inverse_f", "offset_f")
)

TREE = np.dtype([("node_offset", "<i8", 4), ("node_count", "<u4", 3), ("tile_count", "<u4", 3), ("voxel_count", "<u8")])
assert TREE.itemsize == 64

BLIND_DATA = np.dtype(
    [("data_offset", "<i8"), ("value_count", "<u8"), ("value_size", "<u4"), ("semantic", "<u4"), ("data_class", "<u4"),
     ("data_type", "<u4"), ("name", "S256")]
)  # fmt: skip
assert BLIND_DATA.itemsize == 288


@dataclass(frozen=True)
class Layout:
    """The structures that depend on the type of voxels.

    Attributes:
        root: Root without its tiles.   tile: One tile of the root.   upper, lower: Inner nodes.   leaf: Leaf.
    """

    root: np.dtype
    tile: np.dtype
    upper: np.dtype
    lower: np.dtype
    leaf: np.dtype


def _packed(fields: list[tuple[str, Any, int, int]], alignment: int = ALIGNMENT) -> np.dtype:
    """A structure of (name, type, repeats, alignment), each field aligned, the whole aligned to `alignment`."""
    names, formats, offsets, at = [], [], [], 0
    for name, kind, count, align in fields:
        at += -at % align
        names.append(name)
        formats.append((kind, count) if count > 1 else kind)
        offsets.append(at)
        at += np.dtype(kind).itemsize * count
    at += -at % alignment
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at})


@functools.cache
def layout_of(value: ValueType) -> Layout:
    """The structures of a grid with voxels of a type."""
    v, n, size = value.scalar, value.width, value.scalar.itemsize
    s = value.statistics
    statistics = [("minimum", v, n, size), ("maximum", v, n, size), ("average", s, 1, s.itemsize),
                  ("deviation", s, 1, s.itemsize)]  # fmt: skip
    box = [("lower", "<i4", 3, 4), ("upper", "<i4", 3, 4)]
    root = _packed([*box, ("tile_count", "<u4", 1, 4), ("background", v, n, size), *statistics])
    tile = _packed([("key", "<u8", 1, 8), ("child", "<i8", 1, 8), ("state", "<u4", 1, 4), ("value", v, n, size)])
    entry_size = max(8, size * n)
    entry_size += -entry_size % 8
    entry = np.dtype(
        {
            "names": ["child", "value"],
            "formats": ["<i8", (v, n) if n > 1 else v],
            "offsets": [0, 0],
            "itemsize": entry_size,
        }
    )
    nodes = [
        _packed([*box, ("flags", "<u8", 1, 8), ("value_mask", "u1", entries // 8, 8),
                 ("child_mask", "u1", entries // 8, 8), *statistics, ("table", entry, entries, ALIGNMENT)])
        for entries in (UPPER_ENTRIES, LOWER_ENTRIES)
    ]  # fmt: skip
    head = [("lower", "<i4", 3, 4), ("extent", "u1", 3, 1), ("flags", "u1", 1, 1), ("value_mask", "u1", 64, 8)]
    if value.dtype is None:
        leaf = _packed([*head, ("first_index", "<u8", 1, 8), ("prefix_sum", "<u8", 1, 8)])
    else:
        leaf = _packed([*head, *statistics, ("values", np.dtype((v, n)) if n > 1 else v, LEAF_VOXELS, ALIGNMENT)])
    return Layout(root, tile, *nodes, leaf)


_float = layout_of(VALUE_TYPES[1])
assert (_float.root.itemsize, _float.upper.itemsize, _float.lower.itemsize, _float.leaf.itemsize) == (
    64,
    270400,
    33856,
    2144,
)


def root_key(origin: np.ndarray) -> np.ndarray:
    """Keys of root tiles at voxel coordinates, shape [n, 3] → [n]."""
    c = (origin.astype(np.int64) & 0xFFFFFFFF).astype(np.uint64) >> np.uint64(12)
    return c[:, 2] | c[:, 1] << np.uint64(21) | c[:, 0] << np.uint64(42)


def origin_of_key(key: np.ndarray) -> np.ndarray:
    """Voxel coordinates of root tiles, shape [n] → [n, 3]."""
    parts = [key >> np.uint64(shift) & np.uint64(0xFFFFF) for shift in (42, 21, 0)]
    return (np.stack(parts, 1).astype(np.uint32) << np.uint32(12)).view(np.int32)


def upper_slot(origin: np.ndarray) -> np.ndarray:
    """Which child of its upper node a voxel is in."""
    c = (origin & (UPPER_WIDTH - 1)) >> 7
    return c[:, 0] << 10 | c[:, 1] << 5 | c[:, 2]


def lower_slot(origin: np.ndarray) -> np.ndarray:
    """Which child of its lower node a voxel is in."""
    c = (origin & (LOWER_WIDTH - 1)) >> 3
    return c[:, 0] << 8 | c[:, 1] << 4 | c[:, 2]


def leaf_slot(voxel: np.ndarray) -> np.ndarray:
    """Which voxel of its leaf a voxel is."""
    c = voxel & (LEAF_WIDTH - 1)
    return c[:, 0] << 6 | c[:, 1] << 3 | c[:, 2]


LEAF_OFFSETS = np.stack(np.meshgrid(*[np.arange(8, dtype=np.int32)] * 3, indexing="ij"), -1).reshape(-1, 3)
"""Coordinates of the voxels of a leaf, in the order of their values."""
