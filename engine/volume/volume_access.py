"""Reading and writing voxels, and the transforms between world and index space, in the kernel language.

Every lookup ends in an address: of a voxel in a leaf, of a tile's value, or of the background. Loads from it are the
only part that depends on the type of the voxels.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.volume import grid_format
from engine.volume import volume_layout as layout
from engine.volume.errors import VolumeTypeError

MATRIX, INVERSE, TRANSLATION = (
    grid_format.MATRIX_OFFSET // 4,
    grid_format.INVERSE_OFFSET // 4,
    grid_format.TRANSLATION_OFFSET // 4,
)
UPPER_CHILD_MASK = 32 + grid_format.UPPER_ENTRIES // 8
LOWER_CHILD_MASK = 32 + grid_format.LOWER_ENTRIES // 8
LEAF_MASK, LEAF_FIRST_INDEX, LEAF_PREFIX_SUM = 16, 80, 88
INDEX, ON_INDEX = grid_format.INDEX, grid_format.ON_INDEX


def type_code(dtype: Any) -> int:
    """The code in files of voxels of an engine type."""
    dtype = en.types.as_type(dtype)
    row = grid_format.value_type_of(dtype)
    if row is None:
        known = ", ".join(r.dtype.name for r in grid_format.VALUE_TYPES.values() if r.dtype is not None)
        raise VolumeTypeError(
            f"volumes hold no voxels of type {getattr(dtype, 'name', dtype)}; expected one of {known}"
        )
    return row.code


@en.func
def _word(id: en.uint64, word: int) -> en.uint64:
    return en.ptr_load(en.uint64, id, word)


@en.func
def _has_bit(mask: en.uint64, n: int) -> bool:
    return ((en.ptr_load(en.uint32, mask, n >> 5) >> en.uint32(n & 31)) & en.uint32(1)) != en.uint32(0)


@en.func
def _walk(id: en.uint64, i: int, j: int, k: int):
    """(address of the leaf or 0, address of the value that holds there without one), down the tree from the root."""
    leaf = en.uint64(0)
    value = _word(id, layout.BACKGROUND)
    root = _word(id, layout.ROOT)
    tile = _word(id, layout.TILES)
    count = int(_word(id, layout.TILE_COUNT))
    x = en.uint64(en.uint32(i) >> en.uint32(12))
    y = en.uint64(en.uint32(j) >> en.uint32(12))
    z = en.uint64(en.uint32(k) >> en.uint32(12))
    key = (x << en.uint64(42)) | (y << en.uint64(21)) | z
    while count > 0:
        count = count - 1
        if en.ptr_load(en.uint64, tile, 0) == key:
            count = -1
        else:
            tile = tile + _word(id, layout.TILE_BYTES)
    if count < 0:
        child = en.ptr_load(en.uint64, tile, 1)
        value = tile + _word(id, layout.TILE_VALUE)
        if child != en.uint64(0):
            upper = root + child
            n = ((i >> 7) & 31) << 10 | ((j >> 7) & 31) << 5 | ((k >> 7) & 31)
            entry = upper + _word(id, layout.UPPER_TABLE) + en.uint64(n) * _word(id, layout.UPPER_ENTRY)
            value = entry
            if _has_bit(upper + en.uint64(UPPER_CHILD_MASK), n):
                lower = upper + en.ptr_load(en.uint64, entry, 0)
                n = ((i >> 3) & 15) << 8 | ((j >> 3) & 15) << 4 | ((k >> 3) & 15)
                entry = lower + _word(id, layout.LOWER_TABLE) + en.uint64(n) * _word(id, layout.UPPER_ENTRY)
                value = entry
                if _has_bit(lower + en.uint64(LOWER_CHILD_MASK), n):
                    leaf = lower + en.ptr_load(en.uint64, entry, 0)
    return leaf, value


@en.func
def find_leaf(id: en.uint64, i: int, j: int, k: int):
    """(address of the leaf that holds a voxel or 0, address of the value that holds there without one)."""
    tiles = _word(id, layout.MAP)
    leaf = en.uint64(0)
    value = _word(id, layout.BACKGROUND)
    if tiles == en.uint64(0):
        leaf, value = _walk(id, i, j, k)
    else:
        x = (i >> 3) - int(_word(id, layout.MAP_ORIGIN))
        y = (j >> 3) - int(_word(id, layout.MAP_ORIGIN + 1))
        z = (k >> 3) - int(_word(id, layout.MAP_ORIGIN + 2))
        size_x = int(_word(id, layout.MAP_SIZE))
        size_y = int(_word(id, layout.MAP_SIZE + 1))
        size_z = int(_word(id, layout.MAP_SIZE + 2))
        number = int(layout.NO_LEAF)
        if x >= 0 and y >= 0 and z >= 0 and x < size_x and y < size_y and z < size_z:
            number = en.ptr_load(en.int32, tiles, (x * size_y + y) * size_z + z)
        if number >= 0:
            leaf = _word(id, layout.LEAVES) + en.uint64(number) * _word(id, layout.LEAF_BYTES)
        elif _word(id, layout.TILE_VALUES) != en.uint64(0):
            leaf, value = _walk(id, i, j, k)
    return leaf, value


@en.func
def slot_in_leaf(i: int, j: int, k: int) -> int:
    return ((i & 7) << 6) | ((j & 7) << 3) | (k & 7)


@en.func
def voxel_address(id: en.uint64, i: int, j: int, k: int) -> en.uint64:
    """Address of the value at a voxel of a grid that holds values."""
    leaf, value = find_leaf(id, i, j, k)
    if leaf != en.uint64(0):
        slot = en.uint64(slot_in_leaf(i, j, k))
        value = leaf + _word(id, layout.LEAF_VALUES) + slot * _word(id, layout.VALUE_BYTES)
    return value


@en.func
def has_type(id: en.uint64, code: int) -> bool:
    """Whether the volume is there and its voxels have this type."""
    return _word(id, layout.TYPE) == en.uint64(code)


@en.func
def volume_lookup(id: en.uint64, i: int, j: int, k: int, dtype: Any):
    """Value of type `dtype` at a voxel; the background outside, zero where the volume holds another type."""
    value = dtype()
    if has_type(id, en.static(type_code(dtype))):
        value = en.ptr_load(dtype, voxel_address(id, i, j, k), 0)
    return value


@en.func
def volume_lookup(id: en.uint64, i: int, j: int, k: int) -> float:  # noqa: F811  (an overload)
    """Value at a voxel of a float volume; the background outside."""
    return volume_lookup(id, i, j, k, en.float32)


@en.func
def volume_lookup(id: en.uint64, ijk: en.vec3i) -> float:  # noqa: F811  (an overload)
    """Value at a voxel of a float volume; the background outside."""
    return volume_lookup(id, ijk[0], ijk[1], ijk[2], en.float32)


@en.func
def volume_lookup_f(id: en.uint64, i: int, j: int, k: int) -> float:
    """Value at a voxel of a float volume; the background outside."""
    return volume_lookup(id, i, j, k, en.float32)


@en.func
def volume_lookup_i(id: en.uint64, i: int, j: int, k: int) -> int:
    """Value at a voxel of an int32 volume; the background outside."""
    return volume_lookup(id, i, j, k, en.int32)


@en.func
def volume_lookup_v(id: en.uint64, i: int, j: int, k: int) -> en.vec3:
    """Value at a voxel of a vec3 volume; the background outside."""
    return volume_lookup(id, i, j, k, en.vec3)


@en.func
def index_in_leaf(id: en.uint64, leaf: en.uint64, slot: int) -> int:
    """Number of a voxel of a leaf in arrays of voxel data, -1 where an index grid has none there."""
    code = int(_word(id, layout.TYPE))
    index = -1
    if code == ON_INDEX:
        mask = leaf + en.uint64(LEAF_MASK)
        word = slot >> 6
        here = en.ptr_load(en.uint64, mask, word)
        bit = en.uint64(1) << en.uint64(slot & 63)
        if (here & bit) != en.uint64(0):
            before = int(en.popcount(here & (bit - en.uint64(1))))
            if word > 0:
                sums = en.ptr_load(en.uint64, leaf + en.uint64(LEAF_PREFIX_SUM), 0)
                before = before + int((sums >> en.uint64(9 * (word - 1))) & en.uint64(511))
            index = int(en.ptr_load(en.uint64, leaf + en.uint64(LEAF_FIRST_INDEX), 0)) + before - 1
    elif code == INDEX:
        index = int(en.ptr_load(en.uint64, leaf + en.uint64(LEAF_FIRST_INDEX), 0)) + slot - 1
    else:
        number = (leaf - _word(id, layout.LEAVES)) / _word(id, layout.LEAF_BYTES)
        index = int(number) * layout.VOXELS_OF_LEAF + slot
    return index


@en.func
def volume_voxel_count(id: en.uint64) -> int:
    """Number of voxels of the leaves; of an `OnIndex` grid only the active ones, as `Volume.get_voxel_count()`."""
    return int(_word(id, layout.VOXELS))


@en.func
def volume_lookup_index(id: en.uint64, i: int, j: int, k: int) -> int:
    """Number of a voxel in the order of `Volume.get_voxels()`, for arrays of voxel data; -1 outside."""
    index = -1
    if _word(id, layout.TYPE) != en.uint64(0):
        leaf, _value = find_leaf(id, i, j, k)
        if leaf != en.uint64(0):
            index = index_in_leaf(id, leaf, slot_in_leaf(i, j, k))
    return index


@en.func
def volume_store(id: en.uint64, i: int, j: int, k: int, value: Any):
    """Set the value at a voxel; nothing happens outside the leaves, or where the volume holds another type."""
    dtype = type(value)
    if has_type(id, en.static(type_code(dtype))):
        leaf, _value = find_leaf(id, i, j, k)
        if leaf != en.uint64(0):
            slot = en.uint64(slot_in_leaf(i, j, k))
            address = leaf + _word(id, layout.LEAF_VALUES) + slot * _word(id, layout.VALUE_BYTES)
            en.ptr_store(dtype, address, 0, value)


@en.func
def volume_store_f(id: en.uint64, i: int, j: int, k: int, value: float):
    """Set the value at a voxel of a float volume; nothing happens outside the leaves."""
    volume_store(id, i, j, k, value)


@en.func
def volume_store_i(id: en.uint64, i: int, j: int, k: int, value: int):
    """Set the value at a voxel of an int32 volume; nothing happens outside the leaves."""
    volume_store(id, i, j, k, value)


@en.func
def volume_store_v(id: en.uint64, i: int, j: int, k: int, value: en.vec3):
    """Set the value at a voxel of a vec3 volume; nothing happens outside the leaves."""
    volume_store(id, i, j, k, value)


@en.func
def _product(grid: en.uint64, matrix: int, v: en.vec3) -> en.vec3:
    """A 3x3 matrix of the grid's header times a vector."""
    rows = en.vec3()
    if grid != en.uint64(0):
        for r in range(3):
            x = en.ptr_load(en.float32, grid, matrix + 3 * r)
            y = en.ptr_load(en.float32, grid, matrix + 3 * r + 1)
            z = en.ptr_load(en.float32, grid, matrix + 3 * r + 2)
            rows[r] = x * v[0] + y * v[1] + z * v[2]
    return rows


