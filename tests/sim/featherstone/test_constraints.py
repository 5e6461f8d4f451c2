"""Closed loops, coupled joints, dry friction and ranges under FeatherstoneIntegrator."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import engine as en
import sim
from sim.geometry.rotation import rotate, transform_points
from tests.sim.featherstone.robots import G, chain, energy, run, start

IDENTITY = (0.0, 0.0, 0.0, 1.0)
CRANK, COUPLER, ROCKER, GROUND = 0.4, 1.0, 0.8, 1.1
"""Lengths of a crank-rocker [m] (shortest + longest < the others)."""


def rod(builder, length: float) -> int:
    """A thin rod along x from the origin, 1 kg a metre."""
    moment = length**3 / 12.0
    return builder.add_body(m=length, com=(0.5 * length, 0, 0), I_m=np.diag([1e-4, moment, moment]))


def four_bar(crank_angle: float, *, by: str = "joint", **crank) -> sim.ModelBuilder:
    """A four-bar linkage in the x-y plane, gravity along -y, closed by a hinge or by an equality constraint."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    a, b, c = (rod(builder, length) for length in (CRANK, COUPLER, ROCKER))
    free = {"axis": (0, 0, 1), "armature": 0.0, "limit_lower": -1e6, "limit_upper": 1e6}
    builder.add_joint_revolute(-1, a, **free, **crank)
    builder.add_joint_revolute(a, b, ((CRANK, 0, 0), IDENTITY), **free)
    builder.add_joint_revolute(-1, c, ((GROUND, 0, 0), IDENTITY), **free)
    angles = closed(crank_angle)
    builder.joint_q[:] = angles[0], angles[1] - angles[0], angles[2]
    if by == "joint":
        builder.add_joint_revolute(b, c, ((COUPLER, 0, 0), IDENTITY), ((ROCKER, 0, 0), IDENTITY), **free)
        builder.joint_q[3] = angles[2] - angles[1]
    elif by == "connect":
        builder.add_equality_connect(b, c, (COUPLER, 0, 0), (ROCKER, 0, 0))
    return builder


def closed(crank: float) -> np.ndarray:
    """Angles of crank, coupler and rocker of the closed linkage (two circles meet)."""
    tip = CRANK * np.array([np.cos(crank), np.sin(crank)])
    across = np.array([GROUND, 0.0]) - tip
    d = np.linalg.norm(across)
    along = (COUPLER**2 - ROCKER**2 + d**2) / (2.0 * d)
    up = np.sqrt(COUPLER**2 - along**2)
    unit = across / d
    knee = tip + along * unit + up * np.array([-unit[1], unit[0]])
    return np.array([crank, np.arctan2(*(knee - tip)[::-1]), np.arctan2(knee[1], knee[0] - GROUND)])


def mechanics(crank: float) -> tuple[float, float, np.ndarray]:
    """Moment of inertia that the crank feels, potential energy, and angles of the linkage, from geometry alone."""
    h = 1e-5

    def centres(angle):
        q = closed(angle)
        tip = CRANK * np.array([np.cos(q[0]), np.sin(q[0])])
        along = [0.5 * n * np.array([np.cos(t), np.sin(t)]) for n, t in zip((CRANK, COUPLER, ROCKER), q, strict=True)]
        return np.array([along[0], tip + along[1], np.array([GROUND, 0.0]) + along[2]]), np.unwrap(q)

    (p, q), (p_1, q_1), (p_0, q_0) = centres(crank), centres(crank + h), centres(crank - h)
    dp, dq = (p_1 - p_0) / (2 * h), (q_1 - q_0) / (2 * h)
    mass = np.array([CRANK, COUPLER, ROCKER])
    return float((mass * (dp**2).sum(axis=1) + mass**3 / 12.0 * dq**2).sum()), float(G * (mass * p[:, 1]).sum()), q


