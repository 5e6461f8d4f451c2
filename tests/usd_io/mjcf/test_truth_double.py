"""Kinematics and dynamics in float64 beside MuJoCo, which computes in float64 as well: what is left is rounding."""

import numpy as np
import pytest

import engine as en
import sim
from sim.geometry.rotation import rotation_matrix
from tests.usd_io.mjcf.against_mujoco import Pair, files, load_mujoco, mujoco, rotation_angle

LARGEST = 300
"""Degrees of freedom up to which dynamics are compared; larger files hold many copies of what smaller ones have."""
RELATIVE = 1e-8
"""Files give quaternions and moments in six to eight digits, whose normalisation the programs do in different orders."""


@pytest.fixture(params=files("mjcf", "*.xml"))
def pair(request):
    mj = load_mujoco(request.param)
    if mj is None:
        pytest.skip("MuJoCo itself does not load it")
    if mj.nv > LARGEST or mj.nv == 0:
        pytest.skip(f"{mj.nv} degrees of freedom")
    pair = Pair(request.param, mj)
    pair.randomise(1)
    return pair


def test_forward_kinematics(pair):
    state = pair.model.state()
    sim.eval_fk(pair.model, *pair.arrays(en.float64), None, state)
    ours = state.body_q.numpy()[pair.real_bodies]
    assert ours.dtype == np.float64
    assert np.abs(ours[:, :3] - pair.data.xpos[1:]).max() < 1e-11 * max(1.0, np.abs(pair.data.xpos).max())
    assert rotation_angle(rotation_matrix(ours[:, 3:]), pair.data.xmat[1:].reshape(-1, 3, 3)).max() < 1e-11


def test_mass_matrix(pair):
    H = sim.eval_mass_matrix(pair.model, pair.arrays(en.float64)[0]).numpy()
    assert H.dtype == np.float64
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
        ours, size = T[part, part].T @ H[row, :n, :n] @ T[part, part], np.sqrt(np.diag(full)[part])
        assert (np.abs(ours - full[part, part]) <= RELATIVE * np.outer(size, size)).all()
        start += n
    assert start == pair.mj.nv


def test_bias_forces_and_inverse_dynamics(pair):
    q, qd = pair.arrays(en.float64)
    bias = pair.force_to_mujoco(sim.eval_bias_forces(pair.model, q, qd).numpy())
    scale = max(np.abs(pair.data.qfrc_bias).max(), 1e-3 * pair.mj.body_mass.max())
    assert np.abs(bias - pair.data.qfrc_bias).max() <= RELATIVE * scale
    acceleration, full = np.random.default_rng(11).normal(size=pair.mj.nv) * 10.0, np.zeros(pair.mj.nv)
    mujoco.mj_mulM(pair.mj, pair.data, full, acceleration)
    full += pair.data.qfrc_bias
    ours = sim.eval_inverse_dynamics(pair.model, q, qd, en.array(pair.to_ours(acceleration), dtype=en.float64)).numpy()
    assert np.abs(pair.force_to_mujoco(ours) - full).max() <= RELATIVE * np.abs(full).max()


def test_jacobians(pair):
    """What MuJoCo's Jacobian says of the centre of mass of each body, as velocities: both times the same random motion."""
    q, qd = pair.arrays(en.float64)
    J, trees = sim.eval_jacobian(pair.model, q).numpy(), pair.model.kinematic_trees
    starts, tree = pair.model.joint_qd_start.numpy(), trees.tree_of_joint
    child = pair.model.joint_child.numpy().tolist()
    linear, angular, velocity = np.zeros((3, pair.mj.nv)), np.zeros((3, pair.mj.nv)), qd.numpy()
    for i, body in list(enumerate(pair.real_bodies, 1))[:: max(1, pair.mj.nbody // 30)]:
        mujoco.mj_jacBodyCom(pair.mj, pair.data, linear, angular, i)
        t = tree[child.index(body)]
        first = starts[np.flatnonzero(tree == t)].min()
        n = trees.dof_count[t]
        ours = J[body, :, :n] @ velocity[first : first + n]
        theirs = np.concatenate([angular, linear]) @ pair.data.qvel
        assert np.abs(ours - theirs).max() < RELATIVE * max(1.0, np.abs(theirs).max())


def test_without_the_builders_numbers_single_precision_is_widened():
    builder = sim.ModelBuilder()
    builder.add_body(m=1.0, com=(0.1, 0.0, 0.0), I_m=np.eye(3) * 0.1)
    builder.add_joint_revolute(-1, 0, axis=(0, 0, 1), armature=0.0)
    q = en.array([0.3], dtype=en.float64)
    kept, widened = (builder.finalize(precise=p) for p in (True, False))
    exact = 0.1 + 0.1**2
    assert sim.eval_mass_matrix(kept, q).numpy()[0, 0, 0] == pytest.approx(exact, rel=1e-14)
    rough = sim.eval_mass_matrix(widened, q).numpy()[0, 0, 0]
    assert rough == pytest.approx(exact, rel=1e-7) and rough != pytest.approx(exact, rel=1e-12)


def test_coordinates_of_other_types_are_refused():
    builder = sim.ModelBuilder()
    builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_revolute(-1, 0, axis=(0, 0, 1))
    with pytest.raises(sim.SimError, match="float32 or float64"):
        sim.eval_mass_matrix(builder.finalize(), en.array([0], dtype=int))
