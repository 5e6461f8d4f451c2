"""Colliders: geometry prims with PhysicsCollisionAPI."""

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom

from usd_io.read import traversal
from usd_io.read.approximation import approximate
from usd_io.read.frames import split_rotation, transform7
from usd_io.read.friction import frictionless, priority
from usd_io.read.gprims import GPRIMS
from usd_io.read.materials import RIGID, MaterialReader
from usd_io.read.mesh import read_triangles
from usd_io.read.placement import Placement
from usd_io.read.reading import Reading
from usd_io.read.traversal import PhysicsPrims, owner_path
from usd_io.read.values import boolean, scalar, token
from usd_io.records import ColliderRecord, ContactOverrides
from usd_io.shape_records import MeshShape, Plane

_NOT_GEOMETRY = ("", "Xform", "Scope", "Looks")


def read_colliders(
    reading: Reading,
    found: PhysicsPrims,
    materials: MaterialReader,
    placement: Placement,
    body_frames: dict[str, np.ndarray],
) -> list[ColliderRecord]:
    """Records of all enabled colliders.

    Args:
        reading: The stage being read.
        found: Sorted prims.
        materials: Bound materials.
        placement: Where the prims are in world, and what they are called.
        body_frames: Rigid body frames [4, 4] (column convention, stage units), by prim path, enabled bodies only.
    """
    enabled = [p for p in found.colliders if boolean(reading, p, "physics:collisionEnabled", True)]
    inside_deformable = {p.GetPath().pathString for p in found.deformable_bodies}
    records = []
    for prim, material in zip(enabled, materials.bound(enabled, RIGID)):
        if inside_deformable and owner_path(prim, inside_deformable):
            reading.log.add(
                prim.GetPath().pathString,
                "collision geometry inside a deformable body; its simulation geometry collides instead",
                kind="deformable collider",
            )
            continue
        body = owner_path(prim, body_frames)
        world = placement.world_matrix(prim)
        placed = _place(reading, prim, found, world, body_frames.get(body))
        if placed is None:
            continue
        shape, X_bs = placed
        if body is None and UsdGeom.Xformable(prim).TransformMightBeTimeVarying():
            reading.log.add(
                prim.GetPath().pathString,
                "animated static collider; it stays where it is at the start time",
                kind="animated collider",
            )
        records.append(
            ColliderRecord(
                path=placement.record_path(prim),
                body_path=placement.record_path_of(body) if body else None,
                X_bs=X_bs,
                shape=shape,
                material=material,
                contact=_contact(reading, prim),
                prim_path=prim.GetPath().pathString,
                priority=priority(reading, prim),
                frictionless=frictionless(reading, prim),
            )
        )
    return records


def _place(
    reading: Reading, prim: Usd.Prim, found: PhysicsPrims, world: np.ndarray, body: np.ndarray | None
) -> tuple[object, np.ndarray] | None:
    """Shape and X_bs of a collider whose prim has the matrix ``world``, in the rigid frame ``body`` (None = world)."""
    relative = world if body is None else np.linalg.inv(body) @ world
    below = reading.down if body is None else body[:3, :3].T @ reading.down
    A, origin = relative[:3, :3] * reading.meters, relative[:3, 3] * reading.meters
    type_name = prim.GetTypeName()
    if type_name in GPRIMS:
        shape, R = GPRIMS[type_name](reading, prim, A)
        if isinstance(shape, Plane) and body is not None:
            reading.log.add(
                prim.GetPath().pathString,
                "a plane that moves with a body; UsdPhysics allows it on static and kinematic bodies only",
                kind="moving plane",
            )
        return shape, transform7(R, origin)
    if type_name == "Mesh":
        return _place_mesh(reading, prim, found, A, origin, below)
    path = prim.GetPath().pathString
    if type_name in _NOT_GEOMETRY:
        children = [c for c in prim.GetAllChildren() if not found.has(c.GetPath().pathString, traversal.COLLISION)]
        if children or type_name not in ("Xform", "Scope"):
            reading.log.add(
                path,
                "PhysicsCollisionAPI on a prim that is no geometry does nothing; apply it to the geometry below",
                kind="collision without geometry",
            )
    else:
        reading.log.add(path, f"{type_name} cannot collide yet; it is left out", kind=f"collider {type_name}")
    return None


def _place_mesh(
    reading: Reading, prim: Usd.Prim, found: PhysicsPrims, A: np.ndarray, origin: np.ndarray, down: np.ndarray
) -> tuple[object, np.ndarray] | None:
    mesh = read_triangles(reading, prim)
    if mesh is None:
        return None
    points, triangles = mesh
    R, _ = split_rotation(A)
    # The shape frame keeps the prim's rotation; scale and shear go into the points.
    local = points @ (R.T @ A).T
    if np.linalg.det(A) < 0.0:
        triangles = triangles[:, ::-1]
    has_api = found.has(prim.GetPath().pathString, traversal.MESH_COLLISION)
    # The attribute without the API schema is a common slip; the intent is clear.
    authored = token(reading, prim, "physics:approximation", "none")
    shape, shape_R, centre = approximate(reading, prim, authored, local, triangles, R.T @ down)
    if authored != "none" and not has_api:
        reading.log.add(
            prim.GetPath().pathString,
            "physics:approximation without PhysicsMeshCollisionAPI; it is used all the same",
            kind="approximation without api",
        )
    if isinstance(shape, MeshShape) and len(shape.triangles) == 0:
        return None
    return shape, transform7(R @ shape_R, origin + R @ centre)


def _contact(reading: Reading, prim: Usd.Prim) -> ContactOverrides:
    values = {k: scalar(reading, prim, f"simrun:{k}", low=0.0) for k in ("ke", "kd", "kf", "mu", "restitution")}
    return ContactOverrides(**values)
