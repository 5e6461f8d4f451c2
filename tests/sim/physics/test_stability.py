"""Structures that stand, and robots that stand on their legs."""

import numpy as np
import pytest

import sim
from sim import ModelBuilder

DT = 1.0 / 600.0


def add_box(builder, place, half, turn=(0.0, 0.0, 0.0, 1.0), density: float = 1000.0) -> int:
    body = builder.add_body(origin=(place, turn))
    builder.add_shape_box(body, hx=half[0], hy=half[1], hz=half[2], density=density, mu=0.6)
    return body


def test_a_stack_of_ten_boxes_stands_for_ten_seconds(integrator, advance):
    builder = ModelBuilder()
    for k in range(10):
        add_box(builder, (0.0, 0.1 + 0.2 * k, 0.0), (0.1, 0.1, 0.1))
    model = builder.finalize()
    moved = advance(model, integrator, 6000, DT).body_q.numpy() - model.body_q.numpy()
    assert np.abs(moved[:, [0, 2]]).max() < 0.02
    assert np.abs(moved[:, 1]).max() < 0.015
    assert np.abs(moved[:, 3:]).max() < 0.05


def test_a_plate_lies_on_many_pins_however_stiff_they_are(integrator, advance):
    """Each pin's contact alone may be as stiff as the step allows; thirty of them together may be no stiffer."""
    builder = ModelBuilder()
    for x in np.linspace(-0.4, 0.4, 6):
        for z in np.linspace(-0.3, 0.3, 5):
            builder.add_shape_sphere(-1, pos=(float(x), 0.0, float(z)), radius=0.03, ke=1.0e9, kd=1.0e6, kf=1.0e6)
    plate = builder.add_body(origin=((0.0, 0.06, 0.0), (0.0, 0.0, 0.0, 1.0)))
    builder.add_shape_box(plate, hx=0.45, hy=0.02, hz=0.35, density=1000.0, ke=1.0e9, kd=1.0e6, kf=1.0e6)
    fastest = []

    def watch(step, state):
        if step > 600:
            fastest.append(np.abs(state.body_qd.numpy()).max())

    q = advance(builder.finalize(), integrator, 1200, DT, watch).body_q.numpy()[0]
    assert max(fastest) < 0.02
    np.testing.assert_allclose(q[:3], [0.0, 0.05, 0.0], atol=5e-3)


def test_two_cards_that_lean_on_each_other_stand(integrator, advance):
    builder, angle, height, thin = ModelBuilder(), np.radians(20.0), 0.5, 0.01
    for side in (1.0, -1.0):
        turn = (0.0, 0.0, np.sin(side * angle / 2), np.cos(side * angle / 2))
        x = side * (height * np.sin(angle) + thin * np.cos(angle))
        add_box(builder, (x, height * np.cos(angle) + thin * np.sin(angle), 0.0), (thin, height, 0.3), turn, 500.0)
    model = builder.finalize()
    state = advance(model, integrator, 6000, DT)
    assert np.abs(state.body_q.numpy()[:, :3] - model.body_q.numpy()[:, :3]).max() < 0.02
    assert np.abs(state.body_qd.numpy()).max() < 5e-3


def test_cards_without_friction_fall(advance):
    builder, angle, height, thin = ModelBuilder(), np.radians(20.0), 0.5, 0.01
    for side in (1.0, -1.0):
        turn = (0.0, 0.0, np.sin(side * angle / 2), np.cos(side * angle / 2))
        x = side * (height * np.sin(angle) + thin * np.cos(angle))
        add_box(builder, (x, height * np.cos(angle) + thin * np.sin(angle), 0.0), (thin, height, 0.3), turn, 500.0)
    builder.shape_material_mu.view[:] = 0.0
    state = advance(builder.finalize(), sim.XPBDIntegrator(), 1200, DT)
    assert state.body_q.numpy()[:, 1].max() < 0.3


def quadruped() -> ModelBuilder:
    """A trunk on four legs of two links each, with drives that hold them bent."""
    builder = ModelBuilder()
    trunk = builder.add_body(origin=((0.0, 0.46, 0.0), (0.0, 0.0, 0.0, 1.0)))
    builder.add_shape_box(trunk, hx=0.25, hy=0.06, hz=0.12, density=500.0)
    builder.add_joint_free(trunk)
    drive = {
        "target": 0.0,
        "target_ke": 100.0,
        "target_kd": 5.0,
        "mode": sim.JOINT_MODE_TARGET_POSITION,
        "armature": 0.01,
    }
    for x in (0.2, -0.2):
        for z in (0.15, -0.15):
            above, place = trunk, (x, 0.0, z)
            for end, radius in ((0.05, 0.03), (-0.05, 0.025)):
                link = builder.add_body()
                middle, slope = (end / 2, -0.1, 0.0), np.arctan2(end, 0.2)
                turn = (0.0, 0.0, np.sin(slope / 2), np.cos(slope / 2))
                builder.add_shape_capsule(link, middle, turn, radius=radius, half_height=0.1, density=500.0)
                builder.add_joint_revolute(above, link, (place, (0.0, 0.0, 0.0, 1.0)), axis=(0, 0, 1), **drive)
                above, place = link, (end, -0.2, 0.0)
    return builder


