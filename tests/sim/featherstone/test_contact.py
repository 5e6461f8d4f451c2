"""Articulated bodies in contact: penalty forces of the semi-implicit solver on bodies held by joints."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import engine as en
import sim
from tests.sim.featherstone.robots import G
from tests.sim.maximal.robots import walk
from usd_io import emit, read_scene

MODELS = Path(__file__).parents[3].parent / "shared" / "models"
if not MODELS.exists():
    MODELS = Path("/work/shared/models")


def settle(model, seconds: float, dt: float, each: int = 0):
    """Simulates with contacts found every 1/60 s; returns the last state and the lowest state values on the way."""
    now, after, integrator = model.state(), model.state(), sim.FeatherstoneIntegrator()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    substeps = 2 * max(1, round(1.0 / (120.0 * dt)))
    sim.collide(model, now)
    with en.ScopedCapture(model.device) as capture:
        sim.collide(model, now)
        for _ in range(substeps // 2):
            integrator.simulate(model, now, after, dt)
            integrator.simulate(model, after, now, dt)
    for _ in range(round(seconds / (substeps * dt))):
        en.capture_launch(capture.graph)
    return now


def test_a_box_with_a_free_joint_rests_as_one_without():
    heights = []
    for jointed in (True, False):
        builder = sim.ModelBuilder(gravity=-G)
        body = builder.add_body(((0, 0.6, 0), (0, 0, 0, 1)))
        builder.add_shape_box(body, hx=0.5, hy=0.5, hz=0.5, density=10.0, ke=1e4, kd=1e2, kf=1e2)
        if jointed:
            builder.add_joint_free(body)
        state = settle(builder.finalize(), 2.0, 1e-3)
        heights.append(state.body_q.numpy()[0, 1])
        assert np.abs(state.body_qd.numpy()).max() < 1e-2
    assert heights[0] == pytest.approx(heights[1], abs=1e-3)
    assert heights[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("angle", "slides"), [(24.0, False), (29.0, True)])
def test_friction_holds_on_a_slope_up_to_its_angle(angle, slides):
    """mu = 0.5 holds up to 26.6 degrees; gravity is tilted instead of the ground."""
    tilt = np.radians(angle)
    builder = sim.ModelBuilder(gravity=-G)
    body = builder.add_body(((0, 0.1, 0), (0, 0, 0, 1)))
    builder.add_shape_box(body, hx=0.3, hy=0.1, hz=0.3, density=100.0, ke=1e5, kd=1e3, kf=1e4, mu=0.5)
    builder.add_joint_free(body)
    builder.set_ground_plane(ke=1e5, kd=1e3, kf=1e4, mu=0.5)
    model = builder.finalize()
    model.gravity = G * np.array([np.sin(tilt), -np.cos(tilt), 0.0])
    state = settle(model, 2.0, 1e-3)
    expected = 0.5 * G * (np.sin(tilt) - 0.5 * np.cos(tilt)) * 4.0 if slides else 0.0
    assert state.body_q.numpy()[0, 0] == pytest.approx(expected, abs=0.02 + 0.1 * expected)


def test_a_perfect_bounce_of_a_jointed_body_keeps_its_energy():
    """Taken at the start of a step, the contact's spring would throw it 1.4 times as high."""
    builder = sim.ModelBuilder(gravity=-G)
    body = builder.add_body(((0, 1.1, 0), (0, 0, 0, 1)))
    builder.add_shape_sphere(body, radius=0.1, density=1000.0, ke=1e5, kd=0.0, restitution=1.0)
    builder.add_joint_prismatic(-1, body, ((0, 1.1, 0), (0, 0, 0, 1)), axis=(0, 1, 0), armature=0.0)
    builder.set_ground_plane(ke=1e5, kd=0.0, restitution=1.0)
    model = builder.finalize()
    fall = np.sqrt(2.0 / G)
    contact = np.pi * np.sqrt(model.body_mass.numpy()[0] / 1e5)
    state = settle(model, 2.0 * fall + contact, 1e-3)
    assert state.body_q.numpy()[0, 1] == pytest.approx(1.1, abs=0.02)


