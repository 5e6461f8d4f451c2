"""Bodies on height fields: the closed mesh, contacts with slopes, steps and every solid, rest and roll."""

import numpy as np
import pytest

import engine as en
import sim
from sim import HeightField, ModelBuilder, SimError, XPBDIntegrator, collide
from sim.geometry.hull import convex_hull
from sim.geometry.mesh_mass import is_watertight

SOLIDS = {
    "sphere": lambda b, i: b.add_shape_sphere(i, radius=0.25, thickness=0.0),
    "capsule": lambda b, i: b.add_shape_capsule(i, radius=0.25, half_height=0.3, up_axis=0, thickness=0.0),
    "box": lambda b, i: b.add_shape_box(i, hx=0.4, hy=0.3, hz=0.25, thickness=0.0),
    "cylinder": lambda b, i: b.add_shape_cylinder(i, radius=0.4, half_height=0.25, up_axis=2, thickness=0.0),
    "cone": lambda b, i: b.add_shape_cone(i, radius=0.4, half_height=0.25, up_axis=2, thickness=0.0),
    "ellipsoid": lambda b, i: b.add_shape_ellipsoid(i, rx=0.4, ry=0.3, rz=0.25, thickness=0.0),
    "hull": lambda b, i: b.add_shape_convex_hull(i, mesh=block(), thickness=0.0),
    "mesh": lambda b, i: b.add_shape_mesh(i, mesh=notched(), thickness=0.0),
}


def block():
    corners = [[x, y, z] for x in (-0.4, 0.4) for y in (-0.3, 0.3) for z in (-0.25, 0.25)]
    return sim.Mesh(*convex_hull(np.array(corners)))


def notched():
    """A block with a dent in its top."""
    hull = block()
    top = np.flatnonzero(hull.vertices[:, 2] > 0.0)
    points = np.concatenate([hull.vertices, [[0.0, 0.0, 0.1]]])
    triangles = [t for t in hull.triangles.tolist() if not set(t) <= set(top.tolist())]
    angle = np.arctan2(hull.vertices[top, 1], hull.vertices[top, 0])
    ring = top[np.argsort(angle)]
    triangles += [[int(ring[k]), int(ring[(k + 1) % 4]), len(points) - 1] for k in range(4)]
    return sim.Mesh(points, triangles)


def scene(heights, add, pose, hx=2.0, hy=2.0, **field):
    builder = ModelBuilder(up_vector=(0.0, 0.0, 1.0))
    builder.add_shape_heightfield(heightfield=HeightField(heights, hx, hy, 1.0), thickness=0.0, **field)
    add(builder, builder.add_body(origin=en.transform(en.vec3(*pose[:3]), en.quat(*pose[3:])), m=1.0, I_m=np.eye(3)))
    model = builder.finalize()
    model.ground = False
    return model


def contacts(model):
    state = model.state()
    collide(model, state)
    c = model.rigid_contacts
    n = int(c.active_count.numpy()[0])
    if not n:
        return np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)
    assert n == 1
    count = int(c.points.count.numpy()[0])
    q = state.body_q.numpy()[0]
    a, b, normal = (x.numpy()[:count].astype(float) for x in (c.points.point_a, c.points.point_b, c.points.normal))
    u = q[:3] + a + 2.0 * np.cross(q[3:6], np.cross(q[3:6], a) + q[6] * a)
    return u, normal, np.einsum("ij,ij->i", normal, u - b)


def test_the_mesh_of_a_field_is_closed_and_has_the_volume_under_it():
    rng = np.random.default_rng(0)
    heights = rng.uniform(0.0, 0.5, (7, 5))
    field = HeightField(heights, 2.0, 3.0, base=0.7)
    assert is_watertight(field.triangles)
    inner = heights.min() - 0.7
    # each cell holds two prisms
    corners = [heights[i : 6 + i, j : 4 + j] for i in (0, 1) for j in (0, 1)]
    means = (corners[0] + 2 * corners[1] + 2 * corners[2] + corners[3]) / 6.0 - inner
    assert field.mass == pytest.approx(means.sum() * (4.0 / 4) * (6.0 / 6), rel=1e-5)


