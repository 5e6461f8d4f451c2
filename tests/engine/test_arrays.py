"""Arrays on the host: making, viewing, sharing with NumPy, copying."""

import gc

import numpy as np
import pytest

import engine as en


@en.struct
class Particle:
    x: en.vec3
    mass: float
    tag: en.uint8


@en.kernel
def add_one(a: en.array(dtype=float)):
    i = en.tid()
    a[i] = a[i] + 1.0


@pytest.mark.parametrize(
    "data, dtype, expected_dtype, shape",
    [
        ([1, 2, 3], None, en.int32, (3,)),
        ([1.0, 2.0], None, en.float32, (2,)),
        ([True, False], None, en.bool, (2,)),
        ([[1.0, 2.0], [3.0, 4.0]], None, en.float32, (2, 2)),
        ([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]], en.vec3, en.vec3, (2,)),
        ([en.vec3(1, 2, 3), en.vec3(4, 5, 6)], None, en.vec3, (2,)),
        ([en.vec3(1, 2, 3), (4, 5, 6)], en.vec3, en.vec3, (2,)),
        ([[en.vec2(1, 2)], [en.vec2(3, 4)]], None, en.vec2, (2, 1)),
        ([[[1, 2, 3], [4, 5, 6]]], en.vec3, en.vec3, (1, 2)),
        ([1.0] * 9, en.mat33, en.mat33, (1,)),
        (np.zeros((4, 3, 3)), en.mat33, en.mat33, (4,)),
        (np.zeros((4, 9)), en.mat33, en.mat33, (4,)),
        (np.zeros((4, 7)), en.transform, en.transform, (4,)),
        (np.zeros((2, 3, 4, 5)), en.float64, en.float64, (2, 3, 4, 5)),
        (np.zeros(5, np.float64), None, en.float64, (5,)),
        (np.zeros(5, np.uint16), None, en.uint16, (5,)),
        (np.arange(6).reshape(2, 3), float, en.float32, (2, 3)),
        ([], en.vec3, en.vec3, (0,)),
        ([], float, en.float32, (0,)),
        (range(4), int, en.int32, (4,)),
        (3.0, float, en.float32, (1,)),
        ((1, 2), float, en.float32, (2,)),
    ],
)
def test_array_from_data(data, dtype, expected_dtype, shape):
    a = en.array(data) if dtype is None else en.array(data, dtype=dtype)
    assert a.dtype is expected_dtype and a.shape == shape and a.ndim == len(shape)
    assert a.size == int(np.prod(shape)) and a.is_contiguous
    if np.size(data) and not isinstance(data, range) and dtype is not en.mat33:
        plain = [np.array(row) for row in data] if isinstance(data, list) else data
        np.testing.assert_array_equal(a.numpy().ravel(), np.asarray(plain, dtype=expected_dtype.np_dtype).ravel())


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: en.array(["a", "b"]), "dtype"),
        (lambda: en.array([[1.0, 2.0]], dtype=en.vec3), "shape"),
        (lambda: en.array([[1.0, 2.0], [3.0]]), "inhomogeneous|ragged|shape"),
        (lambda: en.zeros(-1, dtype=float), "non-negative"),
        (lambda: en.zeros((1, 2, 3, 4, 5), dtype=float), "1 to 4"),
        (lambda: en.zeros((), dtype=float), "1 to 4"),
        (lambda: en.array(np.zeros(3), dtype="nonsense"), "dtype"),
        (lambda: en.zeros(3, dtype=list), "dtype"),
        (lambda: en.array([1 + 2j]), "dtype"),
        (lambda: en.zeros(3, dtype=float).reshape(4), "reshape"),
        (lambda: en.zeros(3, dtype=float)[0, 0], "dimensions"),
        (lambda: en.zeros((4, 4), dtype=float).transpose().flatten(), "contiguous"),
        (lambda: en.zeros(3, dtype=float).view(en.float64), "bytes"),
        (lambda: en.copy(en.zeros(3, dtype=float), en.zeros(4, dtype=float)), "shape"),
        (lambda: en.copy(en.zeros(3, dtype=float), en.zeros(3, dtype=int)), "int32"),
        (lambda: en.copy(en.zeros(3, dtype=float), en.zeros(3, dtype=float), count=2, dest_offset=2), "fit"),
        (lambda: en.zeros(3, dtype=float).assign([1.0, 2.0]), "shape"),
        (lambda: en.zeros(3, dtype=en.vec3).fill_([1.0, 2.0]), "fill"),
        (lambda: en.get_device("cuda:99"), "cuda"),
        (lambda: en.zeros(3, dtype=float, device="cuda:99"), "cuda"),
        (lambda: en.get_device("tpu"), "tpu"),
    ],
)
def test_wrong_use_is_refused(make, message):
    with pytest.raises(en.EngineError, match=message):
        make()


