"""Equality constraints, ranges of ball joints and keyframes of MJCF, against MuJoCo."""

import numpy as np
import pytest

import engine as en
import sim
from sim.geometry.rotation import rotation_matrix, transform_points
from tests.usd_io.mjcf.against_mujoco import Pair, mujoco, rotation_angle
from usd_io import SceneError, emit, read_mjcf, read_scene

FOUR_BAR = """<mujoco><compiler angle="radian"/><option timestep="1e-4" gravity="4 0 -9"/>
<default><geom type="capsule" size=".02" contype="0" conaffinity="0"/></default>
<worldbody>
  <body name="crank"><joint name="crank" axis="0 1 0"/><geom fromto="0 0 0 0 0 .4"/>
    <body name="coupler" pos="0 0 .4"><joint name="knee" axis="0 1 0"/><geom fromto="0 0 0 1 0 .2"/>
      <site name="tip" pos="1 0 .2"/></body></body>
  <body name="rocker" pos="1 0 0"><joint name="rocker" axis="0 1 0"/><geom fromto="0 0 0 0 0 .6"/>
    <site name="top" pos="0 0 .6"/></body>
</worldbody><equality>{}</equality></mujoco>"""
CLOSING = {
    "anchor": '<connect body1="coupler" body2="rocker" anchor="1 0 .2" solref="2e-4 1" solimp=".999 .9999 1e-5"/>',
    "sites": '<connect site1="tip" site2="top" solref="2e-4 1" solimp=".999 .9999 1e-5"/>',
}


def simulate(pair: Pair, seconds: float, dt: float):
    """Our state after some time, without joint limits, beginning where MuJoCo stands."""
    model = pair.model
    now, after = model.state(), model.state()
    q, qd = pair.arrays()
    now.joint_q.assign(q)
    now.joint_qd.assign(qd)
    integrator = sim.FeatherstoneIntegrator()
    for _ in range(round(seconds / dt)):
        integrator.simulate(model, now, after, dt)
        now, after = after, now
    return now


@pytest.mark.parametrize("closing", CLOSING)
def test_a_closed_chain_moves_as_in_mujoco(tmp_path, closing):
    path = tmp_path / "four_bar.xml"
    path.write_text(FOUR_BAR.format(CLOSING[closing]))
    pair = Pair(path)
    pair.data.qvel[:] = 0.0
    begin = pair.data.qpos.copy()
    ours = simulate(pair, 0.5, 1e-3)
    mujoco.mj_resetData(pair.mj, pair.data)
    for _ in range(5000):
        mujoco.mj_step(pair.mj, pair.data)
    moved = np.abs(pair.data.qpos - begin).max()
    assert moved > 0.3
    # MuJoCo's constraint is a stiff spring, ours rigid.
    assert np.abs(ours.joint_q.numpy() - pair.coordinates()).max() < 0.01 * moved


@pytest.mark.parametrize(
    "weld",
    [
        '<weld body1="a" body2="b"/>',
        '<weld body1="a" body2="b" anchor=".1 .2 .3"/>',
        '<weld body1="b" body2="a" relpose="0.3 0 .1 .9 .1 -.2 .3"/>',
        '<weld body1="a" body2="b" relpose="0.3 0 .1 .9 .1 -.2 .3" anchor=".3 0 -.1"/>',
        '<weld body1="b"/>',
        '<weld site1="s" site2="t"/>',
        '<connect body1="a" body2="b" anchor=".2 .1 -.3"/>',
        '<connect body1="a" anchor=".2 .1 -.3"/>',
    ],
)
def test_what_is_held_together_is_what_mujoco_holds_together(tmp_path, weld):
    """At a random pose both are violated by the same amount."""
    path = tmp_path / "model.xml"
    path.write_text(
        f"""<mujoco><worldbody>
        <body name="a" pos="1 2 3" euler="10 20 30"><freejoint/><geom size=".1"/><site name="s" pos=".1 0 .2" euler="0 40 0"/></body>
        <body name="b" pos="1.5 2 2" euler="-50 0 30"><freejoint/><geom size=".1"/><site name="t" pos="0 -.1 .3"/></body>
        </worldbody><equality>{weld}</equality></mujoco>"""
    )
    pair = Pair(path)
    pair.randomise(3)
    mj, data = pair.mj, pair.data
    theirs = data.efc_pos[: data.nefc][data.efc_type[: data.nefc] == mujoco.mjtConstraint.mjCNSTR_EQUALITY]
    record = pair.record.equalities[0]
    state = pair.model.state()
    sim.eval_fk(pair.model, *pair.arrays(), None, state)
    X = {body.path: state.body_q.numpy()[i].astype(float) for i, body in enumerate(pair.record.bodies)}
    X[None] = np.array([0, 0, 0, 0, 0, 0, 1.0])
    ends = [transform_points(X[b], f[:3]) for b, f in zip(record.bodies, (record.X_1, record.X_2), strict=True)]
    assert np.allclose(ends[0] - ends[1], theirs[:3], atol=1e-5)
    if record.kind == "weld":
        turns = [
            rotation_matrix(X[b][3:]) @ rotation_matrix(f[3:])
            for b, f in zip(record.bodies, (record.X_1, record.X_2), strict=True)
        ]
        angle = rotation_angle(turns[0][None], turns[1][None])[0]
        # MuJoCo's three numbers are the vector part of the quaternion between the two.
        assert np.linalg.norm(theirs[3:]) == pytest.approx(np.sin(0.5 * angle), abs=1e-5)
    assert mj.neq == 1


