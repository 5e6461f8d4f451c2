"""Memory shared with NumPy, without copies, in both directions."""

import gc

import numpy as np
import pytest

import engine as en


@en.kernel
def double(x: en.array(dtype=en.vec3)):
    i = en.tid()
    x[i] = x[i] * 2.0


def test_numpy_sees_what_kernels_write():
    a = en.ones(4, dtype=en.vec3)
    seen = np.asarray(a)
    en.launch(double, 4, inputs=[a])
    assert seen.ctypes.data == a.ptr
    np.testing.assert_array_equal(seen, np.full((4, 3), 2))


def test_kernels_write_into_numpy_memory():
    x = np.ones((4, 3), np.float32)
    en.launch(double, 4, inputs=[en.from_numpy(x, dtype=en.vec3)])
    np.testing.assert_array_equal(x, 2)


def test_numpy_array_is_accepted_by_a_launch():
    x = np.ones((4, 3), np.float32)
    en.launch(double, 2, inputs=[x[::2]])
    np.testing.assert_array_equal(x[:, 0], [2, 1, 2, 1])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((4, 3)), "float64.*asked for as vec3"),
        (np.ones((4, 2), np.float32), r"shape \(4, 2\); expected"),
        (np.ones((3, 4), np.float32).T, "side by side"),
        (np.ones((4, 3), np.complex64), "complex64 has no engine type"),
    ],
)
def test_launch_refuses_numpy_memory_that_does_not_fit(x, message):
    with pytest.raises(en.LaunchError, match=message):
        en.launch(double, 4, inputs=[x])


def test_memory_lives_as_long_as_either_side():
    seen = np.asarray(en.full(100, 7, dtype=en.int32))
    ours = en.from_numpy(np.full(100, 8, np.int32))
    gc.collect()
    junk = [np.zeros(100, np.int32) for _ in range(100)]
    assert (seen == 7).all() and (ours.numpy() == 8).all() and junk
