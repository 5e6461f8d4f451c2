"""Cloth: Mesh with PhysicsSurfaceDeformableSimAPI."""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read.mesh import non_manifold_edge_count, read_triangles, require_indices_in_range
from usd_io.read.reading import Reading
from usd_io.read.values import array, token
from usd_io.records import ClothRecord


def read_cloth(reading: Reading, prim: Usd.Prim, common: dict[str, Any]) -> ClothRecord | None:
    """The record; None, with a warning, when the mesh has no usable face."""
    mesh = read_triangles(reading, prim)
    if mesh is None:
        return None
    _, triangles = mesh
    if np.linalg.det(common["local_to_world"][:3, :3]) < 0.0:
        triangles = np.ascontiguousarray(triangles[:, ::-1])
    broken = non_manifold_edge_count(triangles)
    if broken:
        reading.log.add(
            prim.GetPath().pathString,
            f"{broken} edges have more than two faces; there is no bending across them",
            kind="non-manifold",
        )
    record = ClothRecord(**common, triangles=triangles)
    record.thicknesses = per_point_lengths(reading, prim, record.count)
    bend = token(reading, prim, "physics:restBendAnglesDefault", "flat")
    record.flat_rest_bend = token(reading, prim, "omniphysics:restBendAnglesDefault", bend) == "flat"
    if record.rest_points is not None:
        _read_rest_topology(reading, prim, record)
    return record


def per_point_lengths(reading: Reading, prim: Usd.Prim, count: int) -> np.ndarray | None:
    """``physics:thicknesses`` [m] as one value a point; None when not authored or of another interpolation."""
    values = array(reading, prim, "physics:thicknesses")
    if values is None or len(values) == 0:
        return None
    if (values <= 0.0).any():
        raise SceneError(
            f"{reading.at(prim)} physics:thicknesses", f"got {values.min():g}", expected="lengths greater than 0"
        )
    if len(values) not in (1, count):
        return np.full(count, values.mean() * reading.meters)
    return np.broadcast_to(values * reading.meters, (count,)).copy()


def _read_rest_topology(reading: Reading, prim: Usd.Prim, record: ClothRecord) -> None:
    where = reading.at(prim)
    for name in ("physics:restTriVertexIndices", "physics:restTriVtxIndices", "omniphysics:restTriVtxIndices"):
        triangles = array(reading, prim, name, 3, np.int64)
        if triangles is None or len(triangles) == 0:
            continue
        if len(triangles) != len(record.triangles):
            raise SceneError(
                f"{where} {name}",
                f"got {len(triangles)} triangles",
                expected=f"{len(record.triangles)}, as many as the mesh has",
                next_step="make both lists describe the same triangles, or leave this one out",
            )
        require_indices_in_range(where, name, triangles, len(record.rest_points))
        record.rest_triangles = triangles.astype(np.int32)
        return
    if len(record.rest_points) != record.count:
        raise SceneError(
            f"{where} physics:restShapePoints",
            f"got {len(record.rest_points)} points",
            expected=f"{record.count}, as many as 'points' (or restTriVertexIndices beside them)",
        )
