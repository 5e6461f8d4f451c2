"""Random numbers: reproducible, uniform, normal, independent between threads."""

import numpy as np

import engine as en


@en.kernel
def draw(
    seed: int,
    n: int,
    uniform: en.array(dtype=float),
    normal: en.array(dtype=float),
    whole: en.array(dtype=int),
    span: en.array(dtype=float),
):
    i = en.tid()
    state = en.rand_init(seed, i)
    for k in range(n):
        uniform[i * n + k] = en.randf(state)
        normal[i * n + k] = en.randn(state)
        whole[i * n + k] = en.randi(state, -3, 7)
        span[i * n + k] = en.randf(state, 2.0, 5.0)


def sample(seed, threads=2000, n=50):
    out = [en.zeros(threads * n, dtype=t) for t in (float, float, int, float)]
    en.launch(draw, threads, inputs=[seed, n, *out])
    return [a.numpy() for a in out]


def test_distributions():
    uniform, normal, whole, span = sample(1)
    assert 0 <= uniform.min() and uniform.max() < 1 and 2 <= span.min() and span.max() < 5
    assert abs(uniform.mean() - 0.5) < 5e-3 and abs(uniform.var() - 1 / 12) < 2e-3
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02 and np.isfinite(normal).all()
    counts = np.bincount(whole + 3, minlength=10)
    assert len(counts) == 10 and np.abs(counts / whole.size - 0.1).max() < 5e-3


def test_same_seed_gives_the_same_numbers_and_another_seed_others():
    first, again, other = sample(5)[0], sample(5)[0], sample(6)[0]
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.99


def test_neighbouring_threads_are_not_correlated():
    uniform = sample(9)[0].reshape(2000, 50)
    assert abs(np.corrcoef(uniform[:-1, 0], uniform[1:, 0])[0, 1]) < 0.08
    assert abs(np.corrcoef(uniform[:, 0], uniform[:, 1])[0, 1]) < 0.08


def test_state_advances_through_functions_and_branches():
    @en.kernel
    def k(out: en.array(dtype=en.uint32)):
        state = en.rand_init(3)
        out[0] = state
        if out[0] > en.uint32(0):
            en.randf(state)
        out[1] = state
        out[2] = en.rand_init(3)

    out = en.zeros(3, dtype=en.uint32)
    en.launch(k, 1, inputs=[out])
    assert out.list()[0] == out.list()[2] != out.list()[1]
