"""Elementary functions of floats against NumPy in double precision: rounding, special values, every size of argument."""

import numpy as np
import pytest

import engine as en
from engine.cpu import jit, math_functions

pytestmark = pytest.mark.skipif(not jit.has_fma(), reason="needs fused multiply-add")

ORACLE = {"sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "log2": np.log2, "log10": np.log10,
          "tanh": np.tanh, "atan": np.arctan, "asin": np.arcsin, "acos": np.arccos, "pow": np.power, "atan2": np.arctan2}  # fmt: skip
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 0.5, -2.0, -0.5, 3.0, -3.0, 1e-45, -1e-45, 1.1754944e-38, 3.4e38,
     -3.4e38, 88.72284, 88.7229, -87.4, -103.9, -104.0, 1e10, 2.0**30, 2.0**31 + 512, 16777217.0, 0.4142136, 1.5707964,
     3.1415927, 22.0, 0.9999999, 1.0000001], np.float32
)  # fmt: skip


def kernel_of(op):
    function = getattr(en, op)
    if op in ("pow", "atan2"):

        @en.kernel
        def two(x: en.array(dtype=float), y: en.array(dtype=float), z: en.array(dtype=float)):
            i = en.tid()
            z[i] = function(x[i], y[i])

        return two

    @en.kernel
    def one(x: en.array(dtype=float), y: en.array(dtype=float), z: en.array(dtype=float)):
        i = en.tid()
        z[i] = function(x[i])

    return one


def computed(op, x, y):
    kernel, z = kernel_of(op), en.zeros(len(x), dtype=float)
    en.launch(kernel, dim=len(x), inputs=[en.array(x), en.array(y), z])
    return kernel, z.numpy()


def wanted(op, x, y):
    with np.errstate(all="ignore"):
        arguments = (x.astype(np.float64), y.astype(np.float64))
        return ORACLE[op](*arguments[: 2 if op in ("pow", "atan2") else 1])


def compare(op, x, y, units):
    _, got = computed(op, x, y)
    want = wanted(op, x, y)
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        error = np.abs(got.astype(np.float64) - want) / np.spacing(np.abs(rounded)).astype(np.float64)
    wrong = ~same & ~(error <= units)
    assert not wrong.any(), list(zip(x[wrong][:5], y[wrong][:5], got[wrong][:5], want[wrong][:5]))
    signs = (np.signbit(got) != np.signbit(rounded)) & ~np.isnan(rounded)
    assert not signs.any(), list(zip(x[signs][:5], y[signs][:5], got[signs][:5], want[signs][:5]))


def test_the_table_of_oracles_is_complete():
    assert set(ORACLE) == math_functions.NAMES


@pytest.mark.parametrize("op", sorted(ORACLE))
def test_special_values(op):
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    compare(op, x, y, 0.51)


@pytest.mark.parametrize("op", sorted(ORACLE))
def test_floats_of_every_size(op):
    rng = np.random.default_rng(3)
    x, y = (rng.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32) for _ in range(2))
    compare(op, x, y, 0.51)


@pytest.mark.parametrize("op", sorted(ORACLE))
def test_floats_of_common_sizes(op):
    rng = np.random.default_rng(4)
    x, y = ((rng.normal(size=200_000) * rng.choice([0.01, 1.0, 10.0], 200_000)).astype(np.float32) for _ in range(2))
    y[:1000] = np.round(y[:1000])
    compare(op, x, y, 0.51)


@pytest.mark.parametrize("op", sorted(ORACLE))
def test_calls_give_the_same_bits_as_lanes(op):
    """A kernel with a dynamic loop calls the function instead of running it in lanes."""
    function = getattr(en, op)
    two_arguments = op in ("pow", "atan2")

    @en.kernel
    def looped(x: en.array(dtype=float), y: en.array(dtype=float), z: en.array(dtype=float), n: int):
        i = en.tid()
        for _k in range(n):
            if en.static(two_arguments):
                en.atomic_add(z, i, function(x[i], y[i]))
            else:
                en.atomic_add(z, i, function(x[i]))

    rng = np.random.default_rng(5)
    x, y = (rng.random(1000).astype(np.float32) for _ in range(2))
    kernel, lanes = computed(op, x, y)
    z = en.zeros(1000, dtype=float)
    en.launch(looped, dim=1000, inputs=[en.array(x), en.array(y), z, 1])
    assert kernel._any_variant().module.in_lanes and not looped._any_variant().module.in_lanes
    np.testing.assert_array_equal(z.numpy(), lanes)
