"""Closed loops, welds and couplings in maximal coordinates."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import sim
from sim.geometry.rotation import transform_points
from tests.sim.featherstone.robots import chain, energy, start
from tests.sim.featherstone.test_constraints import COUPLER, IDENTITY, ROCKER, G, closed, four_bar, mechanics
from tests.sim.maximal.robots import INTEGRATORS, walk

MAXIMAL = ["semi-implicit", "xpbd"]


def gap_of(state) -> float:
    """How far the linkage is from being closed [m]."""
    X = state.body_q.numpy().reshape(-1, 7).astype(float)
    ends = [transform_points(X[b], np.array([length, 0, 0])) for b, length in ((1, COUPLER), (2, ROCKER))]
    return float(np.linalg.norm(ends[0] - ends[1]))


@pytest.mark.parametrize("by", ["joint", "connect"])
def test_a_four_bar_linkage_moves_as_its_single_degree_of_freedom_does(by):
    builder = four_bar(1.0, by=by)
    speed, h = 6.0, 1e-4
    rates = (closed(1.0 + h) - closed(1.0 - h)) / (2 * h) * speed
    builder.joint_qd[:3] = rates[0], rates[1] - rates[0], rates[2]

    def slope(_, y):
        M, _V, _ = mechanics(y[0])
        (M_1, V_1, _), (M_0, V_0, _) = mechanics(y[0] + 1e-3), mechanics(y[0] - 1e-3)
        return [y[1], -(0.5 * (M_1 - M_0) / 2e-3 * y[1] ** 2 + (V_1 - V_0) / 2e-3) / M]

    exact = solve_ivp(slope, (0.0, 1.5), [1.0, speed], rtol=1e-9, atol=1e-9, dense_output=True)
    gaps, errors = [], []

    def watch(time, state):
        gaps.append(gap_of(state))
        errors.append(abs(float(state.joint_q.numpy()[0]) - exact.sol(time)[0]))

    walk(builder.finalize(), sim.XPBDIntegrator(), 1.5, 1e-3, each=watch)
    assert max(gaps) < 1e-4
    assert max(errors) < 1.5e-2


def test_a_closed_loop_keeps_its_energy():
    model = four_bar(1.0).finalize()
    begin, worst = energy(model, start(model)[0]), [0.0]
    each = lambda t, s: worst.__setitem__(0, max(worst[0], abs(energy(model, s) - begin)))  # noqa: E731
    walk(model, sim.XPBDIntegrator(), 5.0, 1e-3, each=each)
    assert worst[0] < 0.02 * G


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_loop_that_starts_open_closes(name):
    builder = four_bar(1.0)
    builder.joint_q[2] += 0.05
    builder.joint_damping.view[:] = 0.5
    assert gap_of(walk(builder.finalize(), INTEGRATORS[name](), 1.0, 1e-3)) < 1e-4


@pytest.mark.parametrize(("name", "sag"), [("xpbd", 0.1), ("semi-implicit", 0.5)])  # that of springs
@pytest.mark.parametrize("dt", [1e-3, 2.5e-4])
def test_a_chain_stretched_out_between_two_places_stays_there(name, sag, dt):
    """Where a chain is stretched out, its closing rows cannot move it to first order, and a push across it can."""
    builder = chain(2)
    builder.joint_q[0] = np.pi / 2.0
    builder.add_equality_connect(1, -1, (0.0, -1.0, 0.0), (2.0, 0.0, 0.0))
    angles = []
    walk(builder.finalize(), INTEGRATORS[name](), 1.0, dt, each=lambda t, s: angles.append(s.joint_q.numpy().copy()))
    assert np.abs(np.array(angles) - [np.pi / 2.0, 0.0]).max() < sag


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_loop_of_fixed_joints_carries_a_load(name):
    """A beam held at both ends."""
    builder = chain(2)
    builder.joint_q[:] = np.pi / 2.0, 0.0
    builder.add_joint_fixed(-1, 1, ((1.5, 0, 0), (0, 0, np.sqrt(0.5), np.sqrt(0.5))), ((0, -0.5, 0), IDENTITY))
    state = walk(builder.finalize(), INTEGRATORS[name](), 1.0, 2e-3)
    assert np.abs(state.joint_q.numpy() - [np.pi / 2.0, 0.0]).max() < {"xpbd": 1e-4, "semi-implicit": 2e-3}[name]


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_joint_follows_another_one(name):
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    for x in (0.0, 5.0):
        child = builder.add_body(m=1.0, com=(0.0, -0.5, 0.0), I_m=np.diag([1.0, 0.01, 1.0]) / 12.0)
        builder.add_joint_revolute(-1, child, ((x, 0, 0), IDENTITY), axis=(0, 0, 1), armature=0.0)
    builder.add_equality_joint(1, 0, (0.2, -2.0, 0.3))
    builder.joint_q[:] = 0.5, 0.2 - 2.0 * 0.5 + 0.3 * 0.25
    model, errors = builder.finalize(), []

    def watch(_, state):
        q = state.joint_q.numpy().astype(float)
        errors.append(abs(q[1] - (0.2 - 2.0 * q[0] + 0.3 * q[0] ** 2)))

    begin = energy(model, start(model)[0])
    state = walk(model, INTEGRATORS[name](), 1.0, 1e-3, each=watch)
    assert max(errors) < 1e-3
    assert abs(energy(model, state) - begin) < 0.05
    assert abs(float(state.joint_q.numpy()[0]) - 0.5) > 0.1


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_weld_of_two_floating_bodies_makes_them_one(name):
    """Two bodies without joints, welded: they fall and turn as one, and momentum stays."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    for x in (0.0, 1.0):
        builder.add_body(origin=((x, 0.0, 0.0), IDENTITY), m=1.0, I_m=np.diag([0.1, 0.2, 0.3]))
    builder.add_equality_weld(0, 1, ((0.5, 0, 0), IDENTITY))
    builder.body_qd[0] = 0.0, 0.0, 0.0, 0.0, 1.0, 0.0
    model = builder.finalize()
    now, after = model.state(), model.state()
    for _ in range(1000):
        INTEGRATORS[name]().simulate(model, now, after, 1e-3)
        now, after = after, now
    X, V = now.body_q.numpy().astype(float), now.body_qd.numpy().astype(float)
    # spin L / I about the common centre: L = 0.5 kg m^2/s and I = 2 (0.3 + 0.25)
    assert np.linalg.norm(X[1, :3] - X[0, :3]) == pytest.approx(1.0, abs=1e-4)
    assert V[:, 2] == pytest.approx(-0.5 / 1.1, abs=2e-3)
    assert V[:, 3:].sum(axis=0) == pytest.approx([0.0, 1.0, 0.0], abs=1e-4)
