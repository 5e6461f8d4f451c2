"""How it is simulated: solver, steps, gravity, contact; all with undo."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui

from app.commands import SetModelNumber, SetSetting
from app.settings import SOLVERS
from app.view.application import Application
from app.view.panels.fields import begin_rows, edit_integer, edit_number, gesture, label, row, slide

CONTACT_NUMBERS = (
    ("soft_contact_ke", "stiffness [N/m]", "of particles against shapes"),
    ("soft_contact_kd", "damping [N s/m]", ""),
    ("soft_contact_mu", "friction", ""),
    ("soft_contact_restitution", "restitution", ""),
    ("soft_contact_margin", "margin [m]", "distance at which contacts are looked for"),
    ("particle_ke", "grain stiffness [N/m]", "of particles against each other"),
    ("particle_mu", "grain friction", ""),
    ("rigid_contact_margin", "rigid margin [m]", "distance at which contacts of shapes are looked for"),
)


class SimulationPanel:
    """Settings of the solver and of the scene."""

    title = "Simulation"

    def __init__(self, app: Application):
        self._app = app

    def draw(self) -> None:
        """Solver, gravity, contact, hand."""
        app, session = self._app, self._app.session
        if session is None:
            return
        commands = app.runner.commands
        imgui.begin_disabled(commands.undo_label is None)
        if imgui.button("Undo"):
            app.undo()
        imgui.end_disabled()
        if commands.undo_label and imgui.is_item_hovered():
            imgui.set_tooltip(f"undo {commands.undo_label}")
        imgui.same_line()
        imgui.begin_disabled(commands.redo_label is None)
        if imgui.button("Redo"):
            app.redo()
        imgui.end_disabled()
        if not app.is_script and imgui.collapsing_header("Solver", imgui.TreeNodeFlags_.default_open):
            self._solver(session)
        if imgui.collapsing_header("Gravity", imgui.TreeNodeFlags_.default_open):
            self._gravity(session)
        if imgui.collapsing_header("Contact"):
            self._contact(session)
        if imgui.collapsing_header("Hand", imgui.TreeNodeFlags_.default_open):
            self._hand()

    def _solver(self, session) -> None:
        app, settings = self._app, session.settings
        if not begin_rows("solver"):
            return
        label("solver", "how forces and constraints are solved")
        changed, place = imgui.combo("##solver", SOLVERS.index(settings.solver), list(SOLVERS))
        if changed:
            app.do(SetSetting("solver", SOLVERS[place]))
        edit_integer(
            app, "substeps", settings.substeps, lambda n: SetSetting("substeps", n), lowest=1, highest=1000,
            hint="solver steps a frame",
        )  # fmt: skip
        if settings.solver == "xpbd":
            edit_integer(
                app, "iterations", settings.iterations, lambda n: SetSetting("iterations", n), lowest=1, highest=200,
                hint="sweeps over all constraints a step",
            )  # fmt: skip
        row("step", f"{1000.0 * settings.step_dt:.4g} ms, {settings.fps:g} frames a second")
        row("device", settings.device)
        imgui.end_table()

    def _gravity(self, session) -> None:
        gravity = [float(x) for x in session.model.gravity]
        imgui.set_next_item_width(-1)
        changed, new = imgui.drag_float3("##gravity", gravity, 0.05, 0.0, 0.0, "%.3f m/s²")
        name = gesture()
        if changed and np.isfinite(new).all():
            self._app.do(SetModelNumber("gravity", tuple(new)), name)
        up = np.eye(3)[session.model.up_axis]
        for text, strength in (("Earth", 9.81), ("Moon", 1.62), ("none", 0.0)):
            if imgui.button(text):
                self._app.do(SetModelNumber("gravity", tuple(float(x) for x in -strength * up)))
            imgui.same_line()
        imgui.new_line()

    def _contact(self, session) -> None:
        if begin_rows("contact"):
            for name, text, hint in CONTACT_NUMBERS:
                value = float(getattr(session.model, name))
                edit_number(self._app, text, value, lambda new, n=name: SetModelNumber(n, new), hint=hint)
            imgui.end_table()

    def _hand(self) -> None:
        app = self._app
        if begin_rows("hand"):
            label("strength", "of the spring that Ctrl+drag pulls with")
            flags = imgui.SliderFlags_.logarithmic
            _, app.preferences.pull_strength = slide(
                "##strength", app.preferences.pull_strength, 0.05, 20.0, "%.2f", flags=flags
            )
            imgui.end_table()
        if imgui.button("Make this the initial state"):
            app.set_initial_state()
