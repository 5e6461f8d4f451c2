"""add_robot: robots from files in a builder of one's own."""

import numpy as np
import pytest

import sim
from sim.geometry.rotation import quat_from_axis_angle
from usd_io import add_robot, read_mjcf
from usd_io.author import author_stage

ARM = """<mujoco model="arm"><worldbody>
  <body name="base" pos="0 0 1"><geom size=".1"/>
    <body name="link" pos="0 0 .5"><joint name="hinge" axis="0 1 0"/><geom type="capsule" fromto="0 0 0 1 0 0" size=".05"/>
      <body name="tool" pos="1 0 0"><geom size=".1"/></body></body></body>
</worldbody></mujoco>"""


@pytest.fixture
def arm(tmp_path):
    (tmp_path / "arm.xml").write_text(ARM)
    return tmp_path / "arm.xml"


def placed(builder):
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    return model, state.body_q.numpy()[:, :3]


def test_the_robot_stands_upright_in_the_builders_world(arm):
    builder = sim.ModelBuilder()  # y up, the robot's z is up
    bindings = add_robot(builder, arm, ((5.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)))
    model, positions = placed(builder)
    assert np.allclose(positions[bindings.body_index("/arm/link")], [5.0, 1.5, 0.0], atol=1e-6)
    assert np.allclose(model.gravity, [0.0, -9.80665, 0.0]) and model.ground


def test_indices_count_on_from_what_is_there(arm):
    builder = sim.ModelBuilder(up_vector=(0, 0, 1))
    builder.add_shape_sphere(builder.add_body(), radius=0.1)
    builder.add_joint_free(0)
    first, second = (
        add_robot(builder, arm),
        add_robot(builder, arm, ((0, 3, 0), quat_from_axis_angle((0, 0, 1), np.pi / 2))),
    )
    assert [b.index for b in first.bodies] == [1, 2, 3] and [b.index for b in second.bodies] == [4, 5, 6]
    assert builder.joint_name[second.joints["/arm/hinge"]] == "/arm/hinge" and second.joints["/arm/hinge"] > 3
    _, positions = placed(builder)
    assert np.allclose(positions[second.body_index("/arm/tool")], [0.0, 4.0, 1.5], atol=1e-6)


def test_self_collisions_can_be_switched_off(arm):
    for wanted, pairs in ((True, 1), (False, 0)):
        builder = sim.ModelBuilder()
        builder.ground = False
        add_robot(builder, arm, self_collisions=wanted)
        # base and tool; base is fixed to the world, but it has mass, and so may be pushed as far as filters know
        assert builder.finalize().shape_contact_pair_count == pairs


def test_fixed_joints_can_be_collapsed(arm):
    builder = sim.ModelBuilder()
    bindings = add_robot(builder, arm, collapse_fixed_joints=True)
    assert builder.body_count == 1
    assert [b.index for b in bindings.bodies] == [-1, 0, 0]
    assert builder.joint_count == 1


def test_many_robots_are_replicas_of_one(arm):
    one, many = sim.ModelBuilder(), sim.ModelBuilder()
    add_robot(one, arm)
    many.replicate(one, 10)
    assert many.finalize().kinematic_trees.count == 10


def test_usd_robots_start_as_their_bodies_stand(tmp_path, arm):
    stage = tmp_path / "arm.usda"
    author_stage(read_mjcf(arm), stage, physics=True)
    builder = sim.ModelBuilder(up_vector=(0, 0, 1))
    bindings = add_robot(builder, stage)
    _, positions = placed(builder)
    assert np.allclose(positions[bindings.body_index("/arm/tool")], [1.0, 0.0, 1.5], atol=1e-5)
