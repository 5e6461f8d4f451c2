"""`Viewer`: scripts show the states of their own models."""

from __future__ import annotations

import subprocess
import sys

from tests.app.view.conftest import Screen

SCRIPT = """
import sys
import numpy as np
import sim
from app.view.viewer import Viewer

builder = sim.ModelBuilder()
body = builder.add_body(origin=((0.0, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0)), name="ball")
builder.add_shape_sphere(body, radius=0.4)
builder.add_cloth_grid(
    pos=(-1.0, 1.0, -1.0), rot=(0.0, 0.0, 0.0, 1.0), vel=(0.0, 0.0, 0.0), dim_x=8, dim_y=8, cell_x=0.25, cell_y=0.25, mass=0.1
)
model = builder.finalize()
states = model.state(), model.state()
integrator = sim.XPBDIntegrator()
{before}
with Viewer(model, fps=60.0, size=(1000, 700)) as viewer:
    for frame in range(40):
        for substep in range(8):
            states[0].clear_forces()
            viewer.apply_forces(states[0])
            sim.collide(model, states[0])
            integrator.simulate(model, states[0], states[1], 1 / 480)
            states = states[1], states[0]
        if not viewer.render(states[0]):
            break
{after}
"""


def run_script(screen: Screen, folder, before: str = "", after: str = "") -> str:
    path = folder / "script.py"
    path.write_text(SCRIPT.replace("{before}", before).replace("{after}", after))
    done = subprocess.run(
        [sys.executable, str(path)], cwd=folder, env=screen.environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_shows_its_states_and_its_frames_stay_reachable(screen, tmp_path):
    said = run_script(
        screen,
        tmp_path,
        after="""
    app = viewer.app
    frames = app.timeline.history.all()
    heights = [float(f.rows("body_q")[0, 1]) for f in frames]
    print(len(frames), heights[0] > heights[5] > heights[9])
    viewer._loop._awake_until = 1e18
    viewer._loop.turn()
    width, height = viewer._window.get_framebuffer_size()
    left, bottom, w, h = viewer._window.picture_pixels()
    pixels = viewer._window.read_screen((left, bottom, w, h)).astype(int)
    print(pixels.std() > 10, (pixels.max(axis=2) - pixels.min(axis=2) > 40).mean() > 0.01)
    print([c.name for c in app.view.root.children[0].children])
""",
    )
    lines = said.splitlines()
    assert lines[:2] == ["40 True", "True True"]
    assert "body_0_ball" in lines[2] and "cloth" in lines[2]


def test_pausing_holds_the_script_stepping_lets_it_go_on_by_one_and_closing_ends_it(screen, tmp_path):
    said = run_script(
        screen,
        tmp_path,
        before="""
from app.view.application import Application
ticks = [0]
tick = Application.tick
def counted(app, seconds):
    tick(app, seconds)
    ticks[0] += 1
    if app.timeline.history.last == 5 and app.script_runs and not app._script_steps:
        app.toggle_play()  # pause
        ticks[0] = 0
    elif not app.script_runs and ticks[0] == 20:
        app.step_forward()
    elif not app.script_runs and ticks[0] == 40:
        print("held at", app.timeline.history.last)
        app.reset()
        print(app.log.entries[-1].message)
        app.quit()
Application.tick = counted
""",
        after="    print(viewer.is_running(), frame)\n",
    )
    assert said.splitlines() == [
        "held at 6",
        "reset: that is for the script to do, which simulates",
        "False 6",
    ]


def test_ctrl_drag_reaches_the_script(screen, tmp_path):
    said = run_script(
        screen,
        tmp_path,
        before="""
from app.view.application import Application
tick = Application.tick
def grabbing(app, seconds):
    tick(app, seconds)
    if app.timeline.history.last == 3 and app.held is None:
        point = app.frame.rows("body_q")[0, :3].astype(float)
        print(app.grab("/root/body_0_ball", point, 0))
        app.pull_to(point + np.array([1.0, 1.0, 0.0]))
        app.runner.drain()
Application.tick = grabbing
""",
        after="    print(float(states[0].body_q.numpy()[0, 0]) > 0.1)\n",
    )
    assert said.split() == ["True", "True"]
