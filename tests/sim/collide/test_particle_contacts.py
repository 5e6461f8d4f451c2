"""The particle contact table: completeness, overflow, filtering, margins, meshes."""

import numpy as np
import pytest

import engine as en
from sim import Mesh, ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator, collide


def scene(add_shapes, points, **kwargs):
    builder = ModelBuilder()
    builder.add_particles(np.asarray(points, dtype=float), np.zeros_like(points, dtype=float), 1.0, 0.05)
    add_shapes(builder)
    model = builder.finalize()
    model.soft_contact_margin = kwargs.get("margin", 0.1)
    state = model.state()
    collide(model, state, horizon=kwargs.get("horizon", 0.0))
    return model, state, model.particle_contacts


def test_candidates_are_those_within_radius_plus_margin():
    points = np.random.default_rng(0).uniform(-2, 2, (500, 3))
    _, _, contacts = scene(lambda b: b.add_shape_sphere(-1, radius=1.0), points)
    expected = np.linalg.norm(points, axis=1) - 1.0 < 0.15
    np.testing.assert_array_equal(contacts.count.numpy() > 0, expected)


def test_when_slots_run_out_the_nearest_stay_and_the_rest_are_counted():
    def shapes(builder):
        for i in range(7):
            builder.add_shape_sphere(-1, pos=en.vec3(0.0, 0.0, 0.0), radius=1.0 + 0.01 * ((3 * i) % 7))

    _, _, contacts = scene(shapes, [[0.0, 1.1, 0.0]])
    assert contacts.count.numpy()[0] == 4
    assert sorted(contacts.distance.numpy()[:, 0]) == pytest.approx([0.04, 0.05, 0.06, 0.07], abs=1e-5)
    assert contacts.total_dropped() == 3


def test_shapes_can_opt_out_of_particle_collision():
    _, _, contacts = scene(
        lambda b: b.add_shape_sphere(-1, radius=1.0, has_particle_collision=False), [[0.0, 1.0, 0.0]]
    )
    assert contacts.enabled_count == 0


def test_horizon_widens_the_search_by_the_travelled_distance():
    builder = ModelBuilder()
    builder.add_particles(np.array([[0.0, 2.0, 0.0]]), np.array([[0.0, -30.0, 0.0]]), 1.0, 0.05)
    builder.add_shape_sphere(-1, radius=1.0)
    model = builder.finalize()
    model.soft_contact_margin = 0.1
    state = model.state()
    collide(model, state)
    assert model.particle_contacts.count.numpy()[0] == 0
    collide(model, state, horizon=1.0 / 30)
    assert model.particle_contacts.count.numpy()[0] == 1


def cube_mesh(h=0.5):
    corners = np.array([[x, y, z] for x in (-h, h) for y in (-h, h) for z in (-h, h)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return Mesh(corners, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]))


def test_mesh_distance_and_normal_equal_those_of_the_same_box():
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (400, 3))
    points = points[np.abs(np.abs(points).max(axis=1) - 0.5) < 0.09]
    _, _, mesh = scene(lambda b: b.add_shape_mesh(-1, mesh=cube_mesh()), points)
    _, _, box = scene(lambda b: b.add_shape_box(-1, hx=0.5, hy=0.5, hz=0.5), points)
    np.testing.assert_array_equal(mesh.count.numpy(), box.count.numpy())
    used = box.count.numpy() > 0
    np.testing.assert_allclose(mesh.distance.numpy()[0, used], box.distance.numpy()[0, used], atol=2e-5)


@pytest.mark.parametrize("integrator", [SemiImplicitIntegrator(), XPBDIntegrator()])
@pytest.mark.parametrize("shape", ["sphere", "box", "capsule", "cylinder", "cone", "mesh", "plane"])
def test_particle_dropped_on_a_shape_comes_to_rest_at_its_surface(integrator, shape):
    def shapes(builder):
        p = {"pos": en.vec3(0.0, 0.0, 0.0)}
        add = {
            "sphere": lambda: builder.add_shape_sphere(-1, radius=0.5, **p),
            "box": lambda: builder.add_shape_box(-1, hx=0.5, hy=0.5, hz=0.5, **p),
            "capsule": lambda: builder.add_shape_capsule(-1, radius=0.2, half_height=0.3, **p),
            "cylinder": lambda: builder.add_shape_cylinder(-1, radius=0.4, half_height=0.5, **p),
            "cone": lambda: builder.add_shape_cone(-1, radius=0.4, half_height=0.5, **p),
            "mesh": lambda: builder.add_shape_mesh(-1, mesh=cube_mesh(), **p),
            "plane": lambda: builder.add_shape_plane(plane=None, pos=en.vec3(0.0, 0.5, 0.0), width=1.0, length=1.0),
        }
        add[shape]()

    x = 0.0 if shape in ("sphere", "capsule", "cone") else 0.1
    model, s0, _ = scene(shapes, [[x, 0.8, 0.0]])
    model.soft_contact_ke = 1e4
    s1 = model.state()
    for i in range(1500):
        if i % 10 == 0:
            collide(model, s0)
        integrator.simulate(model, s0, s1, 1.0 / 1000)
        s0, s1 = s1, s0
    np.testing.assert_allclose(s0.particle_q.numpy()[0], [x, 0.55, 0.0], atol=5e-3)
    assert np.abs(s0.particle_qd.numpy()).max() < 1e-2


@pytest.mark.parametrize("integrator", [SemiImplicitIntegrator(angular_damping=0.0), XPBDIntegrator()])
def test_particles_and_a_free_body_exchange_momentum(integrator):
    builder = ModelBuilder(gravity=0.0)
    n = 9
    q = np.array([[0.1 * (i % 3 - 1), 0.5, 0.1 * (i // 3 - 1)] for i in range(n)])
    builder.add_particles(q, np.tile([0.0, -1.0, 0.0], (n, 1)), 0.2, 0.05)
    body = builder.add_body(origin=en.transform(en.vec3(0.0, 0.0, 0.0), en.quat_identity()))
    builder.add_shape_box(body, hx=0.3, hy=0.3, hz=0.3, density=50.0)
    model = builder.finalize()
    model.ground = False
    s0, s1 = model.state(), model.state()
    before = n * 0.2 * -1.0
    for _ in range(600):
        collide(model, s0)
        integrator.simulate(model, s0, s1, 1.0 / 1000)
        s0, s1 = s1, s0
    after = 0.2 * s0.particle_qd.numpy()[:, 1].astype(float).sum() + float(
        model.body_mass.numpy()[0] * s0.body_qd.numpy()[0, 4]
    )
    assert s0.body_qd.numpy()[0, 4] < -0.1
    tolerance = 0.05 if isinstance(integrator, XPBDIntegrator) else 1e-3
    assert after == pytest.approx(before, rel=tolerance)
