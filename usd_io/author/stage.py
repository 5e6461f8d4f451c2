"""A stage with the bodies and the geometry of a scene record, and on request its physics."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Tf, Usd, UsdGeom, UsdPhysics

from usd_io.author.markers import author_markers
from usd_io.author.physics import author_physics
from usd_io.author.shapes import author_shape
from usd_io.errors import SceneError
from usd_io.records import SceneRecord


def author_stage(scene: SceneRecord, path: str | Path, *, physics: bool = False) -> None:
    """Writes a stage with an Xform for each body and a gprim for each geometry, at the record's paths.

    Units are metres and kilograms, the up axis is the record's. With ``physics`` it also says, as UsdPhysics, all that
    the record says of masses, colliders and joints; what USD cannot say is added to ``scene.warnings``.

    Raises:
        SceneError: The file cannot be written.
    """
    layer = Sdf.Layer.CreateAnonymous("scene.usdc")
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, scene.up_axis)
    UsdGeom.SetStageMetersPerUnit(stage, scene.meters_per_unit)
    stage.SetTimeCodesPerSecond(scene.fps)
    stage.SetFramesPerSecond(scene.fps)
    for body in scene.bodies:
        place(UsdGeom.Xform.Define(stage, body.path), body.X_wb)
    for geometry in (*(c for c in scene.colliders if not c.hidden), *scene.visuals):
        author_shape(stage, geometry)
    author_markers(stage, scene)
    if physics and scene.bodies:
        UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
        author_physics(stage, scene, f"/{scene.bodies[0].path.split('/')[1]}")
    _set_roots(stage)
    _export(layer, Path(path))


def _export(layer: Sdf.Layer, path: Path) -> None:
    """Writes beside the path and renames, so that no half-written file ever stands there."""
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        if not layer.Export(str(unfinished)):
            raise SceneError(str(path), "cannot be written", expected="a place for the stage")
        os.replace(unfinished, path)
    except (OSError, Tf.ErrorException) as error:
        raise SceneError(str(path), f"cannot be written ({error})", expected="a place for the stage") from None
    finally:
        unfinished.unlink(missing_ok=True)


def place(prim: UsdGeom.Xformable, X: np.ndarray) -> None:
    """Gives a prim a position and an orientation (7 numbers)."""
    prim.AddTranslateOp().Set(Gf.Vec3d(*X[:3].tolist()))
    x, y, z, w = X[3:].tolist()
    prim.AddOrientOp(UsdGeom.XformOp.PrecisionFloat).Set(Gf.Quatf(w, x, y, z))


def _set_roots(stage: Usd.Stage) -> None:
    """Root prims get a type and a kind, the first one becomes the default."""
    for root in stage.GetPseudoRoot().GetChildren():
        if not root.GetTypeName():
            UsdGeom.Xform.Define(stage, root.GetPath())
        Usd.ModelAPI(root).SetKind("component")
        if not stage.HasDefaultPrim():
            stage.SetDefaultPrim(root)
