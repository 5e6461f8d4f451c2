"""Scan, sort, run lengths, sums and casts, against NumPy."""

import itertools

import numpy as np
import pytest

import engine as en
from engine import utils

SIZES = [1, 2, 5, 1000, 1023, 1025, 300_001]


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("n", SIZES)
def test_scan_of_integers_is_exact(n, inclusive):
    x = np.random.default_rng(n).integers(-100, 100, n).astype(np.int32)
    out = en.zeros(n, dtype=en.int32)
    utils.array_scan(en.array(x), out, inclusive)
    expected = np.cumsum(x) if inclusive else np.cumsum(x) - x
    np.testing.assert_array_equal(out.numpy(), expected)


@pytest.mark.parametrize("inclusive", [True, False])
def test_scan_of_floats_vectors_in_place_and_strided(inclusive):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, 70_000)
    a = en.array(x.astype(np.float32))
    utils.array_scan(a, a, inclusive)
    expected = np.cumsum(x) - (0 if inclusive else x)
    np.testing.assert_allclose(a.numpy(), expected, rtol=1e-5, atol=1e-3)
    v = rng.uniform(0, 1, (5000, 3)).astype(np.float32)
    out = en.zeros(5000, dtype=en.vec3)
    utils.array_scan(en.array(v, dtype=en.vec3), out, inclusive)
    np.testing.assert_allclose(out.numpy(), np.cumsum(v, 0) - (0 if inclusive else v), rtol=1e-4, atol=1e-3)
    big = en.array(np.arange(20, dtype=np.int64))
    out = en.zeros(10, dtype=en.int64)
    utils.array_scan(big[::2], out, inclusive)
    even = np.arange(0, 20, 2)
    np.testing.assert_array_equal(out.numpy(), np.cumsum(even) - (0 if inclusive else even))


