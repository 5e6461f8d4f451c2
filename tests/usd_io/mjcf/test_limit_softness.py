"""Joint limits give and return as fast as their ``solreflimit`` says, beside MuJoCo."""

import numpy as np
import pytest

import sim
from usd_io import emit, read_scene, read_usd
from usd_io.author import author_stage

mujoco = pytest.importorskip("mujoco")

MODEL = """<mujoco><option gravity="0 0 0" timestep="0.0005"/><worldbody><body>
<joint name="j" axis="0 0 1" range="-30 30" armature="0" {}/>
<geom type="capsule" fromto="0 0 0 .5 0 0" size=".05"/></body></worldbody></mujoco>"""
SOFTNESS = {
    "default": "",
    "slow": 'solreflimit=".1 1"',
    "slower": 'solreflimit=".3 1"',
    "springy": 'solreflimit=".1 .4"',
    "stiffness and damping": 'solreflimit="-150 -20"',
}
DT, START, SPEED = 5e-4, 0.4, 3.0


def path_of_ours(record) -> np.ndarray:
    builder = sim.ModelBuilder()
    emit(record, builder)
    builder.joint_q[:], builder.joint_qd[:] = START, SPEED
    model, solver = builder.finalize(), sim.FeatherstoneIntegrator()
    now, after = model.state(), model.state()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    path = []
    for _ in range(1200):
        solver.simulate(model, now, after, DT)
        now, after = after, now
        path.append(float(now.joint_q.numpy()[0]))
    return np.array(path)


def path_of_mujoco(file) -> np.ndarray:
    model = mujoco.MjModel.from_xml_path(str(file))
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = START, SPEED
    path = []
    for _ in range(1200):
        mujoco.mj_step(model, data)
        path.append(float(data.qpos[0]))
    return np.array(path)


@pytest.mark.parametrize("softness", SOFTNESS.values(), ids=SOFTNESS)
def test_a_limit_gives_as_in_mujoco(tmp_path, softness):
    """How deep a swing goes beyond the limit, also after conversion to USD, which may turn the axis round."""
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format(softness))
    record, limit = read_scene(file), np.radians(30.0)
    theirs = path_of_mujoco(file).max() - limit
    assert path_of_ours(record).max() - limit == pytest.approx(theirs, rel=0.15)
    author_stage(record, tmp_path / "model.usda", physics=True)
    (axis,) = next(j for j in read_usd(tmp_path / "model.usda").joints if j.axes).axes
    said = record.joints[0].axes[0].limit_rates
    assert axis.limit_rates == (said if said is None else pytest.approx(said))


def test_mixed_signs_mean_the_default_as_in_mujoco(tmp_path):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format('solreflimit="-150 1"'))
    assert read_scene(file).joints[0].axes[0].limit_rates is None


def test_softness_of_a_ball_is_named(tmp_path):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format('type="ball" solreflimit=".1 1"').replace('range="-30 30"', 'range="0 30"'))
    assert ["solref" in w.message for w in read_scene(file).warnings] == [True]
