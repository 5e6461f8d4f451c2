"""Whatever is typed into a number or a text: the window lives, what is shown stays finite, and undo and reset lead back.

A typed value is what a widget returns; so every widget of the panels returns nonsense once, by its label.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.conftest import ROOT, write_ball
from tests.app.view.conftest import SCENES

PENDULUM = ROOT / "tests" / "app" / "pendulum.xml"
NUMBERS = ("drag_float", "slider_float", "drag_float3", "drag_int")
NONSENSE = (float("nan"), 0.0, 1e30, -1e30)
PANELS = ("Properties", "Simulation", "Joints", "View")


class Typist:
    """Stands between panels and ImGui: notes the labels of number widgets, and lets one of them return a value."""

    def __init__(self, monkeypatch):
        from imgui_bundle import imgui

        self.seen: dict[tuple[str, int], str] = {}
        self.types: tuple[tuple[str, int], float] | None = None
        self._turn: dict[str, int] = {}
        for name in NUMBERS:
            monkeypatch.setattr(imgui, name, self._wrapped(name, getattr(imgui, name)))

    def begin_picture(self) -> None:
        self._turn.clear()

    def _wrapped(self, kind: str, function):
        def widget(label, value, *arguments, **options):
            changed, new = function(label, value, *arguments, **options)
            number = self._turn.get(label, 0)
            self._turn[label] = number + 1
            self.seen[label, number] = kind
            if self.types is not None and self.types[0] == (label, number):
                typed, self.types = self.types[1], None
                changed = True
                if kind == "drag_int":
                    new = int(typed) if np.isfinite(typed) and abs(typed) < 2**31 else -(2**31)
                else:
                    new = [typed] * 3 if kind == "drag_float3" else float(np.float32(typed))
            return changed, new

        return widget


@pytest.fixture
def typist(desk, monkeypatch):
    typist = Typist(monkeypatch)
    turn = desk.loop.turn

    def counted():
        typist.begin_picture()
        return turn()

    monkeypatch.setattr(desk.loop, "turn", counted)
    return typist


def show(desk, title: str) -> None:
    desk.window.layout.wanted.append(title)
    desk.settle(4)


def is_finite(desk) -> bool:
    return all(np.isfinite(rows).all() for rows in desk.app.frame.arrays.values())


def open_kind(desk, tmp_path, kind: str) -> None:
    if kind == "ball":
        desk.open(write_ball(tmp_path))
        desk.app.selection.set("/World/Ball")
    elif kind == "pendulum":
        desk.open(PENDULUM)
        desk.app.selection.set(desk.app.session.bindings.bodies[0].path)
    else:
        desk.open(SCENES / "cloth_over_sphere.usda")
        desk.app.selection.set("/World/Cloth")


@pytest.mark.parametrize("kind", ["ball", "pendulum", "cloth"])
def test_nonsense_in_every_number_is_survived_and_taken_back(desk, tmp_path, typist, kind, monkeypatch):
    from imgui_bundle import imgui

    header = imgui.collapsing_header
    monkeypatch.setattr(imgui, "collapsing_header", lambda label, flags=0: header(label, flags) or label == "Contact")
    desk.window.set_size(560, 790)  # small pictures are soon drawn; high ones show every field
    desk.run(0.2)
    open_kind(desk, tmp_path, kind)
    desk.simulate(2)
    app, fields = desk.app, 0
    for title in PANELS:
        show(desk, title)
        typist.seen.clear()
        desk.settle(2)
        for place in list(typist.seen):
            fields += 1
            for value in NONSENSE:
                where = f"{title}: {place} gets {value}"
                typist.types = (place, value)
                for _ in range(20):  # a picture may come before what was selected is there again
                    desk.settle(1)
                    if typist.types is None:
                        break
                assert typist.types is None, where
                app.runner.step(2)
                assert app.runner.drain(30.0), where
                desk.settle(1)
                assert is_finite(desk), where
                assert np.isfinite(app.camera.camera.eye).all(), where
                while app.runner.commands.undo_label is not None:
                    app.undo()
                    assert app.runner.drain(30.0), where
                app.reset()
            app.log.clear()
            app.runner.step(3)
            assert app.runner.drain(30.0)
            desk.settle(1)
            assert app.session.frame == 3 and is_finite(desk), f"{title}: after {place}"
            assert [e.message for e in app.log.entries if e.level == "error"] == []
    assert fields > 15
