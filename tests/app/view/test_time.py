"""Time in the real window: real time or not, speed, looking back both ways, a slow simulation."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.app.conftest import write_ball
from tests.app.view.conftest import SCENES


@pytest.fixture
def ball(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    return desk


def frames_in(desk, seconds: float) -> int:
    desk.app.toggle_play()
    desk.until(lambda: desk.app.session.frame > 2)
    before, began = desk.app.session.frame, time.perf_counter()
    desk.run(seconds)
    count = (desk.app.session.frame - before) / (time.perf_counter() - began)
    desk.app.toggle_play()
    desk.app.runner.drain()
    return count


def test_real_time_keeps_to_the_clock_and_speed_multiplies_it(ball):
    assert frames_in(ball, 1.0) == pytest.approx(60, rel=0.25)
    ball.key("minus")  # a half
    assert ball.app.timeline.speed == 0.5 and frames_in(ball, 1.0) == pytest.approx(30, rel=0.25)
    ball.key("equal")


def test_as_fast_as_possible_is_faster_than_the_clock(ball):
    ball.press("real time")
    assert ball.app.runner.speed is None
    assert frames_in(ball, 0.5) > 150
    ball.press("real time")
    assert ball.app.runner.speed == 1.0


def test_the_timeline_goes_back_and_forth_frame_by_frame_and_by_dragging(ball):
    ball.simulate(30)
    heights = [float(f.rows("body_q")[0, 1]) for f in ball.app.timeline.history.all()]
    left, top, right, bottom = ball.widgets["##timeline"]
    y, seen = 0.5 * (top + bottom), []
    for share in (0.2, 0.8, 0.5):
        ball.click(left + share * (right - left), y)
        number = ball.app.timeline.cursor
        seen.append(number)
        assert float(ball.app.frame.rows("body_q")[0, 1]) == heights[number]
    assert seen == pytest.approx([6, 24, 15], abs=1)
    ball.key("comma", "comma", "period")
    assert ball.app.timeline.cursor == seen[-1] - 1
    ball.key("Home")
    assert ball.app.timeline.cursor == 0
    ball.key("End")
    assert ball.app.timeline.at_end and ball.app.session.frame == 30


def test_playing_back_shows_frames_as_fast_as_they_were_simulated(ball):
    ball.simulate(40)
    ball.key("Home", "space")
    began = time.perf_counter()
    ball.until(lambda: ball.app.timeline.cursor >= 30)
    assert 0.3 < time.perf_counter() - began < 1.5
    ball.app.runner.pause()


def test_a_simulation_slower_than_the_clock_leaves_the_window_alive(desk):
    from app.commands import SetSetting

    desk.open(SCENES / "cloth_over_sphere.usda")
    desk.app.do(SetSetting("substeps", 1000))
    desk.app.runner.drain()
    desk.app.toggle_play()
    desk.until(lambda: desk.app.session.frame >= 1)
    began = time.perf_counter()
    turns, gaps = 0, []
    while time.perf_counter() - began < 2.0:
        last = time.perf_counter()
        desk.loop.turn()
        gaps.append(time.perf_counter() - last)
        turns += 1
    frames = desk.app.session.frame
    desk.app.toggle_play()
    assert frames < 60 and turns > 2 * frames and np.median(gaps) < 0.25