def test_cuda_error_says_what_is_missing():
    if en.is_cuda_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(en.EngineError) as caught:
        en.get_device("cuda:0")
    assert "CUDA" in str(caught.value) and "cpu" in str(caught.value)


@pytest.mark.cpu_only("memory shared with the host")
def test_memory_is_shared_with_numpy_both_ways():
    base = np.arange(5, dtype=np.float32)
    a = en.from_numpy(base)
    assert a.ptr == base.ctypes.data
    en.launch(add_one, 5, inputs=[a])
    assert base.tolist() == [1, 2, 3, 4, 5]
    view = a.numpy()
    view[0] = 50.0
    assert a.list()[0] == 50.0 and np.asarray(a)[0] == 50.0
    copied = en.array(base)
    copied.numpy()[0] = 0.0
    assert base[0] == 50.0


def test_numpy_view_outlives_its_array():
    view = en.ones(1000, dtype=float).numpy()
    gc.collect()
    en.zeros(1000, dtype=float)
    assert (view == 1).all()


@pytest.mark.cpu_only("memory shared with the host")
def test_from_numpy_of_strided_and_read_only_data():
    base = np.arange(10, dtype=np.float32)
    every_other = en.from_numpy(base[::2])
    assert every_other.ptr == base.ctypes.data and not every_other.is_contiguous
    en.launch(add_one, 5, inputs=[every_other])
    assert base.tolist() == [1, 1, 3, 3, 5, 5, 7, 7, 9, 9]
    base.flags.writeable = False
    safe = en.from_numpy(base)
    en.launch(add_one, 10, inputs=[safe])
    assert base[0] == 1 and safe.list()[0] == 2
    columns = en.from_numpy(np.asfortranarray(np.arange(12, dtype=np.float32).reshape(4, 3)), dtype=en.vec3)
    assert columns.list()[1] == en.vec3(3, 4, 5)


@pytest.mark.cpu_only("memory shared with the host")
def test_array_over_foreign_memory_keeps_its_owner():
    owner = np.arange(6, dtype=np.float32)
    a = en.array(ptr=owner.ctypes.data, shape=(2,), dtype=en.vec3, owner=owner)
    assert a.numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    a.numpy()[0, 0] = 9.0
    assert owner[0] == 9.0
    del owner
    gc.collect()
    assert a.list()[1] == en.vec3(3, 4, 5)


def test_constructors():
    assert en.zeros(3, dtype=float).list() == [0, 0, 0] and en.ones((2, 2), dtype=int).numpy().tolist() == [
        [1, 1],
        [1, 1],
    ]
    assert en.array(shape=(2, 3), dtype=en.vec3).numpy().shape == (2, 3, 3)
    assert en.empty(4, dtype=en.mat22).shape == (4,) and en.zeros(shape=4, dtype=en.uint8).dtype is en.uint8
    assert en.full(2, 7, dtype=float).list() == [7, 7] and en.full(2, 2.5).dtype is en.float32
    assert en.full((2,), en.vec3(1, 2, 3)).list() == [en.vec3(1, 2, 3)] * 2
    a = en.array([[1.0, 2.0]], dtype=float)
    assert en.zeros_like(a).shape == en.empty_like(a).shape == (1, 2) and en.ones_like(a).list() == [1, 1]
    assert en.full_like(a, 3.0).list() == [3, 3] and en.zeros_like(a[:, ::2]).is_contiguous
    b = en.clone(a)
    b[0, 0] = 9
    assert a.list() == [1, 2]
    grad = en.zeros(3, dtype=en.vec3, requires_grad=True)
    assert grad.grad.shape == (3,) and grad.requires_grad
    assert en.array2d([[1.0]], dtype=float).shape == (1, 1) and en.array1d(dtype=float).ndim == 1