@pytest.mark.parametrize("by", ["joint", "connect"])
def test_a_four_bar_linkage_moves_as_its_single_degree_of_freedom_does(by):
    builder = four_bar(1.0, by=by)
    speed = 6.0  # enough to carry the crank all the way round
    h = 1e-4
    rates = (closed(1.0 + h) - closed(1.0 - h)) / (2 * h) * speed
    builder.joint_qd[:3] = rates[0], rates[1] - rates[0], rates[2]
    if by == "joint":
        builder.joint_qd[3] = rates[2] - rates[1]

    def slope(_, y):
        M, _V, _ = mechanics(y[0])
        (M_1, V_1, _), (M_0, V_0, _) = mechanics(y[0] + 1e-3), mechanics(y[0] - 1e-3)
        return [y[1], -(0.5 * (M_1 - M_0) / 2e-3 * y[1] ** 2 + (V_1 - V_0) / 2e-3) / M]

    exact = solve_ivp(slope, (0.0, 1.5), [1.0, speed], rtol=1e-9, atol=1e-9, dense_output=True)
    assert exact.y[0].max() > 1.0 + 2.0 * np.pi
    model = builder.finalize()
    gaps, errors = [], []

    def watch(time, state):
        X = state.body_q.numpy().reshape(-1, 7).astype(float)
        gaps.append(np.linalg.norm(
            transform_points(X[1], np.array([COUPLER, 0, 0])) - transform_points(X[2], np.array([ROCKER, 0, 0]))
        ))  # fmt: skip
        errors.append(abs(float(state.joint_q.numpy()[0]) - exact.sol(time)[0]))

    state = run(model, 1.5, 1e-3, each=watch)
    assert max(gaps) < 1e-4
    assert max(errors) < 2e-3
    _, _, angles = mechanics(float(exact.y[0, -1]))
    q = state.joint_q.numpy().astype(float)
    assert np.abs(np.sin(0.5 * (q[:3] - [angles[0], angles[1] - angles[0], angles[2]]))).max() < 5e-3
    if by == "joint":
        assert abs(np.sin(0.5 * (q[3] - (angles[2] - angles[1])))) < 5e-3


def test_a_closed_loop_keeps_its_energy():
    model = four_bar(1.0).finalize()
    begin, worst = energy(model, start(model)[0]), [0.0]
    run(model, 5.0, 1e-3, each=lambda t, s: worst.__setitem__(0, max(worst[0], abs(energy(model, s) - begin))))
    assert worst[0] < 0.01 * G


def test_a_loop_that_starts_open_closes():
    builder = four_bar(1.0)
    builder.joint_q[2] += 0.05
    for name in ("joint_damping",):
        getattr(builder, name).view[:] = 0.5
    model = builder.finalize()
    X = run(model, 1.0, 1e-3).body_q.numpy().reshape(-1, 7).astype(float)
    gap = transform_points(X[1], np.array([COUPLER, 0, 0])) - transform_points(X[2], np.array([ROCKER, 0, 0]))
    assert np.linalg.norm(gap) < 1e-4


def test_a_loop_of_fixed_joints_is_rigid():
    """A beam held at both ends: all six rows of the second fixed joint, and the load goes both ways."""
    builder = chain(2)
    builder.joint_q[:] = np.pi / 2.0, 0.0
    builder.add_joint_fixed(-1, 1, ((1.5, 0, 0), (0, 0, np.sqrt(0.5), np.sqrt(0.5))), ((0, -0.5, 0), IDENTITY))
    state = run(builder.finalize(), 1.0, 5e-3)
    assert np.abs(state.joint_q.numpy() - [np.pi / 2.0, 0.0]).max() < 1e-4


@pytest.mark.parametrize("dt", [1e-3, 1e-2])
def test_a_joint_follows_another_one(dt):
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    for x in (0.0, 5.0):
        child = builder.add_body(m=1.0, com=(0.0, -0.5, 0.0), I_m=np.diag([1.0, 0.01, 1.0]) / 12.0)
        builder.add_joint_revolute(-1, child, ((x, 0, 0), IDENTITY), axis=(0, 0, 1), armature=0.0)
    coef = (0.2, -0.7, 0.1)
    builder.add_equality_joint(1, 0, coef)
    builder.joint_q[:] = 1.0, np.polyval(coef[::-1], 1.0)
    gaps = []

    def watch(_, state):
        q = state.joint_q.numpy().astype(float)
        gaps.append(abs(q[1] - np.polyval(coef[::-1], q[0])))

    state = run(builder.finalize(), 2.0, dt, each=watch)
    assert max(gaps) < 5.0 * dt**2 + 1e-6
    assert abs(float(state.joint_q.numpy()[0]) - 1.0) > 0.05


