"""What a tape offers besides gradients: structs, scopes, pictures, retained gradients, backward launches without a tape."""

import pytest

import engine as en


@en.struct
class Pair:
    x: en.array(dtype=float)
    y: en.array(dtype=float)


@en.struct
class Outer:
    pair: Pair
    scale: float


@en.kernel
def times(p: Outer, z: en.array(dtype=float)):
    i = en.tid()
    z[i] = p.scale * p.pair.x[i] * p.pair.y[i]


@en.kernel
def square(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = x[i] * x[i]


@en.kernel
def add_up(x: en.array(dtype=float), total: en.array(dtype=float)):
    i = en.tid()
    total[0] += x[i]


def numbers(*values, grad=True):
    return en.array(values, dtype=float, requires_grad=grad)


def test_gradients_of_a_nested_struct():
    p = Outer(Pair(numbers(2.0, 3.0), numbers(5.0, 7.0)), 10.0)
    z = en.zeros(2, dtype=float)
    with en.Tape() as tape:
        en.launch(times, dim=2, inputs=[p], outputs=[z])
    tape.backward(grads={z: en.ones_like(z)})
    found = tape.gradients[p]
    assert found.pair.x.list() == [50.0, 70.0] and found.pair.y.list() == [20.0, 30.0]
    tape.zero()
    assert found.pair.x.list() == [0.0, 0.0]


def test_gradients_of_an_array_without_gradient_say_what_to_do():
    x, y = numbers(1.0), en.zeros(1, dtype=float)
    with en.Tape() as tape:
        en.launch(square, dim=1, inputs=[x], outputs=[y])
    with pytest.raises(KeyError, match="requires_grad=True"):
        tape.gradients[y]
    assert list(tape.gradients) == [x]


def test_tapes_do_not_nest():
    with pytest.raises(RuntimeError, match="do not nest"), en.Tape(), en.Tape():
        pass
    with en.Tape():  # the failed one left nothing behind
        pass


def test_scopes_mark_launches_and_empty_ones_vanish():
    x, y = numbers(1.0), en.zeros(1, dtype=float)
    with en.Tape() as tape:
        tape.record_scope_begin("outer", {"step": 1})
        en.launch(square, dim=1, inputs=[x], outputs=[y])
        tape.record_scope_begin("empty")
        tape.record_scope_end()
        tape.record_scope_end()
    assert tape.scopes == [(0, "outer", {"step": 1}), (1, None, None)]
    with pytest.raises(RuntimeError, match="no scope is open"):
        tape.record_scope_end()


def test_picture_names_arrays_merges_repeats_and_frames_scopes(tmp_path):
    x, loss = numbers(1.0, 2.0), en.zeros(1, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        y = en.zeros(2, dtype=float)
        en.launch(square, dim=2, inputs=[x], outputs=[y])
        tape.record_scope_begin("summing")
        for _ in range(5):
            en.launch(add_up, dim=2, inputs=[y], outputs=[loss])
        tape.record_scope_end()
    text = tape.visualize(tmp_path / "tape.dot", array_labels={x: "positions", loss: "loss"})
    assert (tmp_path / "tape.dot").read_text() == text
    assert text.count("add_up") == 1 and "repeated 5x" in text
    assert 'label="summing"' in text and 'label="positions"' in text
    assert text.count("{") == text.count("}")
    assert tape.visualize(simplify_graph=False).count("add_up") == 5
    assert "positions" not in tape.visualize(array_labels={x: "positions"}, hide_readonly_arrays=True)


def test_retain_grad_keeps_the_gradient_after_the_last_write():
    x = numbers(1.0, 2.0)
    y = en.zeros(2, dtype=float, requires_grad=True, retain_grad=True)
    plain = en.zeros(2, dtype=float, requires_grad=True)
    loss = en.zeros(1, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        for out in (y, plain):
            en.copy(out, x)
            en.launch(add_up, dim=2, inputs=[out], outputs=[loss])
            en.launch(add_up, dim=2, inputs=[out], outputs=[loss])
    tape.backward(loss)
    assert y.grad.list() == [2.0, 2.0]
    assert plain.grad.list() == [0.0, 0.0]
    assert x.grad.list() == [4.0, 4.0]


def test_record_func_leaves_out_missing_arrays():
    x = numbers(3.0)
    with en.Tape() as tape:
        tape.record_func(lambda: x.grad.fill_(5.0), arrays=[x, None])
    tape.backward(grads={})
    assert x.grad.list() == [5.0]


def test_backward_launch_uses_the_gradients_of_its_arguments():
    a, b = numbers(1.0, 2.0, 3.0), numbers(0.0, 0.0, 0.0)
    b.grad = en.ones(3, dtype=float)
    en.launch(square, dim=3, inputs=[a, b], adjoint=True, adj_inputs=[None, None])
    assert a.grad.list() == [2.0, 4.0, 6.0]


def test_given_gradients_come_before_those_of_the_arguments():
    a, b = numbers(1.0, 2.0, 3.0), numbers(0.0, 0.0, 0.0)
    ga, gb = en.zeros(3, dtype=float), en.ones(3, dtype=float)
    en.launch(square, dim=3, inputs=[a], outputs=[b], adjoint=True, adj_inputs=[ga], adj_outputs=[gb])
    assert ga.list() == [2.0, 4.0, 6.0]
    assert a.grad.list() == [0.0, 0.0, 0.0]


def test_backward_launch_with_structs_of_gradients():
    p = Outer(Pair(numbers(2.0, grad=False), numbers(5.0, grad=False)), 10.0)
    g = Outer(Pair(en.zeros(1, dtype=float), en.zeros(1, dtype=float)), 0.0)
    z, gz = en.zeros(1, dtype=float), en.ones(1, dtype=float)
    en.launch(times, dim=1, inputs=[p], outputs=[z], adjoint=True, adj_inputs=[g], adj_outputs=[gz])
    assert g.pair.x.list() == [50.0] and g.pair.y.list() == [20.0]


def test_recorded_backward_launch():
    a, b = numbers(1.0, 2.0, 3.0), numbers(0.0, 0.0, 0.0)
    b.grad = en.ones(3, dtype=float)
    backward = en.launch(square, dim=3, inputs=[a, b], adjoint=True, record_cmd=True)
    assert a.grad.list() == [0.0, 0.0, 0.0]
    backward.launch()
    assert a.grad.list() == [2.0, 4.0, 6.0]
    other = numbers(5.0, 6.0, 7.0)
    backward.set_param_by_name("x", other)
    backward.set_dim(2)
    b.grad.fill_(1.0)
    backward.launch()
    assert other.grad.list() == [10.0, 12.0, 0.0]


def test_backward_launch_in_a_graph():
    a, b = numbers(1.0, 2.0, 3.0), numbers(0.0, 0.0, 0.0)
    with en.ScopedCapture() as capture:
        b.grad.fill_(1.0)
        en.launch(square, dim=3, inputs=[a, b], adjoint=True)
    assert a.grad.list() == [0.0, 0.0, 0.0]
    en.capture_launch(capture.graph)
    en.capture_launch(capture.graph)
    assert a.grad.list() == [4.0, 8.0, 12.0] and b.list() == [0.0, 0.0, 0.0]


def test_gradient_of_another_shape_is_refused():
    a, b = numbers(1.0, 2.0), numbers(0.0, 0.0)
    with pytest.raises(en.LaunchError, match=r"gradient of 'x' is .* of shape \(3,\)"):
        en.launch(square, dim=2, inputs=[a, b], adjoint=True, adj_inputs=[en.zeros(3, dtype=float), None])


def test_retain_grad_needs_a_gradient():
    with pytest.raises(ValueError, match="requires_grad=True too"):
        en.zeros(3, dtype=float, retain_grad=True)
    a = en.zeros(3, dtype=float)
    with pytest.raises(ValueError, match="requires_grad=True too"):
        a.retain_grad = True
    a.requires_grad = True
    a.retain_grad = True
    a.requires_grad = False
    assert not a.retain_grad


@en.kernel
def cube(x: en.array(dtype=en.bfloat16), y: en.array(dtype=en.bfloat16)):
    i = en.tid()
    y[i] = x[i] * x[i] * x[i]


def test_bfloat16_has_gradients_in_kernels_and_refuses_them_in_copies():
    x = en.array([1.0, 2.0, -3.0], dtype=en.bfloat16, requires_grad=True)
    y = en.zeros(3, dtype=en.bfloat16)
    with en.Tape() as tape:
        en.launch(cube, dim=3, inputs=[x], outputs=[y])
    tape.backward(grads={y: en.array([1.0, 0.5, 2.0], dtype=en.bfloat16)})
    assert x.grad.list() == [3.0, 6.0, 54.0]
    assert tape.gradient(x).tolist() == [3.0, 6.0, 54.0]
    with en.Tape() as tape:
        z = en.clone(x)
        en.launch(cube, dim=3, inputs=[z], outputs=[y])
    with pytest.raises(en.GradientError, match="copy of a bfloat16 array"):
        tape.backward(grads={y: 1.0})
