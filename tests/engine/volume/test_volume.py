"""Volumes in kernels: lookup, store, sampling, transforms, against dense NumPy arrays."""

# ruff: noqa: RUF005
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import engine as en
from engine.volume import VolumeTypeError, VolumeValueError
from engine.volume import volume_layout as words
from engine.volume.grid_builder import build_grid, in_tree_order
from engine.volume.grid_format import INDEX, VALUE_TYPES, value_type_of


@en.kernel
def look_up(id: en.uint64, ijk: en.array(dtype=en.vec3i), out: en.array(dtype=Any)):
    t = en.tid()
    p = ijk[t]
    out[t] = en.volume_lookup(id, p[0], p[1], p[2], dtype=out.dtype)


@en.kernel
def look_up_named(
    id: en.uint64,
    ijk: en.array(dtype=en.vec3i),
    f: en.array(dtype=float),
    v: en.array(dtype=en.vec3),
    n: en.array(dtype=int),
):
    t = en.tid()
    p = ijk[t]
    f[t] = en.volume_lookup_f(id, p[0], p[1], p[2])
    v[t] = en.volume_lookup_v(id, p[0], p[1], p[2])
    n[t] = en.volume_lookup_i(id, p[0], p[1], p[2])


@en.kernel
def look_up_index(id: en.uint64, ijk: en.array(dtype=en.vec3i), out: en.array(dtype=int)):
    t = en.tid()
    p = ijk[t]
    out[t] = en.volume_lookup_index(id, p[0], p[1], p[2])


@en.kernel
def count_voxels(id: en.uint64, out: en.array(dtype=int)):
    out[0] = en.volume_voxel_count(id)


@en.kernel
def store(id: en.uint64, ijk: en.array(dtype=en.vec3i), values: en.array(dtype=Any)):
    t = en.tid()
    p = ijk[t]
    en.volume_store(id, p[0], p[1], p[2], values[t])


@en.kernel
def sample(id: en.uint64, uvw: en.array(dtype=en.vec3), mode: int, out: en.array(dtype=Any)):
    t = en.tid()
    out[t] = en.volume_sample(id, uvw[t], mode, dtype=out.dtype)


@en.kernel
def sample_grad(
    id: en.uint64, uvw: en.array(dtype=en.vec3), mode: int, out: en.array(dtype=Any), g: en.array(dtype=Any)
):
    t = en.tid()
    grad = g.dtype()
    out[t] = en.volume_sample_grad(id, uvw[t], mode, grad, dtype=out.dtype)
    g[t] = grad


@en.kernel
def sample_named(
    id: en.uint64,
    uvw: en.array(dtype=en.vec3),
    f: en.array(dtype=float),
    g: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    n: en.array(dtype=int),
):
    t = en.tid()
    grad = en.vec3(0.0, 0.0, 0.0)
    f[t] = en.volume_sample_grad_f(id, uvw[t], en.Volume.LINEAR, grad)
    if en.volume_sample_f(id, uvw[t], en.Volume.LINEAR) != f[t]:
        f[t] = -1.0e9
    g[t] = grad
    v[t] = en.volume_sample_v(id, uvw[t], en.Volume.LINEAR)
    n[t] = en.volume_sample_i(id, uvw[t])


@en.kernel
def sample_index(
    id: en.uint64,
    uvw: en.array(dtype=en.vec3),
    data: en.array(dtype=Any),
    background: en.array(dtype=Any),
    out: en.array(dtype=Any),
    out2: en.array(dtype=Any),
    g: en.array(dtype=Any),
):
    t = en.tid()
    out[t] = en.volume_sample_index(id, uvw[t], en.Volume.LINEAR, data, background[0])
    grad = g.dtype()
    out2[t] = en.volume_sample_grad_index(id, uvw[t], en.Volume.LINEAR, data, background[0], grad)
    g[t] = grad


@en.kernel
def transforms(
    id: en.uint64,
    p: en.array(dtype=en.vec3),
    world: en.array(dtype=en.vec3),
    back: en.array(dtype=en.vec3),
    d: en.array(dtype=en.vec3),
    d_back: en.array(dtype=en.vec3),
):
    t = en.tid()
    world[t] = en.volume_index_to_world(id, p[t])
    back[t] = en.volume_world_to_index(id, world[t])
    d[t] = en.volume_index_to_world_dir(id, p[t])
    d_back[t] = en.volume_world_to_index_dir(id, d[t])


