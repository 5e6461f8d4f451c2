"""Widgets that several panels use: rows of two columns, numbers that change the session with undo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from imgui_bundle import imgui

from app.commands import Command
from app.view.application import Application

_gesture = [0]


def begin_rows(name: str) -> bool:
    """Start a table of names and values; `imgui.end_table()` ends it when this is true."""
    shown = imgui.begin_table(name, 2, imgui.TableFlags_.sizing_stretch_prop)
    if shown:
        imgui.table_setup_column("name", imgui.TableColumnFlags_.width_stretch, 0.42)
        imgui.table_setup_column("value", imgui.TableColumnFlags_.width_stretch, 0.58)
    return shown


def label(text: str, hint: str = "") -> None:
    """The name of the next row; the value comes next."""
    imgui.table_next_row()
    imgui.table_next_column()
    imgui.align_text_to_frame_padding()
    cut = imgui.calc_text_size(text).x > imgui.get_content_region_avail().x
    imgui.text(text)
    if (hint or cut) and imgui.is_item_hovered():
        imgui.set_tooltip("\n".join(filter(None, (text if cut else "", hint))))
    imgui.table_next_column()
    imgui.set_next_item_width(-1)


def row(text: str, value: str, hint: str = "") -> None:
    """A row that only shows something."""
    label(text, hint)
    imgui.text_wrapped(value)


def number(value: float) -> str:
    """A number as people read it."""
    return "-" if not np.isfinite(value) else f"{value:.4g}"


def vector(values: np.ndarray) -> str:
    """A vector as people read it."""
    return "(" + ", ".join(f"{0.0 if abs(v) < 1e-9 else float(v):.4g}" for v in values) + ")"


def gesture() -> object:
    """A name for what is being dragged, new whenever something else is taken hold of: one undo for a whole drag."""
    if imgui.is_item_activated():
        _gesture[0] += 1
    return _gesture[0]


def edit_number(
    app: Application,
    text: str,
    value: float,
    command: Callable[[float], Command],
    *,
    lowest: float = 0.0,
    highest: float = 0.0,
    speed: float | None = None,
    hint: str = "",
    format: str = "%.4g",
) -> None:
    """A row with a number that can be dragged or typed; every change becomes a command."""
    label(text, hint)
    step = speed if speed is not None else max(abs(value) * 0.01, 1e-4)
    flags = imgui.SliderFlags_.always_clamp if highest > lowest else 0
    changed, new = imgui.drag_float(f"##{text}", float(value), step, lowest, highest, format, flags)
    name = gesture()
    if changed and np.isfinite(new) and (highest > lowest or new >= lowest):
        app.do(command(new), name)


def edit_integer(
    app: Application,
    text: str,
    value: int,
    command: Callable[[int], Command],
    *,
    lowest: int,
    highest: int,
    hint: str = "",
) -> None:
    """A row with a whole number."""
    label(text, hint)
    flags = imgui.SliderFlags_.always_clamp
    changed, new = imgui.drag_int(f"##{text}", int(value), max(0.05, 0.01 * value), lowest, highest, "%d", flags)
    name = gesture()
    if changed and lowest <= new <= highest:
        app.do(command(new), name)


def slide(
    text: str, value: float, lowest: float, highest: float, format: str, *, beyond: float | None = None, flags: int = 0
) -> tuple[bool, float]:
    """A slider, in which people also type (Ctrl+click): whether it changed, to a number that can be used.

    Args:
        text: its label.
        value: as it is.
        lowest: left end; `highest` is the right one.
        format: of the number.
        beyond: how far from zero typed numbers may lie; None for no further than the ends.
        flags: ImGui's.
    """
    changed, new = imgui.slider_float(text, float(value), lowest, highest, format, flags)
    if not np.isfinite(new):
        return False, float(value)
    low, high = (lowest, highest) if beyond is None else (min(lowest, -beyond), max(highest, beyond))
    return changed, min(max(float(new), low), high)
