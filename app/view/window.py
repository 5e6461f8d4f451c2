"""The viewer on a screen: one pyglet window, its events, and the loop that draws."""

from __future__ import annotations

import importlib
import os
import sys
import time

from app.errors import EXIT_FAILED
from app.render.errors import NoGraphics
from app.view.application import Application
from app.view.preferences import config_folder

#: pictures are drawn for this long after the last event, then only when something moves [s]
LINGER = 0.7
IDLE_WAIT = 0.02
SMALLEST = (320, 240)


def check_display() -> None:
    """Find out, before anything that takes long, whether a window can be opened.

    Raises:
        NoGraphics: if there is no display, or a package is missing; the message says what to do.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoGraphics(
            "there is no display (DISPLAY is not set); run simview in a desktop session, or make pictures without one: "
            "simrun SCENE --render out.mp4"
        )
    try:
        import imgui_bundle  # noqa: F401
        import moderngl  # noqa: F401
        import pyglet
    except ImportError as error:
        raise NoGraphics(f'the package {error.name} is not installed; pip install "simrun[view]"') from None
    pyglet.options.debug_gl = False  # checking for an error after every call costs more than the calls
    pyglet.options.shadow_window = False  # nothing is shared between windows; an invisible one takes as long as ours
    try:
        importlib.import_module("pyglet.window")  # pyglet's own names are proxies
        importlib.import_module("pyglet.display").get_display()  # this asks the display
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise NoGraphics(f"no window can be opened ({text}); check DISPLAY={os.environ.get('DISPLAY')!r}") from None


def open_window(app: Application, *, remember: bool = True) -> object:
    """Make the window of an application.

    Raises:
        NoGraphics: if there is no display, or no OpenGL 3.3; the message says what to do.
    """
    check_display()
    from app.render.context import release_context
    from app.view.pyglet_window import ViewWindow

    release_context()
    return ViewWindow(app, config_folder() if remember else None)


def leave_a_core(threads: int | None = None) -> None:
    """Simulate with `threads`, or with all cores but one: that is the window's, so that it stays fluid."""
    import engine
    from engine.device import cpu_count

    engine.set_threads(threads or max(1, cpu_count() - 1))


def end_at_once(app: Application, reason: str, *, store: bool = False) -> None:
    """End the process where nothing can be drawn any more: files are closed, and one line says why.

    Preferences are stored if wanted. Neither Python nor the graphics driver clean up, since with a broken display or context they may never come back.
    """
    output = app.runner.recording_path
    ended = app.close(store=store)
    kept = f"; the recording {output} is complete" if output is not None and ended else ""
    print(f"simview: error: {reason}{kept}", file=sys.stderr, flush=True)
    os._exit(EXIT_FAILED)


def end_with_display(app: Application) -> None:
    """When the connection to the display breaks, close what is being recorded and end with one line.

    Xlib ends the process by itself then, without Python's leave; this handler is what it calls before.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import ctypes.util

    try:
        xlib = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    except OSError:
        return

    def broken(_display: int) -> int:
        end_at_once(app, "the connection to the display broke")

    global _handler
    _handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(broken)
    xlib.XSetIOErrorHandler(_handler)


#: kept alive as long as Xlib may call it
_handler = None


class Loop:
    """Draws while something moves, rests otherwise."""

    def __init__(self, app: Application, window: object):
        """For one application and its window."""
        self._app, self._window = app, window
        self._last = time.perf_counter()
        self._shown: tuple | None = None
        self._warm: object = None
        self._awake_until = self._last + 2.0
        #: seconds from one picture to the next, of pictures that followed each other
        self.longest_gap = 0.0
        self.pictures = 0

    def run(self) -> None:
        """Until the person closes the window."""
        while not self._app.wants_close:
            self.turn()

    def turn(self) -> bool:
        """Events, time, and a picture if anything changed; whether there was one."""
        app, window = self._app, self._window
        window.handle_events()
        if app.wants_close:
            return False
        now = time.perf_counter()
        seconds, self._last = min(now - self._last, 0.25), now
        app.tick(seconds)
        if window.input.held_keys and app.camera.fly(window.input.held_keys, seconds, fast=window.is_fast):
            self._awake_until = now + LINGER
        frame = app.frame
        shown = (app.view, frame, app.log.notice(), app.dialog)
        changed = shown != self._shown or window.had_event or app.is_running or app.wanted_screenshot is not None
        self._shown = shown
        if changed:
            self._awake_until = now + LINGER
        if now > self._awake_until or not window.is_visible_size:
            time.sleep(IDLE_WAIT)
            return False
        window.draw_picture(frame)
        self.pictures += 1
        if app.view is not self._warm:  # whoever waits to see the scene need not wait for kernels
            self._warm = app.view
            app.runner.warm_up()
        return True


class FrameShower:
    """Hands frames of a history to the renderer, each once."""

    def __init__(self, renderer: object):
        """For one renderer."""
        self._renderer = renderer
        self._scene: object = None
        self._frame: object = None

    def show(self, scene: object, frame: object) -> None:
        """Let the renderer draw a scene at a frame."""
        if scene is not self._scene:
            self._renderer.set_scene(scene)
            self._scene, self._frame = scene, None
        if frame is not None and frame is not self._frame:
            self._frame = frame
            self._renderer.update(frame.rows("body_q"), frame.rows("particle_q"), scene.time_code(frame.time))
