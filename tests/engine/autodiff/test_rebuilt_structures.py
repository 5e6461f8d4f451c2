"""Grids and hierarchies that a simulation rebuilds in every step: the tape puts back what each launch found."""

import numpy as np
import pytest

import engine as en

N, STEPS, RADIUS = 24, 5, 0.35


@en.kernel
def repel(
    grid: en.uint64, x: en.array(dtype=en.vec3), v: en.array(dtype=en.vec3), stiffness: en.array(dtype=float),
    x1: en.array(dtype=en.vec3), v1: en.array(dtype=en.vec3),
):  # fmt: skip
    i = en.tid()
    f = en.vec3(0.0, 0.0, 0.0)
    for j in en.hash_grid_query(grid, x[i], RADIUS):
        if j != i:
            d = x[i] - x[j]
            gap = RADIUS - en.length(d)
            if gap > 0.0:
                f += d * (stiffness[0] * gap * gap)
    v1[i] = v[i] + f * 0.1 - x[i] * 0.05
    x1[i] = x[i] + v1[i] * 0.1


@en.kernel
def boxes_around(x: en.array(dtype=en.vec3), lower: en.array(dtype=en.vec3), upper: en.array(dtype=en.vec3)):
    i = en.tid()
    half = en.vec3(RADIUS, RADIUS, RADIUS) * 0.5
    lower[i] = x[i] - half
    upper[i] = x[i] + half


@en.kernel
def repel_boxes(
    bvh: en.uint64, x: en.array(dtype=en.vec3), v: en.array(dtype=en.vec3), stiffness: en.array(dtype=float),
    x1: en.array(dtype=en.vec3), v1: en.array(dtype=en.vec3),
):  # fmt: skip
    i = en.tid()
    f = en.vec3(0.0, 0.0, 0.0)
    half = en.vec3(RADIUS, RADIUS, RADIUS) * 0.5
    query = en.bvh_query_aabb(bvh, x[i] - half, x[i] + half)
    j = int(0)  # noqa: RUF046
    while en.bvh_query_next(query, j):
        if j != i:
            d = x[i] - x[j]
            gap = RADIUS - en.length(d)
            if gap > 0.0:
                f += d * (stiffness[0] * gap * gap)
    v1[i] = v[i] + f * 0.1 - x[i] * 0.05
    x1[i] = x[i] + v1[i] * 0.1


class Swarm:
    """Particles that push each other away, found with a grid or a hierarchy that is rebuilt in every step."""

    def __init__(self, kind):
        rng = np.random.default_rng(5)
        self.start = en.array(rng.uniform(-0.5, 0.5, (N, 3)), dtype=en.vec3)
        self.v = en.array(rng.normal(size=(N, 3)), dtype=en.vec3)
        self.stiffness = en.array([30.0], dtype=float)
        self.x, self.y = en.zeros(N, dtype=en.vec3), en.zeros(N, dtype=en.vec3)
        self.w = en.zeros(N, dtype=en.vec3)
        self.kind = kind
        if kind == "grid":
            self.grid = en.HashGrid(8, 8, 8)
        else:
            self.lower, self.upper = en.array(self.start.numpy() - 0.1, dtype=en.vec3), en.clone(self.start)
            self.grid = en.Bvh(self.lower, self.upper)

    def step(self, k):
        if self.kind == "grid":
            self.grid.build(self.x, RADIUS)
            kernel = repel
        else:
            en.launch(boxes_around, dim=N, inputs=[self.x], outputs=[self.lower, self.upper])
            (self.grid.rebuild if k % 2 else self.grid.refit)()
            kernel = repel_boxes
        en.launch(kernel, dim=N, inputs=[self.grid.id, self.x, self.w, self.stiffness], outputs=[self.y, self.w])
        en.copy(self.x, self.y)

    def run(self, every, x, v, stiffness, out):
        en.copy(self.x, x)
        en.copy(self.w, v)
        self.stiffness = stiffness
        if every:
            en.checkpoint(self.step, STEPS, every=every)
        else:
            for k in range(STEPS):
                self.step(k)
        en.copy(out, self.x)


@pytest.mark.parametrize("every", [None, 1, 2])
@pytest.mark.parametrize("kind", ["grid", "bvh"])
def test_gradient_through_neighbours_found_anew_in_every_step(kind, every):
    swarm, out = Swarm(kind), en.zeros(N, dtype=en.vec3)
    inputs = [swarm.start, swarm.v, swarm.stiffness]
    assert en.gradcheck(
        lambda x, v, s, y: swarm.run(every, x, v, s, y), inputs=inputs, outputs=[out], eps=1e-3, rtol=2e-2, atol=2e-2
    )


