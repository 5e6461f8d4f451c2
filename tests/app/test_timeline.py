"""The cursor over the frames simulated so far."""

from __future__ import annotations

import pytest

from app.timeline import Timeline
from tests.app.test_frame_history import filled, frame


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(filled(11), frame_dt=0.1)


def test_the_newest_frame_is_followed(timeline):
    assert timeline.cursor == 10 and timeline.at_end
    timeline.history.add(frame(11))
    assert timeline.cursor == 11 and timeline.shown.number == 11


def test_looking_back_stays_while_the_simulation_goes_on(timeline):
    timeline.look_at(4)
    timeline.history.add(frame(11))
    assert timeline.cursor == 4 and timeline.shown.number == 4 and not timeline.following


@pytest.mark.parametrize("asked, got", [(-5, 0), (3, 3), (10, 10), (99, 10)])
def test_the_cursor_stays_within_the_history(timeline, asked, got):
    timeline.look_at(asked)
    assert timeline.cursor == got and timeline.following == (got == 10)


def test_stepping_goes_both_ways_over_kept_frames(timeline):
    timeline.step(-1)
    assert timeline.cursor == 9
    timeline.step(-3)
    assert timeline.cursor == 6
    timeline.step(1)
    assert timeline.cursor == 7
    timeline.step(-99)
    assert timeline.cursor == 0
    timeline.step(99)
    assert timeline.following


def test_playing_runs_at_its_speed_and_hands_over_at_the_end(timeline):
    timeline.play()  # at the end: from the start
    assert timeline.cursor == 0
    assert not timeline.advance(0.35) and timeline.cursor == 3
    timeline.speed = 2.0
    assert not timeline.advance(0.1) and timeline.cursor == 5
    assert timeline.advance(0.5) and timeline.following and not timeline.playing


def test_a_loop_goes_on_from_the_start(timeline):
    timeline.loop = True
    timeline.look_at(8)
    timeline.play()
    assert not timeline.advance(0.45) and timeline.cursor == 2 and timeline.playing
    timeline.pause()
    assert timeline.cursor == 2 and not timeline.playing


def test_an_empty_timeline_shows_nothing():
    timeline = Timeline()
    timeline.play()
    timeline.step(-1)
    timeline.advance(1.0)
    assert timeline.shown is None and timeline.cursor == 0