@pytest.mark.parametrize("make", [sim.XPBDIntegrator, sim.SemiImplicitIntegrator, sim.FeatherstoneIntegrator])
def test_a_quadruped_stands_quietly(make):
    model, integrator = quadruped().finalize(), make()
    now, after = model.state(), model.state()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for step in range(3000):
        integrator.simulate(model, now, after, DT)
        now, after = after, now
        if step == 2400:
            before = now.body_q.numpy().copy()
    assert now.body_q.numpy()[0, 1] > 0.38
    assert np.abs(now.body_q.numpy() - before).max() < 3e-4
    assert np.abs(now.body_qd.numpy()).max() < 2e-3


@pytest.mark.parametrize("make", [sim.XPBDIntegrator, sim.SemiImplicitIntegrator])
def test_a_cradle_hands_its_swing_on_to_the_last_ball(make):
    """Five balls on rods; the first swings in at 1 m/s, and only the last one leaves."""
    builder = ModelBuilder(gravity=-9.81)
    builder.ground = False
    radius, length = 0.05, 1.0
    for k in range(5):
        ball = builder.add_body()
        builder.add_shape_sphere(ball, radius=radius, density=2000.0, restitution=1.0, mu=0.0, ke=1e6, kd=0.0)
        hang = ((k * (2.0 * radius + 2e-3), length, 0.0), (0.0, 0.0, 0.0, 1.0))
        builder.add_joint_revolute(
            -1, ball, hang, ((0.0, length, 0.0), (0.0, 0.0, 0.0, 1.0)), axis=(0, 0, 1), armature=0.0
        )
    speed = 1.0
    height = speed**2 / (2.0 * 9.81)
    builder.joint_q[0] = -np.arccos(1.0 - height / length)
    model, integrator = builder.finalize(), make()
    now, after = model.state(), model.state()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    fastest = np.zeros(5)
    for _ in range(round(0.75 / 5e-4)):
        integrator.simulate(model, now, after, 5e-4)
        now, after = after, now
        rates = now.joint_qd.numpy().copy()
        fastest = rates if rates[4] > fastest[4] else fastest
    assert fastest[4] > 0.95 * speed
    assert np.abs(fastest[:4]).max() < 0.05 * speed


@pytest.mark.parametrize("iterations", [1, 2])
def test_a_heavy_load_does_not_press_a_light_foot_into_the_ground(iterations):
    """200 kg on a foot of 50 g, on a hinge that a drive holds."""
    builder = ModelBuilder()
    foot = builder.add_body(origin=((0.0, 0.05, 0.0), (0.0, 0.0, 0.0, 1.0)), m=0.05, I_m=np.eye(3) * 5e-5)
    builder.add_shape_box(foot, hx=0.1, hy=0.05, hz=0.1, density=0.0)
    load = builder.add_body(origin=((0.0, 0.6, 0.0), (0.0, 0.0, 0.0, 1.0)), m=200.0, I_m=np.eye(3) * 5.0)
    builder.add_joint_free(load)
    hang = ((0.0, -0.5, 0.0), (0.0, 0.0, 0.0, 1.0))
    stiff = {"target": 0.0, "target_ke": 1e4, "target_kd": 200.0, "mode": sim.JOINT_MODE_TARGET_POSITION}
    builder.add_joint_revolute(load, foot, hang, ((0.0, 0.05, 0.0), (0.0, 0.0, 0.0, 1.0)), axis=(0, 0, 1), **stiff)
    model, integrator = builder.finalize(), sim.XPBDIntegrator(iterations=iterations)
    now, after = model.state(), model.state()
    for _ in range(480):
        integrator.simulate(model, now, after, 1.0 / 240.0)
        now, after = after, now
    assert now.body_q.numpy()[foot, 1] == pytest.approx(0.05, abs=5e-4)
    assert now.body_q.numpy()[load, 1] == pytest.approx(0.6, abs=5e-4)
    assert np.abs(now.body_qd.numpy()).max() < 5e-3


def test_a_jointed_body_rebounds_with_all_that_hangs_on_it():
    """Two welded balls, the light one below, fall and bounce as one body; with the ground's 0, e = (0.8 + 0) / 2."""
    builder = ModelBuilder()
    light = builder.add_body(origin=((0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)), m=0.1, I_m=np.eye(3) * 1e-3)
    builder.add_shape_sphere(light, radius=0.1, density=0.0, restitution=0.8, mu=0.0)
    heavy = builder.add_body(origin=((0.0, 1.5, 0.0), (0.0, 0.0, 0.0, 1.0)), m=5.0, I_m=np.eye(3) * 0.05)
    builder.add_joint_fixed(light, heavy, ((0.0, 0.5, 0.0), (0.0, 0.0, 0.0, 1.0)))
    model, integrator = builder.finalize(), sim.XPBDIntegrator()
    now, after = model.state(), model.state()
    heights, dt = [], 1.0 / 960.0
    for _ in range(960):
        integrator.simulate(model, now, after, dt)
        now, after = after, now
        heights.append(float(now.body_q.numpy()[light, 1]) - 0.1)
    touch = int(np.argmin(heights))
    assert max(heights[touch:]) == pytest.approx(0.9 * 0.16, rel=0.03)


def test_disabled_joints_leave_contacts_alone(advance):
    builder = ModelBuilder()
    body = add_box(builder, (0.0, 0.1, 0.0), (0.1, 0.1, 0.1))
    builder.add_joint_revolute(-1, body, ((0.0, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0)), enabled=False)
    state = advance(builder.finalize(), sim.XPBDIntegrator(), 240, DT)
    assert state.body_q.numpy()[0, 1] == pytest.approx(0.1, abs=1e-3)