@pytest.mark.parametrize("heights", [np.zeros(4), np.zeros((1, 4)), [[0.0, np.nan], [0.0, 0.0]]])
def test_what_is_no_grid_of_heights_is_refused(heights):
    with pytest.raises(SimError, match="HeightField"):
        HeightField(heights)


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("gap", [-0.01, 0.02])
def test_every_solid_lies_on_a_level_field_as_on_a_plane(name, gap):
    model = scene(np.zeros((17, 17)), SOLIDS[name], (0.05, -0.1, 0.25 + gap, 0, 0, 0, 1))
    points, normal, gaps = contacts(model)
    assert len(points) >= (1 if name in ("sphere", "ellipsoid") else 2 if name == "capsule" else 3)
    np.testing.assert_allclose(normal, np.tile([0.0, 0.0, 1.0], (len(normal), 1)), atol=1e-4)
    np.testing.assert_allclose(gaps, gap, atol=2e-4)
    if name in ("box", "hull", "mesh"):
        assert (np.ptp(points[:, :2], axis=0) > [0.75, 0.55]).all()


@pytest.mark.parametrize("name", ["sphere", "box", "capsule", "ellipsoid"])
def test_a_slope_pushes_along_its_normal(name):
    """Heights rise by 0.5 per metre along x."""
    x = np.linspace(-2.0, 2.0, 21)
    angle = -np.arctan(0.5)
    n = np.array([np.sin(angle), 0.0, np.cos(angle)])
    pose = (*(n * 0.24), 0.0, np.sin(angle / 2), 0.0, np.cos(angle / 2))
    _, normal, gaps = contacts(scene(np.tile(0.5 * x, (21, 1)), SOLIDS[name], pose))
    assert len(gaps) >= 1
    np.testing.assert_allclose(normal, np.tile(n, (len(normal), 1)), atol=2e-4)
    np.testing.assert_allclose(gaps.min(), -0.01, atol=3e-4)


def test_a_ridge_touches_a_box_from_below_across_its_face():
    """One row of the field stands out; the box lies across it."""
    heights = np.zeros((21, 21))
    heights[:, 10] = 0.3
    points, normal, gaps = contacts(scene(heights, SOLIDS["box"], (0.0, 0.0, 0.3 + 0.25 - 0.005, 0, 0, 0, 1)))
    assert np.ptp(points[:, 1]) > 0.5 and np.ptp(points[:, 0]) < 1e-3
    np.testing.assert_allclose(normal, np.tile([0.0, 0.0, 1.0], (len(normal), 1)), atol=1e-3)
    np.testing.assert_allclose(gaps, -0.005, atol=1e-4)


def test_a_body_deep_below_the_surface_is_pushed_up():
    _, normal, gaps = contacts(scene(np.zeros((9, 9)), SOLIDS["sphere"], (0.3, 0.2, -0.2, 0, 0, 0, 1)))
    assert len(gaps) == 1 and normal[0][2] > 0.99 and gaps[0] == pytest.approx(-0.45, abs=1e-3)


def test_beside_the_field_there_is_nothing():
    assert len(contacts(scene(np.zeros((9, 9)), SOLIDS["sphere"], (3.0, 0.0, 0.1, 0, 0, 0, 1)))[2]) == 0


def test_a_ball_rolls_down_a_fine_slope_without_catching_on_edges():
    """A ball on 20 degrees: a = 5/7 g sin(angle); hitting inner edges would slow it down or make it jump."""
    angle = np.radians(20.0)
    x = np.linspace(-8.0, 8.0, 161)
    builder = ModelBuilder(up_vector=(0.0, 0.0, 1.0))
    material = {"ke": 2e4, "kd": 200.0, "kf": 1e3, "mu": 1.0, "thickness": 0.0}
    heights = np.tile(-np.tan(angle) * x, (41, 1))
    builder.add_shape_heightfield(heightfield=HeightField(heights, 8.0, 2.0, 1.0), **material)
    n = np.array([np.sin(angle), 0.0, np.cos(angle)])
    start = np.array([-4.0, 0.0, 4.0 * np.tan(angle)]) + 0.25 * n
    body = builder.add_body(origin=en.transform(en.vec3(*start), en.quat_identity()))
    builder.add_shape_sphere(body, radius=0.25, density=20.0, **material)
    model = builder.finalize()
    model.ground = False
    s0, s1, integrator, dt = model.state(), model.state(), XPBDIntegrator(), 1e-3
    for _ in range(1000):
        s0.clear_forces()
        integrator.simulate(model, s0, s1, dt)
        s0, s1 = s1, s0
    moved = s0.body_q.numpy()[0, :3] - start
    assert moved @ [np.cos(angle), 0.0, -np.sin(angle)] == pytest.approx(0.5 * 5 / 7 * 9.81 * np.sin(angle), rel=0.005)
    assert abs(moved @ n) < 1e-4 and abs(moved[1]) < 1e-3
