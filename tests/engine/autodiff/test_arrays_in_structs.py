"""Arrays that the elements of an array of structs refer to: kept alive, known to a tape, put back as they were read."""

import gc
import weakref

import numpy as np
import pytest

import engine as en
from engine.held_arrays import held_arrays

f64 = en.float64


def leaf(values):
    return en.array(values, dtype=f64, requires_grad=True)


@en.struct
class Chunk:
    x: en.array(dtype=f64)
    weight: f64


@en.kernel
def through_elements(chunks: en.array(dtype=Chunk), z: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    chunk = chunks[i]
    y[i] = chunk.x[0] * chunk.x[1] * chunk.weight * z[i]


def chunks_of(*arrays):
    return en.array([Chunk(a, 2.0) for a in arrays], dtype=Chunk)


def test_gradient_through_the_elements_of_an_array_of_structs_is_refused():
    x, z, y = leaf([2, 3]), leaf([1]), en.zeros(1, dtype=f64)
    with en.Tape() as tape:
        en.launch(through_elements, dim=1, inputs=[chunks_of(x), z, y])
    with pytest.raises(en.GradientError, match="through the elements of an array of structs"):
        tape.backward(grads={y: np.ones(1)})


def test_arrays_in_elements_are_put_back_as_they_were_read():
    x, z, y = en.array([2.0, 3.0], dtype=f64), leaf([5]), en.zeros(1, dtype=f64)
    chunks = chunks_of(x)
    chunks.requires_grad = True
    with en.Tape() as tape:
        en.launch(through_elements, dim=1, inputs=[chunks, z, y])
        x.fill_(100.0)
    tape.backward(grads={y: np.ones(1)})
    np.testing.assert_allclose(z.grad.numpy(), 12.0)
    np.testing.assert_allclose(chunks.grad.numpy()["weight"], 30.0)
    assert x.list() == [100.0, 100.0]


COPIES = {
    "clone": en.clone,
    "assign": lambda chunks: en.empty_like(chunks).assign(chunks),
    "copy into a view": lambda chunks: copied_into_a_view(chunks),
    "assign a list": lambda chunks: en.zeros(1, dtype=Chunk).assign([chunk_again(chunks)]),
}


def copied_into_a_view(chunks):
    out = en.zeros(3, dtype=Chunk)
    en.copy(out[1:2], chunks)
    return out[1:2]


def chunk_again(chunks):
    return Chunk(held_arrays(chunks)[0], 2.0)


@pytest.mark.parametrize("made", COPIES.values(), ids=COPIES.keys())
def test_copied_elements_keep_their_arrays_and_a_tape_knows_them(made):
    x, z, y = en.array([2.0, 3.0], dtype=f64), leaf([5]), en.zeros(1, dtype=f64)
    alive = weakref.ref(x)
    chunks = made(chunks_of(x))
    with en.Tape() as tape:
        en.launch(through_elements, dim=1, inputs=[chunks, z, y])
        x.fill_(100.0)
    del x
    gc.collect()
    assert alive() is not None
    tape.backward(grads={y: np.ones(1)})
    np.testing.assert_allclose(z.grad.numpy(), 12.0)


def test_copies_again_and_again_hold_each_array_once():
    chunks = chunks_of(en.array([2.0, 3.0], dtype=f64))
    out = en.zeros(1, dtype=Chunk)
    for _ in range(5):
        out.assign(chunks)
    owner, depth = out._owner, 0
    while isinstance(owner, tuple):
        owner, depth = owner[0], depth + 1
    assert depth == 1
