"""Distances and normals of every pair of solids at random poses, against MuJoCo's."""

import itertools

import numpy as np
import pytest

import sim
from sim import ModelBuilder, collide
from sim.geometry.hull import convex_hull

mujoco = pytest.importorskip("mujoco")

POSES = 150
MARGIN = 0.15
HULL = convex_hull(np.random.default_rng(5).normal(size=(30, 3)) * [0.15, 0.2, 0.25])
HULL = (HULL[0] - sim.Mesh(*HULL).com, HULL[1])

SOLIDS = {
    "sphere": ('type="sphere" size=".25"', lambda b, i: b.add_shape_sphere(i, radius=0.25, thickness=0.0)),
    "capsule": (
        'type="capsule" size=".15 .25"',
        lambda b, i: b.add_shape_capsule(i, radius=0.15, half_height=0.25, up_axis=2, thickness=0.0),
    ),
    "box": (
        'type="box" size=".2 .25 .3"',
        lambda b, i: b.add_shape_box(i, hx=0.2, hy=0.25, hz=0.3, thickness=0.0),
    ),
    "cylinder": (
        'type="cylinder" size=".2 .25"',
        lambda b, i: b.add_shape_cylinder(i, radius=0.2, half_height=0.25, up_axis=2, thickness=0.0),
    ),
    "ellipsoid": (
        'type="ellipsoid" size=".3 .2 .1"',
        lambda b, i: b.add_shape_ellipsoid(i, rx=0.3, ry=0.2, rz=0.1, thickness=0.0),
    ),
    "hull": (
        'type="mesh" mesh="hull"',
        lambda b, i: b.add_shape_convex_hull(i, mesh=sim.Mesh(*HULL), thickness=0.0),
    ),
}


def mujoco_distances(a, b, poses):
    """Signed distance and the vector between the nearest points, from b to a, of each pose of b against a at rest."""
    vertex = " ".join(f"{x:.9g}" for x in HULL[0].ravel())
    face = " ".join(str(i) for i in HULL[1].ravel())
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><asset><mesh name="hull" inertia="exact" vertex="{vertex}" face="{face}"/></asset><worldbody>'
        f'<body><freejoint/><geom {SOLIDS[a][0]} mass="1"/></body><body><freejoint/><geom {SOLIDS[b][0]} mass="1"/></body>'
        "</worldbody></mujoco>"
    )
    data = mujoco.MjData(model)
    distances, vectors = [], []
    for pose in poses:
        data.qpos[:] = 0.0
        data.qpos[3] = 1.0
        data.qpos[7:10] = pose[:3]
        data.qpos[10:] = pose[[6, 3, 4, 5]]
        mujoco.mj_kinematics(model, data)
        # MuJoCo moves a mesh to its centre of mass and turns it to its principal axes: undo both
        for g in range(2):
            if SOLIDS[(a, b)[g]][0].startswith('type="mesh"'):
                fix = np.zeros(9)
                mujoco.mju_quat2Mat(fix, model.mesh_quat[0])
                body = data.xmat[g + 1].reshape(3, 3)
                data.geom_xpos[g] = data.xpos[g + 1] + body @ model.mesh_pos[0]
                data.geom_xmat[g] = (body @ fix.reshape(3, 3)).ravel()
        line = np.zeros(6)
        distances.append(mujoco.mj_geomDistance(model, data, 0, 1, 1.0, line))
        vectors.append(line[:3] - line[3:])
    return np.array(distances), np.array(vectors)


def our_contacts(a, b, poses, device):
    """Per pose: gaps and normals of all contacts, found for all poses at once, each in a collision group of its own."""
    scene, builder = ModelBuilder(), ModelBuilder()
    for name in (a, b):
        SOLIDS[name][1](scene, scene.add_body())
    builder.replicate_at(scene, np.zeros((len(poses), 3)))
    model = builder.finalize(device=device)
    model.ground, model.rigid_contact_margin = False, MARGIN
    state = model.state()
    q = state.body_q.numpy().copy()
    q[1::2] = poses
    state.body_q.assign(q)
    collide(model, state)
    c = model.rigid_contacts
    found = [[] for _ in poses]
    first = c.pair_shapes.numpy()[c.active_pair.numpy()]
    for slot in range(int(c.active_count.numpy()[0])):
        world = first[slot, 0] // 2
        for i in range(int(c.points.count.numpy()[slot])):
            at = 8 * slot + i
            ends = []
            for side, points in enumerate((c.points.point_a, c.points.point_b)):
                pose = q[first[slot, side]]
                ends.append(rotated(pose[3:], points.numpy()[at]) + pose[:3])
            n = c.points.normal.numpy()[at]
            gap = float(n @ (ends[0] - ends[1]))
            found[world].append((gap, n if first[slot, 0] % 2 == 0 else -n, ends))
    return found