def test_fill_zero_and_assign():
    a = en.zeros((2, 2), dtype=float)
    a.fill_(3.0)
    assert a.list() == [3] * 4
    a.zero_()
    assert a.list() == [0] * 4
    v = en.zeros(2, dtype=en.vec3)
    v.fill_(en.vec3(1, 2, 3))
    assert v.numpy().tolist() == [[1, 2, 3]] * 2
    v.fill_((4, 5, 6))
    assert v.list() == [en.vec3(4, 5, 6)] * 2
    v.fill_(7.0)
    assert v.list() == [en.vec3(7, 7, 7)] * 2
    a.assign([[1, 2], [3, 4]])
    a.assign(np.array([[5, 6], [7, 8]]))
    assert a.numpy().tolist() == [[5, 6], [7, 8]]
    b = en.zeros((2, 2), dtype=float)
    b.assign(a)
    assert b.list() == a.list()
    b[0] = 9.0
    b[:, 1].fill_(2.0)
    assert b.numpy().tolist() == [[9, 2], [7, 2]]
    s = en.zeros(2, dtype=Particle)
    s.fill_(Particle(x=en.vec3(1, 1, 1), mass=2.0, tag=3))
    assert s[1].mass == 2.0 and s[1].tag == 3
    s.zero_()
    assert s[0].mass == 0.0


def test_copy_with_offsets_and_views():
    a, b = en.array(np.arange(6, dtype=np.float32)), en.zeros(6, dtype=float)
    en.copy(b, a)
    assert b.list() == a.list()
    en.copy(b, a, dest_offset=1, src_offset=4, count=2)
    assert b.list() == [0, 4, 5, 3, 4, 5]
    en.copy(b[::2], a[:3])
    assert b.list() == [0, 4, 1, 3, 2, 5]
    en.copy(b[1:], b[:-1])  # overlapping
    assert b.list() == [0, 0, 4, 1, 3, 2]


def test_views():
    a = en.array(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    assert a[1].shape == (3, 4) and a[1, 2].list() == [20, 21, 22, 23] and a[1, 2, 3] == 23
    assert a[:, 1:].shape == (2, 2, 4) and a[..., 0].shape == (2, 3) and a[-1, -1].list() == [20, 21, 22, 23]
    assert a.transpose().shape == (4, 3, 2) and a.transpose((1, 0, 2)).shape == (3, 2, 4)
    assert a.reshape((6, 4)).shape == (6, 4) and a.reshape((-1, 4)).shape == (6, 4) and a.flatten().shape == (24,)
    assert a.strides == (48, 16, 4) and len(a) == 2 and [r.shape for r in a] == [(3, 4)] * 2
    t = a.transpose()
    assert not t.is_contiguous and t.contiguous().is_contiguous and t.contiguous().list() == t.list()
    v = en.array(np.arange(12, dtype=np.float32)).view(en.float32)
    assert en.array(np.zeros((4, 4), np.float32), dtype=en.vec4).view(en.quat).dtype is en.quat
    assert v.astype(int).dtype is en.int32


def test_arrays_of_structs_have_c_layout():
    s = en.array([Particle(x=en.vec3(1, 2, 3), mass=4.0, tag=5), Particle()])
    assert s.numpy().dtype.itemsize == 20 and s.strides == (20,)
    assert s.numpy()["x"][0].tolist() == [1, 2, 3] and s.numpy()["tag"].tolist() == [5, 0]
    assert s[0].x == en.vec3(1, 2, 3)
    s[1] = Particle(mass=7.0)
    assert s.list()[1].mass == 7.0


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 2, 1)])
def test_empty_arrays(shape):
    a = en.zeros(shape, dtype=en.vec3)
    assert a.size == 0 and a.list() == [] and a.numpy().shape == (*shape, 3)
    a.zero_()
    a.fill_(1.0)
    en.copy(en.clone(a), a)
    assert a.is_contiguous


def test_scoped_device_and_device_arguments():
    assert en.zeros(1, dtype=float, device="cpu").device == "cpu"
    assert en.zeros(1, dtype=float).device == en.get_device()
    with en.ScopedDevice("cpu") as device:
        assert str(en.zeros(1, dtype=float).device) == "cpu" and device == en.get_device("cpu")
    assert en.get_devices()[0] == en.get_device("cpu")


def test_other_libraries_see_the_array():
    a = en.array(np.arange(4, dtype=np.float32))
    if a.device.is_cpu:
        assert np.from_dlpack(a).tolist() == [0, 1, 2, 3]
        assert a.__array_interface__["data"][0] == a.ptr
    else:
        assert a.__cuda_array_interface__["data"] == (a.ptr, False)
        assert np.asarray(a).tolist() == [0, 1, 2, 3]
    assert "float32" in repr(a) and "(4,)" in repr(a)


def test_array_over_memory_of_others():
    owner = en.array([1.0, 2.0, 3.0, 4.0], dtype=float)
    assert en.from_ptr(owner.ptr, 4, dtype=float).list() == owner.list()
    shared = en.from_ptr(owner.ptr, 4, dtype=float, shape=(2, 2))
    shared.fill_(5.0)
    assert shared.shape == (2, 2) and owner.list() == [5.0] * 4
