"""Every model that MuJoCo loads: same bodies, degrees of freedom, masses, kinematics and dynamics."""

import numpy as np
import pytest

import engine as en
import sim
from sim.geometry.rotation import rotation_matrix
from tests.usd_io.mjcf.against_mujoco import Pair, files, load_mujoco, mujoco, rotation_angle

LARGEST = 1000
"""Degrees of freedom up to which dynamics are compared; larger files hold many copies of what smaller ones have."""


@pytest.fixture(params=files("mjcf", "*.xml"))
def path(request):
    return request.param


@pytest.fixture
def pair(path):
    mj = load_mujoco(path)
    if mj is None:
        pytest.skip("MuJoCo itself does not load it")
    if mj.nv > LARGEST or mj.nv == 0:
        pytest.skip(f"{mj.nv} degrees of freedom")
    return Pair(path, mj)


def test_bodies_masses_and_degrees_of_freedom_equal(path):
    mj = load_mujoco(path)
    if mj is None:
        pytest.skip("MuJoCo itself does not load it")
    pair = Pair(path, mj)
    bodies = [pair.record.bodies[i] for i in pair.real_bodies]
    assert len(bodies) == mj.nbody - 1
    assert pair.model.joint_dof_count == mj.nv
    assert pair.model.joint_coord_count == mj.nq
    assert np.allclose([b.mass for b in bodies], mj.body_mass[1:], rtol=1e-4)
    # MuJoCo keeps principal moments, sorted downwards, and their frame.
    moments = np.array([np.linalg.eigvalsh(b.inertia)[::-1] for b in bodies])
    assert np.allclose(moments, np.sort(mj.body_inertia[1:], axis=1)[:, ::-1], rtol=1e-4, atol=1e-15)
    assert np.allclose([b.com for b in bodies], mj.body_ipos[1:], rtol=1e-4, atol=1e-6)


def test_inertia_tensors_equal_with_their_axes(pair):
    for i, body in enumerate(pair.real_bodies, 1):
        R = np.zeros(9)
        mujoco.mju_quat2Mat(R, pair.mj.body_iquat[i])
        R = R.reshape(3, 3)
        theirs = R @ np.diag(pair.mj.body_inertia[i]) @ R.T
        assert np.allclose(pair.record.bodies[body].inertia, theirs, atol=1e-4 * pair.mj.body_inertia[i].max() + 1e-15)


@pytest.mark.parametrize("seed", [1, 2])
def test_forward_kinematics(pair, seed):
    pair.randomise(seed)
    q, qd = pair.arrays()
    state = pair.model.state()
    sim.eval_fk(pair.model, q, qd, None, state)
    ours, real = state.body_q.numpy().astype(float), pair.real_bodies
    reach = max(1.0, np.abs(pair.data.xpos).max())
    assert np.abs(ours[real, :3] - pair.data.xpos[1:]).max() < 1e-5 * reach
    angles = rotation_angle(rotation_matrix(ours[real, 3:]), pair.data.xmat[1:].reshape(-1, 3, 3))
    assert angles.max() < 1e-5
    velocity = np.zeros(6)
    for i, body in enumerate(real, 1):
        mujoco.mj_objectVelocity(pair.mj, pair.data, mujoco.mjtObj.mjOBJ_BODY, i, velocity, 0)
        # MuJoCo: (angular, linear) at the body's inertial frame's origin is what mjOBJ_BODY means.
        assert np.allclose(state.body_qd.numpy()[body], velocity, atol=2e-5 * max(1.0, np.abs(velocity).max()))


@pytest.mark.parametrize("seed", [1, 2])
def test_mass_matrix(pair, seed):
    pair.randomise(seed)
    H = sim.eval_mass_matrix(pair.model, pair.arrays()[0]).numpy().astype(float)
    full = np.zeros((pair.mj.nv, pair.mj.nv))
    mujoco.mj_fullM(pair.mj, pair.data, full)
    T = np.zeros_like(full)
    for at, block in pair.turn():
        T[at : at + len(block), at : at + len(block)] = block
    trees, start = pair.model.kinematic_trees, 0
    by_row = np.empty(trees.count, dtype=int)
    by_row[trees.row] = trees.dof_count
    for row, n in enumerate(by_row):
        part = slice(start, start + n)
        ours = T[part, part].T @ H[row, :n, :n] @ T[part, part]
        size = np.sqrt(np.diag(full)[part])
        assert (np.abs(ours - full[part, part]) <= 1e-4 * np.outer(size, size) + 1e-12).all()
        start += n
    assert start == pair.mj.nv


@pytest.mark.parametrize("seed", [1, 2])
def test_bias_forces_and_inverse_dynamics(pair, seed):
    pair.randomise(seed)
    q, qd = pair.arrays()
    bias = pair.force_to_mujoco(sim.eval_bias_forces(pair.model, q, qd).numpy().astype(float))
    # Where bias forces vanish, what float32 leaves must not accelerate the heaviest axis by more than 1e-6.
    scale = max(np.abs(pair.data.qfrc_bias).max(), 1e-2 * pair.mj.body_mass.max())
    assert np.abs(bias - pair.data.qfrc_bias).max() <= 1e-4 * scale
    acceleration = np.random.default_rng(seed + 10).normal(size=pair.mj.nv) * 10.0
    full = np.zeros(pair.mj.nv)
    mujoco.mj_mulM(pair.mj, pair.data, full, acceleration)
    full += pair.data.qfrc_bias
    ours = sim.eval_inverse_dynamics(pair.model, q, qd, en.array(pair.to_ours(acceleration), dtype=float)).numpy()
    assert np.abs(pair.force_to_mujoco(ours.astype(float)) - full).max() <= 1e-4 * np.abs(full).max()


def test_jacobians(pair):
    pair.randomise(3)
    J = sim.eval_jacobian(pair.model, pair.arrays()[0]).numpy().astype(float)
    trees, starts = pair.model.kinematic_trees, pair.model.joint_qd_start.numpy()
    child, tree = pair.model.joint_child.numpy(), trees.tree_of_joint
    first = {t: starts[np.flatnonzero(tree == t)].min() for t in range(trees.count)}
    joint_of = {c: j for j, c in enumerate(child)}
    linear, angular = np.zeros((3, pair.mj.nv)), np.zeros((3, pair.mj.nv))
    for i, body in list(enumerate(pair.real_bodies, 1))[:: max(1, pair.mj.nbody // 30)]:
        mujoco.mj_jacBodyCom(pair.mj, pair.data, linear, angular, i)
        t = tree[joint_of[body]]
        ours = np.zeros((6, pair.mj.nv))
        part = slice(first[t], first[t] + trees.dof_count[t])
        ours[:, part] = J[body, :, : trees.dof_count[t]]
        theirs = np.concatenate([angular, linear])
        for at, block in pair.turn():
            n = len(block)
            ours[:, at : at + n] = ours[:, at : at + n] @ block
        assert np.abs(ours - theirs).max() < 1e-5 * max(1.0, np.abs(theirs).max())
