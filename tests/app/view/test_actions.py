"""The table of keys and menus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from app.settings import RunOptions
from app.view.actions import ACTIONS, BY_KEY, find_action, key_text
from app.view.application import Application
from tests.app.conftest import ROOT, write_ball


@pytest.fixture
def app(tmp_path):
    app = Application(options=RunOptions())
    app.folder = tmp_path
    yield app
    app.close()


def opened(app, path: Path):
    app.open(path)
    assert app.runner.drain()
    app.tick(0.0)
    assert app.view is not None, list(app.log.entries)
    return app


def test_no_key_means_two_things_and_no_name_is_used_twice():
    keys = Counter(key for action in ACTIONS for key in action.keys)
    names = Counter(action.name for action in ACTIONS)
    assert [k for k, n in keys.items() if n > 1] == [] and [k for k, n in names.items() if n > 1] == []


def test_keys_are_found_with_their_modifiers():
    assert key_text("Z", {"Shift", "Ctrl"}) == "Ctrl+Shift+Z"
    assert find_action("Z", {"Ctrl"}).name == "undo" and find_action("Z", {"Ctrl", "Shift"}).name == "redo"
    assert find_action("Space", set()).name == "toggle_play" and find_action("Space", {"Alt"}) is None


def test_while_typing_only_some_keys_work():
    assert find_action("R", set(), typing=True) is None
    assert find_action("F1", set(), typing=True).name == "toggle_help"


@pytest.mark.parametrize("name", [a.name for a in ACTIONS if a.name != "quit"])
@pytest.mark.parametrize("scene", [False, True])
def test_every_action_does_no_harm_with_and_without_a_scene(app, tmp_path, name, scene):
    if scene:
        opened(app, write_ball(tmp_path))
    action = next(a for a in ACTIONS if a.name == name)
    action.run(app)
    assert app.runner.drain()
    app.tick(0.02)
    action.run(app)
    app.runner.pause()
    assert app.runner.drain()
    app.tick(0.02)
    assert [e.message for e in app.log.entries if e.level == "error"] == []


def test_the_tour_names_keys_that_exist():
    tour = (ROOT / "docs" / "viewer.md").read_text()
    for key in (
        "Ctrl+Shift+R",
        "Ctrl+S",
        "F10",
        "F11",
        "F12",
        "Ctrl+I",
        "Ctrl+Z",
        "Space",
        "M",
        "V",
        "C",
        "F",
        "A",
        "R",
    ):
        assert key in BY_KEY and key in tour


def test_opening_a_folder_asks_which_file(app, tmp_path):
    app.open(tmp_path)
    assert app.dialog == "open" and app.folder == tmp_path


def test_playing_back_reaches_the_end_and_goes_on_simulating(app, tmp_path):
    opened(app, write_ball(tmp_path))
    app.runner.step(10)
    app.runner.drain()
    app.look_at_frame(4)
    app.toggle_play()
    assert app.timeline.playing and not app.runner.playing
    app.tick(1.0)
    assert app.runner.playing and app.timeline.following
    app.toggle_play()


def test_warnings_of_the_scene_are_in_the_log_with_their_prims(app, tmp_path):
    path = write_ball(tmp_path)
    path.write_text(
        path.read_text().replace(
            'def Sphere "Ball"', 'def "Odd" (references = @gone.usda@)\n    {\n    }\n    def Sphere "Ball"', 1
        )
    )
    opened(app, path)
    session = app.session
    told = [(e.path, e.message) for e in app.log.entries if e.level == "warning"]
    assert ("/World/Odd" in [path for path, _ in told]) and told == [
        (w.path, " ".join(w.message.split())) for w in session.scene.warnings
    ] + [(p, " ".join(m.split())) for p, m in app.view.render.notes]


def test_what_is_shown_stays_one_scene_while_the_next_is_taken_in(app, tmp_path):
    """The runner has the next session before the window hears of it; nothing may mix the two, or reach the wrong one."""
    opened(app, ROOT / "scenes" / "dominoes.usda")
    before = app.session
    app.open(write_ball(tmp_path))
    assert app.runner.drain()
    assert app.runner.session is not before
    assert app.session is before and len(app.frame.rows("body_q")) == before.model.body_count
    app.place_body(before.model.body_count - 1, np.array([0, 9, 0, 0, 0, 0, 1.0]))  # there is no such body in the next
    app.toggle_recording()
    assert app.runner.drain()
    app.tick(0.0)
    assert app.session.model.body_count == 1
    errors = [e.message for e in app.log.entries if e.level == "error"]
    assert len(errors) == 1 and "another scene was opened meanwhile" in errors[0]


def test_what_the_simulation_warns_of_is_in_the_log_with_its_prim():
    import warnings

    from app.view.log import Log

    log = Log()
    end = log.add_warnings()
    try:
        warnings.warn("shapes overlap at the start: /Robot/arm in /Robot/hand_2 (0.1 m); see a/b.py", stacklevel=1)
    finally:
        end()
    (entry,) = log.entries
    assert entry.level == "warning" and entry.path == "/Robot/arm" and "0.1 m" in entry.message
    assert warnings.showwarning.__module__ != "app.view.log"
