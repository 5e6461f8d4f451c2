"""Checkpointed loops: the same gradients with less memory, whatever the loop does."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import engine as en

STEPS = 30


@en.kernel
def advance(
    x: en.array(dtype=en.float64), k: en.array(dtype=en.float64), dt: en.float64, y: en.array(dtype=en.float64)
):
    i = en.tid()
    n = x.shape[0]
    pull = x[(i + 1) % n] - en.float64(2.0) * x[i] + x[(i + n - 1) % n]
    y[i] = x[i] + dt * (pull * k[i] + en.sin(x[i] * k[0]))


@en.kernel
def in_place(x: en.array(dtype=en.float64), k: en.array(dtype=en.float64)):
    i = en.tid()
    x[i] = x[i] * x[i] * k[i] + en.float64(0.3)


@en.kernel
def weigh(x: en.array(dtype=en.float64), loss: en.array(dtype=en.float64)):
    i = en.tid()
    en.atomic_add(loss, 0, x[i] * x[i] * en.float64(i + 1))


class Loop:
    """A loop of launches, with or without checkpoints, and its gradients."""

    def __init__(self, n=5):
        rng = np.random.default_rng(3)
        self.start = en.array(rng.uniform(0.4, 0.9, n), dtype=en.float64, requires_grad=True)
        self.k = en.array(rng.uniform(0.2, 0.6, n), dtype=en.float64, requires_grad=True)
        self.states = [en.zeros(n, dtype=en.float64) for _ in range(2)]
        self.loss = en.zeros(1, dtype=en.float64)
        self.n = n

    def ping_pong(self, k):
        a, b = self.states[k % 2], self.states[(k + 1) % 2]
        en.launch(advance, dim=self.n, inputs=[a, self.k, 0.05], outputs=[b])

    def with_temporaries(self, k):
        made = en.empty(self.n, dtype=en.float64)
        en.launch(advance, dim=self.n, inputs=[self.states[0], self.k, 0.05], outputs=[made])
        en.copy(self.states[0], made)

    def overwriting(self, k):
        en.launch(in_place, dim=self.n, inputs=[self.states[0], self.k])

    def changing_parameters(self, k):
        # the second state is a running parameter: written here, read in the next segment
        if k % 7 == 3:
            en.launch(advance, dim=self.n, inputs=[self.states[0], self.k, 0.1], outputs=[self.states[1]])
        en.launch(advance, dim=self.n, inputs=[self.states[0], self.states[1], 0.05], outputs=[made := self.scratch()])
        self.states[0].assign(made)
        if k == 20:
            self.states[0][1:3].fill_(0.5)

    def scratch(self):
        return en.zeros(self.n, dtype=en.float64)

    def gradients(self, step, every, steps=STEPS):
        for a in (self.start, self.k):
            a.grad.zero_()
        with en.Tape() as tape:
            self.loss.zero_()
            for s in self.states:
                en.copy(s, self.start)
            if every is None:
                for k in range(steps):
                    step(k)
            else:
                en.checkpoint(step, steps, every=every)
            en.launch(weigh, dim=self.n, inputs=[self.states[0]], outputs=[self.loss])
        end = [s.numpy().copy() for s in self.states]
        tape.backward(self.loss)
        assert all(np.array_equal(a, b.numpy()) for a, b in zip(end, self.states))
        return self.start.grad.numpy().copy(), self.k.grad.numpy().copy(), float(self.loss.numpy()[0])


@pytest.mark.parametrize("every", [1, 4, 7, 30, 50])
@pytest.mark.parametrize("name", ["ping_pong", "with_temporaries", "overwriting", "changing_parameters"])
def test_gradients_equal_those_without_checkpoints(name, every):
    loop = Loop()
    step = getattr(loop, name)
    x, k, loss = loop.gradients(step, None)
    assert np.isfinite(x).all()
    assert np.abs(k).max() > 1e-6
    again = loop.gradients(step, every)
    assert np.array_equal(again[0], x)
    assert np.allclose(again[1], k, rtol=1e-12, atol=0.0)  # summed in another order
    assert again[2] == loss


def test_gradients_equal_finite_differences():
    loop = Loop()
    _, gradient, _ = loop.gradients(loop.ping_pong, 6)
    for i in range(loop.n):
        sides = []
        for h in (1e-6, -1e-6):
            loop.k[i] = loop.k[i] + h
            sides.append(loop.gradients(loop.ping_pong, 6)[2])
            loop.k[i] = loop.k[i] - h
        assert gradient[i] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6)


def test_backward_again_adds_the_same():
    loop = Loop()
    with en.Tape() as tape:
        en.copy(loop.states[0], loop.start)
        en.checkpoint(loop.ping_pong, STEPS)
        en.launch(weigh, dim=loop.n, inputs=[loop.states[0]], outputs=[loop.loss])
    tape.backward(loop.loss)
    once = loop.k.grad.numpy().copy()
    tape.backward(loop.loss)
    assert np.allclose(loop.k.grad.numpy(), 2.0 * once, rtol=1e-12, atol=0.0)


def test_two_loops_and_launches_between_and_after():
    def run(loop, every):
        loop.k.grad.zero_()
        loop.start.grad.zero_()
        with en.Tape() as tape:
            loop.loss.zero_()
            en.copy(loop.states[0], loop.start)
            for _ in range(2):
                if every:
                    en.checkpoint(loop.ping_pong, 10, every=every)
                else:
                    for k in range(10):
                        loop.ping_pong(k)
                en.launch(weigh, dim=loop.n, inputs=[loop.states[0]], outputs=[loop.loss])
                en.launch(in_place, dim=loop.n, inputs=[loop.states[0], loop.k])
            loop.states[1].zero_()  # what the last loop used is gone
        tape.backward(loop.loss)
        return loop.start.grad.numpy().copy(), loop.k.grad.numpy().copy()

    expected, found = run(Loop(), None), run(Loop(), 3)
    assert np.array_equal(found[0], expected[0])
    assert np.allclose(found[1], expected[1], rtol=1e-12, atol=0.0)


def test_checkpoints_inside_checkpoints():
    loop = Loop()

    def inner(outer):
        en.checkpoint(lambda k: loop.ping_pong(10 * outer + k), 10, every=4)

    x, k, _ = loop.gradients(loop.ping_pong, None)
    again = loop.gradients(inner, 1, steps=3)
    assert np.array_equal(again[0], x)
    assert np.allclose(again[1], k, rtol=1e-12, atol=0.0)


@pytest.mark.cpu_only("counts memory of the host")
def test_memory_grows_with_the_root_of_the_steps():
    def peak(steps, every):
        loop = Loop(n=20_000)
        loop.gradients(loop.overwriting, every, steps=2)
        tracemalloc.start()
        loop.gradients(loop.overwriting, every, steps=steps)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / loop.start._data.nbytes  # in states

    plain, kept = peak(100, None), peak(100, 10)
    assert plain > 95
    assert kept < 35
    assert peak(400, 20) < 2.5 * kept


def test_temporaries_of_a_step_die_with_it():
    loop = Loop(n=20_000)
    size = loop.start._data.nbytes
    tracemalloc.start()
    with en.Tape() as tape:
        en.copy(loop.states[0], loop.start)
        en.checkpoint(loop.with_temporaries, 100)
        most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 40 * size
    assert len(tape._buffers.arrays()) < 10


def test_a_step_that_does_other_work_the_second_time_is_refused():
    loop = Loop()
    calls = itertools.count()

    def swapping(_):
        k = next(calls)
        en.launch(advance, dim=loop.n, inputs=[loop.states[k % 2], loop.k, 0.05], outputs=[loop.states[(k + 1) % 2]])

    with en.Tape() as tape:
        en.copy(loop.states[0], loop.start)
        en.checkpoint(swapping, 9, every=3)
        en.launch(weigh, dim=loop.n, inputs=[loop.states[1]], outputs=[loop.loss])
    end = loop.states[1].numpy().copy()
    with pytest.raises(en.TapeError, match="did other work when the backward pass ran them again"):
        tape.backward(loop.loss)
    assert np.array_equal(loop.states[1].numpy(), end)


def test_a_scalar_that_python_changes_is_noticed():
    loop, dt = Loop(), [0.05]

    def step(k):
        en.launch(advance, loop.n, [loop.states[k % 2], loop.k, dt[0]], [loop.states[(k + 1) % 2]])

    with en.Tape() as tape:
        en.copy(loop.states[0], loop.start)
        en.checkpoint(step, 4)
        en.launch(weigh, dim=loop.n, inputs=[loop.states[0]], outputs=[loop.loss])
    dt[0] = 0.06
    with pytest.raises(en.TapeError, match="did other work"):
        tape.backward(loop.loss)


def test_state_changed_after_the_tape_is_refused():
    loop = Loop()
    with en.Tape() as tape:
        en.copy(loop.states[0], loop.start)
        en.checkpoint(loop.ping_pong, 4)
        en.launch(weigh, dim=loop.n, inputs=[loop.states[0]], outputs=[loop.loss])
    loop.k.fill_(0.1)
    with pytest.raises(en.TapeError, match="was changed where the tape did not see it"):
        tape.backward(loop.loss)


def test_without_a_tape_and_in_forward_mode_it_is_a_loop():
    loop, seen = Loop(), []
    en.checkpoint(seen.append, 5)
    assert seen == [0, 1, 2, 3, 4]

    def run(x, k, y):
        en.copy(loop.states[0], x)
        en.checkpoint(loop.ping_pong, 10)
        en.copy(y, loop.states[0])

    y = en.zeros(loop.n, dtype=en.float64)
    assert en.gradcheck(run, inputs=[loop.start, loop.k], outputs=[y])
    tangent = en.jvp(run, inputs=[loop.start, loop.k], outputs=[y], tangents={loop.k: 1.0})[y]
    assert np.abs(tangent).max() > 1e-3


def test_wrong_spacing_is_refused():
    with pytest.raises(en.TapeError, match="every=0"):
        en.checkpoint(lambda k: None, 5, every=0)


def test_nothing_is_kept_where_nothing_has_a_gradient():
    loop = Loop()
    with en.Tape() as tape:
        en.checkpoint(lambda k: en.launch(in_place, loop.n, [loop.states[0], loop.states[1]]), 10)
    assert not tape.launches


def test_default_spacing_is_the_root():
    loop = Loop()
    with en.Tape() as tape:
        en.copy(loop.states[0], loop.start)
        en.checkpoint(loop.ping_pong, 90)
    segments = tape.launches[-1].segments
    assert len(segments) == 9 and segments[0].end == math.ceil(math.sqrt(90))