def vec3i(values):
    return en.array(np.asarray(values, np.int32), dtype=en.vec3i)


def vec3(values):
    return en.array(np.asarray(values, np.float32), dtype=en.vec3)


def run(kernel, volume, places, dtype, *more):
    out = en.zeros(len(places), dtype=dtype)
    en.launch(kernel, len(places), [volume.id, places, *more], [out])
    return out.numpy()


def dense(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    tail = dtype.shape if dtype.kind != "scalar" else ()
    values = rng.normal(size=(*shape, *tail)) * 100
    return values.astype(dtype.scalar.np_dtype)


def volume_of(values, dtype, origin=(0, 0, 0), background=-3):
    """A volume with dense values from voxel `origin` (multiples of 8) on."""
    shape = np.array(values.shape[:3])
    axes = [np.arange(0, n, 8) for n in shape]
    tiles = in_tree_order(
        np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.int32) + np.int32(origin)
    )
    row = value_type_of(dtype)
    blocks = np.stack([values[tuple(slice(a, a + 8) for a in tile - np.array(origin))] for tile in tiles])
    blocks = blocks.reshape(len(tiles), 512, *blocks.shape[4:])
    background = np.full(dtype.shape, background, row.scalar) if dtype.kind != "scalar" else row.scalar.type(background)
    return en.Volume._of([build_grid(tiles, row, background, np.eye(3), np.zeros(3), values=blocks)])


TYPES = [en.float32, en.float64, en.int32, en.int64, en.uint32, en.vec3, en.vec3d, en.vec4, en.vec4d]
ORIGINS = [(0, 0, 0), (-8, -16, -8), (4088, -4104, 120)]


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.name)
@pytest.mark.parametrize("origin", ORIGINS, ids=str)
@pytest.mark.parametrize("walk", [False, True], ids=["map", "tree"])
def test_lookup_finds_every_voxel_and_the_background_outside(dtype, origin, walk):
    values = np.abs(dense((16, 24, 8), dtype)) if dtype is en.uint32 else dense((16, 24, 8), dtype)
    volume = volume_of(values, dtype, origin, background=3)
    if walk:
        volume._descriptor[words.MAP] = 0
    inside = np.stack(np.meshgrid(*map(np.arange, values.shape[:3]), indexing="ij"), -1).reshape(-1, 3)
    got = run(look_up, volume, vec3i(inside + np.array(origin)), dtype)
    np.testing.assert_array_equal(got, values.reshape(got.shape))
    far = [[-1, 0, 0], [16, 0, 0], [0, 24, 0], [0, 0, 8], [0, -1, 0], [100, 100, 100], [100000, -100000, 5]]
    far = [*(np.array(far) + np.array(origin)), [2**31 - 1] * 3, [-(2**31)] * 3]
    assert np.all(run(look_up, volume, vec3i(far), dtype) == 3)


def test_lookup_of_another_type_gives_zero():
    volume = en.Volume.allocate([0, 0, 0], [7, 7, 7], 1.0, bg_value=5.0)
    f, v, n = en.zeros(1, dtype=float), en.zeros(1, dtype=en.vec3), en.zeros(1, dtype=int)
    en.launch(look_up_named, 1, [volume.id, vec3i([[1, 1, 1]])], [f, v, n])
    assert f.numpy()[0] == 5.0 and not v.numpy().any() and n.numpy()[0] == 0


@pytest.mark.parametrize("dtype", [en.float32, en.vec3, en.int32, en.vec4d], ids=lambda t: t.name)
def test_store_changes_voxels_inside_leaves_only(dtype):
    volume = volume_of(dense((16, 8, 8), dtype), dtype, (-8, 0, 0))
    rng = np.random.default_rng(3)
    places = np.unique(rng.integers([-12, -4, -4], [12, 12, 12], (600, 3)), axis=0)
    values = (rng.normal(size=(len(places), *dtype.shape)) * 50).astype(dtype.scalar.np_dtype)
    before = run(look_up, volume, vec3i(places), dtype).copy()
    en.launch(store, len(places), [volume.id, vec3i(places), en.array(values, dtype=dtype)])
    inside = np.all((places >= [-8, 0, 0]) & (places < [8, 8, 8]), axis=1)
    inside = inside.reshape(-1, *[1] * len(dtype.shape))
    np.testing.assert_array_equal(run(look_up, volume, vec3i(places), dtype), np.where(inside, values, before))


