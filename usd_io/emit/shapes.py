"""Collision shapes into builder calls: one entry of the table a shape type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import sim
from usd_io.emit.contact import Contact
from usd_io.read.frames import matrix_from_quaternion, quaternion_from_matrix
from usd_io.records import ColliderRecord
from usd_io.shape_records import (
    Box,
    Capsule,
    Cone,
    Cylinder,
    EllipsoidShape,
    HeightFieldShape,
    MeshShape,
    Plane,
    Sphere,
)

_AXIS = {"X": 0, "Y": 1, "Z": 2}
# Rotations that take the builder's plane normal, +y, to an axis: cyclic permutations of the axes.
_Y_TO = {
    "X": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "Y": np.eye(3),
    "Z": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
}


class ShapeEmitter:
    """Adds colliders to a builder; equal meshes are shared."""

    def __init__(self, builder: Any):
        self._builder = builder
        self._meshes: dict[int, Any] = {}

    def add(self, collider: ColliderRecord, body: int, contact: Contact) -> int:
        """Adds one collider to a body (-1 = world), without mass of its own, and returns the shape's index."""
        material = {
            "ke": contact.ke,
            "kd": contact.kd,
            "kf": contact.kf,
            "mu": contact.mu,
            "restitution": contact.restitution,
        }
        return _TABLE[type(collider.shape)](self, collider, body, material)

    @staticmethod
    def count(collider: ColliderRecord) -> int:
        """How many shapes, one after the other, a collider becomes."""
        return max(1, len(getattr(collider.shape, "parts", ())))

    def _solid(self, method: str, collider: ColliderRecord, body: int, material: dict, **geometry: Any) -> int:
        pos, rot = tuple(collider.X_bs[:3]), tuple(collider.X_bs[3:])
        # Mass comes resolved with the body: density 0 adds none.
        return getattr(self._builder, method)(body, pos=pos, rot=rot, density=0.0, **geometry, **material)

    def _plane(self, collider: ColliderRecord, body: int, material: dict) -> int:
        R = matrix_from_quaternion(collider.X_bs[3:]) @ _Y_TO[collider.shape.axis]
        return self._builder.add_shape_plane(
            pos=tuple(collider.X_bs[:3]),
            rot=tuple(quaternion_from_matrix(R)),
            width=0.0,
            length=0.0,
            body=body,
            **material,
        )

    def _sphere(self, collider: ColliderRecord, body: int, material: dict) -> int:
        return self._solid("add_shape_sphere", collider, body, material, radius=collider.shape.radius)

    def _box(self, collider: ColliderRecord, body: int, material: dict) -> int:
        hx, hy, hz = collider.shape.half_extents
        return self._solid("add_shape_box", collider, body, material, hx=hx, hy=hy, hz=hz)

    def _ellipsoid(self, collider: ColliderRecord, body: int, material: dict) -> int:
        rx, ry, rz = collider.shape.radii
        return self._solid("add_shape_ellipsoid", collider, body, material, rx=rx, ry=ry, rz=rz)

    def _axial(self, method: str, collider: ColliderRecord, body: int, material: dict) -> int:
        shape = collider.shape
        geometry = {"radius": shape.radius, "half_height": shape.half_height, "up_axis": _AXIS[shape.axis]}
        return self._solid(method, collider, body, material, **geometry)

    def _mesh(self, collider: ColliderRecord, body: int, material: dict) -> int:
        shape = collider.shape
        if id(shape) not in self._meshes:
            pieces = shape.parts or ((shape.points, shape.triangles),)
            self._meshes[id(shape)] = [sim.Mesh(p, t.ravel(), compute_inertia=False) for p, t in pieces]
        meshes = self._meshes[id(shape)]
        added = [self._solid("add_shape_mesh", collider, body, material, mesh=mesh) for mesh in meshes]
        return added[0]

    def _height_field(self, collider: ColliderRecord, body: int, material: dict) -> int:
        return self._solid("add_shape_heightfield", collider, body, material, heightfield=collider.shape.field)


_TABLE: dict[type, Callable[..., int]] = {
    HeightFieldShape: ShapeEmitter._height_field,
    EllipsoidShape: ShapeEmitter._ellipsoid,
    Plane: ShapeEmitter._plane,
    Sphere: ShapeEmitter._sphere,
    Box: ShapeEmitter._box,
    Capsule: lambda self, *a: self._axial("add_shape_capsule", *a),
    Cylinder: lambda self, *a: self._axial("add_shape_cylinder", *a),
    Cone: lambda self, *a: self._axial("add_shape_cone", *a),
    MeshShape: ShapeEmitter._mesh,
}
