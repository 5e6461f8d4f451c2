"""Triangle meshes that are not convex: distances against the smooth surface, sheets from both sides, edges that do not
stand out, and two meshes against each other."""

import numpy as np
import pytest
import trimesh

import engine as en
import sim
from sim import ModelBuilder, XPBDIntegrator, collide
from sim.collide.surfaces import clusters, edge_flags

TORUS = trimesh.creation.torus(1.0, 0.4, major_sections=64, minor_sections=32)
COARSE = 0.4 * (1 - np.cos(np.pi / 32)) + 1.4 * (1 - np.cos(np.pi / 64))
"""How far the triangles lie inside the torus that they stand for."""


def mesh(shape):
    return sim.Mesh(shape.vertices, shape.faces)


def sheet(n=8, size=2.0):
    """An open square of triangles in the plane z = 0."""
    x, y = np.meshgrid(np.linspace(-size, size, n + 1), np.linspace(-size, size, n + 1))
    points = np.stack([x.ravel(), y.ravel(), 0.0 * x.ravel()], axis=1)
    at = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = (at[i : n + i, j : n + j].ravel() for i in (0, 1) for j in (0, 1))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([c, b, d], axis=1)])
    return sim.Mesh(points, triangles, compute_inertia=False)


def contacts(add_a, add_b, poses, margin=0.3):
    """Per pose of b: gaps, normals from b to a, points; a stands at the origin."""
    scene, builder = ModelBuilder(), ModelBuilder()
    add_a(scene, scene.add_body(m=1.0, I_m=np.eye(3)))
    add_b(scene, scene.add_body(m=1.0, I_m=np.eye(3)))
    builder.replicate_at(scene, np.zeros((len(poses), 3)))
    model = builder.finalize()
    model.ground, model.rigid_contact_margin = False, margin
    state = model.state()
    q = state.body_q.numpy().copy()
    q[1::2] = poses
    state.body_q.assign(q)
    collide(model, state)
    c = model.rigid_contacts
    n = int(c.active_count.numpy()[0])
    pairs, found = c.pair_shapes.numpy()[c.active_pair.numpy()[:n]], [[] for _ in poses]
    for slot in range(n):
        for i in range(8 * slot, 8 * slot + int(c.points.count.numpy()[slot])):
            ends = [turned(q[s], p.numpy()[i]) for s, p in zip(pairs[slot], (c.points.point_a, c.points.point_b))]
            normal = c.points.normal.numpy()[i] * (1.0 if pairs[slot, 0] % 2 == 0 else -1.0)
            sign = 1.0 if pairs[slot, 0] % 2 == 0 else -1.0
            found[pairs[slot, 0] // 2].append((float(normal @ (ends[0] - ends[1])) * sign, normal, ends))
    return found


def turned(pose, p):
    u = pose[3:6]
    return pose[:3] + p + 2.0 * np.cross(u, np.cross(u, p) + pose[6] * p)


def torus_distance(p):
    return np.hypot(np.hypot(p[..., 0], p[..., 1]) - 1.0, p[..., 2]) - 0.4


def random_poses(rng, count, reach=1.7):
    q = rng.normal(size=(count, 4))
    return np.hstack([rng.uniform(-reach, reach, (count, 3)), q / np.linalg.norm(q, axis=1, keepdims=True)])


def test_a_ball_and_a_torus_touch_where_the_smooth_torus_says():
    poses = random_poses(np.random.default_rng(0), 200)
    found = contacts(
        lambda b, i: b.add_shape_mesh(i, mesh=mesh(TORUS), thickness=0.0),
        lambda b, i: b.add_shape_sphere(i, radius=0.1, thickness=0.0),
        poses,
    )
    checked = 0
    for points, pose in zip(found, poses):
        distance = torus_distance(pose[:3]) - 0.1
        if -0.15 < distance < 0.29:
            checked += 1
            gap, normal, _ = min(points, key=lambda p: p[0])
            assert gap == pytest.approx(distance, abs=1.5 * COARSE)
            ring = pose[:3] * [1.0, 1.0, 0.0]
            out = pose[:3] - ring / np.linalg.norm(ring)
            assert normal @ out / np.linalg.norm(out) < -0.97
        if distance > 0.3 + COARSE:
            assert not points
    assert checked >= 40


@pytest.mark.parametrize("name", ["box", "capsule", "ellipsoid", "hull"])
def test_convex_solids_and_a_torus(name):
    """Oracle: points of the solid's surface in the smooth torus, densely."""
    solids = {
        "box": (trimesh.creation.box((0.3, 0.2, 0.16)), lambda b, i: b.add_shape_box(i, hx=0.15, hy=0.1, hz=0.08)),
        "capsule": (
            trimesh.creation.capsule(0.3, 0.08).apply_translation([0, 0, 0.0]),
            lambda b, i: b.add_shape_capsule(i, radius=0.08, half_height=0.15, up_axis=2),
        ),
        "ellipsoid": (
            trimesh.creation.icosphere(3).apply_scale([0.2, 0.15, 0.1]),
            lambda b, i: b.add_shape_ellipsoid(i, rx=0.2, ry=0.15, rz=0.1),
        ),
        "hull": (
            trimesh.creation.icosphere(1).apply_scale([0.2, 0.15, 0.1]),
            lambda b, i: b.add_shape_convex_hull(
                i, mesh=mesh(trimesh.creation.icosphere(1).apply_scale([0.2, 0.15, 0.1]))
            ),
        ),
    }
    shape, add = solids[name]
    surface = trimesh.sample.sample_surface_even(shape, 4000, seed=0)[0]
    surface = np.concatenate([surface, shape.vertices]) - shape.bounds.mean(axis=0)
    poses = random_poses(np.random.default_rng(1), 120)
    found = contacts(lambda b, i: b.add_shape_mesh(i, mesh=mesh(TORUS)), add, poses)
    skin = 2.0 * ModelBuilder().default_shape_thickness
    checked = 0
    for points, pose in zip(found, poses):
        world = np.array([turned(pose, p) for p in surface])
        distance = torus_distance(world).min() - skin
        if -0.05 < distance < 0.28:
            checked += 1
            assert min(p[0] for p in points) == pytest.approx(distance, abs=0.012)
    assert checked >= 20


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("name", ["sphere", "box", "ellipsoid"])
def test_an_open_sheet_holds_from_both_sides(side, name):
    add = {
        "sphere": lambda b, i: b.add_shape_sphere(i, radius=0.25, thickness=0.0),
        "box": lambda b, i: b.add_shape_box(i, hx=0.4, hy=0.3, hz=0.25, thickness=0.0),
        "ellipsoid": lambda b, i: b.add_shape_ellipsoid(i, rx=0.4, ry=0.3, rz=0.25, thickness=0.0),
    }[name]
    pose = np.array([[0.13, 0.07, side * 0.24, 0.0, 0.0, 0.0, 1.0]])
    (points,) = contacts(lambda b, i: b.add_shape_mesh(i, mesh=sheet(), density=0.0, thickness=0.0), add, pose)
    assert len(points) >= (4 if name == "box" else 1)
    for gap, normal, _ in points:
        assert gap == pytest.approx(-0.01, abs=1e-4)
        np.testing.assert_allclose(normal, [0.0, 0.0, -side], atol=1e-4)


def test_edges_stand_out_where_the_surface_is_convex_or_ends():
    box = trimesh.creation.box()
    flags = edge_flags(box.vertices, box.faces)
    # each triangle of a box has its diagonal flat and two edges of the box
    assert sorted(bin(f & 7).count("1") for f in flags) == [2] * 12 and not (flags & 8).any()
    inside_out = edge_flags(box.vertices, box.faces[:, ::-1])
    assert not (inside_out & 7).any()  # a room: all edges are concave
    flat = sheet(3)
    border = edge_flags(flat.vertices, flat.triangles)
    assert (border & 8).all() and sum(bin(f & 7).count("1") for f in border) == 12
    owners = sum(bin(f >> 4).count("1") for f in flags)
    assert owners == 8  # every vertex once


def test_clusters_hold_every_triangle_once_in_their_balls():
    balls, members, sizes = clusters(TORUS.vertices, TORUS.faces)
    assert sorted(members.tolist()) == list(range(len(TORUS.faces))) and sizes.sum() == len(members)
    of = np.repeat(np.arange(len(sizes)), sizes)
    corners = TORUS.vertices[TORUS.faces[members]]
    assert (np.linalg.norm(corners - balls[of, None, :3], axis=2) <= balls[of, 3:] + 1e-12).all()
    # compact: the balls together are not much larger than the surface
    assert np.median(balls[:, 3]) < 0.3


def test_two_rings_touch_as_deep_as_their_surfaces_cross():
    """Oracle: vertices of each ring in the other smooth ring."""
    rng = np.random.default_rng(2)
    poses = random_poses(rng, 40, reach=1.2)
    add = lambda b, i: b.add_shape_mesh(i, mesh=mesh(TORUS), thickness=0.0)  # noqa: E731
    found = contacts(add, add, poses, margin=0.05)
    crossing = 0
    for points, pose in zip(found, poses):
        there = np.array([turned(pose, p) for p in TORUS.vertices])
        back = np.concatenate([-pose[3:6], pose[6:]])
        here = np.array([turned(np.array([0, 0, 0, *back]), p - pose[:3]) for p in TORUS.vertices])
        deepest = min(torus_distance(there).min(), torus_distance(here).min())
        if deepest < -0.02:
            crossing += 1
            assert min(p[0] for p in points) == pytest.approx(deepest, abs=0.03)
        elif deepest > 0.08:
            assert not points
    assert crossing > 15


def test_a_box_slides_over_a_flat_mesh_as_over_a_plane():
    """Edges between triangles must not catch: both boxes stop at v^2 / (2 mu g)."""
    ends = []
    for ground in ("mesh", "plane"):
        builder = ModelBuilder(up_vector=(0.0, 0.0, 1.0))
        if ground == "mesh":
            builder.add_shape_mesh(-1, mesh=sheet(16, 3.0), mu=0.3, thickness=0.0)
        else:
            builder.add_shape_plane((0.0, 0.0, 1.0, 0.0), width=0.0, length=0.0, mu=0.3, thickness=0.0)
        body = builder.add_body(origin=en.transform(en.vec3(-1.5, 0.1, 0.1), en.quat_identity()))
        builder.add_shape_box(body, hx=0.2, hy=0.15, hz=0.1, mu=0.3, thickness=0.0)
        builder.body_qd[body, 3:] = [3.0, 0.0, 0.0]
        model = builder.finalize()
        model.ground = False
        s0, s1, integrator = model.state(), model.state(), XPBDIntegrator(iterations=4)
        for _ in range(600):
            integrator.simulate(model, s0, s1, 1.0 / 480)
            s0, s1 = s1, s0
        ends.append(s0.body_q.numpy()[0])
    stop = -1.5 + 9.0 / (2.0 * 0.3 * 9.80665)
    assert ends[1][0] == pytest.approx(stop, abs=0.03)
    np.testing.assert_allclose(ends[0], ends[1], atol=5e-3)