def test_a_coupled_pair_has_the_inertia_of_both():
    """Gears: torque t on the first wheel accelerates it by t / (I + r^2 I)."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    for _ in range(2):
        builder.add_joint_revolute(-1, builder.add_body(m=1.0, I_m=np.eye(3)), axis=(0, 0, 1), armature=0.0)
    builder.add_equality_joint(1, 0, (0.0, 3.0))
    model = builder.finalize()
    control = model.control()
    control.joint_act.assign(np.array([2.0, 0.0], np.float32))
    now, after = start(model)
    sim.FeatherstoneIntegrator().simulate(model, now, after, 1e-3, control)
    assert np.allclose(after.joint_qd.numpy() / 1e-3, [0.2, 0.6], rtol=1e-4)


def test_an_axis_without_source_is_held():
    builder = chain(2)
    builder.joint_q[:] = 1.0, 0.3
    builder.add_equality_joint(1, -1, (0.3,))
    assert float(run(builder.finalize(), 1.0, 2e-3).joint_q.numpy()[1]) == pytest.approx(0.3, abs=1e-4)


@pytest.mark.parametrize("dt", [1e-3, 1e-2])
@pytest.mark.parametrize("share", [0.99, 0.5])
def test_dry_friction_holds_without_creeping(dt, share):
    """Both joints of an arm that reaches out, loaded up to their friction."""
    builder = chain(2)
    builder.joint_q[:] = np.pi / 2.0, 0.0
    builder.joint_friction[:] = np.array([2.0 * G, 0.5 * G]) / share
    state = run(builder.finalize(), 3.0, dt)
    assert np.abs(state.joint_q.numpy() - [np.pi / 2.0, 0.0]).max() < 2e-6
    assert np.abs(state.joint_qd.numpy()).max() < 1e-5


def test_dry_friction_stops_a_spinning_wheel_in_time():
    builder = chain(1, friction=0.2)
    builder.gravity = 0.0
    builder.joint_qd[0] = 1.0
    model, inertia = builder.finalize(), 1.0 / 12.0 + 0.25
    stop = inertia * 1.0 / 0.2
    speeds = {}
    run(model, 2.0, 1e-3, each=lambda t, s: speeds.__setitem__(round(t, 3), float(s.joint_qd.numpy()[0])))
    assert speeds[1.0] == pytest.approx(1.0 - 1.0 / stop, abs=2e-3)
    assert abs(speeds[2.0]) < 1e-6


def test_the_range_of_a_ball_joint_holds():
    """A pendulum on a ball joint may turn by 0.6 rad and starts sideways: it comes to rest at the end of its range."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(m=1.0, com=(0.5, 0.0, 0.0), I_m=np.eye(3) * 0.05)
    builder.add_joint_ball(-1, body, armature=0.0, angle_limit=0.6, damping=0.3)
    angles = []

    def watch(_, state):
        angles.append(rotation_angle(state.joint_q.numpy().astype(float)))

    run(builder.finalize(), 3.0, 2e-3, each=watch)
    assert max(angles) < 0.6 + 1e-3
    assert angles[-1] == pytest.approx(0.6, abs=1e-3)


def rotation_angle(q: np.ndarray) -> float:
    return 2.0 * float(np.arctan2(np.linalg.norm(q[:3]), abs(q[3])))


