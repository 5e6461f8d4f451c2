"""Files of NanoVDB grids: segments of a header, descriptions of grids, and the grids, compressed or not."""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.volume.errors import VolumeFileError, VolumeValueError
from engine.volume.grid_format import ALIGNMENT, GRID, GRID_MAGICS, MAJOR_VERSION, TREE, VALUE_TYPES, VERSION, layout_of

FILE_MAGICS = (b"NanoVDB0", b"NanoVDB2")

FILE_HEADER = np.dtype([("magic", "S8"), ("version", "<u4"), ("grid_count", "<u2"), ("codec", "<u2")])
META = np.dtype(
    [("grid_size", "<u8"), ("file_size", "<u8"), ("name_key", "<u8"), ("voxel_count", "<u8"), ("grid_type", "<u4"),
     ("grid_class", "<u4"), ("world_lower", "<f8", 3), ("world_upper", "<f8", 3), ("index_lower", "<i4", 3),
     ("index_upper", "<i4", 3), ("voxel_size", "<f8", 3), ("name_size", "<u4"), ("node_count", "<u4", 4),
     ("tile_count", "<u4", 3), ("codec", "<u2"), ("blind_count", "<u2"), ("version", "<u4")]
)  # fmt: skip
assert FILE_HEADER.itemsize == 16 and META.itemsize == 176

_BLOSC_CHUNK = 1 << 24


