"""Every URDF that MuJoCo loads: same degrees of freedom, masses of what moves, kinematics and dynamics."""

import numpy as np
import pytest

import engine as en
import sim
from tests.usd_io.mjcf.against_mujoco import Pair, files, load_mujoco, mujoco
from usd_io import SceneError, read_scene


@pytest.fixture(params=files("urdf", "*.urdf"))
def path(request):
    return request.param


@pytest.fixture
def pair(path):
    mj = load_mujoco(path)
    if mj is None or mj.nv == 0:
        pytest.skip("nothing moves, or MuJoCo itself does not load it")
    return Pair(path, mj)


def moving_mass(pair: Pair) -> float:
    """Mass below the first joint that moves; MuJoCo merges the rest with the world."""
    moved, total = set(), 0.0
    for joint in pair.record.joints:
        if joint.kind != "fixed" or joint.parent_path in moved:
            moved.add(joint.child_path)
    for body in pair.record.bodies:
        total += body.mass * (body.path in moved)
    return total


def test_degrees_of_freedom_and_masses_equal(pair):
    assert pair.model.joint_dof_count == pair.mj.nv
    assert moving_mass(pair) == pytest.approx(pair.mj.body_mass.sum(), rel=1e-5)


def test_bodies_stand_where_mujoco_has_them(pair):
    pair.randomise(1)
    q, qd = pair.arrays()
    state = pair.model.state()
    sim.eval_fk(pair.model, q, qd, None, state)
    ours = {b.path.rsplit("/", 1)[1]: state.body_q.numpy()[i] for i, b in enumerate(pair.record.bodies)}
    names = [pair.mj.body(i).name for i in range(1, pair.mj.nbody)]
    assert names
    for i, name in enumerate(names, 1):
        assert np.abs(ours[name][:3] - pair.data.xpos[i]).max() < 1e-5 * max(1.0, np.abs(pair.data.xpos).max())


def test_bias_forces_and_inverse_dynamics(pair):
    pair.randomise(1)
    q, qd = pair.arrays()
    bias = pair.force_to_mujoco(sim.eval_bias_forces(pair.model, q, qd).numpy().astype(float))
    scale = max(np.abs(pair.data.qfrc_bias).max(), 1e-2 * pair.mj.body_mass.max())
    assert np.abs(bias - pair.data.qfrc_bias).max() <= 1e-4 * scale
    acceleration = np.random.default_rng(2).normal(size=pair.mj.nv)
    tau = np.zeros(pair.mj.nv)
    mujoco.mj_mulM(pair.mj, pair.data, tau, acceleration)
    ours = sim.eval_inverse_dynamics(pair.model, q, qd, en.array(pair.to_ours(acceleration), dtype=float)).numpy()
    assert np.abs(pair.force_to_mujoco(ours.astype(float)) - tau - pair.data.qfrc_bias).max() <= 1e-4 * max(
        scale, np.abs(tau).max()
    )


def test_what_mujoco_loads_is_read(path):
    if load_mujoco(path) is not None and path.name != "sphere_small_zeroinertia.urdf":
        assert read_scene(path).bodies


def test_a_missing_mesh_is_named_with_its_line(path):
    if path.name == "sphere_small_zeroinertia.urdf":
        with pytest.raises(SceneError, match=r"zeroinertia\.urdf:16 .*textured_sphere_smooth\.obj"):
            read_scene(path)
