"""What reading a mesh file and wrapping it in its hull costs, paid once: both are kept on disk by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from engine import cache
from sim.geometry.hull import convex_hull

VERSION = "2"
"""To be raised when loading or hulls change, so that old files are not used."""
SUFFIX = ".mesh"
_HEADER = np.dtype([("points", "<i8"), ("triangles", "<i8"), ("width", "<i8")])

Mesh = tuple[np.ndarray, np.ndarray]


def kept(what: str, data: bytes, make: Callable[[], Mesh | None]) -> Mesh | None:
    """Points [n, 3] float64 and triangles [m, 3] int32 that ``make`` made of ``data`` at some time; None stays None."""
    name = cache.key(VERSION, what, hashlib.sha256(data).hexdigest()) + SUFFIX
    stored = cache.read(name)
    if stored is not None:
        return _unpacked(stored)
    mesh = make()
    cache.write(name, _packed(mesh))
    return mesh


def kept_hull(points: np.ndarray) -> Mesh | None:
    """``sim.geometry.hull.convex_hull``, from disk where it has been made before."""
    points = np.ascontiguousarray(points, np.float64)
    return kept("hull", points.tobytes(), lambda: convex_hull(points))


def _packed(mesh: Mesh | None) -> bytes:
    if mesh is None:
        return b""
    points, triangles = np.ascontiguousarray(mesh[0], "<f8"), np.ascontiguousarray(mesh[1], "<i4")
    # Most files hold single precision, and half the bytes are checked in half the time.
    with np.errstate(over="ignore"):
        single = points.astype("<f4")
    stored = single if np.array_equal(single, points) else points
    header = np.array((len(points), len(triangles), stored.itemsize), _HEADER)
    return header.tobytes() + stored.tobytes() + triangles.tobytes()


def _unpacked(data: bytes) -> Mesh | None:
    if not data:
        return None
    header = np.frombuffer(data, _HEADER, 1)[0]
    n, m, width, at = int(header["points"]), int(header["triangles"]), int(header["width"]), _HEADER.itemsize
    points = np.frombuffer(data, f"<f{width}", 3 * n, at).reshape(n, 3).astype(np.float64)
    triangles = np.frombuffer(data, "<i4", 3 * m, at + 3 * width * n).reshape(m, 3).copy()
    return points, triangles
