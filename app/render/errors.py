"""What keeps a picture from being made."""

from __future__ import annotations

from app.errors import EXIT_FAILED, AppError


class NoGraphics(AppError):
    """There is no OpenGL 3.3 to draw with, or a package for it is missing. The message says what to install."""

    exit_code = EXIT_FAILED


class GraphicsLost(AppError):
    """OpenGL stopped working while pictures were being drawn, as after a reset of the graphics driver."""

    exit_code = EXIT_FAILED


class NoEncoder(AppError):
    """A film cannot be encoded: the encoder package is missing, or cannot write such a file."""

    exit_code = EXIT_FAILED
