"""Files that are either complete or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pxr import Sdf, Tf

from usd_io.recorder.errors import RecorderError


def export_atomically(layer: Sdf.Layer, path: Path, scratch: Path, *, file_format: str = "usdc") -> None:
    """Writes a layer to ``path`` so that a crash at any moment leaves either the old file or the whole new one.

    Args:
        layer: Layer to write; layers open under ``path`` are not touched.
        path: Final place.
        scratch: Folder on the same file system for the unfinished file.
        file_format: ``usdc`` or ``usda``.

    Raises:
        RecorderError: The file cannot be written; ``path`` is as it was.
    """
    unfinished = scratch / f"unfinished.{file_format}"
    try:
        if not layer.Export(str(unfinished), args={"format": file_format}):
            raise OSError(errno.EIO, "USD could not write the layer")
        _sync(unfinished)
        os.replace(unfinished, path)
        _sync(path.parent)
    except (OSError, Tf.ErrorException) as error:
        for left in scratch.glob("unfinished.*"):
            left.unlink(missing_ok=True)
        raise write_error(path, error) from None


def write_error(path: Path, error: Exception) -> RecorderError:
    """The one message for a file that cannot be written."""
    reason = getattr(error, "strerror", None) or _reason(str(error))
    step = "choose another folder with -o, or change its permissions"
    if "space" in reason.lower() or "quota" in reason.lower():
        step = "free space on that disk or choose another folder with -o; frames flushed so far stay readable"
    return RecorderError(str(path), f"cannot write: {reason}", expected="a writable place", next_step=step)


def _reason(usd_text: str) -> str:
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG, errno.ENOENT):
        if os.strerror(number) in usd_text:
            return os.strerror(number)
    quoted = usd_text.rsplit(" : ", 1)[-1].strip().strip("'")
    return quoted or "USD could not write the layer"


def _sync(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders; the rename is still atomic there.
        if path.is_dir():
            return
        raise
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
