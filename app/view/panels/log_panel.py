"""What the person was told; a click leads to the prim."""

from __future__ import annotations

import time

from imgui_bundle import imgui

from app.view.application import Application
from app.view.log import LEVELS

#: colours of levels by theme; None for that of any text
COLORS = {
    "dark": {
        "info": None,
        "warning": imgui.ImVec4(0.95, 0.7, 0.2, 1.0),
        "error": imgui.ImVec4(0.98, 0.4, 0.35, 1.0),
    },
    "light": {
        "info": None,
        "warning": imgui.ImVec4(0.62, 0.38, 0.0, 1.0),
        "error": imgui.ImVec4(0.78, 0.1, 0.08, 1.0),
    },
}


class LogPanel:
    """Lines by level."""

    title = "Log"

    def __init__(self, app: Application):
        self._app = app
        self._shown = set(LEVELS)
        self._count = 0

    def draw(self) -> None:
        """Filters and lines."""
        log = self._app.log
        lines = log.entries
        for level in LEVELS:
            changed, on = imgui.checkbox(
                f"{level} ({sum(entry.level == level for entry in lines)})", level in self._shown
            )
            if changed:
                (self._shown.add if on else self._shown.discard)(level)
            imgui.same_line()
        if imgui.button("clear"):
            log.clear()
        entries = [entry for entry in lines if entry.level in self._shown]
        if imgui.begin_child("lines"):
            for place, entry in enumerate(entries):
                color = COLORS[self._app.preferences.theme][entry.level]
                if color is not None:
                    imgui.push_style_color(imgui.Col_.text, color)
                stamp = time.strftime("%H:%M:%S", time.localtime(entry.when))
                where = f"<{entry.path}> " if entry.path else ""
                if imgui.selectable(f"{stamp}  {where}{entry.message}##{place}", False)[0] and entry.path:
                    self._app.selection.set(entry.path)
                    self._app.frame_selection()
                if color is not None:
                    imgui.pop_style_color()
                if imgui.is_item_hovered():
                    hint = "\nclick to go to the prim" if entry.path else ""
                    imgui.set_tooltip(f"{entry.message}{hint}")
            if len(lines) != self._count:
                self._count = len(lines)
                imgui.set_scroll_here_y(1.0)
        imgui.end_child()
