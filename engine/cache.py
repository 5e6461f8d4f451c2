"""Disk cache of compiled code: content-addressed files, written atomically, safe for several processes.

A file starts with the digest of what follows, so that a truncated or damaged one is noticed and compiled again.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from engine import config

_DIGEST = 32
_OURS = re.compile(r"[0-9a-f]{40}\.[a-z]+|tmp\w+\.part")


def folder() -> Path:
    """Where compiled code is kept: `config.kernel_cache_dir`, else `SIMRUN_CACHE`, else the user's cache folder."""
    if config.kernel_cache_dir:
        return Path(config.kernel_cache_dir)
    if os.environ.get("SIMRUN_CACHE"):
        return Path(os.environ["SIMRUN_CACHE"])
    default = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or default) / "simrun"


def key(*parts: str) -> str:
    """Name for content that depends on `parts`."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def read(name: str) -> bytes | None:
    """The stored data, or None if there is none or it is damaged."""
    try:
        content = (folder() / name[:2] / name).read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    return data if hashlib.sha256(data).digest() == digest else None


def write(name: str, data: bytes) -> None:
    """Stores `data`; a cache that cannot be written is not an error, only slower."""
    target = folder() / name[:2] / name
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        os.replace(temporary, target)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def clear() -> None:
    """Removes the compiled code from the cache folder; files that are not ours stay."""
    for part in folder().glob("[0-9a-f][0-9a-f]"):
        for file in part.glob("*"):
            if _OURS.fullmatch(file.name):
                file.unlink(missing_ok=True)
        try:
            part.rmdir()
        except OSError:
            pass