@pytest.mark.parametrize("dtype", [en.float32, en.float64, en.vec3, en.vec4], ids=lambda t: t.name)
@pytest.mark.parametrize("walk", [False, True], ids=["map", "tree"])
def test_samples_interpolate_between_voxels(dtype, walk):
    values = dense((24, 16, 16), dtype)
    origin = np.array([-8, -8, 0])
    volume = volume_of(values, dtype, origin)
    if walk:
        volume._descriptor[words.MAP] = 0
    padded = np.pad(values, [(2, 2)] * 3 + [(0, 0)] * len(dtype.shape), constant_values=-3)
    axes = [np.arange(-2, n + 2) + o for n, o in zip(values.shape, origin)]
    p = (
        np.random.default_rng(1)
        .uniform(np.array(origin) - 1.9, np.array(origin) + [25, 17, 17], (3000, 3))
        .astype(np.float32)
    )
    linear = RegularGridInterpolator(axes, padded.astype(np.float64))(p.astype(np.float64))
    tolerance = {"rtol": 1e-4, "atol": 2e-2 if dtype.scalar is en.float32 else 1e-4}
    out = en.zeros(len(p), dtype=dtype)
    en.launch(sample, len(p), [volume.id, vec3(p), en.Volume.LINEAR], [out])
    np.testing.assert_allclose(out.numpy(), linear, **tolerance)
    en.launch(sample, len(p), [volume.id, vec3(p), en.Volume.CLOSEST], [out])
    at = np.floor(p + np.float32(0.5)).astype(int) - origin + 2
    np.testing.assert_array_equal(out.numpy(), padded[tuple(at.T)])


@pytest.mark.parametrize("dtype", [en.float32, en.float64, en.vec3, en.vec4d], ids=lambda t: t.name)
def test_gradients_are_the_slopes_of_the_samples(dtype):
    values = dense((16, 16, 16), dtype)
    volume = volume_of(values, dtype)
    rng = np.random.default_rng(2)
    p = (rng.integers(0, 15, (500, 3)) + rng.uniform(0.2, 0.8, (500, 3))).astype(np.float32)
    kind = en.vector(3, dtype) if dtype.kind == "scalar" else en.matrix((dtype.count, 3), dtype.scalar)
    out, grad = en.zeros(500, dtype=dtype), en.zeros(500, dtype=kind)
    en.launch(sample_grad, 500, [volume.id, vec3(p), en.Volume.LINEAR], [out, grad])
    interpolate = RegularGridInterpolator([np.arange(16)] * 3, values.astype(np.float64))
    np.testing.assert_allclose(out.numpy(), interpolate(p.astype(float)), rtol=1e-4, atol=2e-2)
    for axis in range(3):
        step = np.eye(3)[axis] * 0.1  # within a cell the interpolant is linear along an axis
        slope = (interpolate(p + step) - interpolate(p - step)) / 0.2
        np.testing.assert_allclose(grad.numpy()[..., axis], slope, rtol=1e-3, atol=5e-2)
    en.launch(sample_grad, 500, [volume.id, vec3(p), en.Volume.CLOSEST], [out, grad])
    assert not grad.numpy().any()


def test_named_samplers():
    x = dense((8, 8, 8), en.float32)
    f, g, v, n = (en.zeros(2, dtype=t) for t in (float, en.vec3, en.vec3, int))
    p = vec3([[2.5, 3.25, 4.0], [1.0, 1.0, 1.0]])
    volume = volume_of(x, en.float32)
    en.launch(sample_named, 2, [volume.id, p], [f, g, v, n])
    assert f.numpy()[1] == x[1, 1, 1] and not v.numpy().any() and not n.numpy().any()
    whole = dense((8, 8, 8), en.int32)
    volume = volume_of(whole, en.int32)
    en.launch(sample_named, 2, [volume.id, vec3([[2.4, 2.6, 0], [3, 3.49, 6.51]])], [f, g, v, n])
    assert n.numpy().tolist() == [whole[2, 3, 0], whole[3, 3, 7]]


