"""Rigid bodies: prims with PhysicsRigidBodyAPI."""

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom

from usd_io.read.frames import split_rotation, transform7
from usd_io.read.placement import Placement
from usd_io.read.reading import Reading
from usd_io.read.traversal import PhysicsPrims, instance_roots, owner_path
from usd_io.read.values import boolean, vector
from usd_io.records import BodyRecord


def body_frames(reading: Reading, found: PhysicsPrims, placement: Placement) -> dict[str, np.ndarray]:
    """Rigid frames (scale removed) of the enabled bodies, [4, 4] column convention, stage units, by prim path.

    A disabled body is no body: its colliders belong to the next one above, or are static (UsdPhysics).
    """
    frames = {}
    for prim in found.bodies:
        path = prim.GetPath().pathString
        if not boolean(reading, prim, "physics:rigidBodyEnabled", True):
            continue
        if not boolean(reading, prim, "physics:bodyEnabled", True):
            continue
        if not prim.IsA(UsdGeom.Xformable):
            reading.log.add(path, "PhysicsRigidBodyAPI on a prim that cannot move (no Xform); it is ignored")
            continue
        world = placement.world_matrix(prim)
        frame = np.eye(4)
        frame[:3, :3], _ = split_rotation(world[:3, :3])
        frame[:3, 3] = world[:3, 3]
        frames[path] = frame
    _note_nesting(reading, frames)
    return frames


def _note_nesting(reading: Reading, frames: dict[str, np.ndarray]) -> None:
    for path in frames:
        prim = reading.stage.GetPrimAtPath(path)
        if UsdGeom.Xformable(prim).GetResetXformStack():
            continue
        above = owner_path(prim.GetParent(), frames)
        if above:
            reading.log.add(
                path,
                f"a body inside the body {above} without !resetXformStack!; both move freely",
                kind="nested body",
            )


def read_bodies(
    reading: Reading, found: PhysicsPrims, placement: Placement, frames: dict[str, np.ndarray]
) -> list[BodyRecord]:
    """Records of the enabled bodies; mass properties are filled in by ``mass.resolve_masses``."""
    records = []
    for prim in found.bodies:
        path = prim.GetPath().pathString
        if path not in frames:
            continue
        world = placement.world_matrix(prim)
        R, stretch = split_rotation(world[:3, :3])
        linear, angular = _velocities(reading, prim, placement, world)
        _note_unused(reading, prim)
        records.append(
            BodyRecord(
                path=placement.record_path(prim),
                X_wb=transform7(R, world[:3, 3] * reading.meters),
                stretch=stretch,
                mass=0.0,
                com=np.zeros(3),
                inertia=np.zeros((3, 3)),
                linear_velocity=linear,
                angular_velocity=angular,
                kinematic=boolean(reading, prim, "physics:kinematicEnabled", False),
                instance_roots=instance_roots(prim),
            )
        )
    return records


def _velocities(
    reading: Reading, prim: Usd.Prim, placement: Placement, world: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """World velocities [m/s], [rad/s].

    UsdPhysics gives them "in the same space as the node's xform", which is the space its translation is given in:
    the parent's. Scale above stretches the linear one like any length.
    """
    linear = vector(reading, prim, "physics:velocity")
    angular = vector(reading, prim, "physics:angularVelocity")
    if (linear is None or not linear.any()) and (angular is None or not angular.any()):
        return np.zeros(3), np.zeros(3)
    local, resets = reading.local_matrix(prim)
    parent = np.eye(3) if resets else (world @ np.linalg.inv(local))[:3, :3]
    R, _ = split_rotation(parent)
    linear = np.zeros(3) if linear is None else parent @ linear * reading.meters
    return linear, np.zeros(3) if angular is None else np.radians(R @ angular)


def _note_unused(reading: Reading, prim: Usd.Prim) -> None:
    path = prim.GetPath().pathString
    if boolean(reading, prim, "physics:startsAsleep", False):
        reading.log.add(path, "physics:startsAsleep is ignored; bodies do not sleep", kind="startsAsleep")
    if UsdGeom.Xformable(prim).TransformMightBeTimeVarying():
        reading.log.add(
            path,
            "animated transform on a body; only its value at the start time is used",
            kind="animated body",
        )
