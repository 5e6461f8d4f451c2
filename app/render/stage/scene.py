"""A `RenderScene` from a USD stage, or from a model that was built in Python: what is where, and what moves it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, UsdLux

from app.render.scene import DEFAULT_GREY, MeshItem, RenderScene
from app.render.stage.animation import StageAnimation
from app.render.stage.domes import read_dome
from app.render.stage.items import ItemMaker, Place
from app.render.stage.lights import read_camera, read_light
from app.render.stage.motions import Motions, rigid_part
from sim import Model
from sim.geometry.shape_types import GEO_PLANE
from usd_io import SceneBindings, SceneRecord, is_usd
from usd_io.author import author_stage
from usd_io.model_stage import ROOT, author_model
from usd_io.read.opening import open_stage, quiet_diagnostics

LONGEST_TRACK = 100_000
"""Time codes over which an animated camera is read."""
MOST_NESTED = 4
"""PointInstancers inside prototypes of PointInstancers."""


@dataclass(frozen=True)
class _Inherited:
    """What a prim passes on to those below."""

    visible: bool
    purpose: str
    body: str | None
    """Path of the body prim that carries it."""


def open_render_scene(
    path: str | os.PathLike[str],
    record: SceneRecord | None = None,
    bindings: SceneBindings | None = None,
    model: Model | None = None,
) -> RenderScene:
    """The scene of a file: a USD stage, or a robot file whose record is given.

    Raises:
        SceneError: the file cannot be read.
    """
    if is_usd(path):
        return from_stage(open_stage(path), bindings, model)
    if record is None:
        raise ValueError(f"{path}: a file that is not USD needs the record that was read from it")
    with tempfile.TemporaryDirectory(prefix="simrun_") as folder:
        made = Path(folder) / "scene.usdc"
        author_stage(record, made)
        return from_stage(open_stage(made), bindings, model, auto_smooth=True)


def from_model(model: Model, *, springs: bool | None = None) -> RenderScene:
    """The scene of any model: its shapes, cloth, soft bodies and particles, as `usd_io.SimRenderer` shows them."""
    if springs is None:
        springs = not (model.tri_count or model.tet_count)
    authored = author_model(model, springs=springs)
    shapes = {f"{ROOT}/shape_{s}": s for s in range(model.shape_count)}
    if model.ground_shape >= 0:
        shapes[f"{ROOT}/ground"] = model.ground_shape
    scene = _read(
        authored.stage, Motions.from_targets(authored.targets), model, shapes, Usd.TimeCode.Default(), auto_smooth=False
    )
    scene.up_axis = int(model.up_axis)
    return scene


def from_stage(
    stage: Usd.Stage,
    bindings: SceneBindings | None = None,
    model: Model | None = None,
    *,
    time: Usd.TimeCode | None = None,
    auto_smooth: bool = False,
) -> RenderScene:
    """The scene of a stage.

    Args:
        stage: what is drawn.
        bindings: which prims the simulation moves; None for a stage that stands still.
        model: the simulated model, for initial poses and the ground.
        time: when, None for the stage's start.
        auto_smooth: smooth what has one normal a face: meshes of robots.
    """
    if time is None:
        authored = stage.HasAuthoredMetadata("startTimeCode")
        time = Usd.TimeCode(stage.GetStartTimeCode()) if authored else Usd.TimeCode.EarliestTime()
    motions = Motions() if bindings is None else Motions.from_bindings(bindings)
    shapes = {} if bindings is None else bindings.shapes
    return _read(stage, motions, model, shapes, time, auto_smooth=auto_smooth)


def _read(
    stage: Usd.Stage,
    motions: Motions,
    model: Model | None,
    shapes: dict[str, int],
    time: Usd.TimeCode,
    *,
    auto_smooth: bool,
) -> RenderScene:
    reader = _StageReader(stage, motions, time, auto_smooth=auto_smooth)
    with quiet_diagnostics():
        scene = reader.read()
    if model is not None:
        if model.body_count:
            scene.body_q = np.array(model.body_q.numpy(), np.float32).reshape(-1, 7)
        if model.particle_count:
            scene.particle_q = np.array(model.particle_q.numpy(), np.float32).reshape(-1, 3)
        scene.body_paths = _body_paths(motions, model)
        _find_ground(scene, model, shapes)
    center = scene.bounds().center
    for camera in scene.cameras:
        if camera.focus <= 0.0:
            camera.focus = max(float(np.dot(camera.transform[:3, 3] - center, camera.transform[:3, 2])), 1e-2)
    return scene


class _StageReader:
    """One reading of one stage."""

    def __init__(self, stage: Usd.Stage, motions: Motions, time: Usd.TimeCode, *, auto_smooth: bool):
        self._stage, self._motions, self._time = stage, motions, time
        meters, up = UsdGeom.GetStageMetersPerUnit(stage), str(UsdGeom.GetStageUpAxis(stage))
        self._meters = meters if np.isfinite(meters) and meters > 0.0 else 1.0
        self._xforms = UsdGeom.XformCache(time)
        known = up in ("X", "Y", "Z")
        self.scene = RenderScene(up_axis="XYZ".index(up if known else "Y"), meters_per_unit=self._meters)
        if not known:
            self.scene.notes.append(("/", f"upAxis is {up!r}; expected X, Y or Z; Y is taken"))
        self._animation = StageAnimation(stage, time, self._meters)
        self._make = ItemMaker(
            stage, self.scene, motions, time, self._meters, auto_smooth=auto_smooth, animation=self._animation
        )

    def read(self) -> RenderScene:
        root = self._stage.GetPseudoRoot()
        self._visit(root, _Inherited(True, "default", None), None, 0)
        self.scene.materials = self._make.looks.materials
        self.scene.notes += self._make.looks.notes
        self.scene.animation = self._animation or None
        self.scene.start_time_code = float(self._stage.GetStartTimeCode())
        self.scene.time_codes_per_second = float(self._stage.GetTimeCodesPerSecond())
        return self.scene

    def _visit(self, root: Usd.Prim, inherited: _Inherited, place: Place | None, depth: int) -> None:
        """Draw a subtree. `place` says where the copies of a prototype are; None for prims that stand where they are."""
        passed = {root.GetParent().GetPath() if not root.IsPseudoRoot() else None: inherited}
        prims = iter(Usd.PrimRange(root, Usd.TraverseInstanceProxies(Usd.PrimDefaultPredicate)))
        for prim in prims:
            above = passed.get(prim.GetParent().GetPath() if not prim.IsPseudoRoot() else None, inherited)
            here = self._inherit(prim, above, is_prototype=place is not None)
            passed[prim.GetPath()] = here
            kind = str(prim.GetTypeName())
            if kind == "PointInstancer":
                prims.PruneChildren()
                self._visit_instancer(prim, here, place, depth)
            elif kind == "Camera" and place is None:
                self._add_camera(prim, here)
            elif kind and prim.HasAPI(UsdLux.LightAPI) and place is None:
                self._add_light(prim, here)
            elif kind:
                where = self._standing(prim, here) if place is None else place.below(self._world(prim))
                self._make.add(prim, kind, where, visible=here.visible, purpose=here.purpose)

    def _inherit(self, prim: Usd.Prim, above: _Inherited, *, is_prototype: bool) -> _Inherited:
        path = prim.GetPath().pathString
        body = above.body
        imageable = UsdGeom.Imageable(prim)
        if not is_prototype:
            if path in self._motions.bodies:
                body = path
            elif body is not None and UsdGeom.Xformable(prim) and UsdGeom.Xformable(prim).GetResetXformStack():
                body = None
        if not imageable:
            return above if body == above.body else replace(above, body=body)
        visible = above.visible and imageable.GetVisibilityAttr().Get(self._time) != UsdGeom.Tokens.invisible
        purpose = above.purpose
        authored = imageable.GetPurposeAttr()
        if purpose == "default" and authored.HasAuthoredValue():
            purpose = str(authored.Get())
        return _Inherited(visible, purpose, body)

    def _world(self, prim: Usd.Prim) -> np.ndarray:
        """Local to world [4, 4], column vectors, stage units."""
        return np.array(self._xforms.GetLocalToWorldTransform(prim), float).T

    def _scaled(self, matrix: np.ndarray) -> np.ndarray:
        """Stage units in, metres out."""
        out = matrix.copy()
        out[:3] *= self._meters
        return out

    def _standing(self, prim: Usd.Prim, here: _Inherited) -> Place:
        """One copy: where the prim is, relative to the body that carries it."""
        world = self._scaled(self._world(prim))
        if here.body is None:
            return Place(world[None], np.full(1, -1, np.int32), moving=self._animation.world(prim))
        index, stretch = self._motions.bodies[here.body]
        pose = rigid_part(self._world(self._stage.GetPrimAtPath(here.body)), stretch, self._meters)
        return Place((np.linalg.inv(pose) @ world)[None], np.full(1, index, np.int32))

    def _visit_instancer(self, prim: Usd.Prim, here: _Inherited, place: Place | None, depth: int) -> None:
        instancer, path = UsdGeom.PointInstancer(prim), prim.GetPath().pathString
        indices = np.asarray(instancer.GetProtoIndicesAttr().Get(self._time) or [], np.int64)
        prototypes = instancer.GetPrototypesRel().GetForwardedTargets()
        if depth >= MOST_NESTED or not len(indices) or not prototypes:
            return
        matrices = instancer.ComputeInstanceTransformsAtTime(
            self._time, self._time, UsdGeom.PointInstancer.IncludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
        )
        if matrices is None or len(matrices) != len(indices):
            self.scene.notes.append((path, "its instances cannot be placed; it is not drawn"))
            return
        local = np.array(matrices, float).transpose(0, 2, 1)
        mask = instancer.ComputeMaskAtTime(self._time)
        shown = np.array(mask, bool) if mask and len(mask) == len(indices) else np.ones(len(indices), bool)
        for number, target in enumerate(prototypes):
            root = self._stage.GetPrimAtPath(target)
            rows = np.flatnonzero((indices == number) & shown)
            if not root or not len(rows):
                continue
            copies = self._copies(prim, local[rows], rows, here, place, root)
            if copies is not None:
                self._visit(root, replace(here, body=None), copies, depth + 1)

    def _copies(
        self, prim: Usd.Prim, local: np.ndarray, rows: np.ndarray, here: _Inherited, outer: Place | None, root: Usd.Prim
    ) -> Place | None:
        """Where the copies of a prototype are, and which bodies carry them."""
        base, path = self._world(prim), prim.GetPath().pathString
        inverse = np.linalg.inv(self._world(root))
        if outer is not None:
            inside = outer.below(base)
            transforms = (inside.transforms[:, None] @ local[None]).reshape(-1, 4, 4)
            return Place(transforms, np.repeat(inside.bodies, len(local)), inverse)
        world = base @ local
        moved = self._motions.instances.get(path, {})
        carrier = None if here.body is None else self._motions.bodies[here.body]
        transforms, bodies = np.empty_like(world), np.full(len(rows), -1, np.int32)
        if carrier is not None:
            pose = rigid_part(self._world(self._stage.GetPrimAtPath(here.body)), carrier[1], self._meters)
            bodies[:] = carrier[0]
        for k, row in enumerate(rows.tolist()):
            matrix = self._scaled(world[k])
            if row in moved:
                bodies[k], stretch = moved[row]
                matrix = np.linalg.inv(rigid_part(world[k], stretch, self._meters)) @ matrix
            elif carrier is not None:
                matrix = np.linalg.inv(pose) @ matrix
            transforms[k] = matrix
        paths = [f"{path}[{row}]" for row in rows.tolist()]
        moving = self._animation.instances(prim, rows) if (bodies < 0).all() else None
        return Place(transforms, bodies, inverse, paths, moving)

    def _add_light(self, prim: Usd.Prim, here: _Inherited) -> None:
        place = self._standing(prim, here)
        light = read_light(prim, self._time, place.transforms[0])
        if light is None:
            self.scene.notes.append((prim.GetPath().pathString, f"{prim.GetTypeName()} is not drawn"))
            return
        if light.kind == "dome":
            light.image = read_dome(prim, self._time, self.scene.notes)
        light.body, light.visible = int(place.bodies[0]), here.visible
        self.scene.lights.append(light)
        self._animation.follow(prim, light, place.moving)

    def _add_camera(self, prim: Usd.Prim, here: _Inherited) -> None:
        place = self._standing(prim, here)
        camera = read_camera(prim, self._time, place.transforms[0], self._meters)
        camera.body = int(place.bodies[0])
        if camera.body < 0:
            camera.track = self._track(prim)
        self.scene.cameras.append(camera)

    def _track(self, prim: Usd.Prim) -> tuple[np.ndarray, np.ndarray] | None:
        """Matrices of a camera at every time code of the stage, if it (or what it hangs on) is animated."""
        first, last = self._stage.GetStartTimeCode(), self._stage.GetEndTimeCode()
        if not 0.0 < last - first < LONGEST_TRACK:
            return None
        above = prim
        while above and not above.IsPseudoRoot():
            xformable = UsdGeom.Xformable(above)
            if xformable and xformable.TransformMightBeTimeVarying():
                break
            above = above.GetParent()
        else:
            return None
        times = np.arange(first, last + 0.5)
        cache, matrices = UsdGeom.XformCache(), []
        for code in times:
            cache.SetTime(Usd.TimeCode(float(code)))
            matrix = self._scaled(np.array(cache.GetLocalToWorldTransform(prim), float).T)
            matrix[:3, :3] /= np.maximum(np.linalg.norm(matrix[:3, :3], axis=0), 1e-12)
            matrices.append(matrix)
        return times, np.stack(matrices)


def _body_paths(motions: Motions, model: Model) -> list[str]:
    paths = [str(name or f"body {i}") for i, name in enumerate(model.body_name)] if model.body_count else []
    for path, (index, _) in motions.bodies.items():
        paths[index] = path
    for path, rows in motions.instances.items():
        for row, (index, _) in rows.items():
            paths[index] = f"{path}[{row}]"
    return paths


def _find_ground(scene: RenderScene, model: Model, shapes: dict[str, int]) -> None:
    """Marks the items that show an unbounded horizontal plane, and notes its height."""
    if model.ground and model.ground_shape >= 0:
        a, b, c, d = (float(v) for v in np.asarray(model.ground_plane, float).ravel())
        normal = np.array([a, b, c])
        if np.dot(normal, scene.up) > 0.999 * np.linalg.norm(normal) > 0.0:
            scene.ground_height = -d / float(np.linalg.norm(normal))
    if not model.shape_count:
        return
    kinds, bodies = model.shape_geo.type.numpy(), model.shape_body.numpy()
    poses, sizes = model.shape_transform.numpy().reshape(-1, 7), model.shape_geo.scale.numpy().reshape(-1, 3)
    by_path: dict[str, MeshItem] = {item.path: item for item in scene.meshes}
    for path, shape in shapes.items():
        item = by_path.get(path)
        if item is None or kinds[shape] != GEO_PLANE or bodies[shape] >= 0 or (sizes[shape, :2] > 0.0).all():
            continue
        x, y, z, w = poses[shape, 3:]
        normal = np.array([2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)])
        if np.dot(normal, scene.up) > 0.999:
            # A floor with an image on it is drawn as far as it was authored.
            item.ground = scene.materials[item.material].texture is None
            scene.ground_height = float(np.dot(poses[shape, :3], scene.up))
    shown = any(m.ground or (m.path in shapes and kinds[shapes[m.path]] == GEO_PLANE) for m in scene.meshes)
    if scene.ground_height is not None and not shown:
        from app.render.stage.solids import unit_square

        color = np.array([*DEFAULT_GREY, 1.0], np.float32)
        scene.meshes.append(MeshItem("/ground", geometry=unit_square(), ground=True, color=color))