def test_an_index_grid_numbers_its_voxels():
    rng = np.random.default_rng(0)
    points = rng.integers(-300, 300, (500, 3)).astype(np.int32)
    points = np.concatenate([points, points[:50], [[0, 0, 0], [0, 0, 1], [7, 7, 7], [-1, -1, -1]]]).astype(np.int32)
    volume = en.Volume.allocate_by_voxels(vec3i(points), voxel_size=0.5)
    voxels = volume.get_voxels()
    assert volume.is_index and volume.dtype is None and volume.get_grid_info().type_str == "OnIndex"
    assert volume.get_voxel_count() == voxels.shape[0] == len(np.unique(points, axis=0))
    np.testing.assert_array_equal(np.unique(voxels.numpy(), axis=0), np.unique(points, axis=0))
    index = run(look_up_index, volume, vec3i(voxels.numpy()), int)
    np.testing.assert_array_equal(index, np.arange(len(index)))
    known = {tuple(v) for v in voxels.numpy().tolist()}
    others = [v for v in rng.integers(-300, 300, (300, 3)).tolist() if tuple(v) not in known]
    assert np.all(run(look_up_index, volume, vec3i(others), int) == -1)


@pytest.mark.parametrize("make", [en.Volume.allocate_by_voxels, en.Volume.allocate_by_tiles])
def test_kernels_know_how_many_voxels_there_are(make):
    points = vec3i([[0, 0, 0], [0, 0, 1], [7, 7, 7], [-1, -1, -1], [0, 0, 1]])
    volume = make(points, voxel_size=0.5)
    out = en.zeros(1, dtype=int)
    en.launch(count_voxels, 1, [volume.id, out])
    assert out.list() == [volume.get_voxel_count()]


@pytest.mark.parametrize("bg_value", [None, 0.0, 0, (0.0, 0.0, 0.0)], ids=str)
def test_voxels_of_tiles_are_numbered_in_their_order(bg_value):
    tiles = en.array(np.array([[0, 0, 0], [5, 5, 5], [-8, 16, 300], [4100, -9, 3]], np.int32), dtype=en.int32)
    volume = en.Volume.allocate_by_tiles(tiles, voxel_size=1.0, bg_value=bg_value)
    assert volume.get_tile_count() == 3 and volume.get_voxel_count() == 3 * 512
    voxels = volume.get_voxels().numpy()
    np.testing.assert_array_equal(run(look_up_index, volume, vec3i(voxels), int), np.arange(3 * 512))
    np.testing.assert_array_equal(np.unique(voxels & ~7, axis=0), np.unique(volume.get_tiles().numpy(), axis=0))


@pytest.mark.parametrize("dtype", [en.float32, en.vec3, en.vec4d], ids=lambda t: t.name)
def test_samples_of_voxel_data_equal_those_of_a_volume(dtype):
    values = dense((16, 16, 16), dtype)
    volume = volume_of(values, dtype)
    voxels = volume.get_voxels().numpy()
    index = en.Volume.allocate_by_voxels(vec3i(voxels), voxel_size=1.0)
    data = en.array(values[tuple(index.get_voxels().numpy().T)], dtype=dtype)
    p = vec3(np.random.default_rng(0).uniform(-2, 18, (400, 3)))
    background = en.array(np.full((1, *dtype.shape), -3, dtype.scalar.np_dtype), dtype=dtype)
    kind = en.vector(3, dtype) if dtype.kind == "scalar" else en.matrix((dtype.count, 3), dtype.scalar)
    out, out2, want, g, want_g = (en.zeros(400, dtype=t) for t in (dtype, dtype, dtype, kind, kind))
    en.launch(sample_index, 400, [index.id, p, data, background], [out, out2, g])
    en.launch(sample_grad, 400, [volume.id, p, en.Volume.LINEAR], [want, want_g])
    np.testing.assert_array_equal(out.numpy(), want.numpy())
    np.testing.assert_array_equal(out2.numpy(), want.numpy())
    np.testing.assert_array_equal(g.numpy(), want_g.numpy())