def test_newtons_cradle_hands_the_swing_on():
    radius = 0.05
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    for i in range(4):
        body = builder.add_body()
        builder.add_shape_sphere(
            body, pos=(0, -1, 0), radius=radius, density=7800.0, ke=1e7, kd=0.0, mu=0.0, restitution=1.0
        )
        place = ((2.01 * radius * i, 0, 0), (0, 0, 0, 1))
        builder.add_joint_revolute(-1, body, place, axis=(0, 0, 1), armature=0.0, limit_lower=-9, limit_upper=9)
    builder.joint_q[0] = -0.5
    quarter = 0.25 * 2.0 * np.pi * np.sqrt(1.0 / G) * (1.0 + 0.5**2 / 16.0)
    q = settle(builder.finalize(), 2.0 * quarter, 2e-4).joint_q.numpy()
    assert q[3] == pytest.approx(0.5, abs=0.01)
    assert np.abs(q[:3]).max() < 0.03


def test_a_humanoid_falls_onto_the_floor_and_stays_there():
    model, dt = robot("mjcf/mujoco/humanoid/humanoid.xml")
    state = settle(model, 5.0, dt)
    poses, speeds = state.body_q.numpy(), state.body_qd.numpy()
    assert np.isfinite(poses).all()
    assert poses[:, 2].max() < 0.6  # it lies
    assert poses[:, 2].min() > -0.02  # on the floor
    assert np.abs(speeds).max() < 3.0


def robot(path: str, **options):
    """The model of a robot file and the step for which its contacts were made."""
    if not (MODELS / path).exists():
        pytest.skip("shared models are not here")
    builder, scene = sim.ModelBuilder(), read_scene(MODELS / path, **options)
    bindings = emit(scene, builder)
    model = builder.finalize()
    bindings.configure(model)
    return model, 1.0 / (scene.fps * scene.settings.substeps)


def kinetic_energy(model, state) -> float:
    """Of all bodies [J], about their centres of mass."""
    speeds, turns = state.body_qd.numpy().astype(float), state.body_q.numpy()[:, 3:].astype(float)
    inertias = model.body_inertia.numpy().astype(float)
    energy = 0.5 * float(model.body_mass.numpy() @ (speeds[:, 3:] ** 2).sum(axis=1))
    for turn, inertia, speed in zip(turns, inertias, speeds):
        spin = Rotation.from_quat(turn).inv().apply(speed[:3])
        energy += 0.5 * float(spin @ inertia @ spin)
    return energy


@pytest.mark.parametrize("key", [None, "squat", "stand_on_left_leg"])
def test_a_limp_humanoid_comes_to_rest(key):
    """However it fell: a light foot at the end of a heavy leg must not keep the rest shaking."""
    model, dt = robot("mjcf/mujoco/humanoid/humanoid.xml", keyframe=key)
    state = settle(model, 6.0, dt)
    assert kinetic_energy(model, state) < 1e-3
    assert np.abs(state.joint_qd.numpy()).max() < 0.1
    assert state.body_q.numpy()[:, 2].max() < 0.6  # it lies


@pytest.mark.parametrize("knee", [0.0, 1.0], ids=["straight", "crouching"])
def test_a_quadruped_at_rest_is_quiet(knee):
    """Feet under a trunk that is hundreds of times as heavy, held by drives."""
    builder = sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-G)
    height = 0.2 * np.cos(knee / 2) * 2 + 0.02
    trunk = builder.add_body(((0, 0, height), (0, 0, 0, 1)))
    builder.add_shape_box(trunk, hx=0.25, hy=0.12, hz=0.05, density=1700.0)
    builder.add_joint_free(trunk)
    drive = {
        "axis": (0, 1, 0),
        "mode": sim.JOINT_MODE_TARGET_POSITION,
        "target_ke": 200.0,
        "target_kd": 5.0,
        "limit_lower": -3,
        "limit_upper": 3,
    }
    for x, y in ((0.2, 0.1), (0.2, -0.1), (-0.2, 0.1), (-0.2, -0.1)):
        thigh, shin = builder.add_body(), builder.add_body()
        builder.add_shape_box(thigh, pos=(0, 0, -0.1), hx=0.015, hy=0.015, hz=0.08, density=1000.0)
        builder.add_shape_sphere(shin, pos=(0, 0, -0.2), radius=0.02, density=1000.0)
        builder.add_joint_revolute(trunk, thigh, ((x, y, 0), (0, 0, 0, 1)), target=-knee / 2, **drive)
        builder.add_joint_revolute(thigh, shin, ((0, 0, -0.2), (0, 0, 0, 1)), target=knee, **drive)
        builder.joint_q[-2:] = [-knee / 2, knee]
    model = builder.finalize()
    state = settle(model, 6.0, 1e-3)
    assert state.body_q.numpy()[0, 2] > 0.95 * height  # it stands
    assert kinetic_energy(model, state) < 1e-4
    assert np.abs(state.joint_qd.numpy()).max() < 0.005


