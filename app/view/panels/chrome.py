"""What is around everything: the menu, the bar with the timeline, the notice of the hour."""

from __future__ import annotations

from imgui_bundle import imgui

from app.timeline import SPEEDS
from app.view.actions import ACTIONS, BY_NAME
from app.view.application import Application
from app.view.film import HistoryFilm
from app.view.panels.layout import PanelLayout
from app.view.panels.log_panel import COLORS

MENUS = ("File", "Edit", "Time", "View", "Help")


def draw_menu(app: Application, layout: PanelLayout) -> None:
    """The menu bar, made from the table of actions."""
    if not imgui.begin_main_menu_bar():
        return
    for menu in MENUS:
        if imgui.begin_menu(menu):
            if menu == "File":
                _recent_menu(app)
            for action in ACTIONS:
                if action.group == menu and imgui.menu_item(_menu_text(app, action), action.keys[0], False)[0]:
                    action.run(app)
            if menu == "View":
                _panels_menu(app, layout)
            imgui.end_menu()
    title = app.view.path.name if app.view is not None else ""
    if app.runner.loading is not None:
        title = f"reading {app.runner.loading.name} ..."
    imgui.text_disabled(f"   {title}")
    if app.runner.recording_path is not None:
        imgui.text_colored(COLORS[app.preferences.theme]["error"], f"   recording {app.runner.recording_path.name}")
    if isinstance(app.film, HistoryFilm):
        imgui.progress_bar(app.film.share, imgui.ImVec2(160, 0), app.film.path.name)
    elif app.film is not None:
        imgui.text_colored(COLORS[app.preferences.theme]["error"], f"   filming {app.film.path.name}")
    imgui.end_main_menu_bar()


def _menu_text(app: Application, action) -> str:
    commands = app.runner.commands
    if action.name == "undo" and commands is not None and commands.undo_label:
        return f"Undo {commands.undo_label}"
    if action.name == "redo" and commands is not None and commands.redo_label:
        return f"Redo {commands.redo_label}"
    return action.label


def _recent_menu(app: Application) -> None:
    if imgui.begin_menu("Open recent"):
        for path in app.preferences.recent_files():
            if imgui.menu_item(str(path), "", False)[0]:
                app.open(path)
        imgui.end_menu()


def _panels_menu(app: Application, layout: PanelLayout) -> None:
    imgui.separator()
    hidden = app.preferences.hidden_panels
    for panel, _ in layout.panels:
        changed, _ = imgui.menu_item(panel.title, "", panel.title not in hidden)
        if changed:
            (hidden.remove if panel.title in hidden else hidden.append)(panel.title)
    if imgui.menu_item("Arrange panels anew", "", False)[0]:
        layout.arrange()


class TimeBar:
    """Buttons, timeline and clock along the bottom."""

    def __init__(self, app: Application):
        self._app = app

    def draw(self) -> None:
        """The bar; the simulation rests while the cursor is dragged."""
        app, viewport = self._app, imgui.get_main_viewport()
        height = 2.0 * imgui.get_frame_height_with_spacing() + 6.0
        flags = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_saved_settings
        if imgui.internal.begin_viewport_side_bar("##time", viewport, imgui.Dir.down, height, flags):
            if app.view is not None:
                self._timeline()
                self._buttons()
            else:
                self._notice()
        imgui.end()

    def _timeline(self) -> None:
        """A line from the first frame to the newest, with the one that is shown; a press or drag goes there."""
        app, timeline = self._app, self._app.timeline
        first, last = timeline.history.first, timeline.history.last
        left, top = imgui.get_cursor_screen_pos()
        width, height = max(imgui.get_content_region_avail().x, 10.0), imgui.get_frame_height()
        imgui.invisible_button("##timeline", imgui.ImVec2(width, height))
        active, hovered = imgui.is_item_active(), imgui.is_item_hovered()
        share = (imgui.get_mouse_pos().x - left) / width
        pointed = round(first + min(max(share, 0.0), 1.0) * (last - first))
        if active and pointed != timeline.cursor:
            app.look_at_frame(pointed)
        if hovered:
            hint = f"frame {pointed}"
            if timeline.history.stride > 1:
                hint += f"; memory is full: of older frames every {timeline.history.stride}th is kept"
            imgui.set_tooltip(hint)
        part = 1.0 if last <= first else (timeline.cursor - first) / (last - first)
        draw, color = imgui.get_window_draw_list(), imgui.get_color_u32
        middle, at = top + 0.5 * height, left + part * width
        draw.add_rect_filled((left, middle - 4), (left + width, middle + 4), color(imgui.Col_.frame_bg), 4.0)
        draw.add_rect_filled((left, middle - 4), (at, middle + 4), color(imgui.Col_.slider_grab), 4.0)
        draw.add_circle_filled((at, middle), 8.0 if hovered or active else 6.0, color(imgui.Col_.slider_grab_active))

    def _buttons(self) -> None:
        app, timeline = self._app, self._app.timeline
        playing = app.runner.playing or timeline.playing or (app.is_script and app.script_runs)
        for name, text in (
            ("reset", "Reset"), ("go_to_start", "|<"), ("step_back", "<"), ("toggle_play", "Pause" if playing else "Play"),
            ("step_forward", ">"), ("go_to_end", ">|"), ("continue_from_here", "Simulate from here"),
        ):  # fmt: skip
            action = BY_NAME[name]
            imgui.begin_disabled(name == "continue_from_here" and timeline.at_end)
            if imgui.button(f"{text}###{name}", imgui.ImVec2(64, 0) if name == "toggle_play" else None):
                action.run(app)
            imgui.end_disabled()
            if imgui.is_item_hovered():
                imgui.set_tooltip(f"{action.label} ({', '.join(action.keys)})")
            imgui.same_line()
        changed, loop = imgui.checkbox("loop", timeline.loop)
        if changed:
            timeline.loop = loop
        imgui.same_line()
        changed, _ = imgui.checkbox("real time", app.runner.speed is not None)
        if changed:
            app.toggle_real_time()
        imgui.same_line()
        imgui.set_next_item_width(90)
        names = [f"x {speed:g}" for speed in SPEEDS]
        place = SPEEDS.index(timeline.speed) if timeline.speed in SPEEDS else 3
        changed, place = imgui.combo("##speed", place, names)
        if changed:
            app.set_speed(SPEEDS[place])
        imgui.same_line()
        frame = timeline.shown
        if frame is not None:
            imgui.text(f"{frame.time:.3f} s")
            imgui.same_line()
            imgui.text_disabled(f"frame {frame.number} of {timeline.history.last}")
            imgui.same_line()
        imgui.text_disabled(self._state())
        imgui.same_line()
        self._notice()

    def _state(self) -> str:
        app = self._app
        if app.is_script and app.timeline.at_end:
            return "the script runs" if app.script_runs else "the script waits"
        if app.runner.playing:
            return f"simulating, {app.runner.frames_a_second:.0f} frames a second"
        if app.timeline.playing:
            return "playing"
        return "resting" if app.timeline.at_end else "looking back"

    def _notice(self) -> None:
        entry = self._app.log.notice()
        if entry is None:
            return
        color = COLORS[self._app.preferences.theme][entry.level]
        text = f"<{entry.path}> {entry.message}" if entry.path else entry.message
        if color is None:
            imgui.text_disabled(text)
        else:
            imgui.text_colored(color, text)
        if imgui.is_item_hovered():
            imgui.set_tooltip(text)
        if imgui.is_item_clicked() and entry.path:
            self._app.selection.set(entry.path)
