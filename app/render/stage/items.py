"""Drawn items from geometry prims: one function a prim type, and the table that lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdShade

from app.render.scene import DEFAULT_GREY, CurvesItem, Geometry, MeshItem, ParticleRange, PointsItem, RenderScene
from app.render.stage import solids
from app.render.stage.animation import Moving, StageAnimation
from app.render.stage.grains import curves_values, points_values
from app.render.stage.looks import LookReader
from app.render.stage.mesh import mesh_geometry
from app.render.stage.motions import Motions
from app.render.stage.primvars import display_color


@dataclass(frozen=True, eq=False)
class Place:
    """Where the copies of a prim are.

    Attributes:
        transforms: [k, 4, 4]: the prim's space (stage units) to the body's or the world's (metres).
        bodies: [k] body of each copy, or -1.
        to_root: for prims below a prototype: world of the stage to the prototype's root [4, 4].
        paths: name of each copy, or None.
        moving: where the copies are at other times, if the stage moves them.
    """

    transforms: np.ndarray
    bodies: np.ndarray
    to_root: np.ndarray | None = None
    paths: list[str] | None = None
    moving: Moving | None = None

    def below(self, world: np.ndarray) -> Place:
        """The copies of a prim of the prototype whose own place on the stage is `world` [4, 4]."""
        return replace(self, transforms=self.transforms @ (self.to_root @ world), to_root=None)


class ItemMaker:
    """Adds items to a scene.

    Attributes:
        looks: the materials read so far.
    """

    def __init__(
        self,
        stage: Usd.Stage,
        scene: RenderScene,
        motions: Motions,
        time: Usd.TimeCode,
        meters: float,
        *,
        auto_smooth: bool,
        animation: StageAnimation,
    ):
        self._animation = animation
        self.looks = LookReader(stage, time)
        self._scene, self._motions, self._time, self._meters = scene, motions, time, meters
        self._auto_smooth = auto_smooth
        self._geometries: dict[tuple, Geometry | None] = {}

    def add(self, prim: Usd.Prim, kind: str, place: Place, *, visible: bool, purpose: str) -> None:
        """Draw a prim, if it is geometry."""
        maker = _MAKERS.get(kind)
        if maker is None:
            if UsdGeom.Gprim(prim):
                self._scene.notes.append((prim.GetPath().pathString, f"{kind} is not drawn"))
            return
        lists = (self._scene.meshes, self._scene.points, self._scene.curves)
        before = [len(items) for items in lists]
        try:
            maker(self, prim, place, {"visible": visible, "purpose": purpose})
        except ValueError as error:
            self._scene.notes.append((prim.GetPath().pathString, f"{error}; it is not drawn"))
        for items, count in zip(lists, before, strict=True):
            for item in items[count:]:
                self._animation.follow(prim, item, place.moving)

    # solids --------------------------------------------------------------------------------------------------------
    def solid(self, prim: Usd.Prim, place: Place, common: dict, geometry: Geometry, shape: np.ndarray) -> None:
        """A prim that is a unit solid under a matrix [4, 4]."""
        self._add_mesh(prim, geometry, replace_transforms(place, shape), common, self.looks.look(prim).index)

    def mesh(self, prim: Usd.Prim, place: Place, common: dict) -> None:
        """A polygon mesh."""
        look, path = self.looks.look(prim), prim.GetPath().pathString
        motion = self._motions.points.get(path)
        subsets = self._subsets(prim, look.index)
        deforms = UsdGeom.PointBased(prim).GetPointsAttr().ValueMightBeTimeVarying()
        own = prim.GetPath() if deforms else _shared_path(prim)
        key = (own, look.uv_name, look.index if subsets else -1, motion is not None)
        if key not in self._geometries:
            self._geometries[key] = mesh_geometry(
                prim,
                self._time,
                uv_name=look.uv_name,
                auto_smooth=self._auto_smooth,
                dynamic=motion is not None,
                subset_materials=subsets,
                material=look.index,
                whole=deforms,
            )
        geometry = self._geometries[key]
        if geometry is None:
            return
        if motion is not None:
            needed = int(geometry.source_points.max()) + 1
            if len(motion.rows) < needed:
                raise ValueError(f"it has {needed} points but {len(motion.rows)} particles")
            common = {**common, "particles": ParticleRange(motion.rows)}
        double = bool(UsdGeom.Gprim(prim).GetDoubleSidedAttr().Get(self._time))
        self._add_mesh(prim, geometry, place, common, look.index, double_sided=double or motion is not None)

    def tetmesh(self, prim: Usd.Prim, place: Place, common: dict) -> None:
        """The surface of a tetrahedral mesh."""
        schema = UsdGeom.TetMesh(prim)
        points = np.asarray(schema.GetPointsAttr().Get(self._time) or np.zeros((0, 3)), np.float32)
        motion = self._motions.points.get(prim.GetPath().pathString)
        if motion is not None and motion.triangles is not None:
            triangles = np.asarray(motion.triangles, np.int32)
        else:
            triangles = np.asarray(schema.GetSurfaceFaceVertexIndicesAttr().Get(self._time) or [], np.int32)
            if not len(triangles):
                triangles = np.asarray(UsdGeom.TetMesh.ComputeSurfaceFaces(schema, self._time) or [], np.int32)
        triangles = triangles.reshape(-1, 3)
        if not len(triangles) or not len(points):
            return
        used, compact = np.unique(triangles, return_inverse=True)
        colors = display_color(prim, self._time)
        per_point = colors is not None and colors[1] in ("vertex", "varying") and len(colors[0]) > used.max()
        geometry = Geometry(
            points[used],
            compact.reshape(-1, 3).astype(np.int32),
            _point_normals(points[used], compact.reshape(-1, 3)),
            colors=colors[0][used] if per_point else None,
        )
        if motion is not None:
            common = {**common, "particles": ParticleRange(np.asarray(motion.rows)[used])}
        # A simulated soft body is drawn even if the file takes its tetrahedra for a guide: nothing else may show it.
        self._add_mesh(prim, geometry, place, common, self.looks.look(prim).index)

    def _subsets(self, prim: Usd.Prim, default: int) -> dict[int, np.ndarray]:
        out: dict[int, np.ndarray] = {}
        for subset in UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets():
            index = self.looks.look(subset.GetPrim()).index
            faces = subset.GetIndicesAttr().Get(self._time)
            if index != default and faces is not None and len(faces):
                rows = np.asarray(faces, np.int64)
                out[index] = np.concatenate([out[index], rows]) if index in out else rows
        return out

    def _add_mesh(
        self,
        prim: Usd.Prim,
        geometry: Geometry,
        place: Place,
        common: dict,
        material: int,
        *,
        double_sided: bool = True,
    ) -> None:
        colors = display_color(prim, self._time)
        color = np.array([*DEFAULT_GREY, 1.0]) if colors is None else colors[0][0]
        self._scene.meshes.append(
            MeshItem(
                prim.GetPath().pathString,
                geometry=geometry,
                transforms=place.transforms.astype(np.float32),
                bodies=place.bodies.astype(np.int32),
                instance_paths=place.paths,
                color=color.astype(np.float32),
                material=material,
                double_sided=double_sided,
                **common,
            )
        )

    # grains --------------------------------------------------------------------------------------------------------
    def points(self, prim: Usd.Prim, place: Place, common: dict) -> None:
        """Spheres: one item a copy."""
        found = points_values(prim, self._time)
        if found is None:
            return
        positions, radii, colors = found
        for k, values in self._grain_values(prim, place, positions, radii, colors, common):
            self._scene.points.append(PointsItem(body=int(place.bodies[k]), **values))

    def curves(self, prim: Usd.Prim, place: Place, common: dict) -> None:
        """Tubes: one item a copy."""
        moved = prim.GetPath().pathString in self._motions.points
        found = curves_values(prim, self._time, as_polyline=moved)
        if found is None:
            return
        positions, segments, radii, colors = found
        for k, values in self._grain_values(prim, place, positions, radii, colors, common):
            self._scene.curves.append(CurvesItem(segments=segments, body=int(place.bodies[k]), **values))

    def _grain_values(self, prim: Usd.Prim, place: Place, positions, radii, colors, common: dict):
        path = prim.GetPath().pathString
        motion, single = self._motions.points.get(path), display_color(prim, self._time)
        color = np.array([*DEFAULT_GREY, 1.0]) if single is None else single[0][0]
        for k, matrix in enumerate(place.transforms):
            size = abs(np.linalg.det(matrix[:3, :3])) ** (1.0 / 3.0)
            world_radii = radii * size
            if motion is not None and motion.widths is not None and len(motion.widths):
                world_radii = 0.5 * np.resize(np.asarray(motion.widths, float), len(positions))
            yield (
                k,
                {
                    "path": path,
                    "positions": (positions @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32),
                    "radii": world_radii.astype(np.float32),
                    "colors": colors,
                    "color": color.astype(np.float32),
                    "material": self.looks.look(prim).index,
                    "particles": None if motion is None else ParticleRange(np.asarray(motion.rows)),
                    **common,
                },
            )


def replace_transforms(place: Place, shape: np.ndarray) -> Place:
    """The place of something that is `shape` [4, 4] away from the prim's space."""
    return replace(place, transforms=place.transforms @ shape)


