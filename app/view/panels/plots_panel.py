"""Quantities over time."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui, implot

from app.view.application import Application
from app.view.quantities import Series, part_quantities, scene_quantities
from app.view.quantity import Quantity

FIRST = ("kinetic energy",)


class PlotsPanel:
    """Pick any quantity; those of one unit share an axis."""

    title = "Plots"

    def __init__(self, app: Application):
        self._app = app
        self._session: object = None
        self.known: list[Quantity] = []
        self.series: dict[str, Series] = {}
        self._unready: set[str] = set()
        self._words = ""

    def draw(self) -> None:
        """Picker and plots."""
        app = self._app
        if app.session is None:
            return
        if app.session is not self._session:
            self._begin()
        if imgui.button("add quantity..."):
            imgui.open_popup("quantities")
        part = app.part()
        if part is not None:
            imgui.same_line()
            if imgui.button("add those of the selection"):
                self.add(part_quantities(app.session, part)[:3])
        for name in list(self.series):
            imgui.same_line()
            if imgui.small_button(f"{name}  x"):
                del self.series[name]
        self._picker(part)
        self._plot()

    def add(self, quantities: list[Quantity]) -> None:
        """Plot these as well."""
        for quantity in quantities:
            if quantity.label not in self.series:
                self.series[quantity.label] = Series(quantity)
                if quantity.prepare is not None:
                    self._prepare(quantity)

    def _prepare(self, quantity: Quantity) -> None:
        """What takes long is done where the simulation runs, so that the window does not wait; then it is plotted."""
        self._unready.add(quantity.label)

        def prepare(_session: object) -> None:
            try:
                quantity.prepare()
            finally:
                self._unready.discard(quantity.label)

        self._app.post(prepare)

    def _begin(self) -> None:
        kept = set(self.series) or {f"{name} [J]" for name in FIRST}
        self._session = self._app.session
        self.known = scene_quantities(self._session)
        self.series = {}
        self.add([quantity for quantity in self.known if quantity.label in kept])

    def _picker(self, part) -> None:
        if not imgui.begin_popup("quantities"):
            return
        _, self._words = imgui.input_text_with_hint("##search", "search", self._words)
        known = [*self.known, *(part_quantities(self._session, part) if part is not None else [])]
        if imgui.begin_child("list", imgui.ImVec2(320, 300)):
            for quantity in known:
                if self._words.lower() not in quantity.label.lower():
                    continue
                changed, on = imgui.checkbox(quantity.label, quantity.label in self.series)
                if changed and on:
                    self.add([quantity])
                elif changed:
                    self.series.pop(quantity.label, None)
        imgui.end_child()
        imgui.end_popup()

    def _plot(self) -> None:
        history, cursor = self._app.timeline.history, self._app.frame
        for name, series in self.series.items():
            if name not in self._unready:
                series.update(history)
        units = list(dict.fromkeys(s.quantity.unit for s in self.series.values()))[:3]
        if not units or not implot.begin_plot("##plot", imgui.ImVec2(-1, -1)):
            return
        axes = (implot.ImAxis_.y1, implot.ImAxis_.y2, implot.ImAxis_.y3)
        implot.setup_axis(implot.ImAxis_.x1, "s", implot.AxisFlags_.auto_fit | implot.AxisFlags_.no_label)
        for unit, axis in zip(units, axes):
            opposite = implot.AxisFlags_.opposite if axis != axes[0] else 0
            implot.setup_axis(axis, unit or "number", implot.AxisFlags_.auto_fit | opposite)
        for name, series in self.series.items():
            if series.quantity.unit in units and series.times:
                implot.set_axes(implot.ImAxis_.x1, axes[units.index(series.quantity.unit)])
                implot.plot_line(name, np.array(series.times), np.array(series.values))
        if cursor is not None:
            implot.set_axes(implot.ImAxis_.x1, axes[0])
            implot.plot_inf_lines("##now", np.array([cursor.time]))
        implot.end_plot()