def test_light_feet_carry_a_heavy_trunk_without_bobbing():
    """50 kg on four straight legs of 50 g, let go 2 mm above the ground: critically damped by the contacts' own kd."""
    builder = sim.ModelBuilder(gravity=-G)
    trunk = builder.add_body(((0, 0.402, 0), (0, 0, 0, 1)))
    builder.add_shape_box(trunk, hx=0.25, hy=0.05, hz=0.2, density=50.0 / 0.02)
    builder.add_joint_free(trunk)
    for x, z in ((0.2, 0.15), (0.2, -0.15), (-0.2, 0.15), (-0.2, -0.15)):
        foot = builder.add_body(m=0.05, I_m=np.eye(3) * 2e-4)
        builder.add_shape_sphere(foot, pos=(0, -0.38, 0), radius=0.02, density=0.0, ke=1e5, kd=2.2e3, kf=1e3)
        builder.add_joint_fixed(trunk, foot, ((x, 0, z), (0, 0, 0, 1)))
    builder.set_ground_plane(ke=1e5, kd=2.2e3, kf=1e3)
    model = builder.finalize()
    state, heights = model.state(), []
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    walk(
        model,
        sim.FeatherstoneIntegrator(),
        0.5,
        1e-3,
        state=state,
        each=lambda _, s: heights.append(s.body_q.numpy()[0, 1]),
    )
    rest = 0.4 + 2e-5 - model.body_mass.numpy().sum() * G / 4e5  # on the skins of both shapes
    assert heights[-1] == pytest.approx(rest, abs=2e-6)
    assert rest - min(heights) < 5e-4  # 1 mm without damping
    late = np.array(heights[150:])
    assert np.abs(late - rest).max() < 2e-5


@pytest.mark.parametrize(("ke", "kd"), [(1e4, 1e2), (1e6, 0.0), (1e6, 1e5), (1e8, 1e2), (1e8, 1e5)])
def test_contacts_of_trees_add_no_energy_however_stiff(ke, kd):
    """A leg of three light links under a heavy block, dropped askew with contacts too stiff for any explicit step."""
    builder = sim.ModelBuilder(gravity=-G)
    above, mass = -1, 20.0
    for k in range(4):
        link = builder.add_body()
        builder.add_shape_box(
            link, pos=(0, -0.1, 0), hx=0.03, hy=0.1, hz=0.03, density=mass / 7.2e-4, ke=ke, kd=kd, kf=kd,
            has_shape_collision=False,
        )  # fmt: skip
        hinge = {"axis": (0, 0, 1), "armature": 0.0, "damping": 0.05}
        if k:
            builder.add_joint_revolute(above, link, ((0, -0.2, 0), (0, 0, 0, 1)), **hinge)
        else:
            builder.add_joint_free(link)
            builder.joint_q[:] = [0, 1.0, 0, 0, 0, np.sin(0.2), np.cos(0.2)]
        above, mass = link, 0.05
    builder.set_ground_plane(ke=ke, kd=kd, kf=kd)
    model = builder.finalize()
    state, energies = model.state(), []
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)

    def watch(_, s):
        q = s.body_q.numpy().astype(float)
        heights = q[:, 1] + Rotation.from_quat(q[:, 3:]).apply(model.body_com.numpy())[:, 1]
        energies.append(kinetic_energy(model, s) + G * float(model.body_mass.numpy() @ heights))

    walk(model, sim.FeatherstoneIntegrator(), 2.0, 1e-3, state=state, each=watch)
    assert max(energies) < 1.01 * energies[0]
    assert energies[-1] < 0.6 * energies[0]
