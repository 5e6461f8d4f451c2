"""Euler angles, twists and frame changes against SciPy's rotations and homogeneous matrices."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import engine as en

ORDERS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
rng = np.random.default_rng(11)


def same_rotation(a, b, tolerance=1e-12):
    a, b = np.asarray(a), np.asarray(b)
    assert min(np.abs(a - b).max(), np.abs(a + b).max()) < tolerance, (a, b)


def unit(v):
    return v / np.linalg.norm(v)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_euler_angles_are_scipys_about_fixed_axes(order):
    for e in rng.uniform(-1.5, 1.5, (20, 3)):
        q = en.quat_from_euler(en.vec3d(*e), *order)
        want = Rotation.from_euler("".join("xyz"[k] for k in order), [e[k] for k in order]).as_quat()
        same_rotation(q, want)
        np.testing.assert_allclose(np.asarray(en.quat_to_euler(q, *order)), e, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_euler_angles_at_gimbal_lock_give_the_rotation_back(order, sign):
    e = en.vec3d(0.3, 0.4, -0.7)
    e[order[1]] = sign * np.pi / 2
    q = en.quat_from_euler(e, *order)
    same_rotation(en.quat_from_euler(en.quat_to_euler(q, *order), *order), q, 1e-7)


@en.kernel
def euler_round_trip(e: en.array(dtype=en.vec3), i: int, j: int, k: int, out: en.array(dtype=en.vec3)):
    t = en.tid()
    out[t] = en.quat_to_euler(en.quat_from_euler(e[t], i, j, k), i, j, k)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_euler_angles_in_kernels(order):
    e = en.array(rng.uniform(-1.4, 1.4, (50, 3)), dtype=en.vec3)
    out = en.zeros_like(e)
    en.launch(euler_round_trip, 50, inputs=[e, *order], outputs=[out])
    np.testing.assert_allclose(out.numpy(), e.numpy(), atol=2e-6)


def test_roll_pitch_yaw_come_back():
    for rpy in rng.uniform(-1.4, 1.4, (20, 3)):
        q = en.quat_rpy(*map(en.float64, rpy))
        same_rotation(q, Rotation.from_euler("xyz", rpy).as_quat())
        np.testing.assert_allclose(np.asarray(en.quat_to_rpy(q)), rpy, atol=1e-12)


def test_swing_and_twist_multiply_to_the_rotation():
    for axis, q in zip(rng.normal(size=(20, 3)), Rotation.random(20, random_state=4).as_quat()):
        axis, q = en.vec3d(*unit(axis)), en.quatd(*q)
        twist = en.quat_twist(axis, q)
        swing = q * en.quat_inverse(twist)
        assert abs(en.dot(en.vec3d(*list(swing)[:3]), axis)) < 1e-12  # the swing turns about a perpendicular axis
        angle = en.quat_twist_angle_signed(axis, q)
        same_rotation(en.quat_from_axis_angle(axis, angle), twist)
        assert en.quat_twist_angle(axis, q) == abs(angle)


def test_rotation_between_vectors_turns_one_onto_the_other():
    pairs = [*rng.normal(size=(20, 2, 3)), *([v, -v] for v in np.eye(3)), *([v, 2 * v] for v in np.eye(3))]
    for a, b in pairs:
        q = en.quat_between_vectors(en.vec3d(*a), en.vec3d(*b))
        np.testing.assert_allclose(np.asarray(en.quat_rotate(q, en.vec3d(*unit(a)))), unit(b), atol=1e-7)
        assert abs(np.linalg.norm(np.asarray(q)) - 1.0) < 1e-12


def test_transforms_and_matrices_describe_one_motion():
    p, q = en.vec3d(1.0, -2.0, 0.5), en.quatd(*Rotation.random(random_state=1).as_quat())
    t = en.transformd(p, q)
    m = en.transform_to_matrix(t)
    x = en.vec3d(0.3, 0.7, -1.1)
    np.testing.assert_allclose(np.asarray(en.transform_point(m, x)), np.asarray(en.transform_point(t, x)), atol=1e-14)
    back = en.transform_from_matrix(m)
    np.testing.assert_allclose(np.asarray(back.p), np.asarray(p), atol=1e-15)
    same_rotation(back.q, q)


@pytest.mark.parametrize("scale", [(1.0, 2.0, 3.0), (0.5, 0.5, -2.0)])
def test_composed_matrix_decomposes(scale):
    p, q, s = en.vec3d(1.0, -2.0, 0.5), en.quatd(*Rotation.random(random_state=2).as_quat()), en.vec3d(*scale)
    position, rotation, size = en.transform_decompose(en.transform_compose(p, q, s))
    np.testing.assert_allclose(np.asarray(position), np.asarray(p), atol=1e-14)
    np.testing.assert_allclose(np.asarray(size), scale, atol=1e-14)
    same_rotation(rotation, q)


def test_power_is_the_same_in_every_frame():
    t = en.transformd(en.vec3d(1.0, 2.0, 3.0), en.quatd(*Rotation.random(random_state=3).as_quat()))
    twist, wrench = (en.spatial_vectord(*rng.normal(size=6)) for _ in range(2))
    moved = en.dot(en.transform_twist(t, twist), en.transform_wrench(t, wrench))
    assert abs(moved - en.dot(twist, wrench)) < 1e-13


def test_twist_moves_points_as_the_motion_does():
    t = en.transformd(en.vec3d(1.0, 2.0, 3.0), en.quatd(*Rotation.random(random_state=3).as_quat()))
    twist, x = en.spatial_vectord(*rng.normal(size=6)), en.vec3d(*rng.normal(size=3))
    there = en.velocity_at_point(en.transform_twist(t, twist), en.transform_point(t, x))
    here = en.transform_vector(t, en.velocity_at_point(twist, x))
    np.testing.assert_allclose(np.asarray(there), np.asarray(here), atol=1e-14)


def test_spatial_adjoint_is_the_twist_map():
    t = en.transformd(en.vec3d(1.0, 2.0, 3.0), en.quatd(*Rotation.random(random_state=3).as_quat()))
    r = en.quat_to_matrix(t.q)
    twist = en.spatial_vectord(*rng.normal(size=6))
    mapped = en.spatial_adjoint(r, en.skew(t.p) * r) * twist
    np.testing.assert_allclose(np.asarray(mapped), np.asarray(en.transform_twist(t, twist)), atol=1e-14)


@en.kernel
def set_parts(t: en.array(dtype=en.transform), p: en.vec3, q: en.quat):
    i = en.tid()
    x = t[i]
    en.transform_set_translation(x, p)
    en.transform_set_rotation(x, q)
    t[i] = x


def test_parts_of_a_transform_are_set_in_place():
    t = en.zeros(1, dtype=en.transform)
    en.launch(set_parts, 1, inputs=[t, en.vec3(1, 2, 3), en.quat(4, 5, 6, 7)])
    np.testing.assert_array_equal(t.numpy()[0], [1, 2, 3, 4, 5, 6, 7])
    x = en.transform()
    en.transform_set_translation(x, en.vec3(1, 2, 3))
    assert x == en.transform(1, 2, 3, 0, 0, 0, 1)


def test_transform_from_one_sequence():
    t = en.transform(en.vec3(1.0, 2.0, 3.0), en.quat(0.0, 0.6, 0.0, 0.8))
    assert en.transform_expand((1.0, 2.0, 3.0, 0.0, 0.6, 0.0, 0.8)) == t
    assert en.transform_expand((t.p, t.q)) == t
    assert en.transform_expand(t) == t