def _inflate_zip(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    if at + 8 + length > len(data):
        raise VolumeFileError(f"cut off: {length} compressed bytes are needed, {len(data) - at - 8} are left")
    return zlib.decompress(data[at + 8 : at + 8 + length]), 8 + length


def _deflate_zip(data: bytes) -> bytes:
    packed = zlib.compress(data, 6)
    return struct.pack("<Q", len(packed)) + packed


def _blosc(names: tuple[str, ...]) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise VolumeFileError(f"NanoVDB data compressed with Blosc needs a package that is missing: pip install {names[0]}")


def _inflate_blosc(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    library, parts, start, total = _blosc(("blosc2", "blosc")), [], at, 0
    while total < size:
        (length,) = struct.unpack_from("<q", data, at)
        if length <= 0 or at + 8 + length > len(data):
            raise VolumeFileError(f"cut off: a chunk of {length} bytes is needed, {len(data) - at - 8} are left")
        try:
            parts.append(library.decompress(data[at + 8 : at + 8 + length]))
        except Exception as error:  # each version of the package has its own
            raise VolumeFileError(f"damaged: {error}") from None
        total += len(parts[-1])
        at += 8 + length
        if not parts[-1]:
            break
    return b"".join(parts), at - start


def _deflate_blosc(data: bytes) -> bytes:
    # the second version of Blosc reads both, but what it writes the first one refuses
    library, parts = _blosc(("blosc",)), []
    for at in range(0, len(data), _BLOSC_CHUNK):
        packed = library.compress(data[at : at + _BLOSC_CHUNK], typesize=4, cname="lz4")
        parts += [struct.pack("<q", len(packed)), packed]
    return b"".join(parts)


def _uncompressed(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise VolumeFileError(f"cut off: a grid needs {size} bytes, {len(data) - at} are left")
    return data[at : at + size], size


#: Codec → its number in files, unpacking (contents, place, size) to the data and the bytes it took, and packing.
CODECS: dict[str, tuple[int, Callable[[bytes, int, int], tuple[bytes, int]], Callable[[bytes], bytes]]] = {
    "none": (0, _uncompressed, lambda data: data),
    "zip": (1, _inflate_zip, _deflate_zip),
    "blosc": (2, _inflate_blosc, _deflate_blosc),
}


def read_grids(data: bytes, where: str = "the buffer") -> list[np.ndarray]:
    """The buffers of all grids in a file's contents (or in a plain row of grids), each uint8 and aligned.

    Raises:
        VolumeFileError: Not a NanoVDB file, cut off, of another version, or compressed in an unknown way.
    """
    if data[:8] not in {*FILE_MAGICS, *GRID_MAGICS}:
        raise VolumeFileError(f"{where} is no NanoVDB file: it starts with {bytes(data[:8])!r}")
    grids = _read_rows(data, where) if _is_plain_grid(data) else _read_segments(data, where)
    if not grids:
        raise VolumeFileError(f"{where} holds no grids")
    return grids


def aligned_copy(data: Any) -> np.ndarray:
    """Bytes as an array whose address is a multiple of the format's alignment."""
    values = np.frombuffer(data, np.uint8) if not isinstance(data, np.ndarray) else data
    raw = np.empty(len(values) + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    out = raw[start : start + len(values)]
    out[:] = values
    return out


def _is_plain_grid(data: bytes) -> bool:
    """Whether the contents start with a grid instead of a file header; both may have the same first word."""
    if data[:8] == b"NanoVDB1":
        return True
    if data[:8] != b"NanoVDB0" or len(data) < GRID.itemsize:
        return False
    grid = np.frombuffer(data, GRID, 1)[0]
    return int(grid["version"]) >> 21 == MAJOR_VERSION and GRID.itemsize < grid["grid_size"] <= len(data)


def _read_rows(data: bytes, where: str) -> list[np.ndarray]:
    grids, at = [], 0
    while at + GRID.itemsize <= len(data) and data[at : at + 8] in GRID_MAGICS:
        size = int(np.frombuffer(data, GRID, 1, at)["grid_size"][0])
        if size < GRID.itemsize or at + size > len(data):
            raise VolumeFileError(
                f"{where} is cut off: grid {len(grids)} needs {size} bytes, {len(data) - at} are left"
            )
        grids.append(aligned_copy(data[at : at + size]))
        at += size
    return grids


def _read_segments(data: bytes, where: str) -> list[np.ndarray]:
    grids, at = [], 0
    while at + FILE_HEADER.itemsize <= len(data):
        header = np.frombuffer(data, FILE_HEADER, 1, at)[0]
        if data[at : at + 8] not in FILE_MAGICS:
            raise VolumeFileError(f"{where} is damaged: no segment at byte {at}")
        if int(header["version"]) >> 21 != MAJOR_VERSION:
            raise VolumeFileError(
                f"{where} is NanoVDB version {int(header['version']) >> 21}; expected {MAJOR_VERSION}; convert it"
            )
        at += FILE_HEADER.itemsize
        metas = []
        for _ in range(int(header["grid_count"])):
            if at + META.itemsize > len(data):
                raise VolumeFileError(f"{where} is cut off among its descriptions of grids")
            metas.append(np.frombuffer(data, META, 1, at)[0])
            at += META.itemsize + int(metas[-1]["name_size"])
        for meta in metas:
            # writers disagree whether file_size counts the length in front of compressed data, so it is not used
            grid, stored = _inflate(data, at, int(meta["grid_size"]), int(meta["codec"]), where)
            grids.append(aligned_copy(grid))
            at += stored
    return grids


def _inflate(data: bytes, at: int, size: int, codec: int, where: str) -> tuple[bytes, int]:
    inflate = next((row[1] for row in CODECS.values() if row[0] == codec), None)
    if inflate is None:
        raise VolumeFileError(f"{where} is compressed with codec {codec}; expected none, zip or blosc")
    try:
        out, stored = inflate(data, at, size)
    except (zlib.error, struct.error, ValueError, RuntimeError) as error:
        raise VolumeFileError(f"{where} cannot be read: {error}") from None
    if len(out) != size:
        raise VolumeFileError(f"{where} is damaged: a grid unpacks to {len(out)} bytes, expected {size}")
    return out, stored


def write_grids(grids: list[np.ndarray], codec: str = "none") -> bytes:
    """The contents of a file with these grids.

    Raises:
        VolumeValueError: An unknown codec.
    """
    if codec not in CODECS:
        raise VolumeValueError(f"save_to_nvdb: got codec {codec!r}; expected one of {', '.join(CODECS)}")
    number, _, deflate = CODECS[codec]
    header = np.zeros(1, FILE_HEADER)
    header["magic"], header["version"] = b"NanoVDB2", VERSION
    header["grid_count"], header["codec"] = len(grids), number
    parts, bodies = [header.tobytes()], []
    for grid in grids:
        body = deflate(grid.tobytes())
        bodies.append(body)
        name = bytes(grid[:672].view(GRID)["name"][0]) + b"\0"
        parts += [_meta(grid, len(body), number, len(name)).tobytes(), name]
    return b"".join(parts + bodies)


def _meta(buffer: np.ndarray, stored: int, codec: int, name_size: int) -> np.ndarray:
    grid = buffer[: GRID.itemsize].view(GRID)[0]
    tree = buffer[GRID.itemsize : GRID.itemsize + TREE.itemsize].view(TREE)[0]
    at = GRID.itemsize + int(tree["node_offset"][3])
    root_type = layout_of(VALUE_TYPES[int(grid["grid_type"])]).root
    root = buffer[at : at + root_type.itemsize].view(root_type)[0]
    meta = np.zeros(1, META)
    for name in ("grid_type", "grid_class", "world_lower", "world_upper", "voxel_size", "version", "grid_size"):
        meta[name] = grid[name]
    meta["file_size"], meta["codec"], meta["name_size"] = stored, codec, name_size
    meta["voxel_count"], meta["tile_count"] = tree["voxel_count"], tree["tile_count"]
    meta["index_lower"], meta["index_upper"] = root["lower"], root["upper"]
    meta["node_count"][0, :3], meta["node_count"][0, 3] = tree["node_count"], 1
    meta["blind_count"] = grid["blind_count"]
    return meta