def test_neighbours_matter_to_that_gradient():
    swarm, out = Swarm("grid"), en.zeros(N, dtype=en.vec3)
    swarm.stiffness.requires_grad = True
    with en.Tape() as tape:
        swarm.run(None, swarm.start, swarm.v, swarm.stiffness, out)
    tape.backward(grads={out: np.random.default_rng(0).normal(size=(N, 3))})
    assert abs(swarm.stiffness.grad.numpy()[0]) > 1e-4


def test_structures_hold_the_end_state_after_backward():
    swarm, out = Swarm("grid"), en.zeros(N, dtype=en.vec3)
    swarm.stiffness.requires_grad = True
    with en.Tape() as tape:
        swarm.run(2, swarm.start, swarm.v, swarm.stiffness, out)
        swarm.grid.build(swarm.x, 2.0 * RADIUS)
    before = [a.numpy().copy() for a in swarm.grid.kernel_arrays() if a is not None]
    words = swarm.grid._descriptor[:].copy()
    tape.backward(grads={out: np.ones((N, 3))})
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, swarm.grid.kernel_arrays()))
    assert np.array_equal(words, swarm.grid._descriptor[:])


def test_grid_rebuilt_after_the_tape_is_refused():
    swarm, out = Swarm("grid"), en.zeros(N, dtype=en.vec3)
    swarm.stiffness.requires_grad = True
    with en.Tape() as tape:
        swarm.run(None, swarm.start, swarm.v, swarm.stiffness, out)
    swarm.grid.build(swarm.start, RADIUS)
    with pytest.raises(en.TapeError, match="read a spatial structure"):
        tape.backward(grads={out: np.ones((N, 3))})


@en.kernel
def sampled(id: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = en.volume_sample_f(id, p[i], en.Volume.LINEAR)


@en.kernel
def stored(id: en.uint64, value: float):
    i, j, k = en.tid()
    en.volume_store_f(id, i, j, k, value)


def test_voxels_stored_on_the_tape_are_put_back_and_outside_are_refused():
    grid = np.random.default_rng(0).normal(size=(6, 6, 6)).astype(np.float32)
    p = en.array(np.random.default_rng(1).uniform(1.1, 3.9, (5, 3)), dtype=en.vec3, requires_grad=True)
    found = []
    for stores in (False, True):
        volume, y = en.Volume.load_from_numpy(grid), en.zeros(5, dtype=float)
        p.grad.zero_()
        with en.Tape() as tape:
            en.launch(sampled, dim=5, inputs=[volume.id, p], outputs=[y])
            if stores:
                en.launch(stored, dim=(6, 6, 6), inputs=[volume.id, 7.0])
        tape.backward(grads={y: np.ones(5)})
        found.append(p.grad.numpy().copy())
    assert np.array_equal(*found)
    assert np.abs(found[0]).max() > 0.1
    with en.Tape() as tape:
        en.launch(sampled, dim=5, inputs=[volume.id, p], outputs=[y])
    en.launch(stored, dim=(6, 6, 6), inputs=[volume.id, 1.0])
    if en.get_device().is_cpu:  # on a GPU the tape looks for such changes in debug mode only
        with pytest.raises(en.TapeError, match=r"changed.*where the tape did not see it"):
            tape.backward(grads={y: np.ones(5)})


def test_a_grid_that_hand_written_kernels_build_is_built_by_launches_under_a_tape(monkeypatch):
    """On a GPU grids sort with kernels that no tape can see; simulated here by a sorter that fails."""
    grid = en.HashGrid(8, 8, 8)
    monkeypatch.setattr(grid, "_native", True)
    points = en.array(np.random.default_rng(0).random((20, 3)), dtype=en.vec3, requires_grad=True)
    with en.Tape():
        grid.build(points, 0.2)
    assert grid.kernel_arrays() is not None and not grid._native
    found = en.zeros(20, dtype=int)

    @en.kernel
    def count(id: en.uint64, p: en.array(dtype=en.vec3), out: en.array(dtype=int)):
        i = en.tid()
        for j in en.hash_grid_query(id, p[i], 2.0):
            out[i] += 1

    en.launch(count, 20, inputs=[grid.id, points, found])
    assert (found.numpy() == 20).all()
