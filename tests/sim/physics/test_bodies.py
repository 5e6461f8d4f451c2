"""Rigid bodies: rest, friction, rebound, rotation, stacks."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator

G = 9.80665
DT = 1.0 / 960


def ramp_rotation(angle):
    return en.quat_from_axis_angle(en.vec3(0.0, 0.0, 1.0), float(np.radians(angle)))


def box_on_ramp(angle, mu, half=0.1, density=1000.0):
    builder = ModelBuilder()
    q = ramp_rotation(angle)
    builder.add_shape_plane(plane=None, pos=en.vec3(0.0, 0.0, 0.0), rot=q, width=0.0, length=0.0, mu=mu)
    a = np.radians(angle)
    body = builder.add_body(origin=en.transform(en.vec3(-np.sin(a) * half, np.cos(a) * half, 0.0), q))
    builder.add_shape_box(body, hx=2 * half, hy=half, hz=2 * half, density=density, mu=mu)
    model = builder.finalize()
    model.ground = False
    return model


def test_box_rests_on_the_ground_for_ten_seconds_without_drift(integrator, advance):
    builder = ModelBuilder()
    body = builder.add_body(origin=en.transform(en.vec3(0.3, 0.1, -0.2), en.quat_identity()))
    builder.add_shape_box(body, hx=0.1, hy=0.1, hz=0.1, density=1000.0)
    history = []
    s = advance(builder.finalize(), integrator, 9600, DT, lambda i, s: history.append(s.body_q.numpy()[0].copy()))
    path = np.array(history)
    settled = path[len(path) // 10]
    assert np.abs(path[-1, [0, 2]] - [0.3, -0.2]).max() < 5e-4
    assert np.abs(path[-1] - settled).max() < 5e-4  # one ulp of position a step
    assert np.abs(s.body_qd.numpy()).max() < 5e-3


def flat_fall(advance, angle):
    """Fastest rebound [m/s] and fastest turning [rad/s] of a box that falls flat from 0.5 m."""
    stiff = {"ke": 1e6, "kd": 1e6, "kf": 1e6, "mu": 0.5}
    builder = ModelBuilder()
    q = ramp_rotation(angle)
    builder.add_shape_plane(plane=None, pos=en.vec3(0.0, 0.0, 0.0), rot=q, width=0.0, length=0.0, **stiff)
    body = builder.add_body(origin=en.transform(en.vec3(0.0, 0.6, 0.0), en.quat_identity()))
    builder.add_shape_box(body, hx=0.1, hy=0.1, hz=0.1, density=1000.0, **stiff)
    model = builder.finalize()
    model.ground = False
    speeds = []
    advance(model, SemiImplicitIntegrator(), 1000, 1.0 / 1920, lambda i, s: speeds.append(s.body_qd.numpy()[0].copy()))
    return np.max(speeds, axis=0)[4], np.abs(np.array(speeds)[:, :3]).max()


def test_speeds_along_the_ground_that_are_rounding_change_no_impact(advance):
    exact, _ = flat_fall(advance, 0.0)
    rebound, turning = flat_fall(advance, 1e-5)
    assert exact > 1.0 and rebound == pytest.approx(exact, rel=1e-3)
    assert turning < 1e-3


def test_a_box_that_spins_on_the_spot_comes_to_rest(integrator, advance):
    """Friction only ever takes spin: what its points slid must not come back as a spring."""
    builder = ModelBuilder()
    body = builder.add_body(origin=en.transform(en.vec3(0.0, 0.05, 0.0), en.quat_identity()))
    builder.add_shape_box(body, hx=0.1, hy=0.05, hz=0.1, density=1000.0, mu=0.5)
    builder.body_qd[body] = (0.0, 10.0, 0.0, 0.0, 0.0, 0.0)
    spins = []
    s = advance(builder.finalize(), integrator, 960, DT, lambda i, s: spins.append(float(s.body_qd.numpy()[0, 1])))
    assert np.diff(spins).max() < 0.05
    assert np.abs(s.body_qd.numpy()).max() < 1e-2


@pytest.mark.parametrize("mu", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("offset", [-2.0, 2.0])
def test_box_on_a_ramp_sticks_below_and_slides_above_atan_mu(integrator, advance, mu, offset):
    angle = float(np.degrees(np.arctan(mu))) + offset
    model = box_on_ramp(angle, mu)
    s = advance(model, integrator, 3840, DT)
    moved = np.linalg.norm(s.body_q.numpy()[0, :3] - model.body_q.numpy()[0, :3])
    a = np.radians(angle)
    if offset < 0:
        assert moved < 0.01
    else:
        assert moved == pytest.approx(0.5 * G * (np.sin(a) - mu * np.cos(a)) * 16.0, rel=0.12)


def test_box_stuck_on_a_ramp_does_not_creep(integrator, advance):
    model = box_on_ramp(20.0, 0.5)
    path = []
    advance(model, integrator, 9600, DT, lambda i, s: path.append(s.body_q.numpy()[0, :3].copy()))
    path = np.array(path)
    assert np.linalg.norm(path[-1] - path[len(path) // 10]) < 1e-3


@pytest.mark.parametrize("e", [0.4, 0.8])
@pytest.mark.parametrize("shape", ["sphere", "box"])
def test_body_rebounds_to_e_squared_h(integrator, advance, e, shape):
    h, r, dt = 1.0, 0.1, 1.0 / 4000
    builder = ModelBuilder()
    builder.set_ground_plane(restitution=e, ke=1e6)
    body = builder.add_body(origin=en.transform(en.vec3(0.0, h + r, 0.0), en.quat_identity()))
    if shape == "sphere":
        builder.add_shape_sphere(body, radius=r, density=1000.0, restitution=e, ke=1e6)
    else:
        builder.add_shape_box(body, hx=r, hy=r, hz=r, density=1000.0, restitution=e, ke=1e6)
    heights = []
    advance(builder.finalize(), integrator, 5200, dt, lambda i, s: heights.append(float(s.body_q.numpy()[0, 1])))
    y = np.array(heights) - r
    bounce = int(np.argmin(y[:1100]))
    assert y[bounce:].max() == pytest.approx(e * e * h, abs=0.03)


def test_torque_free_asymmetric_top_keeps_angular_momentum_and_energy(integrator, advance):
    inertia = np.diag([1.0, 2.0, 3.0])
    builder = ModelBuilder(gravity=0.0)
    builder.add_body(
        origin=en.transform(en.vec3(0.0, 0.0, 0.0), en.quat_identity()), m=1.0, I_m=inertia,
        angular_velocity=(0.01, 5.0, 0.02), linear_velocity=(0.3, 0.0, 0.0),
    )  # fmt: skip
    model = builder.finalize()
    model.ground = False

    def momentum_and_energy(state):
        q, w = state.body_q.numpy()[0, 3:].astype(float), state.body_qd.numpy()[0, :3].astype(float)
        R = rotation_matrix(q)
        L = R @ inertia @ R.T @ w
        return L, 0.5 * w @ L

    L0, E0 = momentum_and_energy(model.state())
    s = advance(model, integrator, 9600, DT)
    L1, E1 = momentum_and_energy(s)
    assert np.linalg.norm(L1 - L0) < 2e-4 * np.linalg.norm(L0)
    assert E1 == pytest.approx(E0, rel=2e-3)
    # the intermediate axis is unstable, so the body must have tumbled
    assert s.body_q.numpy()[0, 0] == pytest.approx(3.0, abs=1e-3)


def rotation_matrix(q):
    x, y, z, w = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_external_wrench_accelerates_a_body(integrator):
    builder = ModelBuilder(gravity=0.0)
    builder.add_body(m=2.0, I_m=np.eye(3) * 0.5)
    model = builder.finalize()
    model.ground = False
    s0, s1 = model.state(), model.state()
    s0.body_f.assign(np.array([[0.0, 0.0, 1.0, 4.0, 0.0, 0.0]], dtype=np.float32))
    integrator.simulate(model, s0, s1, 0.01)
    np.testing.assert_allclose(s1.body_qd.numpy()[0], [0, 0, 0.02, 0.02, 0, 0], atol=1e-6)


def test_kinematic_body_keeps_its_velocity_and_pushes_others(integrator, advance):
    builder = ModelBuilder(gravity=0.0)
    pusher = builder.add_body(origin=en.transform(en.vec3(0.0, 0.0, 0.0), en.quat_identity()), kinematic=True,
                              linear_velocity=(1.0, 0.0, 0.0))  # fmt: skip
    builder.add_shape_box(pusher, hx=0.1, hy=0.1, hz=0.1, mu=0.0)
    pushed = builder.add_body(origin=en.transform(en.vec3(0.3, 0.0, 0.0), en.quat_identity()))
    builder.add_shape_box(pushed, hx=0.1, hy=0.1, hz=0.1, density=1000.0, mu=0.0)
    model = builder.finalize()
    model.ground = False
    s = advance(model, integrator, 960, DT)
    np.testing.assert_allclose(s.body_qd.numpy()[0, 3:], [1.0, 0.0, 0.0], atol=1e-6)
    assert s.body_q.numpy()[0, 0] == pytest.approx(1.0, abs=1e-3)
    assert s.body_q.numpy()[1, 0] > 1.19 and s.body_qd.numpy()[1, 3] >= 0.99


def test_two_free_bodies_keep_momentum_through_a_collision(integrator, advance):
    builder = ModelBuilder(gravity=0.0)
    for x, v, m in ((-0.3, 2.0, 1000.0), (0.3, -1.0, 3000.0)):
        b = builder.add_body(origin=en.transform(en.vec3(x, 0.02 * np.sign(x), 0.0), en.quat_identity()),
                             linear_velocity=(v, 0.0, 0.0))  # fmt: skip
        builder.add_shape_box(b, hx=0.1, hy=0.1, hz=0.1, density=m)
    model = builder.finalize()
    model.ground = False
    m = model.body_mass.numpy().astype(float)
    before = (m[:, None] * model.body_qd.numpy()[:, 3:]).sum(axis=0)
    s = advance(model, integrator, 960, DT)
    after = (m[:, None] * s.body_qd.numpy()[:, 3:].astype(float)).sum(axis=0)
    assert np.abs(after - before).max() < 1e-4 * np.abs(m * 2.0).sum()
    v = s.body_qd.numpy()[:, 3]
    assert v[1] > v[0] - 0.1  # they no longer approach (but may turn about each other)


@pytest.mark.parametrize("shape", ["box", "sphere", "capsule", "cylinder", "cone"])
def test_every_shape_comes_to_rest_on_the_ground(integrator, advance, shape):
    builder = ModelBuilder()
    body = builder.add_body(origin=en.transform(en.vec3(0.0, 0.35, 0.0), en.quat_identity()))
    add = {
        "box": lambda: builder.add_shape_box(body, hx=0.2, hy=0.1, hz=0.15),
        "sphere": lambda: builder.add_shape_sphere(body, radius=0.1),
        "capsule": lambda: builder.add_shape_capsule(body, radius=0.1, half_height=0.2, up_axis=0),
        "cylinder": lambda: builder.add_shape_cylinder(body, radius=0.2, half_height=0.1, up_axis=1),
        "cone": lambda: builder.add_shape_cone(body, radius=0.2, half_height=0.1, up_axis=1),
    }
    add[shape]()
    s = advance(builder.finalize(), integrator, 3840, DT)
    height = s.body_q.numpy()[0, 1]
    assert height == pytest.approx(0.1, abs=0.01)
    assert np.abs(s.body_qd.numpy()).max() < 0.02
    assert np.abs(s.body_q.numpy()[0, [0, 2]]).max() < 0.01


def test_stack_of_boxes_stays(integrator, advance):
    builder = ModelBuilder()
    for i in range(6):
        b = builder.add_body(origin=en.transform(en.vec3(0.01 * (i % 2), 0.1 + 0.2 * i, 0.0), en.quat_identity()))
        builder.add_shape_box(b, hx=0.1, hy=0.1, hz=0.1, density=1000.0)
    model = builder.finalize()
    s = advance(model, integrator, 4800, DT)
    q = s.body_q.numpy()
    assert np.abs(q[:, [0, 2]] - model.body_q.numpy()[:, [0, 2]]).max() < 0.01
    assert np.abs(q[:, 1] - model.body_q.numpy()[:, 1]).max() < 0.02


def test_spheres_in_a_box_of_walls_stay_inside_and_calm_down(integrator, advance):
    builder = ModelBuilder()
    for sign in (-1.0, 1.0):
        builder.add_shape_box(-1, pos=en.vec3(0.3 * sign, 0.5, 0.0), hx=0.1, hy=0.5, hz=0.4)
        builder.add_shape_box(-1, pos=en.vec3(0.0, 0.5, 0.3 * sign), hx=0.4, hy=0.5, hz=0.1)
    rng = np.random.default_rng(0)
    for i in range(12):
        x, z = rng.uniform(-0.1, 0.1, 2)
        b = builder.add_body(origin=en.transform(en.vec3(x, 0.2 + 0.15 * i, z), en.quat_identity()))
        builder.add_shape_sphere(b, radius=0.07, density=1000.0)
    s = advance(builder.finalize(), integrator, 4800, DT)
    q = s.body_q.numpy()
    assert np.abs(q[:, [0, 2]]).max() < 0.2 and q[:, 1].min() > 0.05
    assert np.abs(s.body_qd.numpy()[:, 3:]).max() < 0.2


def test_rolling_sphere_does_not_lose_speed_to_sliding_friction(integrator, advance):
    builder = ModelBuilder()
    b = builder.add_body(
        origin=en.transform(en.vec3(0.0, 0.1, 0.0), en.quat_identity()), linear_velocity=(1.0, 0.0, 0.0),
        angular_velocity=(0.0, 0.0, -10.0),
    )  # fmt: skip
    builder.add_shape_sphere(b, radius=0.1, density=1000.0, mu=0.5)
    s = advance(builder.finalize(), integrator, 1920, DT)
    assert s.body_qd.numpy()[0, 3] == pytest.approx(1.0, abs=0.05)
    assert s.body_qd.numpy()[0, 2] == pytest.approx(-10.0, rel=0.05)


def test_mesh_box_rests_like_a_box(integrator, advance):
    from sim import Mesh

    h = 0.1
    corners = np.array([[x, y, z] for x in (-h, h) for y in (-h, h) for z in (-h, h)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    builder = ModelBuilder()
    b = builder.add_body(origin=en.transform(en.vec3(0.0, 0.1, 0.0), en.quat_identity()))
    builder.add_shape_mesh(b, mesh=Mesh(corners, np.array(triangles)), density=1000.0)
    top = builder.add_body(origin=en.transform(en.vec3(0.0, 0.3, 0.0), en.quat_identity()))
    builder.add_shape_box(top, hx=0.08, hy=0.1, hz=0.08, density=1000.0)
    s = advance(builder.finalize(), integrator, 1920, DT)
    q = s.body_q.numpy()
    np.testing.assert_allclose(q[:, 1], [0.1, 0.3], atol=0.01)
    assert np.abs(q[:, [0, 2]]).max() < 0.005


def test_same_bits_across_runs_and_thread_counts(advance):
    def run(integrator, threads):
        en.set_threads(threads)
        builder = ModelBuilder()
        rng = np.random.default_rng(3)
        for i in range(8):
            x, z = rng.uniform(-0.1, 0.1, 2)
            b = builder.add_body(origin=en.transform(en.vec3(x, 0.15 + 0.22 * i, z), en.quat_identity()))
            if i % 2:
                builder.add_shape_box(b, hx=0.1, hy=0.1, hz=0.1)
            else:
                builder.add_shape_capsule(b, radius=0.06, half_height=0.1)
        s = advance(builder.finalize(), integrator, 960, DT)
        return s.body_q.numpy().tobytes() + s.body_qd.numpy().tobytes()

    try:
        for make in (SemiImplicitIntegrator, XPBDIntegrator):
            assert run(make(), 1) == run(make(), 2) == run(make(), 1)
    finally:
        en.set_threads(2)
