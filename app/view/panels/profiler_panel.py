"""Where the time goes."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui

from app.view.application import Application
from app.view.panels.fields import begin_rows, row

PARTS = (
    ("simulate", "simulate", "collision detection and all substeps of a frame"),
    ("record", "check and record", "looking for divergence, handing the frame to a recording"),
    ("prepare", "prepare", "recording the frame anew after a change"),
)
PICTURE_PARTS = (("render", "draw the scene"), ("panels", "draw the panels"), ("wait", "wait for the screen"))


class ProfilerPanel:
    """Times of the last frames."""

    title = "Profiler"

    def __init__(self, app: Application):
        self._app = app

    def draw(self) -> None:
        """Tables of milliseconds."""
        app, session = self._app, self._app.session
        if session is None:
            return
        frames = session.history.since(session.history.last - 60)
        if begin_rows("simulation"):
            for name, text, hint in PARTS:
                times = [f.numbers[name] for f in frames if name in f.numbers]
                if times:
                    row(text, f"{np.median(times):.2f} ms, at most {np.max(times):.2f}", hint)
            rate = app.runner.frames_a_second
            row("frames a second", f"{rate:.1f} ({rate * session.settings.frame_dt:.2f} x real time)")
            for name, text in PICTURE_PARTS:
                if name in app.timings:
                    row(text, f"{app.timings[name]:.2f} ms")
            history = session.history
            every = "every frame" if history.stride == 1 else f"the newest and every {history.stride}th frame"
            row("history", f"{len(history)} frames, {history.size / 1e6:.1f} of {history.budget / 1e6:.0f} MB, {every}")
            imgui.end_table()
