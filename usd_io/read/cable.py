"""Cables: BasisCurves with PhysicsCurvesDeformableSimAPI."""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read.cloth import per_point_lengths
from usd_io.read.reading import Reading
from usd_io.read.values import array, token
from usd_io.records import CableRecord


def read_cable(reading: Reading, prim: Usd.Prim, common: dict[str, Any]) -> CableRecord | None:
    """The record; None, with a warning, when no curve has two points."""
    path = prim.GetPath().pathString
    counts = array(reading, prim, "curveVertexCounts", dtype=np.int64)
    count = len(common["points_w"])
    if counts is None or len(counts) == 0:
        reading.log.add(path, "the curves are empty (no curveVertexCounts); they are left out", kind="empty curves")
        return None
    if counts.min() < 0 or int(counts.sum()) != count:
        raise SceneError(
            f"{reading.at(prim)} curveVertexCounts",
            f"they add up to {int(counts.sum())} (smallest {int(counts.min())}), but there are {count} points",
            expected="counts that are not negative and add up to the number of points",
            next_step="repair the curves in the program that made them",
        )
    if counts.max() < 2:
        reading.log.add(path, "no curve has two points; they are left out", kind="short curves")
        return None
    if token(reading, prim, "type", "cubic") != "linear":
        reading.log.add(path, "curves of type cubic: their control polygon is simulated", kind="cubic curves")
    rest = common["rest_points"]
    if rest is not None and len(rest) != count:
        raise SceneError(
            f"{reading.at(prim)} physics:restShapePoints", f"got {len(rest)} points", expected=f"{count}, one a point"
        )
    record = CableRecord(**common, curve_counts=counts.astype(np.int32))
    record.closed = token(reading, prim, "wrap", "nonperiodic") == "periodic"
    record.thicknesses = per_point_lengths(reading, prim, count)
    if record.thicknesses is None and record.material.thickness is None:
        record.thicknesses = widths_in_metres(reading, prim, common)
    _note_coincident(reading, path, record)
    return record


def widths_in_metres(reading: Reading, prim: Usd.Prim, common: dict[str, Any]) -> np.ndarray | None:
    """``widths`` as one length a point [m], scaled by the mean scale of the prim; None when not authored."""
    widths = array(reading, prim, "widths")
    count = len(common["points_w"])
    if widths is None or len(widths) == 0:
        return None
    if (widths < 0.0).any():
        raise SceneError(f"{reading.at(prim)} widths", f"got {widths.min():g}", expected="widths of 0 or more")
    scale = abs(np.linalg.det(common["local_to_world"][:3, :3])) ** (1.0 / 3.0) * reading.meters
    if len(widths) not in (1, count):
        return np.full(count, widths.mean() * scale)
    return np.broadcast_to(widths * scale, (count,)).copy()


def _note_coincident(reading: Reading, path: str, record: CableRecord) -> None:
    rest = record.points_w if record.rest_points is None else record.rest_points
    segments = cable_segments(record.curve_counts, record.closed)
    lengths = np.linalg.norm(rest[segments[:, 1]] - rest[segments[:, 0]], axis=1)
    zero = int((lengths <= 0.0).sum())
    if zero:
        reading.log.add(path, f"{zero} segments have no length; their points are tied together", kind="short segments")


def cable_segments(curve_counts: np.ndarray, closed: bool) -> np.ndarray:
    """Point pairs of all curves in curve order, shape [s, 2] int32."""
    ends = np.cumsum(curve_counts)
    starts = ends - curve_counts
    first = np.arange(int(curve_counts.sum()), dtype=np.int64)
    second = first + 1
    last = ends[curve_counts > 0] - 1
    second[last] = starts[curve_counts > 0]
    keep = np.ones(len(first), bool)
    if closed:
        keep[last[curve_counts[curve_counts > 0] < 3]] = False
    else:
        keep[last] = False
    return np.stack([first[keep], second[keep]], axis=1).astype(np.int32)
