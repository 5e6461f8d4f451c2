"""Limits of fixed tendons, beside MuJoCo and beside what they say."""

import numpy as np
import pytest

import sim
from tests.usd_io.mjcf.against_mujoco import mujoco
from usd_io import SceneError, emit, read_scene
from usd_io.author import author_stage

MODEL = """<mujoco><compiler angle="radian"/><option gravity="0 0 0"/><worldbody>
<body><joint name="a" axis="0 1 0" ref=".2"/><geom size=".1" pos=".3 0 0"/>
<body pos=".6 0 0"><joint name="b" type="slide" axis="1 0 0" ref="-.1"/><geom size=".1" pos=".3 0 0"/></body></body>
</worldbody><tendon>{}</tendon></mujoco>"""
FIXED = '<fixed name="t" range="-.3 .4" {}><joint joint="a" coef="{}"/><joint joint="b" coef="{}"/></fixed>'
INTEGRATORS = [sim.FeatherstoneIntegrator, sim.XPBDIntegrator, sim.SemiImplicitIntegrator]


def read(tmp_path, tendon: str):
    (tmp_path / "model.xml").write_text(MODEL.format(tendon))
    return read_scene(tmp_path / "model.xml")


def built(record) -> sim.ModelBuilder:
    builder = sim.ModelBuilder()
    emit(record, builder)
    return builder


@pytest.mark.parametrize(("a", "b"), [(0.5, -0.7), (-0.5, 0.7), (-2.0, -1.0), (1.5, 0.0), (0.0, 2.0)])
def test_range_is_violated_as_in_mujoco(tmp_path, a, b):
    model = built(read(tmp_path, FIXED.format("", a, b))).finalize()
    mj = mujoco.MjModel.from_xml_path(str(tmp_path / "model.xml"))
    data, rng = mujoco.MjData(mj), np.random.default_rng(3)
    low, high = model.equality_range.numpy()[0].astype(float)
    scale = a if a else b
    for _ in range(20):
        data.qpos[:] = rng.normal(size=2)
        mujoco.mj_kinematics(mj, data)
        mujoco.mj_comPos(mj, data)
        mujoco.mj_tendon(mj, data)
        q = np.append(data.qpos - mj.qpos0, 0.0)
        first, second = model.equality_dof.numpy()[0]
        x = q[first] - np.polyval(model.equality_coef.numpy()[0][::-1], q[second])
        inside = (data.ten_length[0] + 0.3, 0.4 - data.ten_length[0])
        ours = (x - low, high - x) if scale > 0.0 else (high - x, x - low)
        assert np.abs(scale) * np.array(ours) == pytest.approx(inside, abs=1e-5)


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("towards", [-1.0, 1.0])
def test_the_sum_stays_in_its_range_and_leaves_it_freely(tmp_path, integrator, towards):
    """A sum that runs into the end of its range stops there, and is not held when it is pushed away."""
    builder = built(read(tmp_path, FIXED.format("", 0.5, -0.7)))
    builder.joint_qd[:] = np.array([0.0, -4.0]) * towards
    model = builder.finalize()
    now, after, solver = model.state(), model.state(), integrator()
    control, lengths = model.control(), []
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for i in range(800):
        if i == 400:
            control.joint_act.assign([0.0, 200.0 * towards])
        solver.simulate(model, now, after, 5e-4, control)
        now, after = after, now
        sim.eval_ik(model, now, now.joint_q, now.joint_qd)
        a, b = now.joint_q.numpy().tolist()
        lengths.append(towards * (0.5 * (a + 0.2) - 0.7 * (b - 0.1)))
    end = 0.4 if towards > 0.0 else 0.3
    assert max(lengths) == pytest.approx(end, abs=5e-3)  # reached, not passed
    assert min(lengths[400:]) < end - 0.05


@pytest.mark.parametrize(
    ("tendon", "said"),
    [
        ('<spatial range="0 1" limited="true"/>', "this one does nothing"),
        ('<fixed><joint joint="a" coef="1"/></fixed>', "this one does nothing"),
        ('<fixed range="0 1"><joint joint="nobody" coef="1"/></fixed>', "this one does nothing"),
        (FIXED.format('stiffness="2"', 1, 1), "stiffness, damping"),
        (FIXED.format('solreflimit=".1 1"', 1, 1), "softness of tendon limits"),
    ],
)
def test_what_is_not_simulated_of_them_is_named(tmp_path, tendon, said):
    assert [w for w in read(tmp_path, tendon).warnings if said in w.message]


def test_a_limit_that_is_simulated_is_taken_without_a_word(tmp_path):
    record = read(tmp_path, FIXED.format("", 1, 1))
    assert not record.warnings
    assert len(record.equalities) == 1


def test_a_limit_without_a_range_is_refused(tmp_path):
    with pytest.raises(SceneError, match="range"):
        read(tmp_path, '<fixed limited="true"><joint joint="a" coef="1"/></fixed>')


def test_limits_are_off_with_the_flag(tmp_path):
    text = MODEL.format(FIXED.format("", 1, 1)).replace("<worldbody>", "<option><flag limit='disable'/></option><worldbody>")  # fmt: skip
    (tmp_path / "model.xml").write_text(text)
    assert not read_scene(tmp_path / "model.xml").equalities


def test_a_stage_keeps_them(tmp_path):
    record = read(tmp_path, FIXED.format("", -0.5, 0.7))
    author_stage(record, tmp_path / "model.usda", physics=True)
    again = built(read_scene(tmp_path / "model.usda")).finalize()
    once = built(record).finalize()
    for name in ("range", "coef", "dof"):
        assert np.allclose(getattr(again, f"equality_{name}").numpy(), getattr(once, f"equality_{name}").numpy())
