"""Arrays seen through indices: in Python scope, in kernels, in structs, copied, differentiated."""

from typing import Any, Literal

import numpy as np
import pytest

import engine as en


def grid(rows=4, cols=5, **kw):
    return en.array(np.arange(rows * cols, dtype=np.float32).reshape(rows, cols), dtype=float, **kw)


def ints(*values):
    return en.array(values, dtype=int)


@en.kernel
def change(a: en.indexedarray(dtype=float, ndim=2)):
    i, j = en.tid()
    a[i, j] = 2.0 * a[i][j] + float(a.shape[0] * 100 + a.shape[1])
    en.atomic_add(a, i, j, 0.5)


@en.kernel
def add_one(a: Any):
    a[en.tid()] = a[en.tid()] + 1.0


@en.struct
class Part:
    scale: float
    values: en.indexedarray[float]


@en.kernel
def scale_part(p: Part):
    i = en.tid()
    p.values[i] = p.scale * p.values[i]


@en.kernel
def square(x: en.indexedarray[float, Literal[1]], y: en.array(dtype=float)):
    i = en.tid()
    y[i] = x[i] * x[i]


def test_elements_and_shape():
    a, rows, cols = grid(), ints(3, 0), ints(4, 2, 2)
    chosen = en.indexedarray2d(a, [rows, cols])
    assert (chosen.shape, chosen.size, chosen.ndim, chosen.dtype) == ((2, 3), 6, 2, en.float32)
    np.testing.assert_array_equal(chosen.numpy(), a.numpy()[np.ix_([3, 0], [4, 2, 2])])


@pytest.mark.parametrize(
    "index", [([1, 3],), (slice(None), [0, 4]), ([2], [1]), (slice(1, 3), [0]), (2, [1, 1]), (np.array([0, 1]), 3)]
)
def test_subscripts_with_indices(index):
    a = grid()
    given = tuple(ints(*i) if isinstance(i, list) else i for i in index)
    wanted = a.numpy()[index] if sum(not isinstance(i, (slice, int)) for i in index) < 2 else a.numpy()[np.ix_(*index)]
    found = a[given]
    assert isinstance(found, en.indexedarray)
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_kernel_reads_writes_and_adds_in_place():
    a = grid()
    before = a.numpy().copy()
    en.launch(change, (2, 2), [a[ints(1, 3), ints(0, 4)]])
    part = np.ix_([1, 3], [0, 4])
    wanted = before.copy()
    wanted[part] = 2.0 * before[part] + 202.5
    np.testing.assert_array_equal(a.numpy(), wanted)


def test_generic_kernels_take_both_families():
    a = en.zeros(4, dtype=float)
    en.launch(add_one, 4, [a])
    en.launch(add_one, 2, [a[ints(0, 2)]])
    np.testing.assert_array_equal(a.numpy(), [2, 1, 2, 1])


def test_struct_field():
    a = en.array([1.0, 2.0, 3.0], dtype=float)
    en.launch(scale_part, 2, [Part(scale=10.0, values=a[ints(2, 0)])])
    np.testing.assert_array_equal(a.numpy(), [10, 2, 30])


def test_copies_both_ways_and_fills():
    a = grid()
    chosen = a[ints(0, 2)]
    taken = chosen.contiguous()
    np.testing.assert_array_equal(taken.numpy(), a.numpy()[[0, 2]])
    en.copy(chosen, en.full((2, 5), 7.0, dtype=float))
    assert (a.numpy()[[0, 2]] == 7).all() and a.numpy()[1, 0] == 5
    chosen.assign(np.ones((2, 5)))
    a[ints(3)].fill_(9.0)
    np.testing.assert_array_equal(a.numpy()[:, 0], [1, 5, 1, 9])
    np.testing.assert_array_equal(en.clone(chosen).numpy(), np.ones((2, 5)))


def test_copies_are_part_of_graphs():
    a, out = grid(), en.zeros((1, 5), dtype=float)
    with en.ScopedCapture() as capture:
        en.copy(out, a[ints(2)])
    a.fill_(3.0)
    en.capture_launch(capture.graph)
    np.testing.assert_array_equal(out.numpy(), np.full((1, 5), 3.0))


def test_gradient_goes_to_the_array_behind():
    x, y = en.array([1.0, 2.0, 3.0, 4.0], dtype=float, requires_grad=True), en.zeros(3, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(square, 3, [x[ints(3, 1, 3)]], [y])
    tape.backward(grads={y: en.array([1.0, 10.0, 100.0], dtype=float)})
    np.testing.assert_allclose(x.grad.numpy(), [0, 2 * 2 * 10, 0, 2 * 4 * 101])


def test_strided_and_vector_arrays():
    a = en.array(np.arange(24.0).reshape(4, 2, 3), dtype=en.vec3)
    part = a[::2][ints(1), ints(1)]
    np.testing.assert_array_equal(part.numpy(), a.numpy()[2:3, 1:2])
    assert part[0, 0] == en.vec3(15.0, 16.0, 17.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda a: en.indexedarray(a, [ints(0, 9)]), "reach from 0 to 9"),
        (lambda a: en.indexedarray(a, [en.zeros(2, dtype=float)]), "1-d int32"),
        (lambda a: en.indexedarray(a, [None] * 3), "3 index arrays"),
        (lambda a: en.copy(a[ints(0, 1)], a), "same type and shape"),
        (lambda a: en.launch(square, 2, [en.zeros(2, dtype=float), en.zeros(2, dtype=float)]), "indexedarray1d"),
        (lambda a: en.launch(change, (1, 1), [en.zeros(4, dtype=float)[ints(0)]]), "indexedarray2d"),
    ],
)
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(en.EngineError, match=words):
        make(grid())


@pytest.mark.parametrize("kernel", [change, scale_part, square], ids=lambda k: k.key)
def test_compiles_for_a_gpu(kernel):
    from engine.cuda.nvrtc import nvrtc

    try:
        compiler = nvrtc()
    except en.EngineError as why:
        pytest.skip(str(why))
    assert compiler.compile(kernel.cuda(), "sm_90", kernel.key).startswith(b"\x7fELF")
