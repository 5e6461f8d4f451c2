"""Dear ImGui inside a pyglet window: context, fonts, theme, events."""

from __future__ import annotations

import time
from pathlib import Path

import imgui_bundle
import moderngl
from imgui_bundle import imgui, implot
from pyglet.window import key, mouse

from app.view.gui_renderer import GuiRenderer

BUTTONS = {mouse.LEFT: 0, mouse.RIGHT: 1, mouse.MIDDLE: 2}
#: keys that ImGui calls otherwise than pyglet
RENAMED = {
    "RETURN": "enter", "BACKSPACE": "backspace", "ENTER": "enter", "ESCAPE": "escape", "LEFT": "left_arrow",
    "RIGHT": "right_arrow", "UP": "up_arrow", "DOWN": "down_arrow", "PAGEUP": "page_up", "PAGEDOWN": "page_down",
    "NUM_ENTER": "keypad_enter", "LCTRL": "left_ctrl", "RCTRL": "right_ctrl", "LSHIFT": "left_shift",
    "RSHIFT": "right_shift", "LALT": "left_alt", "RALT": "right_alt", "LCOMMAND": "left_super", "EQUAL": "equal",
    "MINUS": "minus", "COMMA": "comma", "PERIOD": "period", "SLASH": "slash", "TAB": "tab", "SPACE": "space",
    "DELETE": "delete", "INSERT": "insert", "HOME": "home", "END": "end",
}  # fmt: skip
MODIFIER_BITS = ((key.MOD_CTRL, "ctrl"), (key.MOD_SHIFT, "shift"), (key.MOD_ALT, "alt"))
MODIFIER_KEYS = {
    key.LCTRL: "ctrl", key.RCTRL: "ctrl", key.LSHIFT: "shift", key.RSHIFT: "shift", key.LALT: "alt", key.RALT: "alt",
}  # fmt: skip
FONT_SIZE = 15.0


def imgui_key(symbol: int) -> imgui.Key | None:
    """ImGui's key for pyglet's, None for those that it has no use for."""
    name = key.symbol_string(symbol)
    if len(name) == 2 and name[0] == "_":
        name = name[1:]  # digits are written _0 by pyglet
        return getattr(imgui.Key, f"_{name}", None)
    return getattr(imgui.Key, RENAMED.get(name, name.lower()), None)


