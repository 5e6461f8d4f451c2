"""add_builder and replicate: index offsets, poses, groups, names."""

import numpy as np
import pytest

import sim
from sim.builder.tables import COLUMNS
from tests.call_count import python_calls

IDENTITY = (0.0, 0.0, 0.0, 1.0)
TURN = np.array([0.5, -0.5, 0.5, 0.5])


def part() -> sim.ModelBuilder:
    """One of everything."""
    builder = sim.ModelBuilder()
    builder.add_cloth_grid((0, 1, 0), IDENTITY, (1, 0, 0), 3, 2, 0.1, 0.1, 0.01, add_springs=True, name="cloth")
    builder.add_soft_grid((1, 1, 0), IDENTITY, (0, 0, 1), 1, 2, 1, 0.1, 0.1, 0.1, 100.0, 1e3, 1e3, 0.0)
    body = builder.add_body(((1, 2, 3), TURN), name="arm", linear_velocity=(1, 2, 3), angular_velocity=(4, 5, 6))
    a = builder.add_shape_box(body, hx=0.1, name="upper")
    b = builder.add_shape_sphere(builder.add_body(), radius=0.1)
    builder.add_shape_plane((0, 1, 0, 0.5), width=0, length=0)
    builder.shape_collision_filter_pairs.add((b, a))
    return builder


POSES = np.array([[10.0, 0, 0, 0, 0, 0, 1], [0, 0, 5, *TURN], [0, 7, 0, 0, np.sqrt(0.5), 0, np.sqrt(0.5)]])


def test_replicating_equals_adding_one_by_one():
    many, one_by_one = sim.ModelBuilder(), sim.ModelBuilder()
    many.replicate_at(part(), POSES)
    for pose in POSES:
        one_by_one.add_builder(part(), pose)
    for spec in COLUMNS:
        assert np.array_equal(getattr(many, spec.name).view, getattr(one_by_one, spec.name).view), spec.name
    assert many.num_envs == one_by_one.num_envs == 3
    assert many.particle_ranges == one_by_one.particle_ranges
    assert many.body_name == one_by_one.body_name == ["arm", "body_1"] * 3
    assert set(many.shape_collision_filter_pairs) == set(one_by_one.shape_collision_filter_pairs) == {
        (0, 1), (3, 4), (6, 7),
    }  # fmt: skip
    many.finalize()


def test_indices_of_the_second_copy_are_offset():
    source = part()
    builder = sim.ModelBuilder()
    builder.add_particle((0, 0, 0), (0, 0, 0), 1.0)
    builder.replicate_at(source, POSES)
    n, t, s = source.particle_count, source.tri_count, source.shape_count
    assert np.array_equal(builder.tri_indices.view[t : 2 * t], source.tri_indices.view + 1 + n)
    border = source.edge_indices.view < 0
    e = source.edge_count
    assert np.array_equal(builder.edge_indices.view[e : 2 * e] < 0, border), "-1 stays -1"
    assert builder.shape_body.view[s : 2 * s].tolist() == [2, 3, -1]
    assert builder.particle_ranges[2].start == 1 + n


def test_pose_moves_particles_bodies_and_static_shapes_only():
    source, builder = part(), sim.ModelBuilder()
    builder.add_builder(source, POSES[1])
    from sim.geometry.rotation import rotate, transform_multiply

    assert np.allclose(builder.particle_q.view, rotate(TURN, source.particle_q.view) + POSES[1, :3], atol=1e-6)
    assert np.allclose(builder.particle_qd.view, rotate(TURN, source.particle_qd.view), atol=1e-6)
    assert np.allclose(builder.body_q.view, transform_multiply(POSES[1], source.body_q.view))
    assert np.allclose(builder.body_qd[0], [*rotate(TURN, np.array([4.0, 5, 6])), *rotate(TURN, np.array([1.0, 2, 3]))])
    static = source.shape_body.view < 0
    assert np.array_equal(builder.shape_transform.view[~static], source.shape_transform.view[~static])
    moved = transform_multiply(POSES[1], source.shape_transform.view[static])
    assert np.allclose(builder.shape_transform.view[static], moved)
    for same in ("tri_poses", "tet_poses", "edge_rest_angle", "body_inertia", "particle_mass"):
        assert np.array_equal(getattr(builder, same).view, getattr(source, same).view)


def test_copies_collide_within_themselves_only_unless_asked():
    source = sim.ModelBuilder()
    for _ in range(2):
        source.add_shape_sphere(source.add_body())
    separate, shared = sim.ModelBuilder(), sim.ModelBuilder()
    separate.replicate(source, 3)
    shared.replicate(source, 3, separate_collision_group=False)
    assert separate.finalize().shape_contact_pairs.numpy().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert shared.finalize().shape_contact_pair_count == 15


def test_replicate_lays_a_centred_grid_with_the_spacing():
    source = sim.ModelBuilder()
    source.add_body()
    builder = sim.ModelBuilder()
    builder.replicate(source, 9, (2.0, 0.0, 3.0))
    p = builder.body_q.view[:, :3]
    assert np.allclose(p.mean(axis=0), 0.0)
    assert sorted(set(p[:, 0])) == [-2, 0, 2] and sorted(set(p[:, 2])) == [-3, 0, 3] and not p[:, 1].any()
    assert len({tuple(x) for x in p.tolist()}) == 9


@pytest.mark.parametrize("up_axis", [0, 1, 2])
def test_default_grid_lies_across_the_up_axis(up_axis):
    source = sim.ModelBuilder()
    source.add_body()
    builder = sim.ModelBuilder(up_vector=np.eye(3)[up_axis])
    builder.replicate(source, 4)
    extent = np.ptp(builder.body_q.view[:, :3], axis=0)
    assert extent.tolist() == [0.0 if axis == up_axis else 5.0 for axis in range(3)]


def test_builder_cannot_be_added_to_itself():
    builder = part()
    with pytest.raises(sim.SimError, match="another"):
        builder.add_builder(builder)


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_replicate_refuses_bad_counts(n):
    with pytest.raises(sim.SimError, match="n = "):
        sim.ModelBuilder().replicate(part(), n)


def test_building_thousands_of_robots_runs_no_python_per_robot():
    robot = sim.ModelBuilder()
    for i in range(13):
        body = robot.add_body(((i, 0, 0), IDENTITY))
        robot.add_shape_capsule(body, radius=0.1, half_height=0.2)
        robot.add_shape_box(body)

    def build(count):
        builder = sim.ModelBuilder()
        builder.replicate(robot, count)
        return builder.finalize()

    few, many = (python_calls(lambda n=n: build(n)) for n in (64, 4096))
    assert many < 2 * few
    model = build(4096)
    assert model.body_count == 13 * 4096 and model.shape_contact_pair_count == 4096 * (26 * 25 // 2 - 13)
