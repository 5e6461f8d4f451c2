"""Quaternions, transforms and spatial vectors against SciPy's rotations and plain algebra."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import engine as en
from tests.engine.library.test_linear_algebra import close, evaluate

KINDS = [en.float32, en.float64]


def sample(kind, seed):
    rng = np.random.default_rng(seed)
    q = Rotation.random(2, random_state=seed).as_quat().astype(kind.np_dtype)
    return q, rng.normal(size=(4, 3)).astype(kind.np_dtype)


@pytest.mark.parametrize("kind", KINDS, ids=lambda t: t.name)
@pytest.mark.parametrize("seed", range(4))
def test_quaternions(kind, seed):
    (a, b), (v, *_) = sample(kind, seed)
    quat, vec, mat = en.quaternion(kind), en.vector(3, kind), en.matrix((3, 3), kind)
    ra, rb = Rotation.from_quat(a), Rotation.from_quat(b)
    one = {"a": (quat, a)}
    close(evaluate(vec, "en.quat_rotate(a, v)", v=(vec, v), **one), ra.apply(v), kind)
    close(evaluate(vec, "en.quat_rotate_inv(a, v)", v=(vec, v), **one), ra.inv().apply(v), kind)
    close(evaluate(mat, "en.quat_to_matrix(a)", **one), ra.as_matrix(), kind)
    close(evaluate(mat, "en.quat_to_matrix(a * b)", b=(quat, b), **one), (ra * rb).as_matrix(), kind)
    close(evaluate(mat, "en.quat_to_matrix(en.quat_inverse(a))", **one), ra.inv().as_matrix(), kind)
    close(evaluate(mat, "en.quat_to_matrix(en.quat_from_matrix(m))", m=(mat, ra.as_matrix())), ra.as_matrix(), kind)
    s = f"en.{kind.name}"
    axis = v / np.linalg.norm(v)
    expected = Rotation.from_rotvec(axis * 0.7).as_matrix()
    close(evaluate(mat, f"en.quat_to_matrix(en.quat_from_axis_angle(v, {s}(0.7)))", v=(vec, axis)), expected, kind)
    expected = Rotation.from_euler("xyz", [0.3, -0.4, 0.5]).as_matrix()
    close(evaluate(mat, f"en.quat_to_matrix(en.quat_rpy({s}(0.3), {s}(-0.4), {s}(0.5)))", **one), expected, kind)
    half = (ra * Rotation.from_rotvec((ra.inv() * rb).as_rotvec() * 0.5)).as_matrix()
    close(evaluate(mat, f"en.quat_to_matrix(en.quat_slerp(a, b, {s}(0.5)))", b=(quat, b), **one), half, kind)


@pytest.mark.parametrize("angle", [0.0, 1e-3, 1.0, 3.0, np.pi])
def test_axis_and_angle_come_back(angle):
    axis = np.array([2.0, -1.0, 2.0]) / 3.0
    q = Rotation.from_rotvec(axis * angle).as_quat()
    source = {"a": (en.quatd, q)}
    got = evaluate(en.vec3d, "en.quat_to_axis_angle(a)[0] * en.quat_to_axis_angle(a)[1]", **source)
    np.testing.assert_allclose(Rotation.from_rotvec(got).as_matrix(), Rotation.from_quat(q).as_matrix(), atol=1e-9)


@pytest.mark.parametrize(
    "turn", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.6, 0, 0, 0.8], [0, -0.8, 0.6, 0]]
)
def test_matrix_of_half_turns_gives_its_quaternion(turn):
    m = Rotation.from_quat(turn).as_matrix()
    got = evaluate(en.quatd, "en.quat_from_matrix(m)", m=(en.mat33d, m))
    np.testing.assert_allclose(Rotation.from_quat(got).as_matrix(), m, atol=1e-12)


def homogeneous(t):
    m = np.eye(4)
    m[:3, :3], m[:3, 3] = Rotation.from_quat(t[3:]).as_matrix(), t[:3]
    return m


@pytest.mark.parametrize("kind", KINDS, ids=lambda t: t.name)
def test_transforms(kind):
    (qa, qb), (pa, pb, x, _) = sample(kind, 7)
    tf, vec = en.transformation(kind), en.vector(3, kind)
    a, b = np.concatenate([pa, qa]), np.concatenate([pb, qb])
    ma, mb = homogeneous(a.astype(float)), homogeneous(b.astype(float))
    ta, tb, tx = (tf, a), (tf, b), (vec, x)
    close(evaluate(vec, "en.transform_point(a, x)", a=ta, x=tx), (ma @ [*x, 1])[:3], kind)
    close(evaluate(vec, "en.transform_vector(a, x)", a=ta, x=tx), ma[:3, :3] @ x, kind)
    close(homogeneous(evaluate(tf, "a * b", a=ta, b=tb).astype(float)), ma @ mb, kind)
    close(homogeneous(evaluate(tf, "en.transform_multiply(a, b)", a=ta, b=tb).astype(float)), ma @ mb, kind)
    close(homogeneous(evaluate(tf, "en.transform_inverse(a)", a=ta).astype(float)), np.linalg.inv(ma), kind)
    close(evaluate(vec, "en.transform_get_translation(a) + a.p", a=ta), 2 * pa, kind)
    close(evaluate(en.quaternion(kind), "en.transform_get_rotation(a)", a=ta), qa, kind)
    close(evaluate(vec, "en.transform_point(m, x)", m=(en.matrix((4, 4), kind), ma), x=tx), (ma @ [*x, 1])[:3], kind)
    close(evaluate(tf, "R(en.transform_get_translation(a), en.transform_get_rotation(a))", a=ta), a, kind)


def test_identities():
    nothing = {"s": (en.float32, 0.0)}
    assert evaluate(en.quat, "en.quat_identity()", **nothing).tolist() == [0, 0, 0, 1]
    assert evaluate(en.transform, "en.transform_identity()", **nothing).tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_spatial_algebra_is_featherstones():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 6))
    v = {"a": (en.spatial_vectord, a), "b": (en.spatial_vectord, b)}
    motion = np.concatenate([np.cross(a[:3], b[:3]), np.cross(a[3:], b[:3]) + np.cross(a[:3], b[3:])])
    force = np.concatenate([np.cross(a[:3], b[:3]) + np.cross(a[3:], b[3:]), np.cross(a[:3], b[3:])])
    np.testing.assert_allclose(evaluate(en.spatial_vectord, "en.spatial_cross(a, b)", **v), motion)
    np.testing.assert_allclose(evaluate(en.spatial_vectord, "en.spatial_cross_dual(a, b)", **v), force)
    np.testing.assert_allclose(evaluate(en.float64, "en.spatial_dot(a, b)", **v), a @ b)
    np.testing.assert_allclose(evaluate(en.vec3d, "en.spatial_top(a) + en.spatial_bottom(b)", **v), a[:3] + b[3:])
