"""Geometry of UsdGeom.Mesh: triangles, normals, texture coordinates, colours, subsets."""

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom

from app.render.scene import Geometry
from app.render.stage.normals import corner_normals
from app.render.stage.primvars import Topology, at_corners, display_color, mesh_normals, primvar
from app.render.stage.subdivision import Cage, crease_edges, subdivide

SUBDIVISION_CREASE = 75.0
"""A mesh whose file says nothing of subdivision is smooth but for what is sharper than this [degrees]."""
AUTO_CREASE = 35.0
"""What counts as an edge where a file says nothing of normals and means round things [degrees]."""


def mesh_geometry(
    prim: Usd.Prim,
    time: Usd.TimeCode,
    *,
    uv_name: str = "st",
    auto_smooth: bool = False,
    dynamic: bool = False,
    subset_materials: dict[int, np.ndarray] | None = None,
    material: int = 0,
    whole: bool = False,
) -> Geometry | None:
    """Triangles of a mesh prim in its own space; None when it has none.

    Args:
        prim: the Mesh.
        time: when.
        uv_name: primvar with the texture coordinates.
        auto_smooth: compute normals by a crease angle where none are authored, or only one a face.
        dynamic: points move: leave normals out, and keep points whole.
        subset_materials: faces of the subsets that have a material of their own, by material index.
        material: index of the material of all other faces.
        whole: keep the polygons of a subdivision surface: the stage moves its points.

    Raises:
        ValueError: if the topology is broken.
    """
    mesh = UsdGeom.Mesh(prim)
    points = np.asarray(mesh.GetPointsAttr().Get(time) or np.zeros((0, 3)), np.float32).reshape(-1, 3)
    counts = np.asarray(mesh.GetFaceVertexCountsAttr().Get(time) or [], np.int64)
    indices = np.asarray(mesh.GetFaceVertexIndicesAttr().Get(time) or [], np.int64)
    if not len(points) or not len(counts):
        return None
    holes = np.asarray(mesh.GetHoleIndicesAttr().Get(time) or [], np.int64)
    uvs, colors = primvar(prim, uv_name, time, 2), display_color(prim, time)
    if colors is not None and colors[1] == "constant":
        colors = None
    flip = mesh.GetOrientationAttr().Get(time) == UsdGeom.Tokens.leftHanded
    topology = Topology.fanned(counts, indices, len(points), flip=flip, holes=holes)
    if not len(topology.triangles):
        return None
    parents = None
    if not (dynamic or whole) and _is_subdivided(mesh, time) and (counts >= 3).all():
        cage, sharp = subdivide(_cage(mesh, time, points, counts, indices, {"uvs": uvs, "colors": colors}))
        parents = np.arange(len(counts)) if cage.parents is None else cage.parents
        points = cage.points.astype(np.float32)
        holed = np.flatnonzero(np.isin(parents, holes))
        topology = Topology.fanned(cage.counts, cage.indices, len(points), flip=flip, holes=holed)
        uvs, colors = (
            (cage.values[name].astype(np.float32), "faceVarying") if name in cage.values else None
            for name in ("uvs", "colors")
        )
        normals = _surface_normals(points, topology.triangles, sharp)
    else:
        normals = None if dynamic else _normals(prim, mesh, time, points, topology, auto_smooth)
    out = _split(points, topology, normals, _spread(topology, uvs), _spread(topology, colors))
    if subset_materials:
        by_face = np.full(len(counts), material, np.int32)
        for index, faces in subset_materials.items():
            by_face[faces[(faces >= 0) & (faces < len(by_face))]] = index
        out.materials = (by_face if parents is None else by_face[parents])[topology.faces]
    return out


def _is_subdivided(mesh: UsdGeom.Mesh, time: Usd.TimeCode) -> bool:
    """Whether a file asks for Catmull-Clark. It is also what USD takes where a file says nothing, which most do not mean."""
    scheme = mesh.GetSubdivisionSchemeAttr()
    return scheme.HasAuthoredValue() and scheme.Get(time) == UsdGeom.Tokens.catmullClark


