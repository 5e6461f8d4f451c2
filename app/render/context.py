"""An OpenGL 3.3 context to draw with: of a window that has one, or of EGL where there is no display.

Drawing goes through moderngl, in both cases: it attaches to whatever context is current, costs a tenth of a call through
ctypes, and is kept up with drivers by others.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.render.errors import NoGraphics

if TYPE_CHECKING:
    import moderngl

INSTALL = 'pip install "simrun[view]"'
MESA = "install a graphics driver, or Mesa's software one: apt install libegl1 libgl1 libgl1-mesa-dri"


def attach_context() -> moderngl.Context:
    """The context of the window that is current in this thread.

    Raises:
        NoGraphics: if there is none, or it is older than 3.3.
    """
    moderngl = _moderngl()
    try:
        return moderngl.create_context(require=330, **_libraries())
    except Exception as error:
        raise NoGraphics(f"the window has no OpenGL 3.3 ({_plain(error)}); {MESA}") from None


def headless_context() -> moderngl.Context:
    """A context without window or display.

    On Linux this is EGL, on a GPU or in software; elsewhere an invisible window of the system.

    Raises:
        NoGraphics: if the machine has none.
    """
    moderngl = _moderngl()
    try:
        if sys.platform.startswith("linux"):
            return _newest(
                lambda version: moderngl.create_context(standalone=True, backend="egl", require=version, **_libraries())
            )
        return _newest(lambda version: moderngl.create_context(standalone=True, require=version))
    except Exception as error:
        raise NoGraphics(f"no OpenGL 3.3 to draw with ({_plain(error)}); {MESA}") from None


def _newest(make: Callable[[int], moderngl.Context]) -> moderngl.Context:
    """A context with compute shaders where there are any: some drivers give the version that is asked for, no more."""
    try:
        return make(430)
    except Exception:  # whatever the driver says; the older one then says it again
        return make(330)


def release_context() -> None:
    """Let go of a context of EGL that is current in this thread: beside it no window gets one."""
    if not sys.platform.startswith("linux"):
        return
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return
    egl.eglGetCurrentDisplay.restype = ctypes.c_void_p
    display = egl.eglGetCurrentDisplay()
    if display:
        egl.eglMakeCurrent(*(ctypes.c_void_p(handle) for handle in (display, None, None, None)))


def is_software(context: moderngl.Context) -> bool:
    """Whether the processor draws, so that samples and shadows are to be chosen sparingly."""
    name = context.info["GL_RENDERER"].lower()
    return any(word in name for word in ("llvmpipe", "softpipe", "swrast", "software", "swiftshader"))


def _moderngl():
    try:
        import moderngl
    except ImportError:
        raise NoGraphics(f"the package moderngl is not installed; {INSTALL}") from None
    return moderngl


def _libraries() -> dict[str, str]:
    # The names without a number belong to development packages.
    return {"libgl": "libGL.so.1", "libegl": "libEGL.so.1"} if sys.platform.startswith("linux") else {}


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
