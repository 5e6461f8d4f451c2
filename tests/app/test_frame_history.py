"""Frames in memory: what is kept, what is given up, what comes back."""

from __future__ import annotations

import numpy as np
import pytest

from app.frame_history import RECENT, Frame, FrameHistory


def frame(number: int, count: int = 10) -> Frame:
    return Frame(number, number / 60.0, {"particle_q": np.full((count, 3), number, np.float32)})


def filled(count: int, **options) -> FrameHistory:
    history = FrameHistory(**options)
    for number in range(count):
        history.add(frame(number))
    return history


def test_frames_are_found_by_number_or_the_one_before():
    history = FrameHistory()
    for number in (0, 1, 5, 6):
        history.add(frame(number))
    assert [history.at(n).number for n in (0, 1, 3, 4, 5, 99)] == [0, 1, 1, 1, 5, 6]
    assert history.after(1).number == 5 and history.after(6) is None
    assert [f.number for f in history.since(1)] == [5, 6]


def test_an_empty_history_has_nothing():
    history = FrameHistory()
    assert history.at(3) is None and history.newest() is None and len(history) == 0 and history.size == 0


def test_a_frame_of_a_known_number_replaces_it_and_all_later_ones():
    history = filled(8)
    before = history.generation
    history.add(frame(4))
    assert [f.number for f in history.all()] == [0, 1, 2, 3, 4] and history.generation > before


def test_memory_stays_within_the_budget_and_the_start_stays_reachable():
    size = frame(0).size
    history = filled(2000, budget=300 * size)
    numbers = [f.number for f in history.all()]
    assert history.size <= 300 * size and history.size == sum(f.size for f in history.all())
    assert numbers[0] == 0 and numbers[-RECENT:] == list(range(2000 - RECENT, 2000))
    assert np.diff(numbers).max() <= 16 and len(numbers) > 120


def test_frames_too_large_for_the_budget_leave_the_first_and_the_newest():
    size = frame(0).size
    history = filled(50, budget=3 * size)
    numbers = [f.number for f in history.all()]
    assert numbers[0] == 0 and numbers[-1] == 49 and history.size <= 3 * size


def test_kept_arrays_cannot_be_changed(ball):
    from app.session import Session

    session = Session.open(ball, interactive=True)
    with pytest.raises(ValueError):
        session.history.newest().arrays["body_q"][0, 0] = 1.0