def test_transforms_between_index_and_world():
    matrix = np.array([[0.1, 0, 0], [0, 0, 0.2], [0, -0.3, 0.05]])
    volume = en.Volume.allocate_by_voxels(vec3i([[0, 0, 0]]), transform=matrix, translation=(1, 2, 3))
    p = np.random.default_rng(0).uniform(-20, 20, (50, 3)).astype(np.float32)
    world, back, d, d_back = (en.zeros(50, dtype=en.vec3) for _ in range(4))
    en.launch(transforms, 50, [volume.id, vec3(p)], [world, back, d, d_back])
    np.testing.assert_allclose(world.numpy(), p @ matrix.T + [1, 2, 3], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(back.numpy(), p, atol=1e-4)
    np.testing.assert_allclose(d.numpy(), p @ matrix.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(d_back.numpy(), p, atol=1e-4)


def test_allocation_covers_a_box_in_the_world():
    volume = en.Volume.allocate([0, 0, 0], [2.0, 3.0, 4.0], 0.25, translation=(1, 2, 3), points_in_world_space=True)
    tiles = volume.get_tiles().numpy()
    assert [sorted(set(tiles[:, k].tolist())) for k in range(3)] == [[-8, 0], [-8, 0], [-16, -8, 0]]
    info = volume.get_grid_info()
    assert tuple(info.translation) == (1.0, 2.0, 3.0) and info.type_str == "float" and info.grid_count == 1
    assert volume.get_voxel_size() == (0.25, 0.25, 0.25) and volume.dtype is en.float32
    uneven = en.Volume.allocate([0, 0, 0], [2.0, 3.0, 4.0], (0.2, 0.3, 0.4), points_in_world_space=True)
    assert uneven.get_tile_count() == 8


@pytest.mark.parametrize("by", ["allocate_by_tiles", "allocate_by_voxels"])
def test_world_points_choose_the_voxels_they_are_in(by):
    points = np.array([[1.0, 2.0, 3.0], [1.26, 2.0, 3.0], [-3.0, -3.0, -3.0]], np.float32)
    volume = getattr(en.Volume, by)(vec3(points), voxel_size=0.5, translation=(1, 2, 3))
    expected = np.floor((points - np.float32([1, 2, 3])) / 0.5 + 0.5).astype(int)
    got = volume.get_voxels().numpy()
    assert {tuple(v) for v in expected.tolist()} <= {tuple(v) for v in got.tolist()}
    if by == "allocate_by_voxels":
        assert len(got) == len(np.unique(expected, axis=0))


@pytest.mark.parametrize("shape", [(8, 8, 8), (10, 12, 9), (1, 1, 1), (3, 17, 5, 3)], ids=str)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32], ids=lambda t: t.__name__)
def test_dense_arrays_become_volumes(shape, kind):
    values = (np.random.default_rng(0).normal(size=shape) * 10).astype(kind)
    volume = en.Volume.load_from_numpy(values, min_world=(-1, 2, 0.5), voxel_size=0.25, bg_value=7)
    dtype = volume.dtype
    expected = en.float32 if kind is not np.int32 else en.int32
    assert dtype is (expected if len(shape) == 3 else en.vec3)
    at = np.stack(np.meshgrid(*map(np.arange, shape[:3]), indexing="ij"), -1).reshape(-1, 3)
    got = run(look_up, volume, vec3i(at), dtype)
    np.testing.assert_array_equal(got, values.reshape(got.shape).astype(dtype.scalar.np_dtype))
    outside = [np.array(shape[:3]), [-1, 0, 0], [0, 0, shape[2]]]
    assert np.all(run(look_up, volume, vec3i(outside), dtype) == 7)
    assert tuple(volume.get_grid_info().translation) == (-1.0, 2.0, 0.5)


def test_an_id_that_is_gone_gives_zero_everywhere():
    volume = en.Volume.allocate([0, 0, 0], [7, 7, 7], 1.0, bg_value=5.0)
    id = volume.id
    del volume
    out = en.ones(1, dtype=float)
    en.launch(look_up, 1, [id, vec3i([[0, 0, 0]])], [out])
    en.launch(sample, 1, [id, vec3([[0, 0, 0]]), en.Volume.LINEAR], [out])
    assert out.numpy()[0] == 0.0
    world = [en.zeros(1, dtype=en.vec3) for _ in range(4)]
    en.launch(transforms, 1, [id, vec3([[1, 1, 1]])], world)
    en.launch(store, 1, [id, vec3i([[0, 0, 0]]), out])


