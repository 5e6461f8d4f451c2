"""Memory that changes where the tape does not see it: refused where a gradient needs what was there."""

import numpy as np
import pytest

import engine as en
from tests.engine.autodiff.tape_kernels import f64, leaf, scalar, scale, square, total


def changed_after(change):
    x, y, loss = leaf([1, 2, 3]), en.zeros(3, dtype=f64), scalar()
    with en.Tape() as tape:
        en.launch(square, dim=3, inputs=[x], outputs=[y])
        en.launch(total, dim=3, inputs=[y], outputs=[loss])
    change(x, y)
    return tape, loss


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: x.__setitem__(1, 5.0),
        lambda x, y: x.assign(np.zeros(3)),
        lambda x, y: en.launch(scale, dim=3, inputs=[x, f64(2.0)]),
        lambda x, y: en.copy(x, y),
    ],
    ids=["element", "assign", "launch", "copy"],
)
def test_input_changed_before_backward_is_refused(change):
    tape, loss = changed_after(change)
    with pytest.raises(en.TapeError, match="argument 'x' of kernel 'square' was changed where the tape did not see it"):
        tape.backward(loss)


def test_input_changed_before_backward_is_refused_on_every_device_in_debug_mode(debug_mode):
    tape, loss = changed_after(lambda x, y: x.assign(np.zeros(3)))
    with pytest.raises(en.TapeError, match="argument 'x' of kernel 'square' was changed where the tape did not see it"):
        tape.backward(loss)


def test_changing_what_no_gradient_needs_is_fine():
    tape, loss = changed_after(lambda x, y: y.fill_(7.0))
    tape.backward(loss)


@pytest.mark.cpu_only("on a GPU the tape knows of writes, but does not look at contents")
def test_input_changed_and_changed_back_is_fine():
    def change(x, y):
        x[0] = x[0] + 1
        x[0] = x[0] - 1

    tape, loss = changed_after(change)
    tape.backward(loss)


@pytest.mark.cpu_only("memory shared with the host")
def test_change_through_numpy_between_launches_is_refused_in_debug_mode(debug_mode):
    x, y, loss = leaf([1, 2, 3]), en.zeros(3, dtype=f64), scalar()
    with pytest.raises(en.TapeError, match="argument 'x' of kernel 'square'"), en.Tape():
        en.launch(square, dim=3, inputs=[x], outputs=[y])
        x.numpy()[0] = 9.0
        en.launch(total, dim=3, inputs=[y], outputs=[loss])


def test_input_changed_between_two_blocks_is_refused():
    x, y, loss = leaf([1, 2]), en.zeros(2, dtype=f64), scalar()
    tape = en.Tape()
    with tape:
        en.launch(square, dim=2, inputs=[x], outputs=[y])
    x.fill_(9.0)
    with pytest.raises(en.TapeError, match="argument 'x'"), tape:
        en.launch(total, dim=2, inputs=[y], outputs=[loss])


@pytest.mark.cpu_only("memory shared with the host")
@pytest.mark.parametrize("then", ["nothing", "a launch", "a write"])
def test_input_changed_through_numpy_while_the_tape_records_is_refused(then):
    a, b, c = leaf([1.0, 2.0]), leaf([0.0, 0.0]), leaf([0.0, 0.0])

    @en.kernel
    def squared(x: en.array(dtype=f64), y: en.array(dtype=f64)):
        i = en.tid()
        y[i] = x[i] * x[i]

    with pytest.raises(en.TapeError, match="argument 'x' of kernel 'squared' was changed"):
        with en.Tape() as tape:
            en.launch(squared, 2, inputs=[a], outputs=[b])
            a.numpy()[:] = 100.0
            if then == "a launch":
                en.launch(squared, 2, inputs=[a], outputs=[c])
            if then == "a write":
                en.copy(a, c)
        tape.backward(grads={b: np.ones(2)})


@pytest.mark.cpu_only("memory shared with the host")
def test_result_changed_through_numpy_while_the_tape_records_is_refused():
    a, b, c = leaf([1.0, 2.0]), leaf([0.0, 0.0]), leaf([0.0, 0.0])

    @en.kernel
    def squared(x: en.array(dtype=f64), y: en.array(dtype=f64)):
        i = en.tid()
        y[i] = x[i] * x[i]

    with pytest.raises(en.TapeError, match="argument 'x' of kernel 'squared' was changed"):
        with en.Tape() as tape:
            en.launch(squared, 2, inputs=[a], outputs=[b])
            en.launch(squared, 2, inputs=[b], outputs=[c])
            b.numpy()[:] = 100.0
            en.launch(squared, 2, inputs=[a], outputs=[b])
        tape.backward(grads={c: np.ones(2)})
