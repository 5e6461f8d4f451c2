"""Films of what is seen: the picture as it is while working, or every frame that was simulated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.frame_history import Frame
from app.render.film import Film

FPS = 30.0
#: most pictures that are repeated when the window was slow
MOST_REPEATED = 30


class WindowFilm:
    """The picture of a window, as time goes by: pictures are repeated or left out to keep to the clock."""

    def __init__(self, path: Path):
        """Nothing is written before the first picture."""
        self.path = path
        self.count = 0
        self._film: Film | None = None
        self._size = (0, 0)
        self._began = 0.0

    def add(self, pixels: np.ndarray) -> None:
        """The picture as it is now, uint8 [height, width, 4], top row first.

        Raises:
            NoEncoder: if it cannot be encoded, or not be written.
        """
        now = time.perf_counter()
        if self._film is None:
            self._size = even(pixels.shape[1]), even(pixels.shape[0])
            self._film, self._began = Film(self.path, self._size, FPS), now
        due = int((now - self._began) * FPS) + 1
        fitted = fit(pixels, self._size)
        for _ in range(min(due - self.count, MOST_REPEATED)):
            self._film.write(fitted)
            self.count += 1
        self.count = max(self.count, due)

    def close(self) -> None:
        """Finish the file.

        Raises:
            NoEncoder: if it cannot be finished.
        """
        if self._film is not None:
            self._film.close()


class HistoryFilm:
    """Every simulated frame once, at the frame rate of the simulation; drawn one a turn, so that the window lives on."""

    def __init__(self, path: Path, frames: list[Frame], fps: float, size: tuple[int, int]):
        """Open the file.

        Raises:
            NoEncoder: if there is no encoder.
        """
        self.path, self.frames = path, frames
        self.size = even(size[0]), even(size[1])
        self.count = 0
        self._film = Film(path, self.size, fps)
        self._waiting: Iterator[Frame] = iter(frames)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self.count / max(1, len(self.frames))

    def next_frame(self) -> Frame | None:
        """The frame to draw now, None when all are."""
        return next(self._waiting, None)

    def add(self, pixels: np.ndarray) -> None:
        """The picture of the frame that was asked for last."""
        self._film.write(fit(pixels, self.size))
        self.count += 1

    def close(self) -> None:
        """Finish the file."""
        self._film.close()


def even(length: int) -> int:
    """Encoders want even sizes."""
    return max(2, length - length % 2)


def fit(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture cut, or filled up with black, to a size: a window may be resized while it is filmed."""
    width, height = size
    if pixels.shape[:2] == (height, width):
        return pixels
    fitted = np.zeros((height, width, pixels.shape[2]), np.uint8)
    h, w = min(height, pixels.shape[0]), min(width, pixels.shape[1])
    fitted[:h, :w] = pixels[:h, :w]
    return fitted
