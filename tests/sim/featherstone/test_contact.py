"""Articulated bodies in contact: penalty forces of the semi-implicit solver on bodies held by joints."""

from pathlib import Path

import numpy as np
import pytest

import engine as en
import sim
from tests.sim.featherstone.robots import G
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
    path = MODELS / "mjcf" / "mujoco" / "humanoid" / "humanoid.xml"
    if not path.exists():
        pytest.skip("shared models are not here")
    builder = sim.ModelBuilder()
    scene = read_scene(path)
    bindings = emit(scene, builder)
    model = builder.finalize()
    bindings.configure(model)
    # The step for which the scene's contacts were made.
    state = settle(model, 5.0, 1.0 / (scene.fps * scene.settings.substeps))
    poses, speeds = state.body_q.numpy(), state.body_qd.numpy()
    assert np.isfinite(poses).all()
    assert poses[:, 2].max() < 0.6  # it lies
    assert poses[:, 2].min() > -0.02  # on the floor
    assert np.abs(speeds).max() < 3.0
