"""Moving the camera by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.render.camera import Bounds
from app.view.camera_control import VIEWS, CameraControl, motion_of

BOX = Bounds(np.array([-1.0, 0.0, -2.0]), np.array([1.0, 2.0, 2.0]))


@pytest.fixture
def control() -> CameraControl:
    control = CameraControl(up_axis=1)
    control.frame(BOX, aspect=1.6, smooth=False)
    return control


@pytest.mark.parametrize("button, modifiers, motion", [
    ("left", set(), "orbit"), ("left", {"Alt"}, "orbit"), ("middle", {"Alt"}, "pan"), ("right", {"Alt"}, "zoom"),
    ("right", set(), "pan"), ("middle", set(), "pan"), ("left", {"Shift"}, "pan"), ("left", {"Ctrl"}, None),
    ("right", {"Ctrl"}, None),
])  # fmt: skip
def test_drags_do_what_users_of_usdview_and_mujoco_expect(button, modifiers, motion):
    assert motion_of(button, modifiers) == motion


@pytest.mark.parametrize("up_axis", [0, 1, 2])
def test_an_orbit_keeps_target_and_distance_and_stays_upright(up_axis):
    control = CameraControl(up_axis)
    before = control.camera
    control.drag("orbit", 130, -40, 800, 600)
    after = control.camera
    assert after.distance == pytest.approx(before.distance) and np.array_equal(after.target, before.target)
    assert np.linalg.norm(after.eye - before.eye) > 0.5
    assert abs(after.axes()[0] @ np.eye(3)[up_axis]) < 1e-9


def test_dragging_right_turns_the_scene_to_the_right(control):
    front = control.camera.target - control.camera.axes()[2] * -0.5  # a point between target and eye
    before = control.camera.project(front[None], 800, 600)[0, 0]
    control.drag("orbit", 20, 0, 800, 600)
    assert control.camera.project(front[None], 800, 600)[0, 0] > before


def test_an_orbit_never_tips_over(control):
    for _ in range(50):
        control.drag("orbit", 0, 100, 800, 600)
    assert np.isfinite(control.camera.view_matrix()).all() and control.camera.axes()[1] @ [0, 1, 0] > 0.0


def test_a_pan_takes_the_target_along_with_the_pointer(control):
    target = control.camera.target.copy()
    control.drag("pan", 37, -21, 800, 600)
    x, y, _ = control.camera.project(target[None], 800, 600)[0]
    assert (x, y) == (pytest.approx(437, abs=0.5), pytest.approx(279, abs=0.5))


def test_zooming_keeps_the_point_under_the_pointer(control):
    point = np.array([0.5, 1.5, 0.3])
    before = control.camera.project(point[None], 800, 600)[0]
    control.zoom(0.4, toward=point)
    after = control.camera.project(point[None], 800, 600)[0]
    assert after[:2] == pytest.approx(before[:2], abs=1e-6) and after[2] < 0.7 * before[2]


def test_zooming_has_limits(control):
    for _ in range(200):
        control.zoom(1.0)
    near = control.camera.distance
    for _ in range(400):
        control.zoom(-1.0)
    assert 0.0 < near < 1e-2 and 1e2 < control.camera.distance < 1e6


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("up_axis", [1, 2])
def test_named_views_look_from_where_they_say_and_see_everything(name, up_axis):
    control = CameraControl(up_axis)
    control.look_from(name, BOX, aspect=1.6, smooth=False)
    pixels = control.camera.project(BOX.corners(), 1600, 1000)
    assert (pixels[:, 0] > 0).all() and (pixels[:, 0] < 1600).all() and (pixels[:, 1] > 0).all()
    assert (pixels[:, 1] < 1000).all() and (pixels[:, 2] > 0).all()
    back = control.camera.axes()[2]
    expected = {"front": [0, 0, 1] if up_axis == 1 else [0, -1, 0], "top": np.eye(3)[up_axis], "right": [1, 0, 0]}
    if name in expected:
        assert back @ expected[name] > 0.99


def test_jumps_are_smooth_and_arrive(control):
    start = control.camera.eye.copy()
    control.look_from("left", BOX, aspect=1.6)
    eyes = [start]
    for _ in range(200):
        if not control.advance(1 / 60):
            break
        eyes.append(control.camera.eye.copy())
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    assert 10 < len(eyes) < 120 and steps.max() < 0.4 * np.linalg.norm(eyes[-1] - start)
    assert control.camera.axes()[2] @ [-1, 0, 0] > 0.999 and not control.is_moving


def test_taking_hold_of_the_mouse_ends_a_jump(control):
    control.look_from("left", BOX)
    control.drag("orbit", 1, 0, 800, 600)
    assert not control.is_moving


def test_flying_moves_eye_and_target_and_looking_keeps_the_eye(control):
    control.flying = True
    before = control.camera
    assert control.fly({"W"}, 0.5) and not control.fly({"X"}, 0.5)
    forward = control.camera.eye - before.eye
    assert forward @ -before.axes()[2] == pytest.approx(0.5 * control.flight_speed)
    assert control.camera.target - before.target == pytest.approx(forward)
    eye = control.camera.eye.copy()
    control.drag("orbit", 60, 10, 800, 600)
    assert control.camera.eye == pytest.approx(eye)
    # to the right of where it looked before
    assert -control.camera.axes()[2] @ before.axes()[0] > 0.05


def test_orthographic_shows_the_target_at_the_same_size(control):
    points = control.camera.target + np.array([[0, 0, 0], control.camera.axes()[1]])
    before = control.camera.project(points, 800, 600)
    control.set_orthographic(True)
    after = control.camera.project(points, 800, 600)
    assert after[:, :2] == pytest.approx(before[:, :2], abs=0.01)
    control.set_orthographic(False)
    assert control.camera.orthographic_height is None


def test_an_empty_box_changes_nothing(control):
    eye = control.camera.eye.copy()
    control.frame(Bounds.empty(), aspect=1.6, smooth=False)
    assert control.camera.eye == pytest.approx(eye) and math.isfinite(control.camera.distance)