@en.func
def _translation(grid: en.uint64) -> en.vec3:
    place = en.vec3()
    if grid != en.uint64(0):
        place = en.vec3(
            en.ptr_load(en.float32, grid, TRANSLATION),
            en.ptr_load(en.float32, grid, TRANSLATION + 1),
            en.ptr_load(en.float32, grid, TRANSLATION + 2),
        )
    return place


@en.func
def volume_index_to_world(id: en.uint64, uvw: en.vec3) -> en.vec3:
    """World position [m] of a point in index space (voxel centres have whole coordinates)."""
    grid = _word(id, layout.GRID)
    return _product(grid, MATRIX, uvw) + _translation(grid)


@en.func
def volume_world_to_index(id: en.uint64, xyz: en.vec3) -> en.vec3:
    """Point in index space of a world position [m]."""
    grid = _word(id, layout.GRID)
    return _product(grid, INVERSE, xyz - _translation(grid))


@en.func
def volume_index_to_world_dir(id: en.uint64, uvw: en.vec3) -> en.vec3:
    """World direction [m] of a direction in index space."""
    return _product(_word(id, layout.GRID), MATRIX, uvw)


@en.func
def volume_world_to_index_dir(id: en.uint64, xyz: en.vec3) -> en.vec3:
    """Direction in index space of a world direction [m]."""
    return _product(_word(id, layout.GRID), INVERSE, xyz)
