"""Joints: where they are, where their drives push them."""

from __future__ import annotations

import math

from imgui_bundle import imgui

from app.commands import SetElements
from app.session import Session
from app.view.application import Application
from app.view.panels.fields import begin_rows, edit_number, gesture, label, slide
from sim import JOINT_MODE_FORCE
from sim.articulation.joint_types import JOINT_NAMES, MODES, UNLIMITED

#: how far from zero positions of unlimited joints, and targets of drives, can be typed [m, rad, N, N m]
FARTHEST = 1e4


class JointsPanel:
    """Sliders of all joints with axes, and targets of their drives."""

    title = "Joints"

    def __init__(self, app: Application):
        self._app = app
        self._words = ""

    def draw(self) -> None:
        """A table of joints."""
        app, session = self._app, self._app.session
        if session is None or app.frame is None:
            return
        model = session.model
        if not model.joint_count:
            imgui.text_wrapped("This scene has no joints.")
            return
        imgui.set_next_item_width(-1)
        _, self._words = imgui.input_text_with_hint("##search", "search joints", self._words)
        paths = {index: path for path, index in session.bindings.joints.items()}
        types, coords, axes = (
            a.numpy() for a in (model.joint_type, model.joint_q_start, model.joint_axis_start)
        )  # fmt: skip
        positions, velocities = app.frame.rows("joint_q"), app.frame.rows("joint_qd")
        dofs = model.joint_qd_start.numpy()
        for joint, name in enumerate(model.joint_name):
            count = int(axes[joint + 1] - axes[joint])
            if self._words.lower() not in str(name).lower():
                continue
            short = str(name).rsplit("/", 1)[-1]
            imgui.push_id(joint)
            if imgui.selectable(f"{short}  ({JOINT_NAMES[int(types[joint])]})", app.selection.path == paths.get(joint))[
                0
            ]:
                app.selection.set(paths.get(joint))
            if count and begin_rows("axes"):
                for k in range(count):
                    imgui.push_id(k)
                    at = int(coords[joint]) + k
                    self._axis(int(axes[joint]) + k, at, float(positions[at]), float(velocities[int(dofs[joint]) + k]))
                    imgui.pop_id()
                imgui.end_table()
            imgui.pop_id()
        self._actuators(session)

    def _actuators(self, session: Session) -> None:
        """Controls of the actuators that are not drives of an axis."""
        model = session.model
        if not model.actuator_count or session.control.ctrl is None:
            return
        if not imgui.collapsing_header("Actuators", imgui.TreeNodeFlags_.default_open) or not begin_rows("actuators"):
            return
        controls, ranges = session.control.ctrl.numpy(), model.actuator_ctrl_range.numpy().reshape(-1, 2)
        for index, name in enumerate(model.actuator_name):
            if self._words.lower() not in str(name).lower():
                continue
            low, high = (float(x) for x in ranges[index])
            bounded = max(abs(low), abs(high)) <= FARTHEST
            if not bounded:
                low, high = -1.0, 1.0
            imgui.push_id(f"actuator {index}")
            label(str(name).rsplit("/", 1)[-1], "what the actuator is told; Ctrl+click types")
            changed, new = slide(
                "##ctrl", float(controls[index]), low, high, "%.3f", beyond=None if bounded else FARTHEST
            )
            drag = gesture()
            if changed:
                self._app.do(SetElements("ctrl", (index,), new, owner="control"), drag)
            imgui.pop_id()
        imgui.end_table()

    def _axis(self, axis: int, coordinate: int, position: float, velocity: float) -> None:
        app, session = self._app, self._app.session
        model = session.model
        lower, upper = (float(a.numpy()[axis]) for a in (model.joint_limit_lower, model.joint_limit_upper))
        limited = abs(lower) < UNLIMITED and abs(upper) < UNLIMITED
        low, high = (lower, upper) if limited else (-math.pi, math.pi)
        label("position", f"{velocity:.3g} a second; drag to place the joint (the simulation should rest)")
        changed, new = slide("##q", position, low, high, "%.3f", beyond=None if limited else FARTHEST)
        if changed and not app.is_script:
            app.runner.pause()
            app.timeline.follow()
            app.post(lambda s, value=new: s.place_joint(coordinate, value))
        mode = int(model.joint_axis_mode.numpy()[axis])
        target = float(session.control.joint_act.numpy()[axis])
        what = MODES[mode]
        low, high = (low, high) if mode != JOINT_MODE_FORCE else (-100.0, 100.0)
        label("force" if mode == JOINT_MODE_FORCE else f"target {what}", "what the drive is told")
        changed, new = slide("##target", target, low, high, "%.3f", beyond=FARTHEST)
        name = gesture()
        if changed:
            app.do(SetElements("joint_act", (axis,), new, owner="control"), name)
        for array, text in (("joint_target_ke", "drive stiffness"), ("joint_target_kd", "drive damping")):
            value = float(getattr(model, array).numpy()[axis])
            if mode != JOINT_MODE_FORCE:
                edit_number(app, text, value, lambda new, a=array: SetElements(a, (axis,), new))