def rotated(q, v):
    return v + 2.0 * np.cross(q[:3], np.cross(q[:3], v) + q[3] * v)


REACH = {
    "capsule": lambda n: 0.15 + 0.25 * abs(n[2]),
    "box": lambda n: np.abs(n) @ [0.2, 0.25, 0.3],
}
"""Farthest extent along a unit direction."""


def least_push(a, b, pose):
    """Largest separation over all directions (negative: overlap), by sampling and climbing, float64."""
    rng = np.random.default_rng(0)
    back = np.asarray(pose[3:], dtype=np.float64) * [-1.0, -1.0, -1.0, 1.0]

    def separation(n):
        return n @ pose[:3] - REACH[a](n) - REACH[b](rotated(back, n))

    directions = rng.normal(size=(3000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    starts = sorted(((separation(n), tuple(n)) for n in directions), reverse=True)[:6]
    best = starts[0][0]
    for value, n in starts:
        n, step = np.array(n), 0.05
        for _ in range(150):
            m = n + step * rng.normal(size=3)
            m /= np.linalg.norm(m)
            if separation(m) > value:
                value, n = separation(m), m
            else:
                step *= 0.95
        best = max(best, value)
    return best


def random_poses(seed, spread=0.8):
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(POSES, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    turn = rng.normal(size=(POSES, 4))
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    return np.hstack([direction * rng.uniform(0.15, spread, (POSES, 1)), turn]).astype(np.float32)


@pytest.mark.parametrize("a, b", list(itertools.combinations_with_replacement(SOLIDS, 2)))
def test_distance_and_normal_are_those_of_mujoco(a, b, device):
    poses = random_poses(len(a) * 7 + len(b))
    distances, vectors = mujoco_distances(a, b, poses)
    found = our_contacts(a, b, poses, device)
    apart = inside = 0
    for points, distance, vector, pose in zip(found, distances, vectors, poses):
        if distance > MARGIN + 1e-3:
            assert not points
            continue
        if distance > MARGIN - 1e-3:
            continue
        assert points, f"no contact at distance {distance}"
        gap, n, _ = min(points, key=lambda p: p[0])
        if distance > 1e-3:
            apart += 1
            assert gap == pytest.approx(distance, abs=2e-3)
            assert n @ vector / np.linalg.norm(vector) > 0.99
        elif distance < -1e-3:
            inside += 1
            if (a, b) == ("capsule", "box"):
                # MuJoCo tells how deep the nearest ball of the capsule is; the least push is another matter
                distance = least_push(a, b, pose)
            assert gap == pytest.approx(distance, abs=4e-3)
    assert apart >= 5 and inside >= 5


def test_ellipsoids_in_one_plane_are_as_deep_as_their_ellipses(device):
    """All that happens lies in a plane of symmetry of both, where simplices have no volume."""
    axes, count = np.array([0.3, 0.2]), 40
    rng = np.random.default_rng(2)
    heading, turn = rng.uniform(0.0, 2.0 * np.pi, (2, count))
    every = np.linspace(0.0, 2.0 * np.pi, 200_000, endpoint=False)
    normals = np.stack([np.cos(every), np.sin(every)])

    def extent(n, angle):
        c, s = np.cos(angle), np.sin(angle)
        return np.hypot(axes[0] * (c * n[0] + s * n[1]), axes[1] * (c * n[1] - s * n[0]))

    poses, depths = np.zeros((count, 7)), []
    poses[:, 5], poses[:, 6] = np.sin(0.5 * turn), np.cos(0.5 * turn)
    for pose, angle, about, shrink in zip(poses, heading, turn, rng.uniform(0.9, 1.0, count)):
        ahead = np.array([np.cos(angle), np.sin(angle)])
        pose[:2] = ahead * shrink * (extent(ahead, 0.0) + extent(ahead, about))
        depths.append((extent(normals, 0.0) + extent(normals, about) - pose[:2] @ normals).min())
    found = our_contacts("ellipsoid", "ellipsoid", poses.astype(np.float32), device)
    for points, depth in zip(found, depths):
        if depth > 1e-3:
            assert points, f"no contact at depth {depth}"
            assert min(p[0] for p in points) == pytest.approx(-depth, abs=2e-3)
