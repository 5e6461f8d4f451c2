"""NanoVDB files: written, read back, damaged, and those of another program where one is at hand."""

import importlib.util
import os
import struct
import subprocess

import numpy as np
import pytest

import engine as en
from engine.volume import VolumeFileError, VolumeValueError
from engine.volume import volume_layout as words
from engine.volume.grid_format import GRID, LEAF_OFFSETS, VERSION, layout_of, origin_of_key, root_key
from engine.volume.grid_reader import leaf_origins, read_parts
from engine.volume.nvdb_file import FILE_HEADER, META, read_grids, write_grids
from tests.engine.volume.test_volume import look_up, look_up_index, run, vec3i

PEER = os.environ.get("SIMRUN_PEER_PYTHON_NEW")
"""An interpreter whose warp makes volumes on the CPU (1.19)."""


def example(bg_value=2.0):
    tiles = vec3i([[0, 0, 0], [-8, 16, 300], [5000, -9, 3]])
    volume = en.Volume.allocate_by_tiles(tiles, voxel_size=0.5, bg_value=bg_value, translation=(1, 2, 3))
    values = volume._parts.leaves["values"]
    values[...] = np.random.default_rng(0).normal(size=values.shape) * 10
    return volume


CODECS = ["none", "zip", "blosc"] if importlib.util.find_spec("blosc") else ["none", "zip"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("bg_value", [2.0, 3, (1.0, 2.0, 3.0)], ids=str)
def test_files_come_back_as_they_were(tmp_path, codec, bg_value):
    volume = example(bg_value)
    path = tmp_path / "grid.nvdb"
    volume.save_to_nvdb(path, codec=codec)
    for source in (path, str(path), path.read_bytes()):
        again = en.Volume.load_from_nvdb(source)
        np.testing.assert_array_equal(again.array().numpy(), volume.array().numpy())
        assert repr(again.get_grid_info()) == repr(volume.get_grid_info())
        assert again.load_next_grid() is None
    with open(path, "rb") as file:
        assert en.Volume.load_from_nvdb(file).get_tile_count() == 3


@pytest.mark.skipif(bool(importlib.util.find_spec("blosc")), reason="the package is there")
def test_a_missing_package_is_named(tmp_path):
    with pytest.raises(VolumeFileError, match="pip install blosc"):
        example().save_to_nvdb(tmp_path / "x.nvdb", codec="blosc")
    assert not (tmp_path / "x.nvdb").exists()


def test_a_file_may_hold_several_grids():
    grids = [example()._buffer, example(3)._buffer]
    for k, grid in enumerate(grids):
        header = grid[: GRID.itemsize].view(GRID)
        header["grid_index"], header["grid_count"] = k, 2
    first = en.Volume.load_from_nvdb(write_grids(grids, "zip"))
    second = first.load_next_grid()
    assert first.dtype is en.float32 and second.dtype is en.int32 and second.load_next_grid() is None
    assert second.get_grid_info().grid_index == 1 and first.id != second.id
    with pytest.raises(RuntimeError, match="not the first grid"):
        second.save_to_nvdb("never.nvdb")


def test_memory_and_arrays_hold_grids_too():
    volume = example()
    data = volume.array()
    for copy in (True, False):
        again = en.Volume(data, copy=copy)
        np.testing.assert_array_equal(again.get_tiles().numpy(), volume.get_tiles().numpy())
    assert en.Volume.load_from_address(data.ptr, data.size).get_tile_count() == 3
    assert en.Volume.load_from_address(data.ptr).get_tile_count() == 3
    assert en.Volume.load_from_nvdb(data.numpy().tobytes()).get_tile_count() == 3


def test_keys_of_root_tiles_come_back():
    origins = np.random.default_rng(0).integers(-(2**19), 2**19, (100, 3)).astype(np.int32) * np.int32(4096)
    np.testing.assert_array_equal(origin_of_key(root_key(origins)), origins)


def test_leaf_origins_follow_from_the_tree():
    volume = example()
    np.testing.assert_array_equal(leaf_origins(volume._parts), volume._parts.leaves["lower"] & ~7)


@pytest.mark.parametrize("walk", [False, True], ids=["map", "tree"])
def test_values_of_tiles_without_leaves_are_found(walk):
    """Level sets keep what lies deep inside as tile values of inner nodes."""
    buffer = example()._buffer.copy()
    parts = read_parts(buffer)
    parts.lowers["table"]["value"][0, 5] = 11.0
    parts.uppers["table"]["value"][0, 77] = 12.0
    parts.tiles["value"][:] = 99.0  # has a child, so it does not count
    volume = en.Volume.load_from_nvdb(buffer.tobytes())
    assert volume._parts.has_tile_values
    if walk:
        volume._descriptor[words.MAP] = 0
    lower = np.array(leaf_origins(volume._parts)[0]) & ~127
    upper = lower & ~4095
    in_lower = lower + np.array([0, 0, 5 * 8])
    in_upper = upper + np.array([0, 77 // 32 * 128, 77 % 32 * 128])
    got = run(look_up, volume, vec3i([in_lower + 3, in_upper + 100, in_upper - 1]), en.float32)
    assert got.tolist() == [11.0, 12.0, 2.0]


def test_a_root_tile_may_be_a_value():
    buffer = example()._buffer.copy()
    parts = read_parts(buffer)
    origin = origin_of_key(parts.tiles["key"])[-1]
    parts.tiles["child"][-1] = 0
    parts.tiles["value"][-1] = 42.0
    volume = en.Volume.load_from_nvdb(buffer.tobytes())
    assert run(look_up, volume, vec3i([origin, origin + 4095, origin - 1]), en.float32).tolist() == [42.0, 42.0, 2.0]


def test_feature_arrays_are_read():
    grid = example()._buffer
    blind = np.zeros(288, np.uint8)
    numbers = np.arange(10, dtype=np.float32)
    blind[:8] = np.frombuffer(struct.pack("<q", 288), np.uint8)
    blind[8:32] = np.frombuffer(struct.pack("<QIIII", 10, 4, 0, 0, 1), np.uint8)
    blind[32:38] = np.frombuffer(b"weight", np.uint8)
    buffer = np.concatenate([grid, blind, numbers.view(np.uint8)])
    header = buffer[: GRID.itemsize].view(GRID)
    header["blind_offset"], header["blind_count"], header["grid_size"] = len(grid), 1, len(buffer)
    volume = en.Volume.load_from_nvdb(buffer.tobytes())
    assert volume.get_feature_array_count() == 1
    info = volume.get_feature_array_info(0)
    assert (info.name, info.value_count, info.value_size, info.type_str) == ("weight", 10, 4, "float")
    np.testing.assert_array_equal(volume.feature_array(0).numpy(), numbers)
    assert volume.feature_array(0, dtype=en.uint8).shape == (40,)
    with pytest.raises(ValueError, match="there are 1"):
        volume.get_feature_array_info(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: b"", "no NanoVDB file"),
        (lambda d: b"OpenVDB " + d[8:], "no NanoVDB file"),
        (lambda d: d[:100], "cut off"),
        (lambda d: d[:-1], "cut off"),
        (lambda d: d[:8] + struct.pack("<I", 29 << 21) + d[12:], "version 29"),
    ],
)
def test_damaged_files_say_what_is_wrong(change, message):
    data = write_grids([example()._buffer])
    with pytest.raises(VolumeFileError, match=message):
        en.Volume.load_from_nvdb(change(data))


def test_unknown_types_and_codecs_say_what_is_known(tmp_path):
    buffer = example()._buffer.copy()
    buffer[: GRID.itemsize].view(GRID)["grid_type"] = 13
    with pytest.raises(VolumeFileError, match="type Float4; expected one of float, double"):
        en.Volume.load_from_nvdb(buffer.tobytes())
    with pytest.raises(VolumeValueError, match="'lzma'; expected one of none, zip, blosc"):
        example().save_to_nvdb(tmp_path / "x.nvdb", codec="lzma")
    data = bytearray(write_grids([example()._buffer]))
    at = FILE_HEADER.itemsize + META.fields["codec"][1]
    data[at : at + 2] = struct.pack("<H", 9)
    with pytest.raises(VolumeFileError, match="codec 9"):
        en.Volume.load_from_nvdb(bytes(data))


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_is_noticed_or_harmless(seed):
    """Random bytes in the header, the tree and its offsets: an error, or lookups that stay inside the buffer."""
    rng = np.random.default_rng(seed)
    buffer = example()._buffer.copy()
    parts = read_parts(buffer)
    layout = layout_of(parts.value)
    regions = [(0, 672), (672, 736), (parts.root_at, parts.root_at + 200)]
    table = parts.root_at + layout.root.itemsize + len(parts.tiles) * layout.tile.itemsize
    regions.append((table, table + 8256))
    start, end = regions[seed % len(regions)]
    for _ in range(1 + seed % 4):
        buffer[rng.integers(start, end)] = rng.integers(256)
    try:
        volume = en.Volume(en.array(buffer, dtype=en.uint8, copy=False), copy=False)
    except VolumeFileError:
        return
    if volume.dtype is en.float32:
        run(look_up, volume, vec3i(rng.integers(-6000, 6000, (500, 3))), en.float32)


PEER_SCRIPT = """
import sys, numpy as np, warp as wp
wp.config.quiet = True
folder = sys.argv[1]
rng = np.random.default_rng(0)
field = rng.normal(size=(20, 11, 9)).astype(np.float32)
np.save(folder + "/field.npy", field)
for codec in ("none", "zip"):
    volume = wp.Volume.load_from_numpy(field, (1, 2, 3), 0.5, bg_value=7.0, device="cpu")
    volume.save_to_nvdb(f"{folder}/{codec}.nvdb", codec=codec)
points = rng.integers(-500, 500, (300, 3)).astype(np.int32)
np.save(folder + "/points.npy", points)
points = wp.array(points, dtype=wp.int32, device="cpu")
tiles = wp.Volume.allocate_by_tiles(points, voxel_size=0.5, bg_value=(1.0, 2.0, 3.0), device="cpu")
tiles.save_to_nvdb(folder + "/tiles.nvdb")
ours = wp.Volume.load_from_nvdb(open(folder + "/ours.nvdb", "rb").read(), device="cpu")
np.save(folder + "/ours_tiles.npy", ours.get_tiles().numpy())
np.save(folder + "/ours_bytes.npy", ours.array().numpy())
"""


@pytest.mark.skipif(not PEER, reason="SIMRUN_PEER_PYTHON_NEW names no interpreter with warp >= 1.19")
def test_files_of_the_peer_are_read_and_ours_by_the_peer(tmp_path):
    volume = example()
    volume.save_to_nvdb(tmp_path / "ours.nvdb", codec="zip")
    subprocess.run([*PEER.split(), "-c", PEER_SCRIPT, str(tmp_path)], check=True, timeout=300)
    field = np.load(tmp_path / "field.npy")
    at = np.stack(np.meshgrid(*map(np.arange, field.shape), indexing="ij"), -1).reshape(-1, 3)
    for codec in ("none", "zip"):
        theirs = en.Volume.load_from_nvdb(tmp_path / f"{codec}.nvdb")
        np.testing.assert_array_equal(run(look_up, theirs, vec3i(at), en.float32), field.ravel())
        assert tuple(theirs.get_grid_info().translation) == (1.0, 2.0, 3.0)
        assert run(look_up, theirs, vec3i([[-1, -1, -1]]), en.float32)[0] == 7.0
    points = np.load(tmp_path / "points.npy")
    theirs = en.Volume.load_from_nvdb(tmp_path / "tiles.nvdb")
    mine = en.Volume.allocate_by_tiles(vec3i(points), voxel_size=0.5, bg_value=(1.0, 2.0, 3.0))
    assert {tuple(t) for t in theirs.get_tiles().numpy()} == {tuple(t) for t in mine.get_tiles().numpy()}
    voxels = theirs.get_voxels().numpy()
    np.testing.assert_array_equal(run(look_up_index, theirs, vec3i(voxels), int), np.arange(len(voxels)))
    assert {tuple(t) for t in np.load(tmp_path / "ours_tiles.npy")} == {tuple(t) for t in volume.get_tiles().numpy()}
    np.testing.assert_array_equal(np.load(tmp_path / "ours_bytes.npy"), volume.array().numpy())


def test_the_format_in_numbers():
    """Sizes that the format's documentation states."""
    parts = example()._parts
    assert parts.layout.leaf.itemsize == 2144 and len(LEAF_OFFSETS) == 512 and VERSION >> 21 == 32
    assert len(read_grids(write_grids([example()._buffer]))) == 1
