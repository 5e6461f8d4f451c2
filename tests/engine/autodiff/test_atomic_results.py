"""Atomics whose result is used: exact where each thread has a place of its own, else refused."""

import numpy as np
import pytest

import engine as en


def kernel_of(operation):
    @en.kernel(module="unique")
    def update(slot: en.array(dtype=en.float64), value: en.array(dtype=en.float64), out: en.array(dtype=en.float64)):
        i = en.tid()
        old = operation(slot, i, value[i] * value[i])
        out[i] = old * value[i]

    return update


OPERATIONS = [en.atomic_add, en.atomic_sub, en.atomic_exch, en.atomic_min, en.atomic_max]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_result_of_an_atomic_at_a_place_of_its_own(operation):
    slot = en.array([0.5, 3.0, -1.0, 2.0], dtype=en.float64)
    value = en.array([1.2, -1.1, 0.7, 1.6], dtype=en.float64)
    out = en.zeros(4, dtype=en.float64)
    assert en.gradcheck(kernel_of(operation), 4, [slot, value], [out])


@en.kernel
def chained(slot: en.array(dtype=en.float64), x: en.array(dtype=en.float64), out: en.array(dtype=en.float64)):
    i = en.tid()
    for k in range(x.shape[0]):
        old = en.atomic_max(slot, i, x[k] * en.float64(i + 1) * slot[i])
        out[i] = out[i] * en.float64(0.5) + old * slot[i]


def test_repeated_atomics_in_a_loop_at_one_place():
    slot = en.array([1.1, 0.9], dtype=en.float64)
    x = en.array([0.7, 1.3, 0.4, 1.5], dtype=en.float64)
    assert en.gradcheck(chained, 2, [slot, x], [en.array([0.2, 0.3], dtype=en.float64)])


@en.kernel
def shared(slot: en.array(dtype=float), x: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    out[i] = en.atomic_add(slot, 0, x[i])


def test_result_of_an_atomic_that_threads_share_is_refused():
    slot, x = en.zeros(1, dtype=float), en.ones(4, dtype=float, requires_grad=True)
    out = en.zeros(4, dtype=float)
    with en.Tape() as tape:
        en.launch(shared, dim=4, inputs=[slot, x], outputs=[out])
    with pytest.raises(en.GradientError, match="depends on the order of the threads"):
        tape.backward(grads={out: np.ones(4)})


@en.kernel
def smallest(slot: en.array(dtype=float), x: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    out[i] = en.atomic_min(slot, i, x[i])


def test_nan_gives_way_and_never_wins():
    nan = float("nan")
    slot = en.array([nan, nan, 2.0, 5.0, 2.0], dtype=float, requires_grad=True)
    x = en.array([nan, 2.0, nan, 2.0, 5.0], dtype=float, requires_grad=True)
    out = en.zeros(5, dtype=float)
    with en.Tape() as tape:
        en.launch(smallest, dim=5, inputs=[slot, x], outputs=[out])
    slot.grad.fill_(1.0)
    tape.backward()
    assert x.grad.list() == [1.0, 1.0, 0.0, 1.0, 0.0]
    assert slot.grad.list() == [0.0, 0.0, 1.0, 0.0, 1.0]
