"""What a tape records, and which versions of arrays it uses."""

import gc

import numpy as np
import pytest

import engine as en
from tests.engine.autodiff.tape_kernels import f64, leaf, multiply, scalar, scale, set_first, square, total


def test_chain_rule_through_an_array_without_requires_grad():
    x, y, loss = leaf([1, 2, 3]), en.zeros(3, dtype=f64), scalar()
    with en.Tape() as tape:
        en.launch(square, dim=3, inputs=[x], outputs=[y])
        en.launch(square, dim=3, inputs=[y], outputs=[y])
        en.launch(total, dim=3, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 4 * x.numpy() ** 3)
    assert y.grad is None
    assert loss.grad.numpy()[0] == 1


def test_gradients_add_up_until_zeroed():
    x, loss = leaf([1, 2]), scalar()
    with en.Tape() as tape:
        en.launch(total, dim=2, inputs=[x], outputs=[loss])
    tape.backward(loss)
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 2)
    tape.zero()
    np.testing.assert_allclose(x.grad.numpy(), 0)
    np.testing.assert_allclose(loss.grad.numpy(), 0)
    assert tape.gradients[x] is x.grad


def test_array_reused_for_other_values_gets_no_gradient_of_them():
    x, y, z = leaf([1, 2]), leaf([3, 4]), scalar()
    buffer, loss = en.zeros(2, dtype=f64), en.zeros(1, dtype=f64)
    with en.Tape() as tape:
        en.launch(square, dim=2, inputs=[x], outputs=[buffer])
        en.launch(total, dim=2, inputs=[buffer], outputs=[loss])
        en.launch(square, dim=2, inputs=[y], outputs=[buffer])
        en.launch(total, dim=2, inputs=[buffer], outputs=[z])
    tape.backward(grads={loss: np.ones(1), z: np.full(1, 10.0)})
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy())
    np.testing.assert_allclose(y.grad.numpy(), 20 * y.numpy())


def test_inputs_overwritten_later_on_the_tape_are_restored():
    x, y, loss = leaf([1, 2, 3]), en.zeros(3, dtype=f64), scalar()
    start = x.numpy().copy()
    with en.Tape() as tape:
        en.launch(square, dim=3, inputs=[x], outputs=[y])
        en.launch(scale, dim=3, inputs=[x, f64(10.0)])
        en.launch(multiply, dim=3, inputs=[x, y], outputs=[y])
        x.fill_(0.0)
        en.launch(total, dim=3, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 30 * start**2)  # 10 x * x^2


def test_only_what_the_gradient_needs_is_saved():
    x, y, loss = leaf(np.ones(1000)), en.zeros(1000, dtype=f64), scalar()
    with en.Tape() as tape:
        for _ in range(5):
            en.launch(scale, dim=1000, inputs=[x, f64(2.0)])
        en.launch(square, dim=1000, inputs=[x], outputs=[y])
        en.launch(total, dim=1000, inputs=[y], outputs=[loss])
        y.zero_()
    assert sum(len(b.snapshots) for b in tape._buffers) == 0  # scaling and summing are linear
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 2 * 32 * 32)


def test_one_array_as_several_arguments():
    x, loss = leaf([1, 2, 3]), scalar()
    start = x.numpy().copy()
    with en.Tape() as tape:
        en.launch(multiply, dim=3, inputs=[x, x], outputs=[x])
        en.launch(multiply, dim=3, inputs=[x, x], outputs=[x])
        en.launch(total, dim=3, inputs=[x], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 4 * start**3)


def test_views_share_the_gradient_of_their_array():
    x, y, loss = en.zeros((2, 3), dtype=f64, requires_grad=True), en.zeros(3, dtype=f64), scalar()
    x.assign(np.arange(6).reshape(2, 3))
    with en.Tape() as tape:
        en.launch(square, dim=3, inputs=[x[1]], outputs=[y])
        en.launch(total, dim=3, inputs=[y], outputs=[loss])
        en.launch(total, dim=6, inputs=[x.flatten()], outputs=[loss])
        en.launch(total, dim=3, inputs=[x.flatten()[::2]], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), [[2, 1, 2], [1 + 6, 2 + 8, 1 + 10]])


def test_gradient_of_a_strided_array():
    base = np.arange(10, dtype=float)
    x, y, loss = en.from_numpy(base[::2], requires_grad=True), en.zeros(5, dtype=f64), scalar()
    with en.Tape() as tape:
        en.launch(square, dim=5, inputs=[x], outputs=[y])
        en.launch(total, dim=5, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 2 * base[::2])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 4 * base[::2])


def test_copies_and_fills_are_differentiated():
    x, y, loss = leaf([1, 2, 3]), en.zeros(3, dtype=f64), scalar()
    with en.Tape() as tape:
        en.copy(y, x)
        z = en.clone(y)
        y.zero_()
        z[0:2] = 1.0
        w = en.zeros(4, dtype=f64)
        en.copy(w, z, dest_offset=1, count=3)
        w.assign(w)
        en.launch(square, dim=4, inputs=[w], outputs=[w])
        en.launch(total, dim=4, inputs=[w], outputs=[loss])
        en.launch(total, dim=3, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, 6])


