"""bfloat16: arithmetic, conversions, atomics, composites, gradients."""

import numpy as np
import pytest

import engine as en
from engine import brain_float
from engine.brain_float import from_bits, to_bits

vec2bf = en.types.vector(2, dtype=en.bfloat16)


def of(a):
    """The numbers of an array of bfloat16."""
    return from_bits(a.numpy().view(np.uint16))


def rounded(x):
    return from_bits(to_bits(x))


VALUES = np.array([1.0, -2.5, 3.14159, 1.00390625, 1e-3, 65504.0, -0.0, 1e38, 3e-39], np.float32)


@en.kernel
def arithmetic(a: en.array(dtype=en.bfloat16), b: en.array(dtype=en.bfloat16), out: en.array2d(dtype=en.bfloat16)):
    i = en.tid()
    out[0, i] = a[i] + b[i]
    out[1, i] = a[i] * b[i] - a[i]
    out[2, i] = a[i] / b[i]
    out[3, i] = en.sqrt(en.abs(a[i])) + en.sin(b[i])
    out[4, i] = en.where(a[i] < b[i], a[i], -b[i])
    s = en.bfloat16(0.0)
    for _ in range(i):
        s += a[i]
    out[5, i] = s


def test_every_operation_rounds_to_nearest():
    a, b = rounded(VALUES), rounded(np.roll(VALUES, 2) + np.float32(0.5))
    with np.errstate(all="ignore"):
        s = np.array([np.float32(0)] * len(a), np.float32)
        for i in range(len(a)):
            for _ in range(i):
                s[i] = rounded(s[i] + a[i])
        wanted = [
            rounded(a + b), rounded(rounded(a * b) - a), rounded(a / b),
            rounded(rounded(np.sqrt(np.abs(a))) + rounded(np.sin(b))), np.where(a < b, a, -b), s,
        ]  # fmt: skip
    out = en.zeros((6, len(a)), dtype=en.bfloat16)
    en.launch(arithmetic, len(a), [en.array(a, dtype=en.bfloat16), en.array(b, dtype=en.bfloat16)], [out])
    np.testing.assert_array_equal(of(out), np.array(wanted))


@en.kernel
def convert(x: en.array(dtype=en.float32), out: en.array(dtype=en.bfloat16), back: en.array(dtype=en.float64)):
    i = en.tid()
    out[i] = en.bfloat16(x[i])
    back[i] = en.float64(out[i])


def test_conversions_agree_with_those_of_python_scope():
    words = np.random.default_rng(1).integers(0, 2**32, 5000, dtype=np.uint32)
    special = np.array([np.inf, -np.inf, np.nan], np.float32)
    x = np.concatenate([words.view(np.float32), VALUES, special])
    out, back = en.zeros(len(x), dtype=en.bfloat16), en.zeros(len(x), dtype=en.float64)
    en.launch(convert, len(x), [en.array(x)], [out, back])
    np.testing.assert_array_equal(of(out), rounded(x))
    np.testing.assert_array_equal(back.numpy(), rounded(x).astype(np.float64))
    assert np.isnan(of(out)[-1])


@en.kernel
def gather(total: en.array(dtype=en.bfloat16), most: en.array(dtype=vec2bf), old: en.array(dtype=en.bfloat16)):
    i = en.tid()
    old[i] = en.atomic_add(total, 0, en.bfloat16(1.0))
    en.atomic_max(most, 0, vec2bf(en.bfloat16(float(i)), en.bfloat16(-float(i))))


def test_atomics_lose_nothing():
    total, most, old = en.zeros(1, dtype=en.bfloat16), en.full(1, -5.0, dtype=vec2bf), en.zeros(200, dtype=en.bfloat16)
    en.launch(gather, 200, [total, most, old])
    assert of(total)[0] == 200.0
    np.testing.assert_array_equal(of(most), [[199.0, 0.0]])
    np.testing.assert_array_equal(np.sort(of(old)), np.arange(200))


@en.struct
class Half:
    x: en.bfloat16
    v: vec2bf


@en.kernel
def use(s: Half, y: en.bfloat16, w: vec2bf, rows: en.array(dtype=Half), out: en.array(dtype=float)):
    out[0] = float(s.x) + float(s.v[1]) * 10.0 + float(y) * 100.0 + float(w[0]) * 1000.0 + float(rows[1].v[0]) * 1e4


def test_arguments_structs_and_vectors():
    half = Half(x=en.bfloat16(1.0), v=vec2bf(0.0, 2.0))
    rows = en.array([half, Half(x=en.bfloat16(0.0), v=vec2bf(5.0, 0.0))], dtype=Half)
    out = en.zeros(1, dtype=float)
    en.launch(use, 1, [half, en.bfloat16(3.0), vec2bf(4.0, 0.0), rows], [out])
    assert out.numpy()[0] == 1 + 20 + 300 + 4000 + 50000
    assert rows[0].x == 1.0 and rows[1].v == vec2bf(5.0, 0.0)


def test_python_scope():
    assert en.bfloat16(3.14159) == 3.140625 and en.bfloat16(2.0).value == 2.0
    a = en.array([1.0, 2.5], dtype=en.bfloat16)
    assert a.list() == [1.0, 2.5] and a[1] == 2.5
    a.fill_(1.5)
    a[0] = -3.0
    b = en.clone(a)
    assert b.list() == [-3.0, 1.5] and a.astype(float).list() == [-3.0, 1.5]
    assert en.array(a.numpy(), dtype=en.bfloat16).list() == [-3.0, 1.5]
    assert vec2bf(3.14159, 1.0)[0] == 3.140625
    assert (vec2bf(1.0, 2.0) + vec2bf(0.5, 0.5)) == vec2bf(1.5, 2.5)


def test_numbers_stay_numbers_without_ml_dtypes(monkeypatch):
    monkeypatch.setattr(brain_float, "numpy_type", lambda: None)
    a = en.array([1.0, 2.5], dtype=en.bfloat16)
    assert a.list() == [1.0, 2.5] and a[1] == 2.5 and (a + 1).list() == [2.0, 3.5]
    assert a.numpy().tolist() == [0x3F80, 0x4020]  # bits, as NumPy has no such type
    assert en.array([[1.0, 2.0]], dtype=vec2bf).list() == [vec2bf(1.0, 2.0)]


@en.kernel
def loss_of(x: en.array(dtype=en.bfloat16), loss: en.array(dtype=float)):
    v = x[en.tid()]
    en.atomic_add(loss, 0, float(v * v))


def test_gradient():
    x = en.array([1.0, 2.0, 3.0], dtype=en.bfloat16, requires_grad=True)
    loss = en.zeros(1, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(loss_of, 3, [x], [loss])
    tape.backward(loss)
    np.testing.assert_array_equal(of(x.grad), [2, 4, 6])


@pytest.mark.parametrize("kernel", [arithmetic, convert, gather, use], ids=lambda k: k.key)
def test_compiles_for_a_gpu(kernel):
    from engine.cuda.nvrtc import nvrtc

    try:
        compiler = nvrtc()
    except en.EngineError as why:
        pytest.skip(str(why))
    assert compiler.compile(kernel.cuda(), "sm_90", kernel.key).startswith(b"\x7fELF")