def _shared_path(prim: Usd.Prim) -> Sdf.Path:
    """The prim that all copies of an instance share."""
    return prim.GetPrimInPrototype().GetPath() if prim.IsInstanceProxy() else prim.GetPath()


def _point_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    from app.render.stage.normals import corner_normals

    out = np.zeros((len(points), 3), np.float32)
    out[triangles.ravel()] = corner_normals(points, triangles, 180.0)
    return out


def _number(prim: Usd.Prim, name: str, time: Usd.TimeCode, default: float) -> float:
    value = prim.GetAttribute(name).Get(time)
    return default if value is None or not np.isfinite(value) else float(value)


def _scaled(x: float, y: float, z: float) -> np.ndarray:
    return np.diag([x, y, z, 1.0])


def _axis(prim: Usd.Prim, time: Usd.TimeCode) -> np.ndarray:
    return solids.about_axis(str(prim.GetAttribute("axis").Get(time) or "Z"))


def _sphere(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    r = _number(prim, "radius", make._time, 1.0)
    make.solid(prim, place, common, solids.unit_sphere(), _scaled(r, r, r))


def _cube(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    h = 0.5 * _number(prim, "size", make._time, 2.0)
    make.solid(prim, place, common, solids.unit_box(), _scaled(h, h, h))


def _cylinder(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    r, h = _number(prim, "radius", make._time, 1.0), _number(prim, "height", make._time, 2.0)
    make.solid(prim, place, common, solids.unit_cylinder(), _axis(prim, make._time) @ _scaled(r, r, 0.5 * h))


def _cone(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    r, h = _number(prim, "radius", make._time, 1.0), _number(prim, "height", make._time, 2.0)
    # The slope of the side enters its normals, so the unit cone has the cone's own proportions.
    geometry = solids.frustum(round(2.0 * r / max(h, 1e-12), 6), 0.0)
    make.solid(prim, place, common, geometry, _axis(prim, make._time) @ _scaled(0.5 * h, 0.5 * h, 0.5 * h))


def _cylinder_1(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    bottom, top = (_number(prim, name, make._time, 1.0) for name in ("radiusBottom", "radiusTop"))
    half = max(0.5 * _number(prim, "height", make._time, 2.0), 1e-12)
    geometry = solids.frustum(round(bottom / half, 6), round(top / half, 6))
    make.solid(prim, place, common, geometry, _axis(prim, make._time) @ _scaled(half, half, half))


def _capsule(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    radius = _number(prim, "radius", make._time, 0.5)
    _add_capsule(make, prim, place, common, radius, radius)


def _capsule_1(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    _add_capsule(
        make, prim, place, common, *(_number(prim, name, make._time, 0.5) for name in ("radiusBottom", "radiusTop"))
    )


def _add_capsule(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict, bottom: float, top: float) -> None:
    size = max(bottom, top, 1e-12)
    height = _number(prim, "height", make._time, 1.0)
    geometry = solids.capsule(round(bottom / size, 6), round(top / size, 6), round(height / size, 5))
    make.solid(prim, place, common, geometry, _axis(prim, make._time) @ _scaled(size, size, size))


def _plane(make: ItemMaker, prim: Usd.Prim, place: Place, common: dict) -> None:
    width, length = _number(prim, "width", make._time, 2.0), _number(prim, "length", make._time, 2.0)
    axis = str(prim.GetAttribute("axis").Get(make._time) or "Z")
    # Width runs along x, length along y, for normals z; along z and y for normals x; along x and z for normals y.
    sides = {"Z": (width, length), "X": (length, width), "Y": (length, width)}[axis]
    shape = solids.about_axis(axis) @ _scaled(0.5 * sides[0], 0.5 * sides[1], 1.0)
    make.solid(prim, place, common, solids.unit_square(), shape)


_MAKERS: dict[str, Callable] = {
    "Mesh": ItemMaker.mesh,
    "TetMesh": ItemMaker.tetmesh,
    "Points": ItemMaker.points,
    "BasisCurves": ItemMaker.curves,
    "Sphere": _sphere,
    "Cube": _cube,
    "Cylinder": _cylinder,
    "Cylinder_1": _cylinder_1,
    "Cone": _cone,
    "Capsule": _capsule,
    "Capsule_1": _capsule_1,
    "Plane": _plane,
}