@pytest.mark.parametrize(
    "dtype", [np.int32, np.uint32, np.float32, np.int64, np.uint64, np.float64], ids=lambda t: t.__name__
)
@pytest.mark.parametrize("n", [1, 2, 1000, 70_000])
def test_sort_is_stable_and_complete(n, dtype):
    rng = np.random.default_rng(n)
    if np.issubdtype(dtype, np.floating):
        keys = rng.normal(size=n).astype(dtype).round(1)
        keys[:: max(1, n // 7)] = np.array([np.inf, -np.inf])[np.arange(len(keys[:: max(1, n // 7)])) % 2]
    else:
        info = np.iinfo(dtype)
        keys = rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
        keys[n // 2 :] = keys[: n - n // 2]
    k = en.array(np.concatenate([keys, np.zeros(n, dtype)]))
    v = en.array(np.concatenate([np.arange(n), np.zeros(n)]).astype(np.int32))
    utils.radix_sort_pairs(k, v, n)
    expected = np.argsort(keys, kind="stable")
    np.testing.assert_array_equal(v.numpy()[:n], expected)
    np.testing.assert_array_equal(k.numpy()[:n], keys[expected])


def test_sort_by_some_bits_only():
    keys = np.array([5, 2, 7, 1, 4, 8, 11, 3], np.int32)
    k = en.array(np.concatenate([keys, keys]))
    v = en.array(np.arange(16, dtype=np.int32))
    utils.radix_sort_pairs(k, v, 8, end_bit=2)
    np.testing.assert_array_equal(v.numpy()[:8], np.argsort(keys % 4, kind="stable"))


def test_sort_carries_values_of_any_type():
    keys = np.random.default_rng(0).integers(0, 100, 500).astype(np.int32)
    points = np.random.default_rng(1).normal(size=(500, 3)).astype(np.float32)
    k = en.array(np.concatenate([keys, keys]))
    v = en.array(np.concatenate([points, points]), dtype=en.vec3)
    utils.radix_sort_pairs(k, v, 500)
    np.testing.assert_array_equal(v.numpy()[:500], points[np.argsort(keys, kind="stable")])


def test_segments_are_sorted_by_themselves():
    rng = np.random.default_rng(3)
    starts = np.array([0, 0, 1, 3, 400, 1000, 1000], np.int32)
    n = 1000
    keys = rng.integers(0, 50, n).astype(np.int32)
    k = en.array(np.concatenate([keys, keys]))
    v = en.array(np.concatenate([np.arange(n), np.zeros(n)]).astype(np.int32))
    utils.segmented_sort_pairs(k, v, n, en.array(starts))
    for first, end in itertools.pairwise(starts):
        expected = first + np.argsort(keys[first:end], kind="stable")
        np.testing.assert_array_equal(v.numpy()[first:end], expected)


@pytest.mark.parametrize("n", SIZES)
def test_run_lengths(n):
    x = np.sort(np.random.default_rng(n).integers(0, max(1, n // 5) + 1, n)).astype(np.int32)
    values, lengths, count = en.zeros(n, dtype=int), en.zeros(n, dtype=int), en.zeros(1, dtype=int)
    expected, expected_lengths = np.unique(x, return_counts=True)
    assert utils.runlength_encode(en.array(x), values, lengths) == len(expected)
    np.testing.assert_array_equal(values.numpy()[: len(expected)], expected)
    np.testing.assert_array_equal(lengths.numpy()[: len(expected)], expected_lengths)
    assert utils.runlength_encode(en.array(x), values, lengths, run_count=count) is None
    assert count.numpy()[0] == len(expected)


def test_run_lengths_of_part_of_the_values():
    values, lengths = en.zeros(4, dtype=int), en.zeros(4, dtype=int)
    assert utils.runlength_encode(en.array(np.array([1, 1, 2, 2], np.int32)), values, lengths, value_count=3) == 2
    assert lengths.numpy()[:2].tolist() == [2, 1]
    assert utils.runlength_encode(en.zeros(4, dtype=int), values, lengths, value_count=0) == 0


@pytest.mark.parametrize("n", [0, *SIZES])
def test_sums_and_inner_products(n):
    rng = np.random.default_rng(n)
    x, y = rng.uniform(0, 1, n), rng.uniform(-1, 1, n)
    a, b = en.array(x, dtype=en.float32), en.array(y, dtype=en.float32)
    np.testing.assert_allclose(utils.array_sum(a), x.sum(), rtol=1e-6)
    np.testing.assert_allclose(utils.array_inner(a, b), (x * y).sum(), rtol=1e-4, atol=1e-4)
    v = rng.uniform(0, 1, (n, 3))
    va = en.array(v, dtype=en.vec3d)
    np.testing.assert_allclose(utils.array_sum(va), v.sum(0), rtol=1e-12)
    np.testing.assert_allclose(utils.array_inner(va, va), (v * v).sum(), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_sums_along_an_axis_keep_it(axis):
    x = np.random.default_rng(0).uniform(0, 1, (5, 7, 300))
    a = en.array(x, dtype=en.float64)
    np.testing.assert_allclose(utils.array_sum(a, axis=axis).numpy(), x.sum(axis, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(utils.array_inner(a, a, axis=axis).numpy(), (x * x).sum(axis, keepdims=True), rtol=1e-12)
    v = np.random.default_rng(1).uniform(0, 1, (5, 7, 30, 3))
    a = en.array(v, dtype=en.vec3d)
    at = axis if axis >= 0 else axis - 1
    np.testing.assert_allclose(utils.array_sum(a, axis=axis).numpy(), v.sum(at, keepdims=True), rtol=1e-12)
    inner = (v * v).sum(-1).sum(axis, keepdims=True)
    np.testing.assert_allclose(utils.array_inner(a, a, axis=axis).numpy(), inner, rtol=1e-12)


def test_sums_into_an_array_of_a_part():
    a = en.array(np.arange(10, dtype=np.float32))
    out = en.zeros(1, dtype=float)
    assert utils.array_sum(a, out=out, value_count=4) is out
    assert out.numpy()[0] == 6.0
    utils.array_inner(a, a, out=out, count=3)
    assert out.numpy()[0] == 5.0


def test_sums_do_not_depend_on_the_threads():
    a = en.array(np.random.default_rng(0).normal(size=200_000).astype(np.float32))
    threads = en.get_threads()
    seen = set()
    try:
        for n in (1, 2, 3):
            en.set_threads(n)
            out = en.zeros_like(a)
            utils.array_scan(a, out)
            seen.add((float(utils.array_sum(a)), float(utils.array_inner(a, a)), out.numpy().tobytes()))
    finally:
        en.set_threads(threads)
    assert len(seen) == 1


def test_casts_between_numbers_and_vectors():
    v = np.random.default_rng(0).uniform(-9, 9, (100, 3)).astype(np.float32)
    a = en.array(v, dtype=en.vec3)
    wide, flat, whole = en.zeros(100, dtype=en.vec3d), en.zeros(300, dtype=float), en.zeros(300, dtype=en.int32)
    utils.array_cast(a, wide)
    utils.array_cast(a, flat)
    utils.array_cast(flat, whole)
    np.testing.assert_array_equal(wide.numpy(), v.astype(np.float64))
    np.testing.assert_array_equal(flat.numpy(), v.ravel())
    np.testing.assert_array_equal(whole.numpy(), v.ravel().astype(np.int32))


def test_everything_can_be_captured():
    n = 3000
    source = en.zeros(n, dtype=en.int32)
    keys, values = en.zeros(2 * n, dtype=en.int32), en.zeros(2 * n, dtype=en.int32)
    sums, run_values, lengths = (en.zeros(n, dtype=en.int32) for _ in range(3))
    count, total = en.zeros(1, dtype=en.int32), en.zeros(1, dtype=en.int32)
    with en.ScopedCapture() as capture:
        en.copy(keys, source, count=n)
        utils.radix_sort_pairs(keys, values, n)
        utils.array_scan(source, sums)
        utils.array_sum(source, out=total)
        utils.runlength_encode(keys, run_values, lengths, run_count=count, value_count=n)
    for seed in range(3):
        x = np.random.default_rng(seed).integers(0, 90, n).astype(np.int32)
        source.assign(x)
        en.capture_launch(capture.graph)
        expected, expected_lengths = np.unique(x, return_counts=True)
        np.testing.assert_array_equal(keys.numpy()[:n], np.sort(x))
        np.testing.assert_array_equal(sums.numpy(), np.cumsum(x))
        assert total.numpy()[0] == x.sum() and count.numpy()[0] == len(expected)
        np.testing.assert_array_equal(lengths.numpy()[: len(expected)], expected_lengths)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: utils.array_scan(en.zeros(3, dtype=int), en.zeros(4, dtype=int)), "sizes must agree"),
        (lambda: utils.array_scan(en.zeros(3, dtype=int), en.zeros(3, dtype=float)), "one type"),
        (lambda: utils.radix_sort_pairs(en.zeros(3, dtype=int), en.zeros(6, dtype=int), 3), "2\\*count elements"),
        (
            lambda: utils.radix_sort_pairs(en.zeros(6, dtype=en.vec3), en.zeros(6, dtype=int), 3),
            "expected one of int32",
        ),
        (
            lambda: utils.runlength_encode(en.zeros(3, dtype=int), en.zeros(1, dtype=int), en.zeros(3, dtype=int)),
            "room for 1",
        ),
        (lambda: utils.array_inner(en.zeros(3, dtype=int), en.zeros(4, dtype=int)), "equal ones"),
        (lambda: utils.array_sum(en.zeros(3, dtype=int), axis=1), "1 dimensions"),
        (lambda: utils.array_cast(en.zeros(3, dtype=int), en.zeros(4, dtype=float)), "3 numbers for 4 places"),
    ],
)
def test_wrong_arguments_say_what_is_expected(call, message):
    with pytest.raises(en.EngineError, match=message):
        call()
