"""Soft bodies: TetMesh with PhysicsVolumeDeformableSimAPI."""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read.mesh import require_indices_in_range
from usd_io.read.reading import Reading
from usd_io.read.values import array
from usd_io.records import SoftBodyRecord

TET_FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
"""Faces of a tetrahedron of positive volume, outward."""


def read_soft(reading: Reading, prim: Usd.Prim, common: dict[str, Any]) -> SoftBodyRecord | None:
    """The record; None, with a warning, when there is no tetrahedron with a volume."""
    where, path = reading.at(prim), prim.GetPath().pathString
    tetrahedra = array(reading, prim, "tetVertexIndices", 4, np.int64)
    if tetrahedra is None or len(tetrahedra) == 0:
        reading.log.add(path, "the TetMesh has no tetrahedra; it is left out", kind="empty tetmesh")
        return None
    count = len(common["points_w"])
    require_indices_in_range(where, "tetVertexIndices", tetrahedra, count)
    rest = _rest_tetrahedra(reading, prim, common, tetrahedra)
    rest_points = common["points_w"] if common["rest_points"] is None else common["rest_points"]
    six = _six_volumes(rest_points, rest)
    edge = np.linalg.norm(rest_points[rest] - rest_points[rest[:, :1]], axis=2).max(axis=1)
    good = np.abs(six) > 1e-9 * edge**3
    if not good.all():
        reading.log.add(
            path,
            f"{int((~good).sum())} of {len(good)} tetrahedra have no volume and are left out",
            kind="flat tetrahedra",
        )
    if not good.any():
        reading.log.add(path, "no tetrahedron has a volume; the soft body is left out", kind="flat soft body")
        return None
    tetrahedra, rest, six = tetrahedra[good], rest[good], six[good]
    flipped = six < 0.0
    tetrahedra[flipped] = tetrahedra[flipped][:, [0, 2, 1, 3]]
    rest[flipped] = rest[flipped][:, [0, 2, 1, 3]]
    record = SoftBodyRecord(**common, tetrahedra=tetrahedra.astype(np.int32))
    if record.rest_points is not None:
        record.rest_tetrahedra = rest.astype(np.int32)
    record.surface_triangles = boundary_faces(record.tetrahedra)
    return record


def _rest_tetrahedra(reading: Reading, prim: Usd.Prim, common: dict[str, Any], tetrahedra: np.ndarray) -> np.ndarray:
    if common["rest_points"] is None:
        return tetrahedra.copy()
    where, rest_count = reading.at(prim), len(common["rest_points"])
    for name in ("physics:restTetVertexIndices", "physics:restTetVtxIndices", "omniphysics:restTetVtxIndices"):
        rest = array(reading, prim, name, 4, np.int64)
        if rest is None or len(rest) == 0:
            continue
        if len(rest) != len(tetrahedra):
            raise SceneError(
                f"{where} {name}",
                f"got {len(rest)} tetrahedra",
                expected=f"{len(tetrahedra)}, as many as tetVertexIndices",
            )
        require_indices_in_range(where, name, rest, rest_count)
        return rest
    if rest_count != len(common["points_w"]):
        raise SceneError(
            f"{where} physics:restShapePoints",
            f"got {rest_count} points",
            expected=f"{len(common['points_w'])}, as many as 'points' (or restTetVertexIndices beside them)",
        )
    return tetrahedra.copy()


def _six_volumes(points: np.ndarray, tetrahedra: np.ndarray) -> np.ndarray:
    """Six times the signed volume of each tetrahedron."""
    a, b, c, d = (points[tetrahedra[:, k]] for k in range(4))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a)


def boundary_faces(tetrahedra: np.ndarray) -> np.ndarray:
    """Faces that belong to one tetrahedron only, outward, shape [k, 3] int32 (tetrahedra of positive volume)."""
    faces = tetrahedra[:, TET_FACES].reshape(-1, 3)
    keys = np.sort(faces, axis=1)
    _, index, uses = np.unique(keys, axis=0, return_index=True, return_counts=True)
    return np.ascontiguousarray(faces[np.sort(index[uses == 1])], dtype=np.int32)
