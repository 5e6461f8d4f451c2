"""Equality constraints, coupled joints, ranges, sites, cameras and lights on a stage, and read back from it."""

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdLux

import sim
from tests.usd_io.validation import new_errors
from usd_io import emit, read_scene, read_usd
from usd_io.author import author_stage

MODEL = """<mujoco model="m"><compiler angle="radian"/><worldbody>
<camera name="eye" pos="0 -3 1" xyaxes="1 0 0 0 0 1" fovy="60"/><light pos="0 0 4" dir="0 .1 -1" diffuse="1 .5 .2"/>
<body name="a"><joint name="a" axis="0 1 1" ref=".2" range="-1 2"/><geom size=".1" pos=".3 0 0"/><site name="s" pos="1 2 3"/>
  <body name="b" pos=".5 0 0"><joint name="b" axis="0 -1 0" frictionloss=".2"/><joint name="c" axis="1 0 0"/><geom size=".1" pos=".3 0 0"/></body></body>
<body name="d" pos="1 0 1" euler=".3 .2 .1"><joint type="ball" range="0 .7"/><geom size=".1" pos=".3 0 0"/></body>
<body name="e" pos="1 0 2"><freejoint/><geom size=".1"/></body>
</worldbody><equality>
<joint joint1="c" joint2="a" polycoef=".1 -2 .3 0 .5"/><joint joint1="b" polycoef=".3"/>
<connect name="tie" body1="b" body2="e" anchor=".1 .2 .3"/><weld name="glue" body1="d" body2="e"/><weld name="world_glue" body1="e"/>
</equality><actuator><motor joint="b" gear="3" /><position joint="a" kp="20" forcerange="-3 3"/></actuator>
<keyframe><key name="k" ctrl="2 .3"/></keyframe></mujoco>"""


@pytest.fixture
def both(tmp_path):
    """The record, what comes back from the stage, and the stage's path."""
    source, output = tmp_path / "model.xml", tmp_path / "model.usda"
    source.write_text(MODEL)
    record = read_scene(source, keyframe="k")
    author_stage(record, output, physics=True)
    return record, read_usd(output), output


def model(record):
    builder = sim.ModelBuilder()
    bindings = emit(record, builder)
    made = builder.finalize()
    bindings.configure(made)
    return made, bindings


def test_constraints_come_back(both):
    (one, a), (two, b) = model(both[0]), model(both[1])
    assert one.equality_count == two.equality_count == 5
    assert one.joint_dof_count == two.joint_dof_count
    assert sorted(a.equalities)[0] == "/m/equality_joint"
    for path in ("/m/tie", "/m/glue", "/m/world_glue"):
        i, j = a.equalities[path], b.equalities[path]
        assert one.equality_type.numpy()[i] == two.equality_type.numpy()[j]
        names = [
            {m.body_name[k] if k >= 0 else "world" for k in m.equality_body.numpy()[e]} for m, e in ((one, i), (two, j))
        ]
        assert names[0] == names[1]
        frames = [
            sorted([m.equality_X_1.numpy()[e][:3].tolist(), m.equality_X_2.numpy()[e][:3].tolist()])
            for m, e in ((one, i), (two, j))
        ]
        assert np.allclose(*frames, atol=1e-6)


def test_coupled_axes_mean_the_same_positions(both):
    """At the same poses of all bodies both couplings are violated by the same amount."""
    rng = np.random.default_rng(1)
    residuals = []
    for record in both[:2]:
        made, bindings = model(record)
        if not residuals:
            first, first_bindings = made, bindings
            q = first.joint_q.numpy()
            q[:3] = rng.normal(size=3) * 0.3
            first.joint_q.assign(q)
            pose = first.state()
            sim.eval_fk(first, first.joint_q, first.joint_qd, None, pose)
        state = made.state()
        X = state.body_q.numpy()
        for body in bindings.bodies:
            X[body.index] = pose.body_q.numpy()[first_bindings.body_index(body.path)]
        state.body_q.assign(X)
        sim.eval_ik(made, state, made.joint_q, made.joint_qd)
        q, values = made.joint_q.numpy(), []
        for kind, (i, j), coef in zip(
            made.equality_type.numpy(), made.equality_dof.numpy(), made.equality_coef.numpy(), strict=True
        ):
            if kind == sim.EQUALITY_JOINT:
                coords = [made.joint_q_start.numpy()[np.searchsorted(made.joint_qd_start.numpy(), d, "right") - 1] +
                          d - made.joint_qd_start.numpy()[np.searchsorted(made.joint_qd_start.numpy(), d, "right") - 1]
                          for d in (i, max(j, 0))]  # fmt: skip
                values.append(abs(q[coords[0]] - np.polyval(coef[::-1], q[coords[1]] if j >= 0 else 0.0)))
        residuals.append(sorted(values))
    assert len(residuals[0]) == 2
    assert min(residuals[0]) > 1e-2
    assert np.allclose(*residuals, atol=1e-5)


def test_ranges_drives_and_friction_come_back(both):
    (one, a), (two, b) = model(both[0]), model(both[1])
    ball = next(j.path for j in both[0].joints if j.kind == "ball")
    assert np.allclose(one.joint_ball_limit.numpy()[a.joints[ball]], two.joint_ball_limit.numpy()[b.joints[ball]])
    assert one.joint_ball_limit.numpy()[a.joints[ball], 2] == pytest.approx(0.7)
    for name in ("joint_target_ke", "joint_effort_limit", "joint_friction"):
        assert np.allclose(np.sort(getattr(one, name).numpy()), np.sort(getattr(two, name).numpy()), rtol=1e-5)
    # A stage has no actuators, but the force of the motor: control 2, gear 3.
    assert np.abs(two.joint_act.numpy()).max() == pytest.approx(6.0)
    assert both[0].actuators[0].constant_force == pytest.approx(6.0)


def test_the_cone_of_a_ball_joint_comes_back(tmp_path):
    record = read_scene(_written(tmp_path))
    joint = next(j for j in record.joints if j.kind == "ball")
    joint.cone = (0.4, 0.9)
    author_stage(record, tmp_path / "out.usda", physics=True)
    again = next(j for j in read_usd(tmp_path / "out.usda").joints if j.kind == "ball")
    assert np.allclose(again.cone, joint.cone)
    assert np.allclose(again.X_pj, joint.X_pj, atol=1e-6)


def _written(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(MODEL)
    return path


def test_sites_cameras_and_lights_are_on_the_stage(both):
    stage = Usd.Stage.Open(str(both[2]))
    eye = UsdGeom.Camera(stage.GetPrimAtPath("/m/eye"))
    fov = 2.0 * np.arctan(0.5 * eye.GetVerticalApertureAttr().Get() / eye.GetFocalLengthAttr().Get())
    assert np.degrees(fov) == pytest.approx(60.0, rel=1e-5)
    light = UsdLux.SphereLight(stage.GetPrimAtPath("/m/spot"))
    assert tuple(light.GetColorAttr().Get()) == pytest.approx((1.0, 0.5, 0.2))
    site = UsdGeom.Xformable(stage.GetPrimAtPath("/m/a/s"))
    assert tuple(site.GetLocalTransformation().ExtractTranslation()) == pytest.approx((1, 2, 3))


def test_the_stage_is_valid(both):
    assert new_errors(both[2]) == []