def test_conversion_between_float_types():
    x, loss = leaf([1, 2, 3]), scalar()
    with en.Tape() as tape:
        single = x.astype(en.float32)
        double = single.astype(f64)
        en.launch(total, dim=3, inputs=[double], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 1)


def test_gradient_of_an_output_stays():
    x, y, loss = leaf([1, 2]), leaf([0, 0]), scalar()
    with en.Tape() as tape:
        en.launch(square, dim=2, inputs=[x], outputs=[y])
        en.launch(square, dim=2, inputs=[y], outputs=[y])
        en.launch(total, dim=2, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(y.grad.numpy(), 2 * x.numpy() ** 2)
    np.testing.assert_allclose(x.grad.numpy(), 4 * x.numpy() ** 3)


def test_element_overwritten_by_a_constant_has_no_gradient():
    x, loss = leaf([4, 5]), scalar()
    with en.Tape() as tape:
        en.launch(set_first, dim=1, inputs=[x])
        en.launch(total, dim=2, inputs=[x], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), [0, 1])


def test_recorded_function_runs_in_its_place():
    x, y, loss, order = leaf([1, 2]), leaf([0, 0]), scalar(), []
    with en.Tape() as tape:
        y.assign(np.sin(x.numpy()))

        def backward():
            order.append(y.grad.numpy().copy())
            x.grad.assign(x.grad.numpy() + np.cos(x.numpy()) * y.grad.numpy())

        tape.record_func(backward, arrays=[x, y])
        en.launch(total, dim=2, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(order, [[1, 1]])
    np.testing.assert_allclose(x.grad.numpy(), np.cos(x.numpy()))


def test_bound_launches_are_recorded():
    x, y, loss = leaf([1, 2]), en.zeros(2, dtype=f64), scalar()
    bound = en.launch(square, dim=2, inputs=[x], outputs=[y], record_cmd=True)
    with en.Tape() as tape:
        bound.launch()
        en.launch(total, dim=2, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy())


def test_launch_kept_off_the_tape():
    x, y, loss = leaf([1, 2]), en.zeros(2, dtype=f64), scalar()
    with en.Tape() as tape:
        en.launch(square, dim=2, inputs=[x], outputs=[y], record_tape=False)
        en.launch(total, dim=2, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 0)


def test_capture_inside_a_tape_is_refused():
    with pytest.raises(en.EngineError, match="inside a tape"), en.Tape(), en.ScopedCapture():
        pass


def test_loss_must_be_one_number():
    x = leaf([1, 2])
    tape = en.Tape()
    with pytest.raises(en.TapeError, match="one number"):
        tape.backward(x)


def test_arrays_that_overlap_in_part_are_refused():
    base = np.zeros(10)
    whole = en.array(ptr=base.ctypes.data, shape=6, dtype=f64)
    other = en.array(ptr=base.ctypes.data + 16, shape=6, dtype=f64)
    with pytest.raises(en.TapeError, match="share a part of their memory"), en.Tape():
        en.launch(square, dim=6, inputs=[whole], outputs=[other])


def test_tape_can_be_used_again_after_reset():
    x, y, loss = leaf([1, 2]), en.zeros(2, dtype=f64), scalar()
    tape = en.Tape()
    for _ in range(3):
        loss.zero_()
        with tape:
            en.launch(square, dim=2, inputs=[x], outputs=[y])
            en.launch(total, dim=2, inputs=[y], outputs=[loss])
        tape.backward(loss)
        np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy())
        tape.zero()
        tape.reset()
    assert not tape.launches


def test_two_blocks_make_one_tape():
    x, y, loss = leaf([1, 2]), en.zeros(2, dtype=f64), scalar()
    tape = en.Tape()
    with tape:
        en.launch(square, dim=2, inputs=[x], outputs=[y])
    with tape:
        en.launch(total, dim=2, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy())


