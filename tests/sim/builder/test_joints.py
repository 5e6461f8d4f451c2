"""add_joint_*: what is stored, what is refused, copies, and which shapes joints keep apart."""

import warnings

import numpy as np
import pytest

import sim
from sim.builder.tables import COLUMNS
from sim.geometry.rotation import rotation_matrix, transform_multiply
from tests.call_count import python_calls

TURN = np.array([0.5, -0.5, 0.5, 0.5])
POSES = np.array([[10.0, 0, 0, 0, 0, 0, 1], [0, 0, 5, *TURN], [0, 7, 0, 0, np.sqrt(0.5), 0, np.sqrt(0.5)]])


def robot() -> sim.ModelBuilder:
    """A floating base with an arm, and a door on the world's wall."""
    builder = sim.ModelBuilder()
    base, arm, door = (builder.add_body(((0.1, 1.0, 0.2), TURN), name=n) for n in ("base", "arm", "door"))
    for body in (base, arm, door):
        builder.add_shape_box(body, hx=0.1)
    builder.add_articulation()
    builder.add_joint_free(base, ((0.3, 0, 0), TURN))
    builder.add_joint_revolute(base, arm, ((0.5, 0, 0), TURN), axis=(0, 1, 0), limit_lower=-1.0, limit_upper=1.0)
    builder.add_articulation()
    builder.add_joint_prismatic(-1, door, ((1, 2, 3), TURN), axis=(0, 0, 1))
    builder.joint_q[-2:] = 0.4, 0.1
    builder.joint_qd[:6] = 1, 2, 3, 4, 5, 6
    return builder


def placed(builder):
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    return state.body_q.numpy().astype(float), state.body_qd.numpy().astype(float)


def test_starts_count_coordinates_dofs_and_axes():
    model = robot().finalize()
    assert model.joint_q_start.numpy().tolist() == [0, 7, 8, 9]
    assert model.joint_qd_start.numpy().tolist() == [0, 6, 7, 8]
    assert model.joint_axis_start.numpy().tolist() == [0, 0, 1, 2]
    assert model.articulation_start.numpy().tolist() == [0, 2, 3]
    assert (model.joint_count, model.joint_dof_count, model.joint_axis_count, model.articulation_count) == (3, 8, 2, 2)


def test_a_free_joint_starts_where_its_body_is():
    builder = robot()
    assert np.allclose(placed(builder)[0][0], builder.body_q[0], atol=1e-6)


def test_copies_equal_one_robot_moved():
    alone, alone_qd = placed(robot())
    many = sim.ModelBuilder()
    many.replicate_at(robot(), POSES)
    q, qd = placed(many)
    for c, pose in enumerate(POSES):
        moved = transform_multiply(pose, alone)
        assert np.allclose(q[3 * c : 3 * c + 3, :3], moved[:, :3], atol=1e-5)
        assert np.allclose(rotation_matrix(q[3 * c : 3 * c + 3, 3:]), rotation_matrix(moved[:, 3:]), atol=1e-5)
        R = rotation_matrix(pose[3:])
        turned = np.concatenate([alone_qd[:, :3] @ R.T, alone_qd[:, 3:] @ R.T], axis=1)
        assert np.allclose(qd[3 * c : 3 * c + 3], turned, atol=1e-4)


def test_replicating_equals_adding_one_by_one():
    many, one_by_one = sim.ModelBuilder(), sim.ModelBuilder()
    many.replicate_at(robot(), POSES)
    for pose in POSES:
        one_by_one.add_builder(robot(), pose)
    for spec in COLUMNS:
        assert np.array_equal(getattr(many, spec.name).view, getattr(one_by_one, spec.name).view), spec.name


def test_replication_does_not_loop_over_copies():
    source, few, many = robot(), sim.ModelBuilder(), sim.ModelBuilder()
    assert python_calls(lambda: many.replicate(source, 2000)) < 2 * python_calls(lambda: few.replicate(source, 20))
    trees = many.finalize().kinematic_trees
    assert trees.count == 4000


def test_parent_and_child_do_not_collide_unless_asked():
    for filtered in (True, False):
        builder = sim.ModelBuilder()
        a, b = builder.add_body(), builder.add_body()
        for body in (a, b, a):
            builder.add_shape_sphere(body, radius=0.1)
        builder.add_joint_revolute(a, b, collision_filter_parent=filtered)
        expected = [] if filtered else [[0, 1], [1, 2]]
        pairs = [p for p in builder.finalize().shape_contact_pairs.numpy().tolist() if p[1] < 3]
        assert pairs == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.add_joint_revolute(0, 7), "child = 7"),
        (lambda b: b.add_joint_revolute(0, 0), "parent = child = 0"),
        (lambda b: b.add_joint_revolute(-1, 0, axis=(0, 0, 0)), "axis"),
        (lambda b: b.add_joint_revolute(-1, 0, limit_lower=1.0, limit_upper=-1.0), "limits"),
        (lambda b: b.add_joint_revolute(-1, 0, limit_lower=np.nan), "nan"),
        (lambda b: b.add_joint_revolute(-1, 0, target_ke=-1.0), "target_ke"),
        (lambda b: b.add_joint_revolute(-1, 0, mode=9), "mode = 9"),
        (lambda b: b.add_joint_revolute(-1, 0, ((0, 0, 0), (0, 0, 0, 0))), "parent_xform"),
        (lambda b: b.add_joint(99, -1, 0), "joint_type = 99"),
        (lambda b: b.add_joint(sim.JOINT_REVOLUTE, -1, 0), "0 linear and 0 angular"),
        (lambda b: b.add_joint_d6(-1, 0, [(1, 0, 0)] * 4), "4 linear"),
    ],
)
def test_wrong_joints_are_refused_and_leave_nothing_behind(call, message):
    builder = sim.ModelBuilder()
    builder.add_body()
    before = builder.family_sizes()
    with pytest.raises(sim.SimError, match=message):
        call(builder)
    assert builder.family_sizes() == before


def test_control_starts_with_the_drives_targets():
    builder = sim.ModelBuilder()
    builder.add_joint_revolute(-1, builder.add_body(), target=0.3, mode=sim.JOINT_MODE_TARGET_POSITION)
    control = builder.finalize().control()
    assert control.joint_act.numpy().tolist() == [np.float32(0.3)]
    assert control.joint_target is control.joint_act
    assert control.joint_f.numpy().tolist() == [0.0]


def test_a_free_root_without_mass_is_said():
    builder = sim.ModelBuilder()
    root, pole = builder.add_body(name="trunk"), builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_free(root)
    builder.add_joint_revolute(root, pole, axis=(0, 0, 1))
    with pytest.warns(sim.SimWarning, match="'trunk' shall move freely"):
        builder.finalize()


def test_a_free_root_with_mass_fixed_to_it_is_fine():
    builder = sim.ModelBuilder()
    root, load = builder.add_body(name="trunk"), builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_free(root)
    builder.add_joint_fixed(root, load)
    with warnings.catch_warnings():
        warnings.simplefilter("error", sim.SimWarning)
        builder.finalize()