def test_far_apart_leaves_need_no_large_map():
    tiles = np.array([[0, 0, 0], [2**30, -(2**30), 2**29], [-(2**31), 0, 2**31 - 8]], np.int32)
    volume = en.Volume.allocate_by_tiles(vec3i(tiles), voxel_size=1.0, bg_value=2.0)
    assert volume._map is None and VALUE_TYPES[INDEX].dtype is None
    en.launch(store, 3, [volume.id, vec3i(tiles + 1), en.array([1.0, 4.0, 9.0], dtype=en.float32)])
    assert run(look_up, volume, vec3i(tiles + 1), en.float32).tolist() == [1.0, 4.0, 9.0]
    assert run(look_up, volume, vec3i(tiles), en.float32).tolist() == [2.0] * 3


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1, 1], 0.0), VolumeValueError),
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1, 1], (0.1, 0.2)), ValueError),
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1, 1], float("inf")), ValueError),
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1, 1], None), TypeError),
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1, 1], "0.5"), VolumeTypeError),
        (lambda: en.Volume.allocate([2, 0, 0], [1, 1, 1], 0.5), ValueError),
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1, 1], 0.5, bg_value="zero"), TypeError),
        (lambda: en.Volume.allocate([0, 0, 0], [1, 1], 0.5), ValueError),
        (lambda: en.Volume.load_from_numpy(np.zeros((2, 2))), ValueError),
        (lambda: en.Volume.load_from_numpy(np.zeros((2, 2, 2, 2))), ValueError),
        (lambda: en.Volume.allocate_by_voxels(vec3([[np.nan, 0, 0]]), voxel_size=1.0), ValueError),
        (lambda: en.Volume.allocate_by_voxels(vec3i([[0, 0, 0]]), transform=np.zeros((3, 3))), ValueError),
    ],
)
def test_wrong_arguments_are_refused(call, error):
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, en.EngineError)


def test_a_gradient_of_the_wrong_type_is_refused():
    volume = en.Volume.allocate([0, 0, 0], [7, 7, 7], 1.0)
    out, grad = en.zeros(1, dtype=float), en.zeros(1, dtype=en.mat33)
    with pytest.raises(en.EngineError, match="Incompatible gradient type, expected vec3f, got mat33f"):
        en.launch(sample_grad, 1, [volume.id, vec3([[0, 0, 0]]), 1], [out, grad])


def test_gradients_of_samples_flow_to_points_and_voxel_data():
    values = dense((16, 16, 16), en.float32) / 100
    volume = volume_of(values, en.float32)
    rng = np.random.default_rng(5)
    p = (rng.integers(0, 15, (64, 3)) + rng.uniform(0.2, 0.8, (64, 3))).astype(np.float32)

    @en.kernel
    def total(id: en.uint64, p: en.array(dtype=en.vec3), data: en.array(dtype=float), out: en.array(dtype=float)):
        t = en.tid()
        a = en.volume_sample_f(id, p[t], en.Volume.LINEAR)
        b = en.volume_sample_index(id, p[t], en.Volume.LINEAR, data, 0.0)
        out[t] = a * b

    points = en.array(p, dtype=en.vec3, requires_grad=True)
    voxels = volume.get_voxels().numpy()
    data = en.array(values[tuple(voxels.T)], dtype=float, requires_grad=True)
    out = en.zeros(64, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(total, 64, [volume.id, points, data], [out])
    out.grad.fill_(1.0)
    tape.backward()
    interpolate = RegularGridInterpolator([np.arange(16)] * 3, values.astype(np.float64))
    value = interpolate(p.astype(float))
    for axis in range(3):
        step = np.eye(3)[axis] * 0.1
        slope = (interpolate(p + step) - interpolate(p - step)) / 0.2
        np.testing.assert_allclose(points.grad.numpy()[:, axis], 2 * value * slope, rtol=1e-3, atol=1e-3)
    # the product is linear in the voxel data of one factor
    np.testing.assert_allclose((data.grad.numpy() * data.numpy()).sum(), (value * value).sum(), rtol=1e-4)