@pytest.mark.parametrize(
    "equality", ['<joint joint1="a" joint2="b" polycoef=".1 -.5 .2 0 .3"/>', '<joint joint1="a" polycoef=".3"/>']
)
def test_coupled_joints_mean_the_same_as_in_mujoco(tmp_path, equality):
    path = tmp_path / "model.xml"
    path.write_text(
        f"""<mujoco><compiler angle="radian"/><worldbody>
        <body><joint name="a" ref=".4"/><geom size=".1" pos="0 .2 0"/></body>
        <body><joint name="b" ref="-.3"/><geom size=".1" pos="0 .2 0"/></body>
        </worldbody><equality>{equality}</equality></mujoco>"""
    )
    pair = Pair(path)
    pair.randomise(2)
    q = pair.coordinates()
    source = q[1] if "joint2" in equality else 0.0
    ours = q[0] - np.polyval(pair.model.equality_coef.numpy()[0][::-1], source)
    assert ours == pytest.approx(float(pair.data.efc_pos[0]), abs=1e-6)
    assert pair.model.equality_dof.numpy()[0].tolist() == [0, 1 if "joint2" in equality else -1]


def test_inactive_constraints_are_kept_but_do_not_act(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(FOUR_BAR.format('<connect body1="coupler" body2="rocker" anchor="1 0 .2" active="false"/>'))
    assert Pair(path).model.equality_enabled.numpy().tolist() == [0]


@pytest.mark.parametrize(
    ("equality", "said"),
    [
        ('<tendon tendon1="t"/>', "tendon"),
        ('<connect body1="nobody" body2="crank" anchor="0 0 0"/>', "'nobody'"),
        ('<connect body1="crank" body2="crank" anchor="0 0 0"/>', "both ends"),
        ('<joint joint1="ankle"/>', "'ankle'"),
    ],
)
def test_constraints_that_cannot_be_kept_are_named(tmp_path, equality, said):
    path = tmp_path / "model.xml"
    path.write_text(FOUR_BAR.format(equality))
    scene = read_mjcf(path)
    assert any(said in w.message for w in scene.warnings)
    assert not scene.equalities


def test_the_range_of_a_ball_joint_is_read(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(
        '<mujoco><worldbody><body><joint type="ball" range="0 40"/><geom size=".1"/></body></worldbody></mujoco>'
    )
    assert Pair(path).model.joint_ball_limit.numpy()[0, 2] == pytest.approx(np.radians(40.0))


KEYED = """<mujoco><compiler angle="radian"/><worldbody>
<body name="base" pos="0 0 1"><freejoint/><geom size=".1"/>
  <body name="arm" pos=".2 0 0"><joint name="j" axis="0 1 0" ref=".3"/><joint name="s" type="slide"/><geom size=".1" pos=".2 0 0"/>
    <body name="tip" pos=".4 0 0"><joint type="ball"/><geom size=".1" pos=".1 .1 0"/></body></body></body>
</worldbody><actuator><position joint="j" kp="30"/><motor joint="s" gear="2"/></actuator><keyframe>
<key name="home" qpos="1 2 3 .5 .5 -.5 .5 .8 .1 .9 .1 .2 .3" qvel="1 2 3 4 5 6 7 8 9 10 11" ctrl="1.1 -3"/><key time="1"/>
</keyframe></mujoco>"""


def test_a_keyframe_is_the_state_that_mujoco_has(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(KEYED)
    pair = Pair(path)
    scene = read_scene(path, keyframe="home")
    builder = sim.ModelBuilder()
    emit(scene, builder)
    model = builder.finalize()
    mujoco.mj_resetDataKeyframe(pair.mj, pair.data, 0)
    mujoco.mj_forward(pair.mj, pair.data)
    q, qd = pair.arrays()
    assert np.allclose(model.joint_q.numpy(), q.numpy(), atol=1e-6)
    assert np.allclose(model.joint_qd.numpy(), qd.numpy(), atol=1e-5)
    assert np.allclose([scene.bodies[i].X_wb[:3] for i in pair.real_bodies], pair.data.xpos[1:], atol=1e-6)
    ke, target = model.joint_target_ke.numpy(), model.joint_act.numpy()
    index = [axis.name for joint in scene.joints for axis in joint.axes].index("j")
    force = float(ke[index] * (target[index] - scene.joints[1].axes[0].position))
    assert force == pytest.approx(float(pair.data.actuator_force[0]), rel=1e-5)
    assert model.actuator_ctrl.numpy().tolist() == [-3.0]


def test_a_keyframe_can_be_chosen_by_number(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(KEYED)
    assert np.allclose(read_scene(path, keyframe="0").bodies[0].X_wb[:3], [1, 2, 3])
    assert np.allclose(read_scene(path, keyframe="1").bodies[0].X_wb[:3], [0, 0, 1])


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (KEYED, "away", r"'away'.*home"),
        (KEYED.replace("1 2 3 .5 .5", "1 2 3 .5"), "home", "12 numbers"),
        (KEYED.replace(".5 .5 -.5 .5", "0 0 0 0"), "home", "quaternion"),
        ("<robot name='r'><link name='l'/></robot>", "home", "MJCF"),
    ],
)
def test_keyframes_that_do_not_fit_are_refused(tmp_path, text, name, said):
    path = tmp_path / "model.xml"
    path.write_text(text)
    with pytest.raises(SceneError, match=said):
        read_scene(path, keyframe=name)


def test_dry_friction_is_that_of_mujoco(tmp_path):
    """Free fall of an arm with friction: MuJoCo's is slightly soft."""
    path = tmp_path / "model.xml"
    path.write_text(
        """<mujoco><option timestep="1e-4"/><worldbody><body>
        <joint axis="0 1 0" frictionloss=".3" solreffriction="1e-3 1" solimpfriction=".999 .9999 1e-4"/>
        <geom size=".1" pos=".3 0 0" mass="1"/></body></worldbody></mujoco>"""
    )
    pair = Pair(path)
    ours = simulate(pair, 0.5, 1e-3)
    mujoco.mj_resetData(pair.mj, pair.data)
    for _ in range(5000):
        mujoco.mj_step(pair.mj, pair.data)
    assert float(ours.joint_q.numpy()[0]) == pytest.approx(float(pair.data.qpos[0]), rel=5e-3)
    assert isinstance(pair.arrays()[0], en.array)


@pytest.mark.parametrize(
    "actuator",
    [
        '<motor joint="j" gear="100" ctrlrange="-1 1"/>',
        '<motor joint="j" gear="-2" forcerange="-3 1"/><motor joint="j"/>',
        '<general joint="j" gainprm="3" biastype="affine" biasprm="1 2 .5" gear="2"/>',
        '<damper joint="j" kv="2" ctrlrange="0 1"/>',
    ],
)
def test_motors_push_as_in_mujoco(tmp_path, actuator):
    """What is no servo: the acceleration at a random state under a control of 1.7."""
    path = tmp_path / "model.xml"
    path.write_text(
        f"""<mujoco><compiler angle="radian"/><option gravity="0 0 0"/><worldbody><body>
        <joint name="j" axis="0 1 0" ref=".2"/><geom size=".1" pos=".3 0 0"/></body></worldbody>
        <actuator>{actuator}</actuator></mujoco>"""
    )
    pair = Pair(path)
    pair.randomise(1)
    control = pair.model.control()
    if "damper" not in actuator:
        pair.data.ctrl[:] = 1.7
        control.ctrl.fill_(1.7)
    mujoco.mj_forward(pair.mj, pair.data)
    now, after = pair.model.state(), pair.model.state()
    q, qd = pair.arrays()
    now.joint_q.assign(q)
    now.joint_qd.assign(qd)
    sim.FeatherstoneIntegrator().simulate(pair.model, now, after, 1e-4, control)
    assert float(after.joint_qdd.numpy()[0]) == pytest.approx(float(pair.data.qacc[0]), rel=2e-3, abs=1e-3)
