"""Both integrators are differentiable end to end: gradients of a rollout equal finite differences."""

import itertools

import numpy as np
import pytest

import engine as en
import sim
from scenes import mass_spring_cage, throw_ball

STEPS, DT = 20, 1.0 / 240.0


@en.kernel
def squared_distance(q: en.array(dtype=en.vec3), target: en.vec3, loss: en.array(dtype=float)):
    d = q[en.tid()] - target
    en.atomic_add(loss, 0, en.dot(d, d))


INTEGRATORS = {
    "semi-implicit": sim.SemiImplicitIntegrator,
    "xpbd": lambda: sim.XPBDIntegrator(3, sweep="colored"),
    "xpbd-simultaneous": lambda: sim.XPBDIntegrator(3, sweep="simultaneous"),
}


class Rollout:
    """A pinned cloth over a ball, with masses on springs that hang from it and one that lands on the ground."""

    def __init__(self, solver):
        b = sim.ModelBuilder()
        b.add_cloth_grid(
            pos=en.vec3(0.0, 1.0, 0.0), rot=en.quat_identity(), vel=en.vec3(0.1, 0.0, 0.2), dim_x=5, dim_y=4, cell_x=0.1,
            cell_y=0.1, mass=0.1, fix_left=True, tri_ke=100.0, tri_ka=100.0, tri_kd=1.0, edge_ke=1.0, edge_kd=0.1,
        )  # fmt: skip
        first = b.particle_count
        for k in range(3):
            b.add_particle(en.vec3(0.8 + 0.4 * k, 0.9 - 0.1 * k, 0.1 * k), en.vec3(0.0, 0.0, 0.3), 0.5)
        b.add_particle(en.vec3(3.0, 0.15, 0.0), en.vec3(0.5, -2.0, 0.0), 0.3)
        b.add_spring(first, first + 1, 200.0, 0.5, 0)
        b.add_spring(first + 1, first + 2, 150.0, 0.3, 0)
        b.add_spring(3, first, 50.0, 0.1, 0)
        self.model = b.finalize()
        self.integrator = INTEGRATORS[solver]()
        self.states = [self.model.state() for _ in range(STEPS + 1)]
        self.loss = en.zeros(1, dtype=float)

    def run(self) -> float:
        self.loss.zero_()
        for before, after in itertools.pairwise(self.states):
            self.integrator.simulate(self.model, before, after, DT)
        q = self.states[-1].particle_q
        en.launch(squared_distance, self.model.particle_count, [q, en.vec3(0.3, 0.6, 0.1)], [self.loss])
        return float(np.sum((q.numpy().astype(np.float64) - [0.3, 0.6, 0.1]) ** 2))

    def array(self, name):
        return getattr(self.states[0] if name.startswith("particle_q") else self.model, name)


@pytest.mark.parametrize("solver", INTEGRATORS)
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("particle_qd", 0.02), ("particle_q", 1e-3), ("spring_stiffness", 40.0), ("spring_rest_length", 5e-3),
        ("particle_inv_mass", 0.05), ("tri_materials", 3.0), ("edge_rest_angle", 0.05),
    ],
)  # fmt: skip
def test_gradient_of_a_rollout(solver, name, step):
    if solver != "semi-implicit" and name in ("particle_inv_mass", "edge_rest_angle"):
        step *= 4.0  # velocities made from positions round more coarsely, which differences must rise above
    rollout = Rollout(solver)
    x = rollout.array(name)
    x.requires_grad = True
    with en.Tape() as tape:
        rollout.run()
    tape.backward(rollout.loss)
    g = x.grad.numpy().astype(np.float64)
    assert np.isfinite(g).all()
    assert np.linalg.norm(g) > 0
    direction = g / np.linalg.norm(g)
    start = x.numpy().copy()
    values = []
    for sign in (1, -1):
        x.assign(start + sign * step * direction)
        values.append(rollout.run())
    slope = (values[0] - values[1]) / (2 * step)
    noise = 2e-7 * values[0] / step  # single precision
    assert np.linalg.norm(g) == pytest.approx(slope, rel=2e-2, abs=noise)


@pytest.mark.parametrize("solver", INTEGRATORS)
def test_checkpoints_give_the_same_gradient_from_two_states(solver, monkeypatch):
    monkeypatch.setattr(en.config, "deterministic", True)  # sums in one order on a GPU too
    found = []
    for every in (None, 5):
        rollout = Rollout(solver)
        model, states = rollout.model, rollout.states
        for name in ("spring_rest_length", "tri_materials"):
            getattr(model, name).requires_grad = True
        start = en.clone(states[0].particle_qd, requires_grad=True)

        def step(k, rollout=rollout, model=model, states=states):
            if k % 4 == 0:
                sim.collide(model, states[k % 2])
            rollout.integrator.simulate(model, states[k % 2], states[(k + 1) % 2], DT)

        with en.Tape() as tape:
            en.copy(states[0].particle_qd, start)
            if every is None:
                for k in range(STEPS):
                    step(k)
            else:
                en.checkpoint(step, STEPS, every=every)
            q = states[STEPS % 2].particle_q
            en.launch(squared_distance, model.particle_count, [q, en.vec3(0.3, 0.6, 0.1)], [rollout.loss])
        tape.backward(rollout.loss)
        found.append([a.grad.numpy().copy() for a in (start, model.spring_rest_length, model.tri_materials)])
    for plain, kept in zip(*found):
        assert np.linalg.norm(plain) > 0
        assert np.allclose(kept, plain, rtol=1e-6, atol=1e-9)


def test_gradient_of_gradient_free_state_is_not_kept():
    rollout = Rollout("semi-implicit")
    with en.Tape() as tape:
        rollout.run()
    assert not tape.launches


def test_cage_reaches_its_target_in_four_iterations():
    distances, _ = mass_spring_cage.optimise(iterations=4)
    assert distances[0] > 0.3
    assert len(distances) <= 5
    assert distances[-1] < 1e-3


def test_thrown_ball_hits_its_target_after_two_bounces():
    distances, paths = throw_ball.optimise(iterations=5)
    assert distances[0] > 0.3
    assert distances[-1] < 0.01
    assert paths[-1][:, 1].min() < 0.1  # the floor
    assert paths[-1][:, 0].max() > 1.0  # the wall


def test_written_scenes_open(tmp_path):
    pytest.importorskip("pxr")
    from pxr import Usd

    for scene in (mass_spring_cage, throw_ball):
        file = str(tmp_path / f"{scene.__name__.split('.')[-1]}.usda")
        scene.write_usd(file, [np.zeros((scene.STEPS + 1, 3))] * 2)
        assert Usd.Stage.Open(file).GetEndTimeCode() > 0
