"""The thread that simulates: asked between frames, heard through events, never in the way."""

from __future__ import annotations

import threading
import time
from collections import Counter

import numpy as np
import pytest

from app.commands import SetModelNumber, SetSetting
from app.runner import RunnerEvent, SessionRunner
from app.session import Session
from tests.app.test_session import Frames


@pytest.fixture
def runner():
    runner = SessionRunner()
    yield runner
    assert runner.close(10.0)


@pytest.fixture
def opened(runner, ball) -> SessionRunner:
    runner.open(ball)
    assert runner.drain()
    assert [e.kind for e in runner.events()] == [RunnerEvent.LOADING, RunnerEvent.LOADED]
    return runner


def wait_for(condition, timeout=20.0) -> None:
    end = time.perf_counter() + timeout
    while not condition():
        assert time.perf_counter() < end, "it did not happen"
        time.sleep(0.002)


def test_a_file_that_cannot_be_read_is_an_event_and_the_present_scene_stays(opened, tmp_path):
    broken = tmp_path / "broken.usda"
    broken.write_text("not a stage")
    session = opened.session
    opened.open(broken)
    opened.open(tmp_path / "missing.usda")
    opened.drain()
    kinds = [e.kind for e in opened.events()]
    assert kinds == [RunnerEvent.LOADING, RunnerEvent.LOAD_FAILED] * 2 and opened.session is session
    opened.step()
    opened.drain()
    assert session.frame == 1


def test_single_steps_and_reset(opened):
    opened.step(3)
    opened.drain()
    assert opened.session.frame == 3 and not opened.playing
    opened.reset()
    opened.drain()
    assert opened.session.frame == 0


def test_playing_as_fast_as_possible_fills_the_history_until_paused(opened):
    opened.play(speed=None)
    wait_for(lambda: opened.session.history.last >= 50)
    opened.pause()
    opened.drain()
    there = opened.session.frame
    time.sleep(0.05)
    assert opened.session.frame == there


def test_real_time_is_kept(opened):
    opened.play(speed=2.0)
    wait_for(lambda: opened.session.frame >= 5)
    began, first = time.perf_counter(), opened.session.frame
    time.sleep(0.5)
    frames = opened.session.frame - first
    simulated, passed = frames / 60.0, time.perf_counter() - began
    opened.pause()
    assert simulated <= 2.0 * passed + 0.1  # never ahead; how far behind is the machine's affair


def test_it_stops_at_the_last_frame(opened):
    opened.last_frame = 7
    opened.play(speed=None)
    wait_for(lambda: not opened.playing)
    assert opened.session.frame == 7


def test_commands_are_carried_out_between_frames_and_undone(opened):
    opened.play(speed=None)
    opened.do(SetModelNumber("gravity", (0.0, 0.0, 0.0)))
    opened.drain()
    assert opened.session.model.gravity.tolist() == [0.0, 0.0, 0.0]
    opened.undo()
    opened.drain()
    assert opened.session.model.gravity[1] == -10.0


def test_a_refused_command_is_an_event_and_it_goes_on(opened):
    opened.play(speed=None)
    opened.do(SetSetting("substeps", 0))
    opened.drain()
    refused = [e for e in opened.events() if e.kind is RunnerEvent.REFUSED]
    assert len(refused) == 1 and "substeps" in str(refused[0].error) and opened.playing


def test_a_blow_up_is_an_event_with_its_prim_and_it_rests_at_the_last_good_frame(runner, exploding):
    runner.open(exploding, play=True)
    runner.play(speed=None)
    wait_for(lambda: not runner.playing)
    runner.drain()
    failed = next(e for e in runner.events() if e.kind is RunnerEvent.FAILED)
    assert failed.error.prim_path == "/World/Flag"
    assert np.isfinite(runner.session.state.particle_q.numpy()).all()
    assert runner.session.frame == runner.session.history.last == failed.error.frame - 1


def test_a_recording_gets_every_frame_and_its_end_is_told(opened, tmp_path):
    frames = Frames()
    opened.record(lambda session: frames, tmp_path / "out.usd")
    opened.step(4)
    opened.stop_recording()
    opened.drain()
    assert frames.codes == [0, 1, 2, 3, 4] and frames.closed
    ended = [e for e in opened.events() if e.kind is RunnerEvent.RECORDING_ENDED]
    assert len(ended) == 1 and ended[0].about == tmp_path / "out.usd" and ended[0].error is None


def test_closing_keeps_the_recording(ball, tmp_path):
    runner, frames = SessionRunner(), Frames()
    runner.open(ball)
    runner.record(lambda session: frames, tmp_path / "out.usd")
    runner.play(speed=None)
    wait_for(lambda: len(frames.codes) > 3)
    assert runner.close(10.0) and frames.closed


def test_closing_while_a_scene_loads_waits_for_nobody(monkeypatch, ball):
    gate = threading.Event()

    def read_for_ever(*_arguments, **_options):
        gate.wait(20)
        raise OSError("given up")

    monkeypatch.setattr(Session, "open", read_for_ever)
    runner = SessionRunner()
    runner.open(ball)
    wait_for(lambda: runner.loading is not None)
    began = time.perf_counter()
    assert runner.close(0.1) is False and time.perf_counter() - began < 5.0
    gate.set()


def test_whoever_looks_is_not_held_up_by_a_long_frame(opened):
    """Compiled code runs without Python's lock: while it simulates one frame, another thread gets many turns."""
    opened.do(SetSetting("substeps", 60_000))
    opened.drain()
    opened.play(speed=None)
    wait_for(lambda: opened.session.frame >= 1, timeout=120.0)  # the first frame also records the graph, in Python
    start, turns = opened.session.frame, Counter()
    while opened.session.frame < start + 4:
        turns[opened.session.frame] += 1
        time.sleep(0.001)
    opened.pause()
    assert max(turns.values()) >= 4  # held up, it would get one turn between two frames


def test_play_and_speed_may_be_asked_for_at_any_moment(opened):
    end = time.perf_counter() + 1.5
    while time.perf_counter() < end:
        opened.play(speed=50.0)
        time.sleep(0.0005)
        opened.play(speed=None)
        opened.pause()
    opened.drain()
    assert [e for e in opened.events() if e.error is not None] == []
