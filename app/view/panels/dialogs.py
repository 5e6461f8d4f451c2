"""Windows over everything: start screen, open, save, keys."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgui_bundle import imgui

from app.view.actions import ACTIONS, MOUSE_HABITS
from app.view.application import Application
from app.view.bundled import bundled_scenes
from app.view.deeds.files import SCENE_SUFFIXES


class Dialogs:
    """Whichever is open."""

    def __init__(self, app: Application):
        self._app = app
        self._browser = FileBrowser(app)
        self._name = ""
        self._was_open: str | None = None

    def draw(self) -> None:
        """The start screen when nothing is open, and the open dialog."""
        app = self._app
        if app.view is None and app.dialog is None:
            self._start()
        opened, self._was_open = app.dialog != self._was_open, app.dialog
        if app.dialog == "open":
            self._window("Open a scene", 0.6, 0.7, lambda: self._browser.draw(opened))
        elif app.dialog == "save":
            if opened:
                self._name = str(app.free_name("usd"))
            self._window("Save what was simulated", 0.5, 0.2, self._save)
        elif app.dialog == "help":
            self._window("Keys", 0.62, 0.8, self._keys)

    def _window(self, title: str, width: float, height: float, content) -> None:
        viewport = imgui.get_main_viewport()
        size = imgui.ImVec2(viewport.work_size.x * width, viewport.work_size.y * height)
        imgui.set_next_window_size(size, imgui.Cond_.appearing)
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.appearing, imgui.ImVec2(0.5, 0.5))
        flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_collapse | imgui.WindowFlags_.no_saved_settings
        shown, open_ = imgui.begin(title, True, flags)
        if shown:
            content()
        imgui.end()
        if not open_:
            self._app.dialog = None

    def _start(self) -> None:
        viewport = imgui.get_main_viewport()
        size = imgui.ImVec2(min(640.0, viewport.work_size.x), min(520.0, viewport.work_size.y))
        imgui.set_next_window_size(size)
        imgui.set_next_window_pos(viewport.get_center(), 0, imgui.ImVec2(0.5, 0.5))
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings
        if imgui.begin("##start", None, flags)[0]:
            self._start_content()
        imgui.end()

    def _start_content(self) -> None:
        app = self._app
        imgui.text("simview")
        imgui.text_wrapped("Drop a USD, URDF or MJCF file here, or choose one.")
        if app.runner.loading is not None:
            imgui.separator()
            imgui.text_wrapped(f"reading {app.runner.loading} ...")
        imgui.spacing()
        if imgui.button("Open..."):
            app.open_dialog()
        imgui.same_line()
        imgui.text_disabled("Ctrl+O; F1 lists all keys")
        recent = app.preferences.recent_files()
        if recent:
            imgui.separator_text("Recent")
            self._files(recent, lambda path: f"{path.name}    {path.parent}")
        imgui.separator_text("Scenes that come along")
        self._files(bundled_scenes(), lambda path: path.stem.replace("_", " "))

    def _files(self, paths: Sequence[Path], text) -> None:
        for path in paths:
            if imgui.selectable(f"{text(path)}##{path}", False)[0]:
                self._app.open(path)

    def _save(self) -> None:
        imgui.text_wrapped("All frames in memory become a USD file, as simrun would have written it.")
        imgui.set_next_item_width(-1)
        enter = imgui.InputTextFlags_.enter_returns_true
        entered, self._name = imgui.input_text("##name", self._name, enter)
        path = Path(self._name).expanduser()
        fits = path.suffix in (".usd", ".usda", ".usdc") and path.parent.is_dir()
        if not fits:
            imgui.text_wrapped("A name that ends in .usd, .usda or .usdc, in a folder that exists.")
        elif path.exists():
            imgui.text_wrapped("The file exists and will be replaced.")
        imgui.begin_disabled(not fits)
        if imgui.button("Save") or (entered and fits):
            self._app.save_history(path)
        imgui.end_disabled()
        imgui.same_line()
        if imgui.button("Cancel"):
            self._app.dialog = None

    def _keys(self) -> None:
        flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.sizing_fixed_fit
        groups = dict.fromkeys(action.group for action in ACTIONS)
        rows = {group: [(", ".join(a.keys), a.label) for a in ACTIONS if a.group == group] for group in groups}
        for heading, lines in {"Mouse in the picture": list(MOUSE_HABITS), **rows}.items():
            imgui.separator_text(heading)
            if imgui.begin_table(heading, 2, flags):
                for keys, label in lines:
                    imgui.table_next_row()
                    imgui.table_next_column()
                    imgui.text(keys)
                    imgui.table_next_column()
                    imgui.text(label)
                imgui.end_table()


class FileBrowser:
    """Folders and scene files."""

    def __init__(self, app: Application):
        self._app = app
        self._typed = ""
        self._listed: tuple[Path | None, list[Path], str] = (None, [], "")

    def draw(self, opened: bool) -> None:
        """A place to type, and a list."""
        app = self._app
        if opened:
            self._typed = ""
            self._listed = (None, [], "")
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(-1)
        entered, self._typed = imgui.input_text_with_hint(
            "##path", "type or paste a path", self._typed, imgui.InputTextFlags_.enter_returns_true
        )
        if entered and self._typed.strip():
            self._go(app.folder / Path(self._typed.strip()).expanduser())
        imgui.text_disabled(str(app.folder))
        if self._listed[0] != app.folder:
            self._listed = (app.folder, *list_folder(app.folder))
        if self._listed[2]:
            imgui.text_wrapped(self._listed[2])
        if imgui.begin_child("files"):
            if imgui.selectable("..", False)[0]:
                app.folder = app.folder.resolve().parent
            for path in self._listed[1]:
                folder = path.is_dir()
                if imgui.selectable(f"{path.name}/" if folder else path.name, False)[0]:
                    self._go(path)
        imgui.end_child()

    def _go(self, path: Path) -> None:
        self._typed = ""
        if path.is_dir():
            self._app.folder = path
        else:
            self._app.open(path)


def list_folder(folder: Path) -> tuple[list[Path], str]:
    """Folders, then scene files, by name; and what kept them from being listed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: (not e.is_dir(), e.name.lower()))
    except OSError as error:
        return [], f"{folder}: {error.strerror or error}"
    return [
        Path(entry.path)
        for entry in entries
        if not entry.name.startswith(".") and (entry.is_dir() or Path(entry.name).suffix.lower() in SCENE_SUFFIXES)
    ], ""
