"""The pyglet window itself. Importing this needs a display: see `window.open_window`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import moderngl
import numpy as np
import pyglet
from imgui_bundle import imgui
from pyglet.window import key, mouse

from app.errors import AppError
from app.render.context import attach_context
from app.render.errors import GraphicsLost, NoGraphics
from app.render.film import save_still
from app.render.options import Overlay
from app.render.renderer import Renderer
from app.view.actions import find_action
from app.view.application import Application
from app.view.camera_control import FLIGHT
from app.view.film import HistoryFilm, WindowFilm
from app.view.gui_host import GuiHost
from app.view.overlays import OverlayMaker
from app.view.panels.chrome import TimeBar, draw_menu
from app.view.panels.dialogs import Dialogs
from app.view.panels.gizmo import BodyGizmo
from app.view.panels.layout import PanelLayout, Rectangle
from app.view.picture_input import PictureInput
from app.view.window import SMALLEST, FrameShower

BUTTONS = {mouse.LEFT: "left", mouse.MIDDLE: "middle", mouse.RIGHT: "right"}
MODIFIERS = {key.MOD_CTRL: "Ctrl", key.MOD_SHIFT: "Shift", key.MOD_ALT: "Alt", key.MOD_COMMAND: "Ctrl"}
DOUBLE_CLICK = 0.35
#: what glGetError says after a reset of the driver (KHR_robustness)
GL_CONTEXT_LOST = 0x0507


@contextmanager
def watch_graphics() -> Iterator[None]:
    """Turns what OpenGL says when it stops working into one error.

    Raises:
        GraphicsLost: if a call failed, or the context was lost without any call failing.
    """
    try:
        yield
    except (moderngl.Error, pyglet.gl.ContextException, pyglet.gl.lib.GLException) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise GraphicsLost(
            f"OpenGL stopped working ({text}), as it does when the graphics driver is reset or runs out of memory; "
            "start simview again, and see the system's log if it comes back"
        ) from error
    if pyglet.gl.glGetError() == GL_CONTEXT_LOST:
        raise GraphicsLost("the graphics driver was reset and the window's OpenGL context is lost; start simview again")


def key_name(symbol: int) -> str:
    """A key as the table of actions writes it: "Space", "A", "1", "F1", "Left"."""
    name = key.symbol_string(symbol)
    if name.startswith("_") and len(name) == 2:
        return name[1]
    if name.startswith("NUM_") and len(name) == 5:
        return name[4]
    return name if len(name) <= 1 or (name[0] == "F" and name[1:].isdigit()) else name.capitalize()


def modifier_names(modifiers: int) -> set[str]:
    """Modifiers as words."""
    return {name for bit, name in MODIFIERS.items() if modifiers & bit}


class ViewWindow(pyglet.window.Window):
    """Window, GL context, picture and panels of one application."""

    def __init__(self, app: Application, settings: Path | None):
        """Open the window.

        Args:
            app: what is shown.
            settings: folder where the arrangement of panels is remembered; None forgets it.

        Raises:
            NoGraphics: if the machine cannot open one with OpenGL 3.3.
        """
        self.app = app
        self.ready = False
        width, height = app.preferences.window_size
        config = pyglet.gl.Config(
            major_version=3, minor_version=3, forward_compatible=True, double_buffer=True, depth_size=24
        )
        try:
            screen = pyglet.display.get_display().get_default_screen()
            super().__init__(
                min(width, screen.width), min(height, screen.height), "simview", resizable=True, config=config,
                file_drops=True, vsync=True,
            )  # fmt: skip
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise NoGraphics(f"no window with OpenGL 3.3 can be opened ({text}); update the graphics driver") from None
        self.set_minimum_size(*SMALLEST)
        self.graphics: moderngl.Context = attach_context()
        self.renderer = Renderer(self.graphics)
        self.shower = FrameShower(self.renderer)
        layout_file = settings / "layout.ini" if settings is not None else None
        if settings is not None:
            settings.mkdir(parents=True, exist_ok=True)
        self.gui = GuiHost(self, self.graphics, layout_file, app.preferences.theme)
        self.layout = PanelLayout(app, arrange=not self.gui.has_layout)
        self.time_bar, self.dialogs, self.gizmo = TimeBar(app), Dialogs(app), BodyGizmo(app)
        self.input = PictureInput(app, self.pick)
        self.picture = Rectangle(0, 0, width, height)
        self.had_event = True
        self.is_fast = False
        self._overlay, self._marks = Overlay(), None
        self._last_click = (0.0, 0.0, 0.0)
        self._screen = self.graphics.detect_framebuffer()
        self.ready = True

    # Drawing.

    @property
    def is_visible_size(self) -> bool:
        """Whether there is anything to draw on."""
        width, height = self.get_framebuffer_size()
        return width > 8 and height > 8

    @property
    def pixel_scale(self) -> float:
        """Pixels of the screen in a unit of the window's coordinates."""
        return self.get_framebuffer_size()[0] / max(self.get_size()[0], 1)

    @property
    def text_scale(self) -> float:
        """How much larger text must be than on an ordinary screen where the window is measured in real pixels."""
        dense = float(self.scale) / self.pixel_scale  # the screen's own factor, but for what the system does by itself
        return min(max(dense, 1.0), 3.0) if np.isfinite(dense) else 1.0

    def handle_events(self) -> None:
        """Take what happened since the last call."""
        self.had_event = False
        with watch_graphics():
            self.switch_to()
            pyglet.clock.tick()
            self.dispatch_events()

    def draw_picture(self, frame: object) -> None:
        """Draw everything and show it.

        Raises:
            GraphicsLost: if OpenGL stopped working.
        """
        with watch_graphics():
            self._draw_all(frame)

    def _draw_all(self, frame: object) -> None:
        """Panels, then the picture in what they leave, then the panels over it."""
        app, began = self.app, time.perf_counter()
        self.switch_to()
        self.gui.set_theme(app.preferences.theme)
        self.gui.begin(app.preferences.text_scale * self.text_scale)
        try:
            draw_menu(app, self.layout)
            self.time_bar.draw()
            self.picture = self.layout.draw()
            self.input.size = (int(self.picture.width), int(self.picture.height))
            if self.picture.height >= 1:
                app.aspect = max(self.picture.width / self.picture.height, 0.05)
            self.gizmo.draw(self.picture)
            self.dialogs.draw()
        except BaseException:
            self.gui.abandon()
            raise
        panels = time.perf_counter()
        if isinstance(app.film, HistoryFilm):
            self._draw_for_film(app.film)
        self._draw_scene(frame)
        drawn = time.perf_counter()
        self.gui.end(self._screen)
        if app.film is not None or app.wanted_screenshot is not None:
            self._keep_picture()
        shown = time.perf_counter()
        self.flip()
        app.timings.update(
            panels=1000.0 * (panels - began + shown - drawn),
            render=1000.0 * (drawn - panels),
            wait=1000.0 * (time.perf_counter() - shown),
        )

    def _draw_scene(self, frame: object) -> None:
        app, screen = self.app, self._screen
        screen.use()
        shade = 0.115 if app.preferences.theme == "dark" else 0.96
        width, height = self.get_framebuffer_size()
        self.graphics.viewport = (0, 0, width, height)
        screen.scissor = None
        self.graphics.clear(shade, shade, shade, 1.0)
        if app.view is None or min(self.picture.width, self.picture.height) < 2:
            return
        self.shower.show(app.view.render, frame)
        self._make_marks(frame)
        left, bottom, wide, high = self.picture_pixels()
        app.picture_size = (wide, high)
        self.renderer.draw(
            app.camera.camera, app.draw, (wide, high), overlay=self._overlay, target=screen,
            viewport=(left, bottom, wide, high), scale=self.pixel_scale * self.text_scale,
        )  # fmt: skip

    def picture_pixels(self) -> tuple[int, int, int, int]:
        """Left, bottom, width and height of the picture in the framebuffer."""
        scale, area = self.pixel_scale, self.picture
        height = self.get_framebuffer_size()[1]
        return (
            int(area.x * scale),
            int(height - (area.y + area.height) * scale),
            max(1, int(area.width * scale)),
            max(1, int(area.height * scale)),
        )

    def _make_marks(self, frame: object) -> None:
        app = self.app
        self._overlay.clear()
        if frame is None:
            return
        if self._marks is None or self._marks[0] is not app.session:
            self._marks = (app.session, OverlayMaker(app.session.model, app.bounds().radius))
        maker = self._marks[1]
        maker.draw(self._overlay, frame, app.toggles)
        held = app.held_point()
        if held is not None:
            maker.draw_hand(self._overlay, held, app.pull_target)

    def _keep_picture(self) -> None:
        """The whole window for a screenshot, the picture alone for a video."""
        app = self.app
        width, height = self.get_framebuffer_size()
        if app.wanted_screenshot is not None:
            path, app.wanted_screenshot = app.wanted_screenshot, None
            try:
                pixels = self.read_screen((0, 0, width, height))
                save_still(path, np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
                app.log.add("info", f"screenshot {path}")
            except AppError as error:
                app.log.add("error", str(error))
        if isinstance(app.film, WindowFilm) and app.view is not None:
            try:
                app.film.add(self.renderer.read_pixels())
            except AppError as error:
                app.end_film(error)

    def _draw_for_film(self, film: HistoryFilm) -> None:
        """The next of the simulated frames into the film; it is finished after the last."""
        app, frame = self.app, film.next_frame()
        if frame is None or app.view is None:
            app.end_film()
            return
        self.shower.show(app.view.render, frame)
        self._make_marks(frame)
        self.renderer.draw(app.camera.camera, app.draw, film.size, overlay=self._overlay)
        try:
            film.add(self.renderer.read_pixels())
        except AppError as error:
            app.end_film(error)

    def read_screen(self, viewport: tuple[int, int, int, int]) -> np.ndarray:
        """Pixels of the window, uint8 [height, width, 3], top row first."""
        data = self._screen.read(viewport=viewport, components=3, alignment=1)
        return np.frombuffer(data, np.uint8).reshape(viewport[3], viewport[2], 3)[::-1]

    def pick(self, x: float, y: float) -> object:
        """What the picture shows at a point, from its top left corner."""
        if self.app.view is None:
            return None
        return self.renderer.pick(x * self.pixel_scale, y * self.pixel_scale)

    # Events.

    def _from_top(self, x: float, y: float) -> tuple[float, float]:
        return x, self.get_size()[1] - y

    def _in_picture(self, x: float, y: float) -> tuple[float, float]:
        left, top = self._from_top(x, y)
        return left - self.picture.x, top - self.picture.y

    def on_key_press(self, symbol: int, modifiers: int) -> bool:
        self.had_event = True
        names = modifier_names(modifiers)
        self.is_fast = "Shift" in names
        name = key_name(symbol)
        # A dialog with a text field gets the keyboard only with its second picture; keys are meant for it from the first.
        typing = self.gui.wants_text or (self.app.dialog in ("open", "save") and name != "Escape")
        self.gui.key(symbol, modifiers, True)
        if self.app.camera.flying and not typing and name in FLIGHT and not names - {"Shift"}:
            self.input.held_keys.add(name)
            return True
        action = find_action(name, names, typing=typing)
        if action is not None:
            action.run(self.app)
        return True

    def on_key_release(self, symbol: int, modifiers: int) -> None:
        self.had_event = True
        self.is_fast = "Shift" in modifier_names(modifiers)
        self.input.held_keys.discard(key_name(symbol))
        self.gui.key(symbol, modifiers, False)

    def on_text(self, text: str) -> None:
        self.had_event = True
        self.gui.text(text)

    def on_text_motion(self, motion: int) -> None:
        self.had_event = True

    def on_mouse_motion(self, x: float, y: float, dx: float, dy: float) -> None:
        self.had_event = True
        self.gui.pointer(*self._from_top(x, y))

    def on_mouse_press(self, x: float, y: float, button: int, modifiers: int) -> None:
        self.had_event = True
        self.gui.pointer(*self._from_top(x, y))
        self.gui.button(button, True)
        inside = self.picture.contains(*self._from_top(x, y))
        if inside and not self.gui.wants_mouse and not self.gizmo.is_over and button in BUTTONS:
            imgui.set_window_focus(None)
            self.input.press(*self._in_picture(x, y), BUTTONS[button], modifier_names(modifiers))

    def on_mouse_drag(self, x: float, y: float, dx: float, dy: float, buttons: int, modifiers: int) -> None:
        self.had_event = True
        self.gui.pointer(*self._from_top(x, y))
        self.input.drag(*self._in_picture(x, y), dx, -dy)

    def on_mouse_release(self, x: float, y: float, button: int, modifiers: int) -> None:
        self.had_event = True
        self.gui.button(button, False)
        now = time.perf_counter()
        then, px, py = self._last_click
        twice = now - then < DOUBLE_CLICK and abs(px - x) + abs(py - y) < 6
        self._last_click = (now, x, y)
        self.input.release(BUTTONS.get(button, ""), twice=twice)

    def on_mouse_scroll(self, x: float, y: float, scroll_x: float, scroll_y: float) -> None:
        self.had_event = True
        if self.gui.wants_mouse or not self.picture.contains(*self._from_top(x, y)):
            self.gui.wheel(scroll_x, scroll_y)
        else:
            self.input.wheel(*self._in_picture(x, y), scroll_y)

    def on_file_drop(self, x: int, y: int, paths: list[str]) -> None:
        self.had_event = True
        self.app.open(paths[0])
        if len(paths) > 1:
            self.app.log.add("warning", f"{len(paths)} files were dropped; only {Path(paths[0]).name} is opened")

    def on_deactivate(self) -> None:
        if self.ready:
            self.input.cancel()

    def on_resize(self, width: int, height: int) -> None:
        self.had_event = True

    def on_expose(self) -> None:
        self.had_event = True

    def on_close(self) -> None:
        self.app.wants_close = True

    def end(self) -> None:
        """Remember what is to be remembered, and let go of everything."""
        self.app.preferences.window_size = [int(x) for x in self.get_size()]
        self.gui.close()
        self.close()
