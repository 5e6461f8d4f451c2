"""Which panels there are, and where they are when nobody has moved them yet."""

from __future__ import annotations

from dataclasses import dataclass

from imgui_bundle import imgui

from app.view.application import Application
from app.view.panels.draw_panel import DrawPanel
from app.view.panels.joints_panel import JointsPanel
from app.view.panels.log_panel import LogPanel
from app.view.panels.plots_panel import PlotsPanel
from app.view.panels.profiler_panel import ProfilerPanel
from app.view.panels.properties_panel import PropertiesPanel
from app.view.panels.simulation_panel import SimulationPanel
from app.view.panels.stage_panel import StagePanel

#: class and place, in the order of their tabs
PANELS = (
    (StagePanel, "left"),
    (PropertiesPanel, "right"),
    (SimulationPanel, "right"),
    (JointsPanel, "right"),
    (DrawPanel, "right"),
    (LogPanel, "bottom"),
    (PlotsPanel, "bottom"),
    (ProfilerPanel, "bottom"),
)
LEFT, RIGHT, BOTTOM = 0.17, 0.26, 0.24


@dataclass
class Rectangle:
    """Part of the window, from its top left corner [window units]."""

    x: float
    y: float
    width: float
    height: float

    def contains(self, x: float, y: float) -> bool:
        """Whether a point is inside."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


class PanelLayout:
    """The dock around the picture and the panels in it."""

    def __init__(self, app: Application, *, arrange: bool):
        """Panels for `app`; `arrange` puts them where they belong."""
        self._app = app
        self._arrange = arrange
        self.panels = [(kind(app), place) for kind, place in PANELS]
        #: titles of panels to bring to the front of their places
        self.wanted: list[str] = []

    def draw(self) -> Rectangle:
        """Draw what is open; returns what is left for the picture."""
        viewport = imgui.get_main_viewport()
        if not self._app.panels_shown or self._app.view is None:
            return Rectangle(*viewport.work_pos, *viewport.work_size)
        flags = imgui.DockNodeFlags_.passthru_central_node | imgui.DockNodeFlags_.no_docking_over_central_node
        dock = imgui.get_id("dock")
        fresh = self._arrange
        if fresh:
            self._arrange = False
            self._put_in_place(dock, viewport)
        imgui.dock_space_over_viewport(dock, viewport, flags)
        hidden = self._app.preferences.hidden_panels
        for panel, _ in self.panels:
            if panel.title in hidden:
                continue
            if imgui.begin(panel.title)[0]:
                panel.draw()
            imgui.end()
        if fresh:
            self.wanted += ["Properties", "Log", "Stage"]
        elif self.wanted:
            imgui.set_window_focus(self.wanted.pop(0))
        node = imgui.internal.dock_builder_get_central_node(dock)
        return Rectangle(*node.pos, *node.size)

    def arrange(self) -> None:
        """Put every panel where it belongs, and show it."""
        self._arrange = True
        self._app.preferences.hidden_panels.clear()

    def _put_in_place(self, dock: int, viewport: imgui.Viewport) -> None:
        internal = imgui.internal
        internal.dock_builder_remove_node(dock)
        internal.dock_builder_add_node(dock, internal.DockNodeFlagsPrivate_.dock_space)
        internal.dock_builder_set_node_size(dock, viewport.work_size)
        split = internal.dock_builder_split_node
        left = split(dock, imgui.Dir.left, LEFT)
        right = split(left.id_at_opposite_dir, imgui.Dir.right, RIGHT)
        bottom = split(right.id_at_opposite_dir, imgui.Dir.down, BOTTOM)
        places = {"left": left.id_at_dir, "right": right.id_at_dir, "bottom": bottom.id_at_dir}
        for panel, place in self.panels:
            internal.dock_builder_dock_window(panel.title, places[place])
        internal.dock_builder_finish(dock)