def _cage(
    mesh: UsdGeom.Mesh,
    time: Usd.TimeCode,
    points: np.ndarray,
    counts: np.ndarray,
    indices: np.ndarray,
    values: dict[str, tuple[np.ndarray, str] | None],
) -> Cage:
    """What subdivision starts from; values are spread to the corners of faces."""

    def numbers(attribute: Usd.Attribute, kind: type = float) -> np.ndarray:
        return np.asarray(attribute.Get(time) or [], kind)

    creases, sharpness = crease_edges(
        numbers(mesh.GetCreaseIndicesAttr(), np.int64),
        numbers(mesh.GetCreaseLengthsAttr(), np.int64),
        numbers(mesh.GetCreaseSharpnessesAttr()),
    )
    corners, corner_sharpness = numbers(mesh.GetCornerIndicesAttr()), numbers(mesh.GetCornerSharpnessesAttr())
    if len(corners) != len(corner_sharpness):
        corners = corner_sharpness = np.zeros(0)
    spread = {name: at_corners(*v, counts, indices, len(points)) for name, v in values.items() if v is not None}
    return Cage(
        points,
        counts,
        indices,
        creases,
        sharpness,
        np.stack([corners, corner_sharpness], axis=1),
        mesh.GetInterpolateBoundaryAttr().Get(time) == UsdGeom.Tokens.edgeAndCorner,
        {name: v.astype(float) for name, v in spread.items() if v is not None},
    )


def _surface_normals(points: np.ndarray, triangles: np.ndarray, sharp: np.ndarray) -> np.ndarray:
    """Of every corner [3 m, 3]: smooth, but where edges are sharp."""
    smooth = corner_normals(points, triangles, 180.0)
    if not sharp.any():
        return smooth
    edged = corner_normals(points, triangles, AUTO_CREASE)
    return np.where(sharp[triangles.ravel()][:, None], edged, smooth)


def _spread(topology: Topology, found: tuple[np.ndarray, str] | None) -> np.ndarray | None:
    return None if found is None else topology.spread(*found)


def _normals(
    prim: Usd.Prim, mesh: UsdGeom.Mesh, time: Usd.TimeCode, points: np.ndarray, topology: Topology, auto_smooth: bool
) -> np.ndarray:
    """Of every corner [3 m, 3]."""
    subdivided = mesh.GetSubdivisionSchemeAttr().Get(time) != UsdGeom.Tokens.none
    authored = None if subdivided else mesh_normals(prim, time)
    if authored is not None and not (auto_smooth and authored[1] in ("uniform", "constant")):
        spread = topology.spread(*authored)
        if spread is not None:
            return spread
    crease = SUBDIVISION_CREASE if subdivided else AUTO_CREASE if auto_smooth else 0.0
    return corner_normals(points, topology.triangles, crease)


def _split(
    points: np.ndarray,
    topology: Topology,
    normals: np.ndarray | None,
    uvs: np.ndarray | None,
    colors: np.ndarray | None,
) -> Geometry:
    """One vertex for every different set of values at a point."""
    corner_points = topology.triangles.ravel()
    columns = [corner_points[:, None].astype(np.float32)]
    # Points are told apart by number as bits, so large ones stay exact.
    columns[0] = corner_points.astype(np.int32)[:, None].view(np.float32)
    for values, digits in ((normals, 3), (uvs, 6), (colors, 3)):
        if values is not None:
            columns.append(np.round(values, digits).astype(np.float32) + 0.0)
    keys = np.ascontiguousarray(np.concatenate(columns, axis=1))
    flat = keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1]))).ravel()
    _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    source = corner_points[first].astype(np.int32)
    pick = lambda values: None if values is None else np.ascontiguousarray(values[first], np.float32)  # noqa: E731
    return Geometry(
        points[source],
        inverse.reshape(-1, 3).astype(np.int32),
        pick(normals),
        pick(uvs),
        pick(colors),
        source_points=source,
    )
