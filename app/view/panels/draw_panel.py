"""What is drawn, and how."""

from __future__ import annotations

from imgui_bundle import imgui

from app.render.options import BACKGROUNDS, SHADING_MODES
from app.view.application import Application
from app.view.overlays import TOGGLE_LABELS
from app.view.panels.fields import slide

PURPOSES = ("default", "render", "proxy", "guide")


class DrawPanel:
    """Shading, light, marks, purposes, cameras."""

    title = "View"

    def __init__(self, app: Application):
        self._app = app

    def draw(self) -> None:
        """All options."""
        app, draw = self._app, self._app.draw
        changed, place = imgui.combo("shading", SHADING_MODES.index(draw.shading), list(SHADING_MODES))
        if changed:
            draw.shading = SHADING_MODES[place]
        names = list(BACKGROUNDS)
        changed, place = imgui.combo("background", names.index(draw.background), names)
        if changed:
            draw.background = names[place]
        changed, exposure = slide("exposure", draw.exposure, -4.0, 4.0, "%.1f stops")
        if changed:
            draw.exposure = exposure
        for name, text in (
            ("shadows", "shadows"), ("ambient_occlusion", "ambient occlusion"), ("grid", "ground grid"), ("axes", "axes"),
            ("stage_lights", "lights of the stage"),
        ):  # fmt: skip
            changed, on = imgui.checkbox(text, getattr(draw, name))
            if changed:
                setattr(draw, name, on)
        if app.view is not None and any(light.image is not None for light in app.view.render.lights):
            changed, on = imgui.checkbox("image of the sky", draw.dome_background)
            if changed:
                draw.dome_background = on
        imgui.separator_text("Show")
        for name, text in TOGGLE_LABELS.items():
            changed, on = imgui.checkbox(text, getattr(app.toggles, name))
            if changed:
                setattr(app.toggles, name, on)
        imgui.separator_text("Purposes")
        for purpose in PURPOSES:
            changed, on = imgui.checkbox(purpose, purpose in draw.purposes)
            if changed:
                draw.purposes = tuple(p for p in PURPOSES if (p in draw.purposes) != (p == purpose))
            imgui.same_line()
        imgui.new_line()
        if app.view is not None and app.view.render.cameras:
            imgui.separator_text("Cameras")
            for number, camera in enumerate(app.view.render.cameras):
                if imgui.button(f"{camera.name}##{camera.path}"):
                    app.look_through(number)
                imgui.same_line()
            imgui.new_line()
