"""Rigid bodies and colliders in the prototypes of PointInstancers: one record for every instance."""

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom

from usd_io.errors import SceneError
from usd_io.read.bodies import body_frames, read_bodies
from usd_io.read.colliders import read_colliders
from usd_io.read.mass import resolve_masses
from usd_io.read.materials import MaterialReader
from usd_io.read.placement import OnInstance
from usd_io.read.reading import Reading
from usd_io.read.traversal import PhysicsPrims, collect
from usd_io.read.values import array
from usd_io.records import SceneRecord


def read_point_instances(reading: Reading, found: PhysicsPrims, materials: MaterialReader, record: SceneRecord) -> None:
    """Adds a body (and its colliders) for every visible instance of a prototype that is a rigid body."""
    for prim in found.instancers:
        prototypes = _physical_prototypes(reading, prim)
        if prototypes:
            _read_instancer(reading, UsdGeom.PointInstancer(prim), prototypes, materials, record)


def _physical_prototypes(reading: Reading, prim: Usd.Prim) -> dict[int, PhysicsPrims]:
    """Sorted prims of the prototypes with physics in them, by prototype index."""
    result = {}
    for index, path in enumerate(UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()):
        root = reading.stage.GetPrimAtPath(path)
        if not root:
            reading.log.add(prim.GetPath().pathString, f"prototype {path} does not exist", kind="no prototype")
            continue
        found = collect(root, reading.log)
        if found.deformables or found.instancers or found.joints:
            reading.log.add(
                path.pathString,
                "deformables, joints and instancers inside a prototype are not simulated",
                kind="prototype content",
            )
        if found.bodies or found.colliders:
            result[index] = found
    return result


def _read_instancer(
    reading: Reading,
    instancer: UsdGeom.PointInstancer,
    prototypes: dict[int, PhysicsPrims],
    materials: MaterialReader,
    record: SceneRecord,
) -> None:
    prim = instancer.GetPrim()
    path = prim.GetPath().pathString
    indices = array(reading, prim, "protoIndices", dtype=np.int64)
    positions = array(reading, prim, "positions", 3)
    if indices is None or positions is None or len(indices) == 0:
        reading.log.add(path, "the PointInstancer has no instances", kind="no instances")
        return
    targets = instancer.GetPrototypesRel().GetForwardedTargets()
    if len(indices) != len(positions) or indices.min() < 0 or indices.max() >= len(targets):
        raise SceneError(
            reading.at(prim),
            f"{len(positions)} positions, {len(indices)} protoIndices from {indices.min()} to {indices.max()}",
            expected=f"as many of one as of the other, and prototype indices from 0 to {len(targets) - 1}",
            next_step="repair the instancer",
        )
    include = UsdGeom.PointInstancer.IncludeProtoXform
    matrices = instancer.ComputeInstanceTransformsAtTime(
        reading.time, reading.time, include, UsdGeom.PointInstancer.IgnoreMask
    )
    mask = instancer.ComputeMaskAtTime(reading.time)
    if len(matrices) != len(indices):
        raise SceneError(
            reading.at(prim),
            "the instance transforms cannot be computed",
            expected="orientations and scales, if any, for every position",
            next_step="check the lengths of positions, orientations and scales",
        )
    base = reading.world_matrix(prim)
    for i, k in enumerate(indices):
        if k in prototypes and (not mask or mask[i]):
            root = reading.stage.GetPrimAtPath(targets[int(k)])
            world = base @ np.array(matrices[i], dtype=np.float64).T
            placement = OnInstance(reading, path, i, root, world)
            _read_instance(reading, prototypes[int(k)], materials, placement, root, i, path, record)


def _read_instance(
    reading: Reading,
    found: PhysicsPrims,
    materials: MaterialReader,
    placement: OnInstance,
    root: Usd.Prim,
    index: int,
    instancer: str,
    record: SceneRecord,
) -> None:
    frames = body_frames(reading, found, placement)
    below = [p for p in frames if p != root.GetPath().pathString]
    for path in below:
        reading.log.add(
            path,
            "a rigid body below the root of a point-instanced prototype cannot be recorded; it is left out",
            kind="body in prototype",
        )
        del frames[path]
    bodies = read_bodies(reading, found, placement, frames)
    colliders = read_colliders(reading, found, materials, placement, frames)
    offset = reading.local_matrix(root)[0]
    for body in bodies:
        body.instancer, body.instance_index, body.prototype_offset = instancer, index, offset
    by_path = {root.GetPath().pathString: b for b in bodies}
    resolve_masses(reading, found, by_path, colliders)
    record.bodies.extend(bodies)
    record.colliders.extend(colliders)
