"""Robots written as UsdPhysics stages read back as the same models."""

import numpy as np
import pytest

import sim
from sim.geometry.rotation import transform_points
from tests.usd_io.mjcf.against_mujoco import MODELS
from tests.usd_io.validation import new_errors
from usd_io import emit, read_scene, read_usd
from usd_io.author import author_stage
from usd_io.author.frames import aligned_axes
from usd_io.records import JointAxisRecord
from usd_io.shape_records import EllipsoidShape, MeshShape, Plane

ROBOTS = [
    "mjcf/mujoco/humanoid/humanoid.xml",
    "mjcf/wonik_allegro/right_hand.xml",
    "mjcf/mujoco/cube/cube_3x3x3.xml",
    "mjcf/mujoco/car/car.xml",
    "urdf/bullet3/kuka_iiwa/model.urdf",
    "urdf/bullet3/r2d2.urdf",
    "urdf/bullet3/quadruped/quadruped.urdf",
]


def built(record):
    builder = sim.ModelBuilder()
    bindings = emit(record, builder)
    model = builder.finalize()
    bindings.configure(model)
    return model, bindings


@pytest.fixture(params=ROBOTS)
def both(request, tmp_path):
    """(record, model, bindings) of a robot, and of the stage it was written to, and that stage's path."""
    path = MODELS / request.param
    if not path.exists():
        pytest.skip("shared models are not here")
    record, output = read_scene(path), tmp_path / "robot.usda"
    author_stage(record, output, physics=True)
    again = read_usd(output)
    return (record, *built(record)), (again, *built(again)), output


def test_bodies_masses_and_contacts_are_the_same(both):
    (record, model, _), (again, copy, _), _ = both
    masses = {b.path: (b.mass, b.com, b.inertia, b.X_wb[:3]) for b in again.bodies}
    assert len(masses) == len(record.bodies)
    for body in record.bodies:
        mass, com, inertia, position = masses[body.path]
        assert mass == pytest.approx(body.mass, rel=1e-5, abs=1e-8)
        assert np.allclose(com, body.com, atol=1e-6)
        assert np.allclose(inertia, body.inertia, atol=1e-5 * np.abs(body.inertia).max() + 1e-10)
        assert np.allclose(position, body.X_wb[:3], atol=1e-6)
    assert copy.shape_contact_pair_count == model.shape_contact_pair_count
    assert np.allclose(copy.gravity, model.gravity, atol=1e-5)


def test_dynamics_are_the_same(both):
    """Axes may point the other way and dofs come in another order; frequencies of the mass matrix know neither."""
    (_, model, _), (_, copy, _), _ = both
    assert copy.joint_dof_count == model.joint_dof_count
    spectra = [
        np.sort(
            np.concatenate([np.linalg.eigvalsh(H.astype(float)) for H in sim.eval_mass_matrix(m, m.joint_q).numpy()])
        )
        for m in (model, copy)
    ]
    assert np.allclose(spectra[0], spectra[1], rtol=1e-4, atol=1e-6 * spectra[0].max())
    for name in ("joint_armature", "joint_damping", "joint_stiffness", "joint_friction"):
        values = [np.sort(getattr(m, name).numpy()) for m in (model, copy)]
        assert np.allclose(*values, rtol=1e-5), name
    for name in ("joint_target_ke", "joint_target_kd"):
        assert np.allclose(*(np.sort(getattr(m, name).numpy()) for m in (model, copy)), rtol=1e-5), name
    width = [np.sort(m.joint_limit_upper.numpy() - m.joint_limit_lower.numpy()) for m in (model, copy)]
    assert np.allclose(*width, rtol=1e-4)


def test_the_motion_is_the_same(both):
    """Pushed by the same wind, as many robots stand in balance otherwise."""
    ends = []
    for record, _, _ in both[:2]:
        model, bindings = built(record)
        now, after, integrator = model.state(), model.state(), sim.FeatherstoneIntegrator()
        sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
        wind = np.zeros((model.body_count, 6), np.float32)
        wind[:, 3:] = model.body_mass.numpy()[:, None] * [70.0, -50.0, 30.0]
        for state in (now, after):
            state.body_f.assign(wind)
        for _ in range(100):
            integrator.simulate(model, now, after, 1e-3)
            now, after = after, now
        # A point beside each centre of mass: it moves when the body only turns.
        points = transform_points(now.body_q.numpy().astype(float), model.body_com.numpy() + 0.1)
        ends.append({b.path: points[bindings.body_index(b.path)] for b in record.bodies})
    start = {b.path: transform_points(b.X_wb, b.com + 0.1) for b in both[0][0].bodies}
    moved = max(np.abs(ends[0][p] - start[p]).max() for p in start)
    assert moved > 1e-5
    assert max(np.abs(ends[0][p] - ends[1][p]).max() for p in start) < 1e-4 * moved + 1e-6


def test_colliders_are_the_same_to_the_last_digit_of_single_precision(both):
    (record, *_), (again, *_), _ = both
    there = {c.path.removesuffix("_plane"): c for c in again.colliders}
    assert there.keys() == {c.path for c in record.colliders}
    for collider in record.colliders:
        copy = there[collider.path]
        assert type(copy.shape) is type(collider.shape) or isinstance(collider.shape, EllipsoidShape)
        if isinstance(collider.shape, MeshShape):
            assert np.allclose(copy.shape.points, collider.shape.points, rtol=1.2e-7, atol=1e-12)
            assert np.array_equal(copy.shape.triangles, collider.shape.triangles)
        elif not isinstance(collider.shape, Plane):
            for name, value in vars(collider.shape).items():
                assert name == "axis" or np.allclose(getattr(copy.shape, name), value, rtol=1e-7, atol=0.0)
        X, Y = (
            transform_points(c.X_bs, np.eye(3) if not isinstance(c.shape, Plane) else np.eye(3)[2:])
            for c in (collider, copy)
        )
        assert np.allclose(X, Y, rtol=0.0, atol=1e-7)


def test_the_stage_is_valid(both):
    assert new_errors(both[2]) == []


@pytest.mark.parametrize(
    "axes",
    [
        [("angular", (0, 0, 1))],
        [("angular", (1, 0, 0)), ("angular", (0, 0, 1)), ("angular", (0, 1, 0))],
        [("linear", (0, 1, 0)), ("linear", (1, 0, 0)), ("angular", (0, 0, -1))],
        [("linear", (1, 0, 0)), ("angular", (1, 0, 0))],
        [("angular", (0.6, 0.8, 0)), ("angular", (-0.8, 0.6, 0))],
    ],
)
def test_axes_become_columns_of_a_rotation_in_order(axes):
    records = [JointAxisRecord(kind, np.array(axis, float)) for kind, axis in axes]
    frame = aligned_axes(records)
    assert np.allclose(frame.rotation.T @ frame.rotation, np.eye(3)) and np.linalg.det(frame.rotation) > 0.0
    for record, column, sign in zip(records, frame.column, frame.sign, strict=True):
        assert np.allclose(sign * frame.rotation[:, column], record.axis)
    turning = [c for r, c in zip(records, frame.column, strict=True) if r.kind == "angular"]
    assert turning == sorted(turning)


def test_axes_that_are_not_perpendicular_have_no_frame():
    assert aligned_axes([JointAxisRecord("angular", np.array(a)) for a in ([1.0, 0, 0], [0.6, 0.8, 0])]) is None