@en.kernel
def uses_old_value(x: en.array(dtype=f64), s: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = en.atomic_add(s, 0, x[i]) * x[i]


@en.kernel
def exchanges(x: en.array(dtype=f64), s: en.array(dtype=f64)):
    en.atomic_exch(s, 0, x[en.tid()])


@en.kernel
def through_raw_address(x: en.array(dtype=f64), address: en.uint64):
    i = en.tid()
    en.ptr_store(f64, address, i, x[i])


def test_what_has_no_known_gradient_is_refused():
    x, s, y = leaf([1, 2]), en.zeros(1, dtype=f64), en.zeros(2, dtype=f64)
    with en.Tape() as tape:
        en.launch(uses_old_value, dim=2, inputs=[x, s, y])
    with pytest.raises(en.GradientError, match=r"kernel 'uses_old_value'.*atomic_add returns"):
        tape.backward(grads={y: np.ones(2)})
    with en.Tape() as tape:
        en.launch(exchanges, dim=2, inputs=[x, s])
    with pytest.raises(en.GradientError, match=r"kernel 'exchanges'.*atomic_exch"):
        tape.backward(grads={s: np.ones(1)})
    with en.Tape() as tape, pytest.raises(en.GradientError, match=r"kernel 'through_raw_address'.*raw address"):
        en.launch(through_raw_address, dim=2, inputs=[x, en.uint64(y.ptr)])


def test_sums_and_conversions_of_whole_arrays_have_gradients():
    x, z = leaf(np.linspace(-1, 2, 3000)), leaf(np.linspace(3, 1, 3000))
    loss, narrow, scanned = scalar(), en.zeros(3000, dtype=float), en.zeros(3000, dtype=f64)
    with en.Tape() as tape:
        en.utils.array_sum(x, out=loss)
        en.utils.array_cast(x, narrow)
        en.utils.array_scan(x, scanned)
        product = scalar()
        en.utils.array_inner(x, z, out=product)
    tape.backward(grads={loss: np.ones(1), narrow: np.full(3000, 2.0), scanned: np.eye(3000)[1], product: np.ones(1)})
    expected = 3.0 + z.numpy()
    expected[:2] += 1.0
    np.testing.assert_allclose(x.grad.numpy(), expected)
    np.testing.assert_allclose(z.grad.numpy(), x.numpy())


def test_array_over_part_of_known_memory_is_part_of_it():
    x, loss = leaf([1, 2, 3, 4]), scalar()
    tail = en.array(ptr=x.ptr + 16, shape=2, dtype=f64, device=x.device)
    with en.Tape() as tape:
        en.launch(square, dim=4, inputs=[x], outputs=[x])
        en.launch(total, dim=2, inputs=[tail], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, 6, 8])


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (1, [1, 0, 1, 1, 1, 1]), (-1, [1, 1, 1, 1, 1, 0]), (slice(0, 6, 2), [0, 1, 0, 1, 0, 1]),
        (slice(None), [0] * 6),
    ],
)  # fmt: skip
def test_elements_set_from_python_have_no_gradient(index, kept):
    x, loss = leaf([1, 2, 3, 4, 5, 6]), scalar()
    with en.Tape() as tape:
        y = en.clone(x)
        y[index] = 7.0
        en.launch(total, dim=6, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), kept)


def test_elements_of_rows_set_from_python_have_no_gradient():
    x, loss = leaf([[1, 2, 3], [4, 5, 6]]), scalar()
    with en.Tape() as tape:
        y = en.clone(x)
        y[1, 2] = 7.0
        y[0, 0:2] = 1.0
        en.launch(total, dim=6, inputs=[y.flatten()], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0, 1], [1, 1, 0]])


@pytest.mark.cpu_only("elements chosen by an array can be set on the CPU only")
def test_chosen_elements_set_from_python_have_no_gradient():
    x, loss = leaf([1, 2, 3, 4]), scalar()
    with en.Tape() as tape:
        y = en.clone(x)
        y[np.array([0, 2])] = 7.0
        en.launch(total, dim=4, inputs=[y], outputs=[loss])
    tape.backward(loss)
    np.testing.assert_allclose(x.grad.numpy(), [0, 1, 0, 1])


def test_memory_does_not_grow_over_tape_cycles():
    x, y, loss = leaf(np.ones(1000)), en.zeros(1000, dtype=f64), scalar()

    def cycle():
        tape = en.Tape()
        with tape:
            en.launch(scale, dim=1000, inputs=[x, f64(1.0)])
            en.launch(square, dim=1000, inputs=[x], outputs=[y])
            en.launch(square, dim=1000, inputs=[y], outputs=[y])
            en.launch(total, dim=1000, inputs=[y], outputs=[loss])
        tape.backward(loss)

    for _ in range(5):
        cycle()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        cycle()
    gc.collect()
    assert len(gc.get_objects()) - before < 50


@en.kernel
def chain(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = en.sin(x[i]) * x[i]


@pytest.mark.parametrize("way", ["loss", "grads", "strided"])
def test_forward_and_backward_pass_inside_a_graph(way):
    """In-place updates, a copy, a strided view and seeds; the graph gives what plain launches give, again and again."""
    x, y, loss = leaf([1, 2, 3, 4]), en.zeros(4, dtype=f64), scalar()
    seeds = np.array([1.0, 0.5, -2.0, 3.0])

    def both():
        loss.zero_()
        tape = en.Tape()
        with tape:
            en.launch(chain, dim=4, inputs=[x], outputs=[y])
            z = en.clone(y)
            en.launch(square, dim=4, inputs=[z], outputs=[z])
            if way == "strided":
                en.copy(z[::2], y[::2])
            en.launch(total, dim=4, inputs=[z], outputs=[loss])
        if way == "grads":
            tape.backward(grads={z: seeds})
        else:
            tape.backward(loss)

    both()
    with en.ScopedCapture() as c:
        x.grad.zero_()
        both()
    for start in ([1.0, 2.0, 3.0, 4.0], [0.3, -0.7, 2.0, 0.1]):
        x.assign(np.array(start))
        x.grad.zero_()
        both()
        expected = x.grad.numpy().copy()
        for _ in range(2):
            en.capture_launch(c.graph)
            np.testing.assert_array_equal(x.grad.numpy(), expected)
    assert np.abs(expected).min() > 0.0
