"""Every value type, in every width, through every door: arguments, arrays, fields, functions, Python scope, constants."""

import numpy as np
import pytest

import engine as en
from tests.engine.programs import define

SCALARS = [
    en.bool,
    en.int8,
    en.int16,
    en.int32,
    en.int64,
    en.uint8,
    en.uint16,
    en.uint32,
    en.uint64,
    en.float16,
    en.float32,
    en.float64,
]
FLOATS = [en.float16, en.float32, en.float64]
COMPOSITES = [
    kind
    for s in FLOATS
    for kind in (
        en.vector(2, s), en.vector(3, s), en.vector(4, s), en.vector(7, s), en.matrix((2, 2), s), en.matrix((3, 3), s),
        en.matrix((4, 4), s), en.matrix((2, 5), s), en.quaternion(s), en.transformation(s), en.vector(6, s), en.matrix((6, 6), s),
    )
] + [en.vec2i, en.vec3ub, en.vec4l]  # fmt: skip
ALL = SCALARS + COMPOSITES

PASS_THROUGH = """
@en.struct
class Holder:
    first: en.int8
    value: TYPE
    last: en.int16


@en.func
def same(x: TYPE) -> TYPE:
    y = x
    return y


@en.func
def pair(x: TYPE):
    return x, same(x)


@en.kernel
def from_argument(x: TYPE, out: en.array(dtype=TYPE)):
    out[en.tid()] = same(x)


@en.kernel
def from_array(x: en.array(dtype=TYPE), out: en.array(dtype=TYPE)):
    i = en.tid()
    a, b = pair(x[i])
    out[i] = b


@en.kernel
def from_struct(h: Holder, out: en.array(dtype=TYPE)):
    g = Holder()
    g.value = h.value
    out[en.tid()] = g.value


@en.kernel
def from_struct_array(h: en.array(dtype=Holder), out: en.array(dtype=TYPE)):
    i = en.tid()
    out[i] = h[i].value
    h[i].value = TYPE()


@en.kernel
def from_constant(out: en.array(dtype=TYPE)):
    out[en.tid()] = CONSTANT


@en.kernel
def from_branch(x: en.array(dtype=TYPE), out: en.array(dtype=TYPE)):
    i = en.tid()
    if i % 2 == 0:
        y = x[i]
    else:
        y = TYPE()
    for _ in range(100):
        if i == 3:
            y = x[1]
    out[i] = y
"""


def numbers(kind, n):
    shape = (n, *kind.shape)
    rng = np.random.default_rng(3)
    if kind.scalar is en.bool:
        return rng.integers(0, 2, shape).astype(bool)
    if kind.scalar.is_float:
        return rng.normal(size=shape).astype(kind.np_dtype)
    info = np.iinfo(kind.np_dtype)
    return rng.integers(info.min, info.max, shape, dtype=kind.np_dtype, endpoint=True)


def element(kind, values):
    return values.item() if kind.kind == "scalar" else kind(*values.ravel().tolist())


@pytest.mark.parametrize("kind", ALL, ids=lambda t: t.name)
def test_value_passes_unchanged(kind):
    n = 6
    data = numbers(kind, n)
    one = element(kind, data[2])
    k = define(PASS_THROUGH, en=en, TYPE=kind, CONSTANT=kind.np_dtype.type(one) if kind.kind == "scalar" else one)

    def launch(name, *inputs):
        out = en.zeros(n, dtype=kind)
        en.launch(k[name], n, inputs=[*inputs, out])
        return out.numpy()

    np.testing.assert_array_equal(launch("from_argument", one), np.broadcast_to(data[2], data.shape))
    np.testing.assert_array_equal(launch("from_array", en.array(data, dtype=kind)), data)
    holder = k["Holder"](value=one)
    np.testing.assert_array_equal(launch("from_struct", holder), np.broadcast_to(data[2], data.shape))
    holders = en.array([k["Holder"](first=-1, value=element(kind, row), last=-2) for row in data])
    np.testing.assert_array_equal(launch("from_struct_array", holders), data)
    assert (
        not np.any(holders.numpy()["value"])
        and np.all(holders.numpy()["last"] == -2)
        and np.all(holders.numpy()["first"] == -1)
    )
    np.testing.assert_array_equal(launch("from_constant"), np.broadcast_to(data[2], data.shape))
    keep = (np.arange(n) % 2 == 0).reshape(-1, *(1,) * len(kind.shape))
    expected = np.where(keep, data, np.zeros_like(data))
    expected[3] = data[1]
    np.testing.assert_array_equal(launch("from_branch", en.array(data, dtype=kind)), expected)


