"""Cameras: projection, rays, framing."""

import numpy as np
import pytest

from app.render.camera import Bounds, Camera, pose_matrices

BOX = Bounds(np.array([-1.0, 0.0, -2.0]), np.array([3.0, 1.0, 2.0]))


def clip(camera: Camera, points: np.ndarray, aspect: float) -> np.ndarray:
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    out = homogeneous @ (camera.projection_matrix(aspect, BOX) @ camera.view_matrix()).T
    return out[:, :3] / out[:, 3:]


@pytest.mark.parametrize("up_axis", [0, 1, 2])
@pytest.mark.parametrize("height", [None, 1.0])
@pytest.mark.parametrize("aspect", [0.5, 1.78])
def test_framing_puts_the_box_inside_the_picture_and_fills_it(up_axis, height, aspect):
    camera = Camera.framing(BOX, up_axis=up_axis, aspect=aspect)
    camera.orthographic_height = height
    corners = clip(camera.frame(BOX, aspect=aspect), BOX.corners(), aspect)
    assert np.abs(corners).max() <= 1.0
    assert np.abs(corners[:, :2]).max() > 0.8


@pytest.mark.parametrize("height", [None, 3.0])
def test_ray_through_a_projected_point_passes_the_point(height):
    camera = Camera(np.array([4.0, 3.0, 5.0]), np.array([0.0, 0.5, 0.0]), np.array([0.0, 1.0, 0.0]))
    camera.orthographic_height = height
    points = np.array([[0.3, 0.7, -0.2], [-1.0, 0.1, 1.0]])
    for point, (x, y, depth) in zip(points, camera.project(points, 640, 360)):
        origin, direction = camera.ray(x, y, 640, 360)
        along = np.dot(point - origin, direction)
        np.testing.assert_allclose(origin + along * direction, point, atol=1e-9)
        assert depth > 0.0


def test_project_agrees_with_the_matrices():
    camera = Camera(np.array([4.0, 3.0, 5.0]), np.array([0.0, 0.5, 0.0]), np.array([0.0, 1.0, 0.0]))
    points = np.random.default_rng(1).normal(size=(10, 3))
    x, y = (clip(camera, points, 640 / 360)[:, k] for k in range(2))
    pixels = camera.project(points, 640, 360)
    np.testing.assert_allclose(pixels[:, 0], (x + 1) * 320, atol=1e-6)
    np.testing.assert_allclose(pixels[:, 1], (1 - y) * 180, atol=1e-6)


def test_stage_camera_keeps_its_roll_and_a_level_one_turns_about_the_up_axis():
    roll = np.array([[0.8, -0.6, 0, 1], [0.6, 0.8, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(Camera.from_matrix(roll, fov=1.0, world_up=np.eye(3)[1]).up, [-0.6, 0.8, 0.0])
    tilted = np.array([[1, 0, 0, 0], [0, 0.8, -0.6, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1.0]]).T
    np.testing.assert_allclose(Camera.from_matrix(tilted, fov=1.0, world_up=np.eye(3)[1]).up, [0.0, 1.0, 0.0])


def test_bounds_leave_out_points_that_flew_to_infinity():
    box = Bounds.around(np.array([[0, 0, 0], [1, 2, 3], [np.nan, 0, 0], [0, np.inf, 0], [1e30, 0, 0]]))
    np.testing.assert_array_equal(box.upper, [1, 2, 3])
    assert Bounds.empty().is_empty and not box.is_empty


def test_pose_matrices_rotate_as_the_quaternion_says():
    half = np.sqrt(0.5)
    (matrix,) = pose_matrices([[1, 2, 3, 0, 0, half, half]])
    np.testing.assert_allclose(matrix @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)


def test_clipping_that_was_set_cuts_but_does_not_waste_depth():
    camera = Camera(np.array([0.0, 0.0, 20.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    fitted = camera.clipping(BOX)
    camera.near, camera.far = 1e-5, 1e9
    assert camera.clipping(BOX) == pytest.approx(fitted)
    camera.near, camera.far = 19.0, 21.0
    assert camera.clipping(BOX) == pytest.approx((19.0, 21.0))
    assert camera.clipping() == pytest.approx((19.0, 21.0))


def test_a_wall_in_front_is_looked_over():
    from app.render.scene import RenderScene
    from app.render.views import clear_view
    from tests.app.render.shapes import box, still

    def stretched(path, place, size):
        item = still(path, box(1.0), place)
        item.transforms[0, :3, :3] = np.diag(size)
        return item

    thing = still("/thing", box(0.2), (0, 0.2, 0))
    thing.bodies[:] = 0
    bounds = Bounds(np.array([-0.2, 0.0, -0.2]), np.array([0.2, 0.4, 0.2]))
    pose = np.array([[0, 0.2, 0, 0, 0, 0, 1]], np.float32)
    open_air = RenderScene(meshes=[thing, stretched("/table", (0, -0.1, 0), (3, 0.1, 3))], body_q=pose)
    default = Camera.framing(bounds)
    np.testing.assert_allclose(clear_view(open_air, bounds).eye, default.eye)
    walls = [stretched(f"/wall{k}", place, size) for k, (place, size) in enumerate(
        [((0.6, 0.5, 0), (0.05, 0.5, 0.6)), ((-0.6, 0.5, 0), (0.05, 0.5, 0.6)), ((0, 0.5, 0.6), (0.6, 0.5, 0.05))]
    )]  # fmt: skip
    inside = RenderScene(meshes=[thing, *walls], body_q=pose)
    camera = clear_view(inside, bounds)
    assert camera.eye[1] > default.eye[1] + 0.2
    room = RenderScene(meshes=[thing, stretched("/room", (0, 0, 0), (9, 9, 9))], body_q=pose)
    np.testing.assert_allclose(clear_view(room, bounds).eye, default.eye)  # what is around is no wall
