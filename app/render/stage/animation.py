"""What a stage itself moves while it plays: prims that no body carries, with time samples of places, visibility or points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pxr import Usd, UsdGeom

from app.render.scene import Item, ItemChange, LightItem, MeshItem, PointsItem
from app.render.stage.grains import points_values

Moving = Callable[[Usd.TimeCode], np.ndarray | None]
"""Matrices [k, 4, 4] of the copies of a prim at a time, to metres; None if they cannot be told then."""


@dataclass(eq=False)
class _Track:
    """One prim and what was drawn of it."""

    prim: Usd.Prim
    item: Item | LightItem
    moving: Moving | None
    offset: np.ndarray | None
    """From the item's space to that of `moving`, [k, 4, 4]."""
    is_shown: bool
    """Whether its visibility may change."""
    has_points: bool
    """Whether its points may change."""


class StageAnimation:
    """Follows the time samples of a stage. It keeps the stage open, and reads it when it is asked.

    Args:
        stage: the stage.
        time: when the items were read.
        meters: of one unit.
    """

    def __init__(self, stage: Usd.Stage, time: Usd.TimeCode, meters: float):
        self._stage, self._start, self._meters = stage, time, meters
        self._tracks: list[_Track] = []
        self._cache = UsdGeom.XformCache(time)
        self._varying: dict[tuple[str, str], bool] = {}

    def __bool__(self) -> bool:
        return bool(self._tracks)

    def world(self, prim: Usd.Prim) -> Moving | None:
        """Where a prim is, if that changes."""
        if not self._changes(prim, "place"):
            return None

        def at(time: Usd.TimeCode) -> np.ndarray:
            self._cache.SetTime(time)
            matrix = np.array(self._cache.GetLocalToWorldTransform(prim), float).T
            matrix[:3] *= self._meters
            return matrix[None]

        return at

    def instances(self, prim: Usd.Prim, rows: np.ndarray) -> Moving | None:
        """Where rows of a PointInstancer are, if that changes."""
        instancer = UsdGeom.PointInstancer(prim)
        watched = (instancer.GetPositionsAttr(), instancer.GetOrientationsAttr(), instancer.GetScalesAttr())
        if not (self._changes(prim, "place") or any(a.ValueMightBeTimeVarying() for a in watched)):
            return None

        def at(time: Usd.TimeCode) -> np.ndarray | None:
            local = instancer.ComputeInstanceTransformsAtTime(
                time, time, UsdGeom.PointInstancer.IncludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
            )
            if local is None or len(local) <= rows.max():
                return None
            self._cache.SetTime(time)
            base = np.array(self._cache.GetLocalToWorldTransform(prim), float).T
            out = base @ np.array(local, float).transpose(0, 2, 1)[rows]
            out[:, :3] *= self._meters
            return out

        return at

    def follow(self, prim: Usd.Prim, item: Item | LightItem, moving: Moving | None) -> None:
        """Note what was drawn of a prim, if anything of it changes. Simulated things are not for this."""
        simulated = getattr(item, "particles", None) is not None or np.any(np.atleast_1d(_bodies(item)) >= 0)
        points = UsdGeom.PointBased(prim)
        has_points = bool(points) and points.GetPointsAttr().ValueMightBeTimeVarying()
        is_shown = self._changes(prim, "visibility")
        if simulated:
            moving, has_points = None, False
        if moving is None and not has_points and not is_shown:
            return
        offset = None
        if moving is not None and not isinstance(item, PointsItem):
            begin = moving(self._start)
            places = item.transforms if isinstance(item, MeshItem) else np.asarray(item.transform)[None]
            if begin is None or len(begin) != len(places):
                moving = None
            else:
                offset = np.linalg.inv(begin) @ places
        if isinstance(item, Item):
            item.animated = True
        self._tracks.append(_Track(prim, item, moving, offset, is_shown, has_points))

    def at(self, time_code: float) -> list[ItemChange]:
        """What the stage says for a time; lights are moved in place."""
        time, changes = Usd.TimeCode(time_code), []
        for track in self._tracks:
            matrices = None if track.moving is None else track.moving(time)
            places = None if matrices is None or track.offset is None else matrices @ track.offset
            if isinstance(track.item, LightItem):
                if places is not None:
                    track.item.transform = _rigid(places[0])
                if track.is_shown:
                    track.item.visible = self._is_visible(track.prim, time)
                continue
            change = ItemChange(track.item)
            if track.is_shown:
                change.visible = self._is_visible(track.prim, time)
            if isinstance(track.item, PointsItem):
                change.points = self._centers(track, matrices, time)
            else:
                change.transforms = None if places is None else places.astype(np.float32)
                change.points = self._mesh_points(track, time)
            changes.append(change)
        return changes

    def _centers(self, track: _Track, matrices: np.ndarray | None, time: Usd.TimeCode) -> np.ndarray | None:
        """World positions of a Points prim."""
        if not track.has_points and matrices is None:
            return None
        found = points_values(track.prim, time)
        if found is None or len(found[0]) != len(track.item.positions):
            return None
        if matrices is None:
            self._cache.SetTime(time)
            matrix = np.array(self._cache.GetLocalToWorldTransform(track.prim), float).T
            matrix[:3] *= self._meters
        else:
            matrix = matrices[0]
        return (found[0] @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)

    @staticmethod
    def _mesh_points(track: _Track, time: Usd.TimeCode) -> np.ndarray | None:
        """Points of a mesh as its geometry has them."""
        if not track.has_points:
            return None
        points = np.asarray(UsdGeom.PointBased(track.prim).GetPointsAttr().Get(time) or np.zeros((0, 3)), np.float32)
        source = track.item.geometry.source_points
        if source is None or not len(points) or source.max() >= len(points):
            return None
        return points[source]

    @staticmethod
    def _is_visible(prim: Usd.Prim, time: Usd.TimeCode) -> bool:
        return UsdGeom.Imageable(prim).ComputeVisibility(time) != UsdGeom.Tokens.invisible

    def _changes(self, prim: Usd.Prim, what: str) -> bool:
        """Whether a prim's place or visibility has time samples, or that of one above it."""
        if not prim or prim.IsPseudoRoot():
            return False
        key = (prim.GetPath().pathString, what)
        if key not in self._varying:
            if what == "place":
                own = bool(UsdGeom.Xformable(prim)) and UsdGeom.Xformable(prim).TransformMightBeTimeVarying()
            else:
                image = UsdGeom.Imageable(prim)
                own = bool(image) and image.GetVisibilityAttr().ValueMightBeTimeVarying()
            self._varying[key] = own or self._changes(prim.GetParent(), what)
        return self._varying[key]


def _bodies(item: Item | LightItem) -> object:
    return item.bodies if isinstance(item, MeshItem) else item.body


def _rigid(matrix: np.ndarray) -> np.ndarray:
    out = matrix.copy()
    out[:3, :3] /= np.maximum(np.linalg.norm(out[:3, :3], axis=0), 1e-12)
    return out
