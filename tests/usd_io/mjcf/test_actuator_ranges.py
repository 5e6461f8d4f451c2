"""The force that a joint allows its actuators, beside MuJoCo's `qfrc_actuator` and the motion that comes out."""

import pytest

import sim
from usd_io import emit, read_scene

mujoco = pytest.importorskip("mujoco")

MODEL = """<mujoco><option gravity="0 0 0" timestep="0.001"/><worldbody><body>
<joint name="j" axis="0 0 1" armature="0" actuatorfrcrange="{range}"/>
<geom type="capsule" fromto="0 0 0 .5 0 0" size=".05"/></body></worldbody><actuator>{actuators}</actuator></mujoco>"""
MOTOR = '<motor name="m" joint="j" gear="{gear}" ctrlrange="-9 9" {more}/>'
ACTUATORS = {
    "a motor": ("-2 2", MOTOR.format(gear=1, more=""), 5.0),
    "a motor of a range of its own": ("-2 2", MOTOR.format(gear=1, more='forcerange="-1 1"'), 5.0),
    "a geared motor": ("-2 2", MOTOR.format(gear=3, more=""), 5.0),
    "a motor that turns the other way": ("-2 1", MOTOR.format(gear=-3, more=""), -5.0),
    "uneven": ("-2 .5", MOTOR.format(gear=1, more=""), 5.0),
    "a servo": ("-2 2", '<position name="m" joint="j" kp="50" kv="1"/>', 1.0),
    "a servo of a range of its own": ("-2 2", '<position name="m" joint="j" kp="50" kv="1" forcerange="-.5 .5"/>', 1.0),
}


@pytest.mark.parametrize(("limits", "actuators", "control"), ACTUATORS.values(), ids=ACTUATORS)
def test_a_joint_speeds_up_as_in_mujoco(tmp_path, limits, actuators, control):
    file = tmp_path / "model.xml"
    key = f'<keyframe><key name="k" ctrl="{control}"/></keyframe></mujoco>'
    file.write_text(MODEL.format(range=limits, actuators=actuators).replace("</mujoco>", key))
    mj = mujoco.MjModel.from_xml_path(str(file))
    data = mujoco.MjData(mj)
    mujoco.mj_resetDataKeyframe(mj, data, 0)
    record, builder = read_scene(file, keyframe="k"), sim.ModelBuilder()
    assert not record.warnings
    emit(record, builder)
    model, solver = builder.finalize(), sim.FeatherstoneIntegrator()
    now, after = model.state(), model.state()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for _ in range(100):
        solver.simulate(model, now, after, 1e-3)
        now, after = after, now
        mujoco.mj_step(mj, data)
    assert abs(data.qvel[0]) > 0.1
    assert float(now.joint_qd.numpy()[0]) == pytest.approx(data.qvel[0], rel=0.01)


def test_several_actuators_of_a_joint_with_a_range_are_named(tmp_path):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format(range="-2 2", actuators=MOTOR.format(gear=1, more="") + '<motor joint="j"/>'))
    assert ["several actuators" in w.message for w in read_scene(file).warnings] == [True]


def test_a_range_that_does_not_hold_changes_nothing(tmp_path):
    file = tmp_path / "model.xml"
    text = MODEL.format(range='-2 2" actuatorfrclimited="false', actuators=MOTOR.format(gear=1, more=""))
    file.write_text(text)
    assert read_scene(file).actuators[0].force_range is None
