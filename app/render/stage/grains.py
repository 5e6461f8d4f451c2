"""Points and curves of a stage as spheres and tubes."""

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom

from app.render.stage.primvars import display_color

STEPS = 8
"""Straight pieces of one piece of a cubic curve."""
_BASES = {
    "bezier": np.array([[-1, 3, -3, 1], [3, -6, 3, 0], [-3, 3, 0, 0], [1, 0, 0, 0]], float),
    "bspline": np.array([[-1, 3, -3, 1], [3, -6, 3, 0], [-3, 0, 3, 0], [1, 4, 1, 0]], float) / 6.0,
    "catmullRom": np.array([[-1, 3, -3, 1], [2, -5, 4, -1], [-1, 0, 1, 0], [0, 2, 0, 0]], float) / 2.0,
}


def points_values(prim: Usd.Prim, time: Usd.TimeCode) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
    """Positions [n, 3], radii [n] (stage units) and colours [n, 4] of a Points prim; None when it is empty."""
    schema = UsdGeom.Points(prim)
    points = np.asarray(schema.GetPointsAttr().Get(time) or np.zeros((0, 3)), np.float64).reshape(-1, 3)
    if not len(points):
        return None
    widths = np.asarray(schema.GetWidthsAttr().Get(time) or [], np.float64)
    return points, 0.5 * _each(widths, len(points), 0.02), _colors(prim, time, len(points))


def curves_values(
    prim: Usd.Prim, time: Usd.TimeCode, *, as_polyline: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None] | None:
    """Positions [n, 3], segments [m, 2], radii [n] and colours of a BasisCurves prim; None when it is empty.

    `as_polyline` keeps the control points as they are (simulated cables); else cubic curves are followed.
    """
    schema = UsdGeom.BasisCurves(prim)
    points = np.asarray(schema.GetPointsAttr().Get(time) or np.zeros((0, 3)), np.float64).reshape(-1, 3)
    counts = np.asarray(schema.GetCurveVertexCountsAttr().Get(time) or [], np.int64)
    if not len(points) or counts.sum() > len(points) or not len(counts):
        return None
    radii = 0.5 * _each(np.asarray(schema.GetWidthsAttr().Get(time) or [], np.float64), len(points), 0.01)
    colors = _colors(prim, time, len(points))
    cubic = schema.GetTypeAttr().Get(time) == UsdGeom.Tokens.cubic and not as_polyline
    closed = schema.GetWrapAttr().Get(time) == UsdGeom.Tokens.periodic
    if cubic:
        basis, pinned = str(schema.GetBasisAttr().Get(time)), schema.GetWrapAttr().Get(time) == UsdGeom.Tokens.pinned
        return _followed(points, counts, radii, colors, basis, closed=closed, pinned=pinned)
    return points, _segments(counts, closed), radii, colors


def _segments(counts: np.ndarray, closed: bool) -> np.ndarray:
    first, out = 0, []
    for count in counts.tolist():
        index = first + np.arange(count)
        after = np.roll(index, -1)
        keep = count if closed and count > 2 else count - 1
        out.append(np.stack([index, after], axis=1)[:keep])
        first += count
    return np.concatenate(out).astype(np.int32)


def _followed(points, counts, radii, colors, basis: str, *, closed: bool, pinned: bool):
    """Cubic curves as polylines: every piece of four control points in `STEPS` steps."""
    matrix = _BASES.get(basis, _BASES["bezier"])
    t = np.linspace(0.0, 1.0, STEPS + 1)
    weights = np.stack([t**3, t**2, t, np.ones_like(t)], axis=1) @ matrix
    step = 3 if basis == "bezier" else 1
    first, places, sizes, tints, lengths = 0, [], [], [], []
    for count in counts.tolist():
        index = first + np.arange(count)
        if closed:
            index = np.concatenate([index, index[: 4 - step]])
        elif pinned and basis != "bezier":
            index = np.concatenate([index[:1], index, index[-1:]])
        begins = np.arange(0, len(index) - 3, step)
        for k, begin in enumerate(begins):
            control = index[begin : begin + 4]
            rows = weights if k == len(begins) - 1 else weights[:-1]
            places.append(rows @ points[control])
            sizes.append(rows @ radii[control])
            if colors is not None:
                tints.append(rows @ colors[control])
        if len(begins):
            lengths.append(len(begins) * STEPS + 1)
        first += count
    if not places:
        return None
    tint = np.concatenate(tints).astype(np.float32) if tints else None
    return np.concatenate(places), _segments(np.array(lengths), False), np.concatenate(sizes), tint


def _each(values: np.ndarray, count: int, default: float) -> np.ndarray:
    """One value a point from constant, per-curve (the first is taken) or per-point values."""
    if len(values) == count:
        return values
    return np.full(count, values[0] if len(values) else default)


def _colors(prim: Usd.Prim, time: Usd.TimeCode, count: int) -> np.ndarray | None:
    found = display_color(prim, time)
    if found is None or len(found[0]) != count or found[1] == "constant":
        return None
    return found[0]
