"""Disk cache of compiled code: content-addressed files, written atomically, safe for several processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def folder() -> Path:
    """Where compiled code is kept: `SIMRUN_CACHE`, else the user's cache folder."""
    if os.environ.get("SIMRUN_CACHE"):
        return Path(os.environ["SIMRUN_CACHE"])
    base = (
        os.environ.get("LOCALAPPDATA")
        or os.environ.get("XDG_CACHE_HOME")
        or os.path.join(os.path.expanduser("~"), ".cache")
    )
    return Path(base) / "simrun"


def key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def read(name: str) -> bytes | None:
    try:
        return (folder() / name[:2] / name).read_bytes()
    except OSError:
        return None


def write(name: str, data: bytes) -> None:
    """Stores `data`; a cache that cannot be written is not an error, only slower."""
    target = folder() / name[:2] / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, target)
    except OSError:
        pass


def clear() -> None:
    """Removes everything from the cache."""
    shutil.rmtree(folder(), ignore_errors=True)
