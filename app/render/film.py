"""Where finished pictures go: a film, numbered files, or one still."""

from __future__ import annotations

import os
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from app.errors import UsageError
from app.render.errors import NoEncoder

INSTALL = 'pip install "simrun[view]"'
FILMS = {
    ".mp4": ("libx264", "h264"),
    ".mov": ("libx264", "h264"),
    ".mkv": ("libx264", "h264"),
    ".webm": ("libvpx-vp9",),
}
"""Encoders by suffix, the best one first."""
MOST_WAITING = 8
"""Numbered pictures that wait to be compressed, at most."""
STILLS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


class PictureWriter(Protocol):
    """Takes pictures one after another."""

    def write(self, pixels: np.ndarray) -> None:
        """The next picture, uint8 [height, width, 4], top row first."""

    def close(self) -> None:
        """Finish the file."""


class Film:
    """A film file, encoded as it comes. It appears under its name when it is finished."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float):
        """Open the encoder.

        Raises:
            NoEncoder: if the encoder package is missing or has no encoder for such a file.
            OSError: if the file cannot be made.
        """
        try:
            import av
        except ImportError:
            raise NoEncoder(f"{path}: films need the package av; {INSTALL}") from None
        self._av, self.path = av, path
        self._unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
        codec = _first_encoder(av, FILMS[path.suffix.lower()], path)
        try:
            self._container = av.open(os.fspath(self._unfinished), "w")
            self._stream = self._container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
            self._stream.width, self._stream.height = size
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"crf": "18"} if codec == "libx264" else {"crf": "28", "b": "0"}
            # Rec. 709, and saying so: players guess otherwise, and colours shift.
            context = self._stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1
        except av.FFmpegError as error:
            raise NoEncoder(f"{path}: the film cannot be begun ({error})") from None
        self._closed = False

    def write(self, pixels: np.ndarray) -> None:
        """Encode a picture.

        Raises:
            NoEncoder: if the encoder or the disk fails.
        """
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[..., :3]), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        try:
            self._container.mux(self._stream.encode(frame))
        except (self._av.FFmpegError, OSError) as error:
            raise NoEncoder(f"{self.path}: the film cannot be written ({error})") from None

    def close(self) -> None:
        """Finish the film; a second call does nothing.

        Raises:
            NoEncoder: if the encoder or the disk fails.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._container.mux(self._stream.encode())
            self._container.close()
            os.replace(self._unfinished, self.path)
        except (self._av.FFmpegError, OSError) as error:
            self._unfinished.unlink(missing_ok=True)
            raise NoEncoder(f"{self.path}: the film cannot be finished ({error})") from None


class NumberedPictures:
    """One file a picture: `frames/%04d.png`, counting from 0. Threads compress them while the next are made."""

    def __init__(self, pattern: Path):
        self._pattern, self._next = os.fspath(pattern), 0
        pattern.parent.mkdir(parents=True, exist_ok=True)
        self._threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "pictures")
        self._waiting: deque[Future] = deque()

    def write(self, pixels: np.ndarray) -> None:
        """Write the next file, soon.

        Raises:
            NoEncoder: if one of those before could not be written.
        """
        while len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft().result()
        place = Path(self._pattern % self._next)
        self._waiting.append(self._threads.submit(save_still, place, np.array(pixels)))
        self._next += 1

    def close(self) -> None:
        """Wait until all are written.

        Raises:
            NoEncoder: if one of them could not be.
        """
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self._threads.shutdown(cancel_futures=True)


class LastPicture:
    """The last picture as a still. Those before are not even drawn, see `wants`."""

    def __init__(self, path: Path):
        self._path, self._pixels = path, None

    def write(self, pixels: np.ndarray) -> None:
        """Keep a picture in place of the one before."""
        self._pixels = pixels

    def close(self) -> None:
        """Write the file."""
        if self._pixels is not None:
            save_still(self._path, self._pixels)
            self._pixels = None


def save_still(path: Path, pixels: np.ndarray) -> None:
    """Write one picture, whole or not at all.

    Raises:
        NoEncoder: if it cannot be written.
    """
    try:
        from PIL import Image
    except ImportError:
        raise NoEncoder(f"{path}: pictures need the package pillow; {INSTALL}") from None
    opaque = path.suffix.lower() in (".jpg", ".jpeg", ".bmp") or bool((pixels[..., 3] == 255).all())
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        # PNG: half the time of the usual level, for three hundredths more bytes.
        Image.fromarray(pixels[..., :3] if opaque else pixels).save(unfinished, compress_level=3)
        os.replace(unfinished, path)
    except (OSError, ValueError) as error:
        unfinished.unlink(missing_ok=True)
        raise NoEncoder(f"{path}: the picture cannot be written ({error})") from None


def open_writer(path: Path, size: tuple[int, int], fps: float) -> PictureWriter:
    """The writer that a path names.

    Raises:
        NoEncoder: if such a file cannot be written.
    """
    try:
        if path.suffix.lower() in FILMS:
            return Film(path, size, fps)
        return NumberedPictures(path) if is_numbered(path) else LastPicture(path)
    except OSError as error:
        raise NoEncoder(f"{path}: it cannot be written ({error.strerror or error})") from None


def is_numbered(path: Path) -> bool:
    """Whether a path has a place for a number, as in `%04d`."""
    return re.search(r"%0?\d*d", path.name) is not None


def check_pictures(path: Path, size: tuple[int, int], *, overwrite: bool) -> None:
    """Look at what `--render` names before any work is done.

    Raises:
        UsageError: if the place or the size cannot be used.
    """
    suffix = path.suffix.lower()
    if suffix not in FILMS and suffix not in STILLS:
        known = ", ".join((*FILMS, *STILLS))
        raise UsageError(f"--render {path}: the suffix is {path.suffix or 'missing'}; expected one of {known}")
    if suffix in FILMS:
        if is_numbered(path):
            raise UsageError(f"--render {path}: numbered files are stills; name them .png, or drop the number")
        if size[0] % 2 or size[1] % 2:
            raise UsageError(f"--size {size[0]}x{size[1]}: films need an even width and height")
    if is_numbered(path):
        numbers = re.sub(r"%0?\d*d", "*", path.name)
        if not overwrite and path.parent.is_dir() and any(path.parent.glob(numbers)):
            raise UsageError(f"--render {path}: there are such files already; pass --overwrite to replace them")
        return
    if not path.parent.is_dir():
        raise UsageError(f"--render {path}: the folder {path.parent} does not exist; create it first")
    if path.exists() and not overwrite:
        raise UsageError(f"--render {path}: the file exists; pass --overwrite to replace it, or name another")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"--render {path}: no permission to write there; name another place")


def _first_encoder(av, names: tuple[str, ...], path: Path) -> str:
    for name in names:
        try:
            av.codec.Codec(name, "w")
        except Exception:
            continue
        return name
    raise NoEncoder(f"{path}: the package av has no encoder for {path.suffix} ({', '.join(names)}); use another suffix")