class GuiHost:
    """One ImGui context for one window."""

    def __init__(self, window: object, context: moderngl.Context, layout_file: Path | None, theme: str):
        """Set everything up.

        Args:
            window: pyglet window whose events are handed on.
            context: GL context of that window.
            layout_file: where the arrangement of panels is remembered; None forgets it.
            theme: "dark" or "light".
        """
        self._window = window
        self._imgui = imgui.create_context()
        self._implot = implot.create_context()
        io = imgui.get_io()
        io.config_flags |= imgui.ConfigFlags_.docking_enable | imgui.ConfigFlags_.nav_enable_keyboard
        io.backend_flags |= imgui.BackendFlags_.has_mouse_cursors
        io.config_windows_move_from_title_bar_only = True
        io.set_ini_filename(str(layout_file) if layout_file is not None else "")
        self.has_layout = layout_file is not None and layout_file.is_file()
        self._load_fonts(io)
        self._theme: str | None = None
        self.set_theme(theme)
        self._renderer = GuiRenderer(context)
        self._context = context
        platform = imgui.get_platform_io()
        platform.platform_get_clipboard_text_fn = lambda _c: window.get_clipboard_text() or ""
        platform.platform_set_clipboard_text_fn = lambda _c, text: window.set_clipboard_text(text)
        self._last = time.perf_counter()
        self._cursor: object = None

    def _load_fonts(self, io: imgui.IO) -> None:
        font = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "DroidSans.ttf"
        if font.is_file():
            io.fonts.add_font_from_file_ttf(str(font), FONT_SIZE)
        else:
            io.fonts.add_font_default()

    def set_theme(self, theme: str) -> None:
        """Colours and shapes of the panels."""
        if theme == self._theme:
            return
        self._theme = theme
        style = imgui.get_style()
        if theme == "light":
            imgui.style_colors_light(style)
            implot.style_colors_light(implot.get_style())
        else:
            imgui.style_colors_dark(style)
            implot.style_colors_dark(implot.get_style())
        accent = imgui.ImVec4(0.93, 0.52, 0.13, 1.0)
        plain = imgui.ImVec4(0.96, 0.96, 0.97, 1.0) if theme == "light" else imgui.ImVec4(0.115, 0.12, 0.135, 1.0)
        raised = imgui.ImVec4(0.88, 0.89, 0.91, 1.0) if theme == "light" else imgui.ImVec4(0.19, 0.20, 0.225, 1.0)
        for name, color in (
            ("window_bg", plain), ("menu_bar_bg", plain), ("title_bg", plain), ("title_bg_active", raised),
            ("popup_bg", plain), ("frame_bg", raised), ("check_mark", accent), ("slider_grab", accent),
            ("slider_grab_active", accent), ("plot_histogram", accent),
        ):  # fmt: skip
            style.set_color_(getattr(imgui.Col_, name), color)
        style.window_rounding = style.child_rounding = 0.0
        style.frame_rounding = style.grab_rounding = 3.0
        style.window_border_size = 1.0
        implot.get_style().plot_min_size = imgui.ImVec2(80, 50)
        style.frame_padding, style.item_spacing = imgui.ImVec2(7, 4), imgui.ImVec2(8, 5)

    def begin(self, text_scale: float) -> None:
        """Start a frame."""
        window, io = self._window, imgui.get_io()
        size, pixels = window.get_size(), window.get_framebuffer_size()
        io.display_size = imgui.ImVec2(max(size[0], 1), max(size[1], 1))
        io.display_framebuffer_scale = imgui.ImVec2(pixels[0] / max(size[0], 1), pixels[1] / max(size[1], 1))
        now = time.perf_counter()
        io.delta_time, self._last = max(now - self._last, 1e-4), now
        imgui.get_style().font_scale_main = text_scale
        imgui.new_frame()

    def end(self, target: moderngl.Framebuffer) -> None:
        """Draw the frame."""
        imgui.render()
        self._renderer.draw(imgui.get_draw_data(), target)
        self._show_cursor()

    def abandon(self) -> None:
        """Give up a frame that was begun and cannot be drawn."""
        imgui.end_frame()

    def _show_cursor(self) -> None:
        wanted = imgui.get_mouse_cursor()
        if wanted == self._cursor:
            return
        self._cursor = wanted
        names = imgui.MouseCursor_
        window = self._window
        shapes = {
            names.text_input: window.CURSOR_TEXT, names.resize_all: window.CURSOR_SIZE,
            names.resize_ns: window.CURSOR_SIZE_UP_DOWN, names.resize_ew: window.CURSOR_SIZE_LEFT_RIGHT,
            names.hand: window.CURSOR_HAND,
        }  # fmt: skip
        window.set_mouse_cursor(window.get_system_mouse_cursor(shapes.get(wanted, window.CURSOR_DEFAULT)))

    @property
    def wants_mouse(self) -> bool:
        """Whether the pointer is over a panel."""
        return imgui.get_io().want_capture_mouse

    @property
    def wants_text(self) -> bool:
        """Whether a text field has the keyboard."""
        return imgui.get_io().want_text_input

    def key(self, symbol: int, modifiers: int, down: bool) -> None:
        """Hand on a key."""
        io = imgui.get_io()
        own = MODIFIER_KEYS.get(symbol)  # the modifiers of an event are those from before it
        for bit, name in MODIFIER_BITS:
            io.add_key_event(getattr(imgui.Key, f"mod_{name}"), down if name == own else bool(modifiers & bit))
        found = imgui_key(symbol)
        if found is not None:
            io.add_key_event(found, down)

    def text(self, text: str) -> None:
        """Hand on typed text."""
        for character in text:
            if character not in "\r\n\t":
                imgui.get_io().add_input_character(ord(character))

    def pointer(self, x: float, y: float) -> None:
        """Hand on where the pointer is, from the top left corner."""
        imgui.get_io().add_mouse_pos_event(x, y)

    def button(self, which: int, down: bool) -> None:
        """Hand on a mouse button."""
        if which in BUTTONS:
            imgui.get_io().add_mouse_button_event(BUTTONS[which], down)

    def wheel(self, x: float, y: float) -> None:
        """Hand on the wheel."""
        imgui.get_io().add_mouse_wheel_event(x, y)

    def close(self) -> None:
        """Write the layout and let go of everything."""
        self._renderer.release()
        implot.destroy_context(self._implot)
        imgui.destroy_context(self._imgui)