@pytest.mark.parametrize("cone", [(0.5, 0.5), (0.9, 0.4), (0.3, -1.0)])
def test_a_cone_holds_the_axis_of_a_ball_joint(cone):
    """The axis (x) is pulled down, a swing about -z; a spin about the axis itself is free."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(m=1.0, com=(0.5, 0.0, 0.0), I_m=np.eye(3) * 0.05)
    builder.add_joint_ball(-1, body, armature=0.0, cone=cone, damping=1.0)
    builder.joint_qd[:] = 3.0, 0.0, 0.0
    swings = []

    def watch(_, state):
        axis = rotate(state.joint_q.numpy().astype(float), np.array([1.0, 0.0, 0.0]))
        swings.append(np.arctan2(-axis[1], axis[0]))

    run(builder.finalize(), 3.0, 2e-3, each=watch)
    if cone[1] < 0.0:
        assert swings[-1] == pytest.approx(np.pi / 2.0, abs=0.05)
    else:
        assert max(swings) < cone[1] + 2e-3
        assert swings[-1] == pytest.approx(cone[1], abs=2e-3)


def test_a_rope_holds_a_weight_and_a_rod_pushes_as_well():
    for low, high, begin, rests in ((-1.0, 2.0, 1.0, 2.0), (0.7, 0.7, 0.7, 0.7)):
        builder = sim.ModelBuilder(gravity=-G)
        builder.ground = False
        body = builder.add_body(((0, -begin, 0), IDENTITY), m=2.0, I_m=np.eye(3) * 0.1)
        builder.add_joint_distance(-1, body, min_distance=low, max_distance=high)
        lengths = []
        run(
            builder.finalize(), 2.0, 2e-3,
            each=lambda t, s, out=lengths: out.append(np.linalg.norm(s.body_q.numpy()[0, :3])),
        )  # fmt: skip
        assert max(lengths) < rests + 1e-3
        assert lengths[-1] == pytest.approx(rests, abs=1e-3)


def test_two_robots_can_be_welded_together():
    """Two floating bodies of 1 and 3 kg: a force on one accelerates both."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    for x, m in ((0.0, 1.0), (1.0, 3.0)):
        builder.add_joint_free(builder.add_body(((x, 0, 0), IDENTITY), m=m, I_m=np.eye(3)))
    builder.add_equality_weld(0, 1)
    model = builder.finalize()
    now, after = start(model)
    now.body_f.assign(np.array([[0, 0, 0, 8.0, 0, 0], [0, 0, 0, 0, 0, 0]], np.float32))
    sim.FeatherstoneIntegrator().simulate(model, now, after, 1e-3)
    assert np.allclose(after.body_qd.numpy()[:, 3:] / 1e-3, [[2.0, 0, 0]] * 2, atol=2e-3)


def test_copies_of_a_closed_loop_move_alike_wherever_they_stand():
    one = four_bar(1.0)
    many = sim.ModelBuilder(gravity=-G)
    many.ground = False
    many.replicate(one, 3, (50.0, 0.0, 0.0))
    alone, together = run(one.finalize(), 0.3, 1e-3), run(many.finalize(), 0.3, 1e-3)
    n = one.joint_coord_count
    assert np.abs(together.joint_q.numpy().reshape(3, n) - alone.joint_q.numpy()).max() < 1e-4


def test_a_compliant_loop_gives_way_by_force_times_compliance():
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(m=2.0, I_m=np.eye(3))
    builder.add_joint_prismatic(-1, body, axis=(0, 1, 0), armature=0.0, damping=20.0)
    builder.add_equality_connect(-1, body, compliance=1e-3)
    assert float(run(builder.finalize(), 2.0, 1e-3).joint_q.numpy()[0]) == pytest.approx(-2.0 * G * 1e-3, rel=1e-3)


def test_disabled_constraints_do_nothing():
    builder = chain(1)
    builder.joint_q[0] = 1.0
    builder.add_equality_joint(0, -1, (1.0,), enabled=False)
    assert abs(float(run(builder.finalize(), 0.5, 1e-3).joint_q.numpy()[0]) - 1.0) > 0.1


def test_a_constraint_on_a_body_without_joint_names_it():
    builder = chain(1)
    builder.add_body(m=1.0, I_m=np.eye(3), name="loose")
    builder.add_equality_connect(0, 1)
    model = builder.finalize()
    with pytest.raises(sim.SimError, match=r"loose.*add_joint_free"):
        sim.FeatherstoneIntegrator().simulate(model, model.state(), model.state(), 1e-3)


def test_constrained_steps_can_be_captured():
    builder = four_bar(1.0)
    builder.joint_friction[0] = 0.1
    model = builder.finalize()
    integrator = sim.FeatherstoneIntegrator()
    now, after = start(model)
    with en.ScopedCapture(model.device) as capture:
        integrator.simulate(model, now, after, 1e-3)
        integrator.simulate(model, after, now, 1e-3)
    for _ in range(20):
        en.capture_launch(capture.graph)
    assert np.array_equal(now.joint_q.numpy(), run(model, 0.04, 1e-3).joint_q.numpy())