CONVERT = """
@en.kernel
def convert(x: en.array(dtype=FROM), out: en.array(dtype=TO)):
    i = en.tid()
    out[i] = TO(x[i])
"""


def interesting(kind):
    if kind is en.bool:
        return np.array([False, True])
    if kind.is_float:
        big = [3.5e4, -3.5e4, 0.49, -0.51, 1.5, -1.5, 0.0, -0.0, 250.7, np.inf, -np.inf, np.nan]
        return np.array(big + ([1e30, -1e30, 4e9, -4e9] if kind is not en.float16 else []), dtype=kind.np_dtype)
    info = np.iinfo(kind.np_dtype)
    return np.array([0, 1, info.min, info.max, 100, info.max // 2 + 1], dtype=kind.np_dtype)


def converted(x, to):
    """The documented conversion: to bool is != 0; float to int truncates, saturates, nan is 0; int to int wraps."""
    if to is en.bool:
        return x != 0
    if to.is_int and x.dtype.kind == "f":
        info = np.iinfo(to.np_dtype)
        return np.array(
            [
                0 if np.isnan(v) else info.max if v >= info.max else info.min if v <= info.min else int(v)
                for v in x.astype(np.float64).tolist()
            ],
            to.np_dtype,
        )
    with np.errstate(all="ignore"):
        return x.astype(to.np_dtype)


@pytest.mark.parametrize("source", SCALARS, ids=lambda t: t.name)
@pytest.mark.parametrize("to", SCALARS, ids=lambda t: t.name)
def test_scalar_conversion(source, to):
    data = interesting(source)
    out = en.zeros(len(data), dtype=to)
    en.launch(
        define(CONVERT, en=en, FROM=source, TO=to)["convert"], len(data), inputs=[en.array(data, dtype=source), out]
    )
    np.testing.assert_array_equal(out.numpy(), converted(data, to))


ARITHMETIC = """
@en.kernel
def compute(a: en.array(dtype=TYPE), b: en.array(dtype=TYPE), out: en.array2d(dtype=TYPE)):
    i = en.tid()
    x = a[i]
    y = b[i]
    out[i, 0] = x + y
    out[i, 1] = x - y
    out[i, 2] = x * y
    out[i, 3] = x / y
    out[i, 4] = x % y
    out[i, 5] = min(x, y)
    out[i, 6] = max(x, y)
    out[i, 7] = -x
    out[i, 8] = x // y
    out[i, 9] = abs(x)
"""


@pytest.mark.parametrize("kind", [en.int8, en.int16, en.uint8, en.uint16, en.uint32, en.uint64], ids=lambda t: t.name)
def test_integers_wrap_and_division_by_zero_gives_zero(kind):
    info = np.iinfo(kind.np_dtype)
    ends = [0, 1, 2, 7, info.max, info.max - 1, info.min, info.min + 1, info.max // 2]
    a, b = (v.ravel() for v in np.meshgrid(np.array(ends, kind.np_dtype), np.array(ends, kind.np_dtype)))
    out = en.zeros((len(a), 10), dtype=kind)
    en.launch(
        define(ARITHMETIC, en=en, TYPE=kind)["compute"],
        len(a),
        inputs=[en.array(a, dtype=kind), en.array(b, dtype=kind), out],
    )

    def wrap(values):
        return np.array([(int(v) - info.min) % (2**info.bits) + info.min for v in values], kind.np_dtype)

    pairs = list(zip(a.tolist(), b.tolist()))

    def quotient(x, y):
        return 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)

    rules = [
        lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, quotient, lambda x, y: x - y * quotient(x, y) if y else 0,
        min, max, lambda x, y: -x, lambda x, y: x // y if y else 0, lambda x, y: abs(x),
    ]  # fmt: skip
    for column, rule in enumerate(rules):
        np.testing.assert_array_equal(out.numpy()[:, column], wrap([rule(x, y) for x, y in pairs]), err_msg=str(column))


def test_signed_division_by_zero_and_overflowing_division_do_not_crash():
    for kind in (en.int32, en.int64):
        info = np.iinfo(kind.np_dtype)
        a = np.array([5, -5, info.min, info.min, 7], kind.np_dtype)
        b = np.array([0, 0, -1, 0, -2], kind.np_dtype)
        out = en.zeros((5, 10), dtype=kind)
        en.launch(
            define(ARITHMETIC, en=en, TYPE=kind)["compute"],
            5,
            inputs=[en.array(a, dtype=kind), en.array(b, dtype=kind), out],
        )
        assert out.numpy()[:, 3].tolist() == [0, 0, info.min, 0, -3]
        assert out.numpy()[:, 4].tolist() == [0, 0, 0, 0, 1]


def test_constant_division_by_zero_does_not_crash():
    @en.kernel
    def k(out: en.array(dtype=int)):
        out[0] = 7 / 0
        out[1] = 7 % 0
        i = en.tid()
        out[2] = i / 0
        out[3] = i % 0

    out = en.ones(4, dtype=int)
    en.launch(k, 1, inputs=[out])
    assert out.list() == [0, 0, 0, 0]


SHIFTS = """
@en.kernel
def shift(a: en.array(dtype=TYPE), b: en.array(dtype=TYPE), out: en.array2d(dtype=TYPE)):
    i = en.tid()
    out[i, 0] = a[i] << b[i]
    out[i, 1] = a[i] >> b[i]
    out[i, 2] = a[i] & b[i]
    out[i, 3] = a[i] | b[i]
    out[i, 4] = a[i] ^ b[i]
    out[i, 5] = ~a[i]
"""


@pytest.mark.parametrize("kind", [k for k in SCALARS if k.is_int], ids=lambda t: t.name)
def test_bit_operations(kind):
    info = np.iinfo(kind.np_dtype)
    a, b = (
        v.ravel()
        for v in np.meshgrid(
            np.array([0, 1, 5, info.max, info.min, 77], kind.np_dtype),
            np.array([0, 1, 3, info.bits - 1, info.bits, 100], kind.np_dtype),
        )
    )
    out = en.zeros((len(a), 6), dtype=kind)
    en.launch(
        define(SHIFTS, en=en, TYPE=kind)["shift"],
        len(a),
        inputs=[en.array(a, dtype=kind), en.array(b, dtype=kind), out],
    )

    def wrap(v):
        return (v - info.min) % (2**info.bits) + info.min

    for k, (x, y) in enumerate(zip(a.tolist(), b.tolist())):
        right = x >> y if y < info.bits else (-1 if x < 0 else 0)
        left = wrap(x << y) if y < info.bits else 0
        assert out.numpy()[k].tolist() == [left, right, x & y, x | y, x ^ y, wrap(~x)], (x, y)


def test_values_in_python_scope_have_operators():
    v = en.vec3(1, 2, 3) * 2.0
    assert v == en.vec3(2, 4, 6) and v[1] == 4 and v.z == 6 and len(v) == 3
    assert en.dot(v, en.vec3(1, 0, 0)) == 2.0
    assert 2.0 * en.vec3(1, 2, 3) - en.vec3(1, 1, 1) == en.vec3(1, 3, 5)
    assert -en.vec2(1, -2) == en.vec2(-1, 2) and en.vec2(1, 3) / 2.0 == en.vec2(0.5, 1.5)
    np.testing.assert_array_equal(np.array(en.mat22(1, 2, 3, 4)), [[1, 2], [3, 4]])
    m = en.mat33(en.vec3(1, 2, 3), en.vec3(4, 5, 6), en.vec3(7, 8, 9))
    np.testing.assert_array_equal(np.array(m), np.array([[1, 4, 7], [2, 5, 8], [3, 6, 9]]))
    assert m * en.vec3(1, 0, 0) == en.vec3(1, 2, 3) and m[0, 1] == 4 and m[1] == en.vec3(2, 5, 8)
    np.testing.assert_allclose(np.array(en.transpose(m) * m), np.array(m).T @ np.array(m))
    t = en.transform(en.vec3(1, 2, 3), en.quat_identity())
    assert t.p == en.vec3(1, 2, 3) and en.transform_point(t, en.vec3(1, 1, 1)) == en.vec3(2, 3, 4)
    v[0] = 9.0
    assert v == en.vec3(9, 4, 6) and v != en.vec3(9, 4, 7)
    assert en.vec3(np.float32(1), np.int64(2), 3.0) == en.vec3([1, 2, 3]) == en.vec3(np.array([1, 2, 3]))
    assert repr(en.vec3d(1, 2, 3)).startswith("vec3d(")


def test_python_scope_builtins_keep_precision_of_doubles():
    x = en.vec3d(0.1, 0.2, 0.3)
    np.testing.assert_allclose(en.length(x), np.linalg.norm([0.1, 0.2, 0.3]), rtol=1e-15)


def test_doubles_written_as_literals_keep_their_bits():
    @en.kernel
    def k(x: en.array(dtype=en.float64)):
        i = en.tid()
        third = 1.0 / 3.0
        x[i] = x[i] * 0.1 + third

    x = en.array([1.0, 2.0], dtype=en.float64)
    en.launch(k, 2, inputs=[x])
    np.testing.assert_array_equal(x.numpy(), np.array([1.0, 2.0]) * 0.1 + 1.0 / 3.0)


def test_numpy_scalars_and_enums_are_captured_with_their_types():
    import enum

    class Kind(enum.IntEnum):
        BOX = 4

    width, count, flag = np.float64(0.1), np.uint8(200), np.bool_(True)

    @en.kernel
    def k(a: en.array(dtype=en.float64), b: en.array(dtype=en.uint8), c: en.array(dtype=int)):
        a[0] = width
        b[0] = count
        if flag:
            c[0] = Kind.BOX
        if c[0] == Kind.BOX:
            c[1] = int(count) + 100

    a, b, c = en.zeros(1, dtype=en.float64), en.zeros(1, dtype=en.uint8), en.zeros(2, dtype=int)
    en.launch(k, 1, inputs=[a, b, c])
    assert a.list() == [0.1] and b.list() == [200] and c.list() == [4, 300]


def test_type_names_and_sizes():
    assert en.vec3 is en.vec3f is en.vector(3, float) is en.types.vector(length=3, dtype=en.float32)
    assert en.matrix(shape=(3, 3), dtype=float) is en.mat33 and en.spatial_vector is en.vector(6, float)
    assert en.vec3.size == 12 and en.transform.size == 28 and en.mat44d.size == 128


def test_doubles_round_once_to_half():
    rng = np.random.default_rng(0)
    halves = rng.normal(size=500).astype(np.float16).astype(np.float64)
    ulp = np.spacing(halves.astype(np.float16)).astype(np.float64)
    x = np.concatenate([halves + ulp * 0.5 * (1 + s * 2.0**-40) for s in (-1, 0, 1)] + [rng.normal(size=500) * 1e-6])
    out = en.zeros(len(x), dtype=en.float16)
    en.launch(define(CONVERT, en=en, FROM=en.float64, TO=en.float16)["convert"], len(x), inputs=[en.array(x), out])
    np.testing.assert_array_equal(out.numpy(), x.astype(np.float16))
