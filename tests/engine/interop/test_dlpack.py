"""DLPack, with NumPy as the other side."""

import gc

import numpy as np
import pytest

import engine as en


class Elsewhere:
    """Data that says it lives on another maker's GPU."""

    def __dlpack__(self, **_):
        raise AssertionError("must not be asked")

    def __dlpack_device__(self):
        return (10, 0)


def test_array_is_exported_with_its_components_and_strides():
    a = en.array(np.arange(24, dtype=np.float32).reshape(4, 2, 3), dtype=en.vec3)
    seen = np.from_dlpack(a[1::2])
    assert seen.ctypes.data == a[1::2].ptr
    np.testing.assert_array_equal(seen, a.numpy()[1::2])
    assert np.from_dlpack(en.zeros(2, dtype=en.mat22)).shape == (2, 2, 2)


@pytest.mark.parametrize("dtype", [en.bool, en.int8, en.int64, en.uint16, en.float16, en.float32, en.float64])
def test_scalar_types_survive_the_round_trip(dtype):
    a = en.ones(5, dtype=dtype)
    b = en.from_dlpack(a)
    assert b.dtype is a.dtype and b.ptr == a.ptr


def test_capsule_is_consumed_once():
    a = en.array([1.0, 2.0, 3.0])
    capsule = en.to_dlpack(a)
    b = en.from_dlpack(capsule)
    assert b.ptr == a.ptr
    with pytest.raises(en.EngineError, match="from_dlpack"):
        en.from_dlpack(capsule)


def test_source_stays_alive():
    b = en.from_dlpack(np.full(1000, 3.0))
    gc.collect()
    junk = [np.zeros(1000) for _ in range(20)]
    assert (b.numpy() == 3).all() and junk


def test_trailing_dimensions_become_components():
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    b = en.from_dlpack(x, dtype=en.vec3)
    assert b.shape == (2, 4) and b.dtype is en.vec3 and b.ptr == x.ctypes.data
    assert en.from_dlpack(x.reshape(2, 4, 3)[:, :3], dtype=en.mat33).shape == (2,)


@pytest.mark.parametrize(
    ("source", "dtype", "message"),
    [
        (np.zeros((3, 4), np.float32), en.vec3, r"shape \(3, 4\); expected \(..., 3\)"),
        (np.zeros((3, 3), np.float32).T, en.vec3, "side by side"),
        (np.zeros(3, np.float64), en.float32, "float64 was asked for as float32"),
        (np.zeros(3, np.complex64), None, "complex64 has no engine type"),
        (np.zeros((1, 1, 1, 1, 1), np.float32), None, "5 dimensions"),
        (Elsewhere(), None, r"another device \(ROCm\)"),
        ([1, 2], None, "got list"),
    ],
)
def test_import_is_refused_with_the_reason(source, dtype, message):
    with pytest.raises(en.EngineError, match=message):
        en.from_dlpack(source, dtype=dtype)


def test_structs_cannot_be_exported():
    @en.struct
    class Pair:
        a: float
        b: int

    with pytest.raises(en.EngineError, match="array of Pair cannot be exported"):
        en.to_dlpack(en.zeros(2, dtype=Pair))


def test_integers_of_one_size_may_be_reinterpreted():
    x = np.array([-1, 1], np.int32)
    assert en.from_dlpack(x, dtype=en.uint32).numpy()[0] == 2**32 - 1
