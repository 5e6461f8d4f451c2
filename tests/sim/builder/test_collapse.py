"""collapse_fixed_joints: the same motion of fewer bodies."""

import numpy as np
import pytest

import sim
from sim.geometry.rotation import transform_multiply


def machine() -> sim.ModelBuilder:
    """world -fixed- stand -hinge- arm -fixed- (hand -fixed- finger), arm -slider- tool."""
    rng = np.random.default_rng(1)

    def pose():
        q = rng.normal(size=4)
        return np.concatenate([rng.normal(size=3), q / np.linalg.norm(q)])

    builder = sim.ModelBuilder(gravity=-9.81)
    builder.ground = False
    for name in ("stand", "arm", "hand", "finger", "tool"):
        body = builder.add_body(m=1.0, com=0.1 * rng.normal(size=3), I_m=np.diag([0.2, 0.3, 0.4]), name=name)
        builder.add_shape_sphere(body, 0.2 * rng.normal(size=3), radius=0.1, density=0.0, name=f"{name}_ball")
    stand, arm, hand, finger, tool = range(5)
    builder.add_articulation()
    builder.add_joint_fixed(-1, stand, pose(), pose(), name="bolts")
    builder.add_joint_revolute(stand, arm, pose(), pose(), axis=(0, 1, 1), name="hinge")
    builder.add_joint_fixed(hand, finger, pose(), pose(), name="glue")  # before its parent's own joint, on purpose
    builder.add_joint_fixed(arm, hand, pose(), pose(), name="weld")
    builder.add_articulation()
    builder.add_joint_prismatic(arm, tool, pose(), pose(), axis=(1, 0, 0), name="slider")
    builder.joint_q[:] = 0.3, 0.2
    builder.joint_qd[:] = 1.0, -0.5
    return builder


def after_some_steps(builder):
    model = builder.finalize()
    now, after, integrator = model.state(), model.state(), sim.FeatherstoneIntegrator()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for _ in range(100):
        integrator.simulate(model, now, after, 1e-3)
        now, after = after, now
    poses = np.concatenate([now.body_q.numpy().astype(float), [[0, 0, 0, 0, 0, 0, 1]]])
    return now.joint_q.numpy(), transform_multiply(poses[model.shape_body.numpy()], model.shape_transform.numpy())


def test_joints_and_shapes_move_as_before():
    whole, merged = machine(), machine()
    merged.collapse_fixed_joints()
    assert merged.body_name == ["arm", "tool"]
    assert merged.joint_name == ["hinge", "slider"]
    (q, shapes), (q_merged, shapes_merged) = after_some_steps(whole), after_some_steps(merged)
    assert np.abs(q - [0.3, 0.2]).max() > 0.01
    assert np.allclose(q_merged, q, atol=1e-5)
    assert np.allclose(shapes_merged[:, :3], shapes[:, :3], atol=1e-5)


def test_remap_says_where_everything_went():
    builder = machine()
    remap = builder.collapse_fixed_joints()
    assert remap["body_remap"].tolist() == [-1, 0, 0, 0, 1]
    assert remap["joint_remap"].tolist() == [-1, 0, -1, -1, 1]
    assert builder.articulation_start.view.tolist() == [0, 1]
    assert builder.shape_body.view.tolist() == [-1, 0, 0, 0, 1]
    assert builder.body_mass.view.tolist() == [3.0, 1.0]


def test_a_collapsed_builder_can_be_copied():
    builder, many = machine(), sim.ModelBuilder()
    builder.collapse_fixed_joints()
    many.replicate(builder, 3)
    assert many.finalize().joint_parent.numpy().tolist() == [-1, 0, -1, 2, -1, 4]


def test_a_fixed_joint_that_closes_a_loop_stays():
    builder = sim.ModelBuilder()
    a, b = builder.add_body(m=1.0), builder.add_body(m=1.0)
    builder.add_joint_revolute(-1, a)
    builder.add_joint_revolute(-1, b)
    builder.add_joint_fixed(a, b)
    builder.collapse_fixed_joints()
    assert (builder.body_count, builder.joint_count) == (2, 3)


def test_fixed_joints_in_a_circle_end(capsys):
    builder = sim.ModelBuilder()
    a, b = builder.add_body(m=1.0), builder.add_body(m=1.0)
    builder.add_joint_fixed(a, b)
    builder.add_joint_fixed(b, a)
    builder.collapse_fixed_joints()
    assert builder.body_count == 2


def test_verbose_tells_what_becomes_of_bodies(capsys):
    machine().collapse_fixed_joints(verbose=True)
    said = capsys.readouterr().out
    assert "stand becomes part of the world" in said and "finger becomes part of arm" in said


@pytest.mark.parametrize("bodies", [0, 3])
def test_nothing_to_collapse_changes_nothing(bodies):
    builder = sim.ModelBuilder()
    for _ in range(bodies):
        builder.add_body(m=1.0)
    builder.collapse_fixed_joints()
    assert builder.body_count == bodies
