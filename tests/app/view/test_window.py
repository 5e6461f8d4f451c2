"""The real window under Xvfb: what a person does with pointer and keyboard, and what then happens. One feature a test."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.conftest import ROOT, write_ball
from tests.app.view.conftest import SCENES, tab

PENDULUM = ROOT / "tests" / "app" / "pendulum.xml"


@pytest.fixture
def ball(desk, tmp_path):
    """The window with one ball in it, at rest."""
    desk.open(write_ball(tmp_path))
    return desk


def pose(desk) -> np.ndarray:
    return desk.app.frame.rows("body_q")[0].astype(float)


def test_the_start_screen_offers_the_scenes_that_come_along(desk):
    desk.press("dominoes")
    desk.until(lambda: desk.app.view is not None)
    assert desk.app.view.path.name == "dominoes.usda" and desk.app.session.model.body_count > 10


def test_a_recent_file_is_offered_and_opened(desk, tmp_path):
    scene = write_ball(tmp_path)
    desk.open(scene)
    desk.key("ctrl+w")
    assert desk.app.view is None
    desk.press(f"ball.usda    {tmp_path}")
    desk.until(lambda: desk.app.view is not None)
    assert desk.app.view.path == scene


def test_the_open_dialog_goes_through_folders_and_takes_typed_names(desk, tmp_path):
    (tmp_path / "inside").mkdir()
    write_ball(tmp_path / "inside")
    desk.key("ctrl+o")
    desk.press("inside/")
    desk.press("ball.usda")
    desk.until(lambda: desk.app.view is not None)
    desk.key("ctrl+w", "ctrl+o")
    desk.type(str(SCENES / "dominoes.usda"))
    assert not desk.app.gizmo_turns and not desk.app.timeline.loop  # M and L went into the text, not to the actions
    desk.key("Return")
    desk.until(lambda: desk.app.view is not None)
    assert desk.app.view.path.name == "dominoes.usda"


def test_the_picture_shows_the_scene(desk):
    desk.open(SCENES / "rigid_pile.usda")
    picture = desk.picture()
    center = picture[picture.shape[0] // 3 : -picture.shape[0] // 3, picture.shape[1] // 3 : -picture.shape[1] // 3]
    spread = center.max(axis=2) - center.min(axis=2)
    assert picture.std() > 15 and (spread > 60).mean() > 0.05  # coloured pieces, not only grey


def test_space_plays_and_pauses(ball):
    ball.key("space")
    ball.until(lambda: ball.app.session.frame > 5)
    ball.key("space")
    ball.app.runner.drain()
    frame = ball.app.session.frame
    ball.run(0.2)
    assert ball.app.session.frame == frame and pose(ball)[1] < 5.0


def test_the_play_button_does_the_same(ball):
    ball.press("Play")
    ball.until(lambda: ball.app.session.frame > 2)
    ball.press("Pause")
    assert not ball.app.runner.playing


def test_single_steps_in_both_directions_and_reset(ball):
    ball.key("Right", "Right", "Right")
    ball.until(lambda: ball.app.session.frame == 3)
    ball.settle()
    ball.key("Left", "Left")
    assert ball.app.timeline.cursor == 1 and ball.app.session.frame == 3
    ball.key("r")
    ball.until(lambda: ball.app.session.frame == 0)
    assert ball.app.timeline.cursor == 0


def test_dragging_the_timeline_shows_earlier_frames(ball):
    ball.simulate(40)
    left, top, right, bottom = ball.widgets["##timeline"]
    y = 0.5 * (top + bottom)
    ball.drag((right - 3, y), (0.5 * (left + right), y))
    assert 17 <= ball.app.timeline.cursor <= 23 and ball.app.session.frame == 40
    assert pose(ball)[1] > ball.app.timeline.history.newest().rows("body_q")[0, 1]


def test_simulating_on_from_an_earlier_frame(ball):
    ball.simulate(30)
    ball.app.look_at_frame(10)
    ball.settle()
    ball.press("Simulate from here")
    ball.until(lambda: ball.app.timeline.history.last < 30)
    ball.until(lambda: ball.app.session.frame > 12)
    ball.key("space")
    assert ball.app.timeline.at_end


def test_looped_playback_goes_round(ball):
    ball.simulate(20)
    ball.key("l", "space")
    seen = set()
    ball.until(
        lambda: seen.add(ball.app.timeline.cursor) or (len(seen) > 5 and ball.app.timeline.cursor < max(seen) - 5)
    )
    assert ball.app.session.frame == 20 and ball.app.timeline.playing


def test_a_click_selects_what_is_there_and_a_click_beside_nothing(ball):
    ball.click(*ball.place_of([0, 5, 0]))
    assert ball.app.selection.path == "/World/Ball"
    assert ball.app.draw.selected == ("/World/Ball",)
    ball.click(*ball.at(0.03, 0.05))
    assert ball.app.selection.path is None


def test_the_selected_object_is_outlined(ball):
    before = ball.picture()
    ball.app.selection.set("/World/Ball")
    after = ball.picture()
    orange = (after[..., 0] > 200) & (after[..., 2] < 110) & (np.abs(after - before).sum(axis=2) > 60)
    assert orange.sum() > 100


def test_a_prim_chosen_in_the_tree_is_selected_and_search_finds_it(ball):
    ball.press("Ball")
    assert ball.app.selection.path == "/World/Ball"
    ball.key("Escape")
    ball.click(*ball.middle("##search"))
    ball.type("phys")
    assert "Physics" in ball.widgets and "Ball" not in ball.widgets
    ball.key("ctrl+a", "BackSpace")


def test_keys_in_a_text_field_do_not_play(ball):
    ball.click(*ball.middle("##search"))
    ball.type("r a l ")
    ball.run(0.1)
    assert ball.app.session.frame == 0 and not ball.app.runner.playing and not ball.app.timeline.loop
    ball.key("ctrl+a", "BackSpace", "Escape")


def test_dragging_orbits_pans_and_the_wheel_zooms(ball):
    camera = ball.app.camera
    before = camera.camera
    ball.drag(ball.at(0.2, 0.2), ball.at(0.4, 0.3))
    orbited = camera.camera
    assert np.linalg.norm(orbited.eye - before.eye) > 0.1 and orbited.target == pytest.approx(before.target)
    ball.drag(ball.at(0.2, 0.2), ball.at(0.3, 0.3), button=3)
    panned = camera.camera
    assert np.linalg.norm(panned.target - orbited.target) > 0.01 and panned.distance == pytest.approx(orbited.distance)
    ball.move(*ball.at(0.1, 0.1))
    ball.tool("click", 4)
    assert camera.camera.distance < panned.distance
    assert ball.app.selection.path is None


def test_alt_drags_as_in_usdview(ball):
    camera = ball.app.camera
    before = camera.camera
    ball.drag(ball.at(0.2, 0.2), ball.at(0.4, 0.3), modifier="alt")
    assert np.linalg.norm(camera.camera.eye - before.eye) > 0.1
    distance = camera.camera.distance
    ball.drag(ball.at(0.5, 0.5), ball.at(0.5, 0.3), button=3, modifier="alt")
    assert camera.camera.distance < distance


def test_framing_and_named_views(ball):
    camera = ball.app.camera
    ball.key("3")
    ball.until(lambda: not camera.is_moving)
    assert camera.camera.axes()[2] @ [0, 1, 0] > 0.99
    ball.app.selection.set("/World/Ball")
    camera.zoom(-2.0)
    ball.key("f")
    ball.until(lambda: not camera.is_moving)
    assert camera.camera.target == pytest.approx([0, 5, 0], abs=0.05) and camera.camera.distance < 4.0


def test_flying_with_the_keyboard(ball):
    camera = ball.app.camera
    ball.key("v")
    before = camera.camera
    ball.tool("keydown", "w")
    ball.run(0.3)
    ball.tool("keyup", "w")
    moved = camera.camera.eye - before.eye
    assert moved @ -before.axes()[2] > 0.1
    still = camera.camera.eye.copy()
    ball.run(0.1)
    assert camera.camera.eye == pytest.approx(still)


def test_ctrl_drag_pulls_a_body(ball):
    ball.app.look_from("front")
    ball.until(lambda: not ball.app.camera.is_moving)

    def simulate_meanwhile():
        ball.app.toggle_play()
        ball.until(lambda: ball.app.session.frame > 30)
        ball.app.toggle_play()
        assert ball.app.held_point() is not None and ball.app.session.pull.hold.body == 0

    x, y = ball.place_of([0, 5, 0])
    ball.drag((x, y), (x + 120, y), modifier="ctrl", hold=simulate_meanwhile)
    ball.app.runner.drain()
    assert pose(ball)[0] > 0.05 and ball.app.held is None and ball.app.session.pull.hold is None


def test_ctrl_drag_pulls_cloth(desk):
    desk.open(SCENES / "cloth_over_sphere.usda")
    points = desk.app.frame.rows("particle_q")
    middle = points[np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1))]

    def simulate_meanwhile():
        assert len(desk.app.held.particles) >= 3
        desk.simulate(30)

    x, y = desk.place_of(middle)
    desk.drag((x, y), (x, y - 150), modifier="ctrl", hold=simulate_meanwhile)
    points = desk.app.frame.rows("particle_q")
    assert np.isfinite(points).all() and points[:, 1].max() > middle[1] + 0.02


def test_the_gizmo_moves_a_resting_body(ball):
    ball.app.selection.set("/World/Ball")
    ball.app.look_from("front")
    ball.until(lambda: not ball.app.camera.is_moving)
    ball.settle()
    start = ball.place_of([0, 5, 0])
    ball.move(*start)
    ball.until(lambda: ball.window.gizmo.is_over, "the pointer is over the gizmo", timeout=5.0)
    ball.drag(start, (start[0] + 60, start[1] - 40), steps=10)
    ball.app.runner.drain()
    ball.settle()
    assert pose(ball)[0] > 0.1 and pose(ball)[1] > 5.05
    assert ball.app.session.frame == 0


def test_a_solver_setting_changes_and_is_undone(ball):
    ball.tool("mousemove", 5, 400)
    ball.click(*tab(ball, "Simulation"))
    x, y = ball.middle("substeps" if "substeps" in ball.widgets else "##substeps")
    ball.drag((x, y), (x + 60, y))
    ball.app.runner.drain()
    changed = ball.app.session.settings.substeps
    assert changed > 4
    ball.key("ctrl+z")
    ball.app.runner.drain()
    assert ball.app.session.settings.substeps == 4
    ball.key("ctrl+y")
    ball.app.runner.drain()
    assert ball.app.session.settings.substeps == changed


def test_a_joint_slider_places_the_joint(desk):
    desk.open(PENDULUM)
    desk.click(*tab(desk, "Joints"))
    x, y = desk.middle("##q")
    desk.drag((x, y), (x + 40, y))
    desk.app.runner.drain()
    desk.settle()
    q = desk.app.frame.rows("joint_q")
    assert abs(q).max() > 0.2


def test_f1_lists_the_keys_and_escape_closes_the_list(desk):
    desk.key("F1")
    assert desk.app.dialog == "help"
    desk.key("Escape")
    assert desk.app.dialog is None


def test_a_screenshot_is_saved(ball, tmp_path):
    from PIL import Image

    ball.key("F12")
    ball.settle()
    files = list(tmp_path.glob("*.png"))
    assert len(files) == 1
    image = np.asarray(Image.open(files[0]))
    assert image.shape == (800, 1280, 3) and image.std() > 10


def test_what_is_seen_is_recorded_as_usd(ball, tmp_path):
    from pxr import Usd

    ball.key("ctrl+shift+r")
    ball.simulate(6)
    ball.key("ctrl+shift+r")
    ball.until(lambda: any("recorded" in e.message for e in ball.app.log.entries))
    (output,) = tmp_path.glob("ball_*.usd")
    stage = Usd.Stage.Open(str(output))
    assert len(stage.GetPrimAtPath("/World/Ball").GetAttribute("xformOp:translate").GetTimeSamples()) == 7


def test_saving_what_was_simulated(ball, tmp_path):
    from pxr import Usd

    ball.simulate(5)
    ball.key("ctrl+s")
    ball.press("Save")
    ball.until(lambda: any("saved 6 frames" in e.message for e in ball.app.log.entries))
    assert Usd.Stage.Open(str(next(tmp_path.glob("ball_*.usd")))).GetEndTimeCode() == 5.0


def test_a_changed_file_is_read_again_and_the_camera_stays(ball, tmp_path):
    ball.drag(ball.at(0.2, 0.2), ball.at(0.4, 0.3))
    eye = ball.app.camera.camera.eye.copy()
    ball.app.selection.set("/World/Ball")
    before = ball.app.view
    path = tmp_path / "ball.usda"
    path.write_text(path.read_text().replace("(0, 5, 0)", "(0, 7, 0)"))
    ball.until(lambda: ball.app.view is not before, "it is read again")
    ball.settle()
    assert pose(ball)[1] == 7.0 and ball.app.camera.camera.eye == pytest.approx(eye)
    assert ball.app.selection.path == "/World/Ball"


def test_dark_and_light_theme(ball):
    dark = ball.pixels()[700:, :200].mean()
    ball.key("ctrl+t")
    light = ball.pixels()[700:, :200].mean()
    ball.key("ctrl+t")
    assert light > dark + 80


def test_larger_text(ball):
    ball.settle()
    before = np.diff(ball.widgets["Reset"][::2])
    ball.key("ctrl+equal", "ctrl+equal", "ctrl+equal")
    ball.settle()
    after = np.diff(ball.widgets["Reset"][::2])
    ball.app.preferences.text_scale = 1.0
    assert after > 1.15 * before


@pytest.mark.parametrize(
    "toggle", ["contacts", "joints", "frames", "mass_centers", "inertia", "shapes", "velocities", "boxes"]
)
def test_marks_are_drawn_on_demand(desk, toggle):
    desk.open(PENDULUM if toggle == "joints" else SCENES / "dominoes.usda")
    setattr(desk.app.toggles, toggle, True)
    desk.app.tick(0.0)
    desk.simulate(8)
    marked = desk.picture()
    setattr(desk.app.toggles, toggle, False)
    plain = desk.picture()
    assert (np.abs(marked - plain).sum(axis=2) > 60).sum() > 40


def test_plots_follow_the_simulation(ball):
    ball.click(*tab(ball, "Plots"))
    ball.simulate(10)
    plots = next(p for p, _ in ball.window.layout.panels if p.title == "Plots")
    ball.settle()
    (series,) = plots.series.values()
    assert len(series.values) == 11 and series.values[-1] > series.values[1] > 0.0
    ball.app.selection.set("/World/Ball")
    ball.settle()
    ball.press("add those of the selection")
    ball.settle()
    assert len(plots.series) == 4


def test_a_film_of_all_simulated_frames(ball, tmp_path):
    import av

    ball.simulate(12)
    ball.key("F10")
    ball.until(lambda: any("pictures" in e.message for e in ball.app.log.entries))
    with av.open(str(next(tmp_path.glob("ball_*.mp4")))) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 60
    assert len(pictures) == 13
    assert np.abs(pictures[0].astype(int) - pictures[-1]).mean() > 0.5  # the ball has fallen
    assert ball.app.timeline.cursor == 12


def test_filming_the_picture_keeps_to_the_clock(ball, tmp_path):
    import av

    ball.key("F11")
    ball.run(1.5)
    ball.key("F11")
    ball.until(lambda: any("pictures" in e.message for e in ball.app.log.entries))
    with av.open(str(next(tmp_path.glob("ball_*.mp4")))) as film:
        count = sum(1 for _ in film.decode(video=0))
    assert 30 <= count <= 150


def test_a_stage_in_which_nothing_moves_is_shown(desk, tmp_path):
    scene = tmp_path / "still.usda"
    scene.write_text('#usda 1.0\n(upAxis = "Z")\ndef Xform "World"\n{\n    def Sphere "Ball"\n    {\n    }\n}\n')
    desk.open(scene)
    desk.click(*desk.place_of([0, 0, 0]))
    assert desk.app.selection.path == "/World/Ball"
    desk.key("space")
    desk.run(0.2)
    desk.key("space", "r")
    for title in ("Simulation", "Joints", "View", "Plots", "Profiler"):
        desk.click(*tab(desk, title))
    assert [e.message for e in desk.app.log.entries if e.level == "error"] == []
