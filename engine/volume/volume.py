"""Sparse grids of voxels that kernels can read and write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import engine as en
from engine.errors import EngineError
from engine.spatial.descriptor import DESCRIPTOR_WORDS, take_descriptor
from engine.taping import structures
from engine.volume import volume_layout as words
from engine.volume.errors import VolumeFileError, VolumeTypeError, VolumeValueError
from engine.volume.grid_builder import build_grid, in_tree_order, leaves_of
from engine.volume.grid_format import (
    BLIND_DATA,
    GRID,
    GRID_TYPE_NAMES,
    INDEX,
    LEAF_OFFSETS,
    LEAF_VOXELS,
    LEAF_WIDTH,
    ON_INDEX,
    VALUE_TYPES,
    value_type_of,
)
from engine.volume.grid_info import FeatureArrayInfo, GridInfo
from engine.volume.grid_reader import leaf_origins, read_parts
from engine.volume.index_space import background_values, index_matrix, three_numbers, type_of_background, voxels_of
from engine.volume.nvdb_file import read_grids, write_grids

_SMALL_MAP, _MAP_TILES_PER_LEAF, _LARGEST_MAP = 1 << 15, 64, 1 << 26


class Volume:
    """A sparse grid of voxels in the format of NanoVDB, in leaves of 8x8x8 voxels.

    Attributes:
        id: Handle for kernels (`uint64`), valid as long as this object lives.
        dtype: Type of the voxels, None for index grids.
        is_index: Whether the voxels are places in arrays outside.
        device: Where the volume lives.
    """

    CLOSEST = 0
    """Sample the closest voxel."""

    LINEAR = 1
    """Interpolate linearly between the eight voxels around."""

    GridInfo = GridInfo
    FeatureArrayInfo = FeatureArrayInfo

    def __init__(self, data: Any, copy: bool = True):
        """Use the buffer of a grid: the contents of memory or of an uncompressed file without its header.

        Args:
            data: `array(uint8)`. Several grids may follow each other; see `load_next_grid`.
            copy: Whether to copy it. `volume_store` writes into the volume's own buffer.

        Raises:
            VolumeFileError: Not a grid, damaged, or of a type that is not supported.
        """
        if not isinstance(data, en.array) or data.dtype is not en.uint8:
            raise VolumeTypeError(f"Volume: got {type(data).__name__}; expected array(dtype=uint8)")
        if copy:
            self._take(read_grids(data.numpy().tobytes(), "the array"), data.device)
        else:
            self._take([data.numpy()], data.device, data)

    @classmethod
    def _of(cls, grids: list[np.ndarray], device: Any = None) -> Volume:
        out = cls.__new__(cls)
        out._take(grids, en.get_device(device))
        return out

    def _take(self, grids: list[np.ndarray], device: Any, array: Any = None) -> None:
        """Use the first grid; `_buffer` is its copy on the host, on the CPU the very memory that kernels use."""
        self.device = device
        self._buffer, self._following = grids[0], grids[1:]
        self._array = array if array is not None else en.array(grids[0], dtype=en.uint8, copy=False, device=device)
        self._parts = read_parts(self._buffer)
        self._origins = leaf_origins(self._parts)
        self._map = _leaf_map(self._origins, device)
        self._descriptor = take_descriptor(self, device)
        self.id = en.uint64(self._descriptor.address)
        self._write_descriptor()
        structures.changed(self)

    kernels_write = True  # with volume_store

    def kernel_arrays(self) -> list[Any]:
        """Arrays of its own that kernels reach through the id."""
        return [self._array, None if self._map is None else self._map[1]]

    def _write_descriptor(self) -> None:
        p, base = self._parts, self._array.ptr
        d = np.zeros(DESCRIPTOR_WORDS, np.uint64)
        layout = p.layout
        d[words.GRID], d[words.TYPE], d[words.ROOT] = base, p.value.code, base + p.root_at
        d[words.TILES], d[words.TILE_COUNT] = base + p.root_at + layout.root.itemsize, len(p.tiles)
        d[words.TILE_BYTES], d[words.TILE_VALUE] = layout.tile.itemsize, layout.tile.fields["value"][1]
        d[words.UPPER_TABLE], d[words.LOWER_TABLE] = layout.upper.fields["table"][1], layout.lower.fields["table"][1]
        d[words.UPPER_ENTRY] = layout.upper["table"].base.itemsize
        d[words.VALUE_BYTES] = p.value.scalar.itemsize * p.value.width
        d[words.LEAVES], d[words.LEAF_BYTES] = base + p.leaves_at, layout.leaf.itemsize
        if not self.is_index:
            d[words.LEAF_VALUES] = layout.leaf.fields["values"][1]
        d[words.BACKGROUND] = base + p.root_at + layout.root.fields["background"][1]
        d[words.TILE_VALUES], d[words.VOXELS] = p.has_tile_values, self.get_voxel_count()
        if self._map is not None:
            d[words.MAP] = self._map[1].ptr
            signed = d.view(np.int64)
            signed[words.MAP_ORIGIN : words.MAP_ORIGIN + 3] = self._map[0]
            signed[words.MAP_SIZE : words.MAP_SIZE + 3] = self._map[1].shape
        self._descriptor[:] = d

    def __del__(self) -> None:
        """Nothing to do, for programs that call it: memory and descriptor go back when the object dies."""

    # what it is ------------------------------------------------------------------------------------------------
    @property
    def dtype(self) -> Any:
        return self._parts.value.dtype

    @property
    def is_index(self) -> bool:
        return self._parts.value.code in (INDEX, ON_INDEX)

    def array(self) -> Any:
        """The grid's buffer as `array(uint8)`, sharing its memory."""
        return self._array

    def get_grid_info(self) -> GridInfo:
        """What the header says."""
        grid = self._parts.grid
        return GridInfo(
            name=grid["name"].decode(errors="replace"),
            size_in_bytes=int(grid["grid_size"]),
            grid_index=int(grid["grid_index"]),
            grid_count=int(grid["grid_count"]),
            type_str=self._parts.value.name,
            translation=en.vec3(*grid["map"]["offset_f"].tolist()),
            transform_matrix=en.mat33(*grid["map"]["matrix_f"].tolist()),
        )

    def get_voxel_size(self) -> tuple[float, float, float]:
        """Size of a voxel along its axes [m]."""
        return tuple(float(np.float32(x)) for x in self._parts.grid["voxel_size"])

    def get_tile_count(self) -> int:
        """Number of leaves."""
        return len(self._origins)

    def get_tiles(self, out: Any = None) -> Any:
        """First voxel of every leaf, `array2d(int32)`, shape [tile_count, 3]."""
        return self._into(out, self._origins, "get_tiles")

    def get_voxel_count(self) -> int:
        """Number of voxels of the leaves; of an `OnIndex` grid only the active ones."""
        if self._parts.value.code == ON_INDEX:
            return int(np.unpackbits(self._parts.leaves["value_mask"]).sum())
        return len(self._origins) * LEAF_VOXELS

    def get_voxels(self, out: Any = None) -> Any:
        """Coordinates of these voxels as `volume_lookup_index` orders them, int32, shape [voxel_count, 3]."""
        voxels = self._origins[:, None] + LEAF_OFFSETS
        if self._parts.value.code == ON_INDEX:
            mask = np.unpackbits(self._parts.leaves["value_mask"], axis=1, bitorder="little").astype(bool)
            voxels = voxels[mask]
        return self._into(out, voxels.reshape(-1, 3), "get_voxels")

    def _into(self, out: Any, values: np.ndarray, name: str) -> Any:
        if out is None:
            return en.array(np.ascontiguousarray(values, np.int32), dtype=en.int32, device=self.device)
        if out.size * out.dtype.count != values.size or out.dtype.scalar is not en.int32:
            raise EngineError(f"{name}: out holds {out.size} of {out.dtype}; expected room for {values.shape} int32")
        out.assign(values)
        return out

    # arrays beside the voxels ----------------------------------------------------------------------------------
    def get_feature_array_count(self) -> int:
        """Number of arrays that the grid carries beside its voxels."""
        return int(self._parts.grid["blind_count"])

    def get_feature_array_info(self, feature_index: int) -> FeatureArrayInfo:
        """Name, place and size of such an array.

        Raises:
            VolumeValueError: There is no array of this number.
        """
        count = self.get_feature_array_count()
        if not 0 <= feature_index < count:
            raise VolumeValueError(f"Volume: got feature array {feature_index}; there are {count}")
        at = int(self._parts.grid["blind_offset"]) + feature_index * BLIND_DATA.itemsize
        if at < 0 or at + BLIND_DATA.itemsize > len(self._buffer):
            raise VolumeFileError("damaged grid: its feature arrays lie outside")
        meta = self._buffer[at : at + BLIND_DATA.itemsize].view(BLIND_DATA)[0]
        start, code = at + int(meta["data_offset"]), int(meta["data_type"])
        if start < 0 or start + int(meta["value_count"]) * int(meta["value_size"]) > len(self._buffer):
            raise VolumeFileError("damaged grid: a feature array does not fit into the buffer")
        return FeatureArrayInfo(
            name=meta["name"].decode(errors="replace"),
            ptr=self._array.ptr + start,
            value_size=int(meta["value_size"]),
            value_count=int(meta["value_count"]),
            type_str=GRID_TYPE_NAMES[code] if code < len(GRID_TYPE_NAMES) else "?",
        )

    def feature_array(self, feature_index: int, dtype: Any = None) -> Any:
        """Such an array, sharing its memory; `dtype` says what its bytes mean where the file does not."""
        info = self.get_feature_array_info(feature_index)
        row = next((r for r in VALUE_TYPES.values() if r.name == info.type_str and r.dtype is not None), None)
        sizes = {1: en.uint8, 2: en.uint16, 4: en.uint32, 8: en.uint64}
        if dtype is None:
            dtype = row.dtype if row is not None else sizes.get(info.value_size, en.uint8)
        dtype = en.types.as_type(dtype)
        count = info.value_count * info.value_size // dtype.size
        return en.array(ptr=info.ptr, shape=count, dtype=dtype, device=self.device, owner=self)

    # files -----------------------------------------------------------------------------------------------------
    @classmethod
    def load_from_nvdb(cls, file_or_buffer: Any, device: Any = None) -> Volume:
        """Read the first grid of a NanoVDB file; `load_next_grid` gives the others.

        Args:
            file_or_buffer: Path, open binary file, or bytes.
            device: Where the volume is to live.

        Raises:
            VolumeFileError: Not a NanoVDB file, damaged, of another version, of voxels that are not supported, or
                compressed with Blosc where no such package is installed.
        """
        if hasattr(file_or_buffer, "read"):
            data, where = file_or_buffer.read(), getattr(file_or_buffer, "name", "the file")
        elif isinstance(file_or_buffer, (bytes, bytearray, memoryview)):
            data, where = bytes(file_or_buffer), "the buffer"
        else:
            where = str(file_or_buffer)
            with open(file_or_buffer, "rb") as file:
                data = file.read()
        return cls._of(read_grids(data, str(where)), device)

    @classmethod
    def load_from_address(cls, grid_ptr: int, buffer_size: int = 0, device: Any = None) -> Volume:
        """Copy a grid from memory of the device, or of the host if that is the CPU; its header tells the size."""
        place = en.get_device(device)

        def read(size: int) -> bytes:
            return en.array(ptr=grid_ptr, shape=size, dtype=en.uint8, device=place).numpy().tobytes()

        size = buffer_size or int(np.frombuffer(read(GRID.itemsize), GRID)["grid_size"][0])
        return cls._of(read_grids(read(size), f"memory at {grid_ptr:#x}"), place)

    def load_next_grid(self) -> Volume | None:
        """The grid that follows this one in its file, or None."""
        return Volume._of(self._following, self.device) if self._following else None

    def save_to_nvdb(self, path: Any, codec: str = "none") -> None:
        """Write this grid and those that follow it to a file.

        Args:
            path: Where to.
            codec: "none", "zip" or "blosc" (needs the package blosc).

        Raises:
            VolumeFileError: This is not the first grid of its file, or Blosc is missing.
            VolumeValueError: An unknown codec.
        """
        if int(self._parts.grid["grid_index"]) > 0:
            raise VolumeFileError("save_to_nvdb: this is not the first grid of its file; save the first one")
        data = write_grids([self._array.numpy(), *self._following], codec)
        with open(path, "wb") as file:
            file.write(data)

    # making ----------------------------------------------------------------------------------------------------
    @classmethod
    def allocate(
        cls,
        min: Sequence[float],
        max: Sequence[float],
        voxel_size: Any,
        bg_value: Any = 0.0,
        translation: Any = (0.0, 0.0, 0.0),
        points_in_world_space: bool = False,
        device: Any = None,
    ) -> Volume:
        """A volume with all leaves that meet a box, filled with the background.

        Args:
            min: Lowest voxel of the box (world position [m] with `points_in_world_space`).
            max: Highest voxel.
            voxel_size: Size of a voxel [m], one number or one for each axis.
            bg_value: Value outside; its type is that of the voxels (float, int, three or four numbers, a vector). None
                makes an index grid.
            translation: World position [m] of index (0, 0, 0).
            points_in_world_space: Whether `min` and `max` are world positions.
            device: Where the volume is to live.

        Raises:
            VolumeValueError, VolumeTypeError: A voxel size that is not positive and finite, or no box.
        """
        matrix = index_matrix(voxel_size)
        ends = np.array([three_numbers("min", min), three_numbers("max", max)])
        if points_in_world_space:
            ends = (ends - three_numbers("translation", translation)) / np.diag(matrix)
        if not np.isfinite(ends).all() or np.any(ends[0] > ends[1]):
            raise VolumeValueError(f"Volume.allocate: got the box {list(min)} to {list(max)}; expected min <= max")
        first, last = (np.floor(ends / LEAF_WIDTH) * LEAF_WIDTH).astype(np.int64)
        if np.prod((last - first) / LEAF_WIDTH + 1) > 2**24:
            raise VolumeValueError("Volume.allocate: more than 2**24 leaves; use larger voxels or allocate_by_tiles")
        axes = [np.arange(a, b + 1, LEAF_WIDTH) for a, b in zip(first, last)]
        leaves = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.int32)
        return cls._allocated(leaves, bg_value, matrix, translation, device)

    @classmethod
    def allocate_by_tiles(
        cls,
        tile_points: Any,
        voxel_size: Any = None,
        bg_value: Any = 0.0,
        translation: Any = (0.0, 0.0, 0.0),
        device: Any = None,
        transform: Any = None,
    ) -> Volume:
        """A volume with the leaves that hold some points, filled with the background.

        Args:
            tile_points: Voxels, `array2d(int32)` of shape [n, 3] or `array(vec3i)`; or world positions [m],
                `array2d(float)` or `array(vec3)`. Several in one leaf are fine.
            voxel_size: Size of a voxel [m], one number or one for each axis; or give `transform`.
            bg_value: Value outside, as in `allocate`; None makes an index grid.
            translation: World position [m] of index (0, 0, 0).
            device: Where the volume is to live.
            transform: Index to world, 3x3.
        """
        matrix = index_matrix(voxel_size, transform)
        leaves = leaves_of(voxels_of("tile_points", tile_points, matrix, translation))
        return cls._allocated(leaves, bg_value, matrix, translation, device)

    @classmethod
    def allocate_by_voxels(
        cls,
        voxel_points: Any,
        voxel_size: Any = None,
        translation: Any = (0.0, 0.0, 0.0),
        device: Any = None,
        transform: Any = None,
    ) -> Volume:
        """An index grid of exactly the voxels that hold some points; arguments as in `allocate_by_tiles`."""
        matrix = index_matrix(voxel_size, transform)
        voxels = np.unique(voxels_of("voxel_points", voxel_points, matrix, translation), axis=0)
        row = VALUE_TYPES[ON_INDEX]
        grid = build_grid(
            leaves_of(voxels), row, None, matrix, three_numbers("translation", translation), voxels=voxels
        )
        return cls._of([grid], device)

    @classmethod
    def load_from_numpy(
        cls,
        ndarray: Any,
        min_world: Any = (0.0, 0.0, 0.0),
        voxel_size: Any = 1.0,
        bg_value: Any = 0.0,
        device: Any = None,
    ) -> Volume:
        """A volume with the values of a dense array; element (0, 0, 0) is voxel (0, 0, 0).

        Args:
            ndarray: Numbers, shape [nx, ny, nz], or vectors, shape [nx, ny, nz, 3]. Integers make an int32 volume.
            min_world: World position [m] of the first voxel.
            voxel_size: Size of a voxel [m], one number or one for each axis.
            bg_value: Value outside.
            device: Where the volume is to live.

        Raises:
            VolumeValueError, VolumeTypeError: An array of another shape, or a voxel size that is not positive.
        """
        matrix = index_matrix(voxel_size)
        data = np.asarray(ndarray)
        if data.ndim not in (3, 4) or (data.ndim == 4 and data.shape[3] not in (3, 4)) or 0 in data.shape:
            raise VolumeValueError(
                f"Volume.load_from_numpy: got shape {data.shape}; expected [nx, ny, nz] or [nx, ny, nz, 3]"
            )
        scalar = en.int32 if data.dtype.kind in "iub" and data.ndim == 3 else en.float32
        row = value_type_of(scalar if data.ndim == 3 else en.vector(data.shape[3], scalar))
        background = background_values(bg_value, row)
        tiles = -(-np.array(data.shape[:3]) // LEAF_WIDTH)
        padded = np.empty((*(tiles * LEAF_WIDTH), row.width), row.scalar)
        padded[...] = background
        padded[: data.shape[0], : data.shape[1], : data.shape[2]] = data.reshape(*data.shape[:3], row.width)
        blocks = padded.reshape(tiles[0], 8, tiles[1], 8, tiles[2], 8, row.width).transpose(0, 2, 4, 1, 3, 5, 6)
        blocks = blocks.reshape(-1, LEAF_VOXELS, row.width)
        axes = [np.arange(n, dtype=np.int32) * LEAF_WIDTH for n in tiles]
        leaves = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
        ordered = in_tree_order(leaves)
        place = ordered // LEAF_WIDTH
        values = blocks[(place[:, 0] * tiles[1] + place[:, 1]) * tiles[2] + place[:, 2]]
        values = values if row.width > 1 else values[..., 0]
        grid = build_grid(ordered, row, background, matrix, three_numbers("min_world", min_world), values=values)
        return cls._of([grid], device)

    @classmethod
    def _allocated(cls, leaves: np.ndarray, bg_value: Any, matrix: np.ndarray, translation: Any, device: Any) -> Volume:
        row = type_of_background(bg_value)
        background = None if row.dtype is None else background_values(bg_value, row)
        grid = build_grid(in_tree_order(leaves), row, background, matrix, three_numbers("translation", translation))
        return cls._of([grid], device)


def _leaf_map(origins: np.ndarray, device: Any) -> tuple[np.ndarray, Any] | None:
    """(first tile, leaf numbers of the tiles in the box around the leaves); None where they lie too sparsely."""
    if not len(origins):
        return None
    tiles = origins >> 3
    first = tiles.min(0)
    size = tiles.max(0).astype(np.int64) - first + 1
    cells = math.prod(size.tolist())
    if cells > _LARGEST_MAP or cells > max(_SMALL_MAP, _MAP_TILES_PER_LEAF * len(tiles)):
        return None
    numbers = np.full(size, words.NO_LEAF, np.int32)
    numbers[tuple((tiles - first).T)] = np.arange(len(tiles))
    return first, en.array(numbers, dtype=en.int32, device=device)
