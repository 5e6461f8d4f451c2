"""``geometry`` elements as shapes, and where their mesh files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from usd_io.errors import SceneError
from usd_io.shape_records import Box, Capsule, Cylinder, MeshShape, Shape, Sphere
from usd_io.xml.attributes import number, numbers, required
from usd_io.xml.element import Element
from usd_io.xml.mesh_cache import kept_hull
from usd_io.xml.meshes import MeshFiles, find_file

SIBLINGS = ("urdf", "robots", "robot", "xml", "description")
"""Names of folders whose neighbours (../meshes) belong to the same package."""


class GeometryReader:
    """Reads the geometry of one robot."""

    def __init__(self, file: Path, search: Sequence[Path]):
        self._folder = file.resolve().parent
        self._search = [Path(p) for p in search]
        self._files = MeshFiles()
        self._shapes: dict[tuple, MeshShape | None] = {}

    def read(self, element: Element, *, collides: bool) -> Shape | None:
        """The shape of a ``visual`` or ``collision``; None for a flat mesh, which cannot collide.

        Raises:
            SceneError: No geometry, an unknown kind, sizes not above zero, a mesh file that is missing or broken.
        """
        geometry = element.only("geometry")
        if geometry is None or not geometry.children:
            raise SceneError(element.where, "has no geometry", expected="<geometry> with a shape in it")
        shape = geometry.children[0]
        reader = _TABLE.get(shape.tag)
        if reader is None:
            raise SceneError(shape.where, "an unknown geometry", expected=" or ".join(_TABLE))
        return reader(self, shape, collides)

    def _box(self, element: Element, collides: bool) -> Shape:
        size = numbers(element, "size", count=3)
        _positive(element, "size", size)
        return Box(tuple(float(x) for x in 0.5 * size))

    def _sphere(self, element: Element, collides: bool) -> Shape:
        return Sphere(_length(element, "radius"))

    def _cylinder(self, element: Element, collides: bool) -> Shape:
        return Cylinder(_length(element, "radius"), 0.5 * _length(element, "length"))

    def _capsule(self, element: Element, collides: bool) -> Shape:
        return Capsule(_length(element, "radius"), 0.5 * _length(element, "length"))

    def _mesh(self, element: Element, collides: bool) -> Shape | None:
        file = self._find(required(element, "filename", "mesh file"), element)
        scale = numbers(element, "scale", (1.0, 1.0, 1.0))
        scale = np.full(3, scale[0]) if len(scale) == 1 else scale
        if len(scale) != 3 or (scale == 0.0).any():
            raise SceneError(
                f"{element.where} scale", f"got {scale.tolist()}", expected="one or three numbers other than 0"
            )
        key = (file, tuple(scale.tolist()), collides)
        if key not in self._shapes:
            points, triangles = self._files.load(file, scale, element.where)
            if collides:
                hull = kept_hull(points)
                points, triangles = hull if hull else (None, None)
            self._shapes[key] = (
                points if points is None else MeshShape(points.astype(np.float32), triangles, convex=collides)
            )
        return self._shapes[key]

    def _find(self, name: str, element: Element) -> Path:
        for scheme in ("package://", "model://"):
            if name.startswith(scheme):
                return self._in_package(*name.removeprefix(scheme).partition("/")[::2], element)
        name = name.removeprefix("file://")
        roots = [self._folder, *self._search]
        if self._folder.name.lower() in SIBLINGS:
            roots.append(self._folder.parent)
        return find_file(name, [self._folder, *self._search], roots, element.where)

    def _in_package(self, package: str, name: str, element: Element) -> Path:
        """A file of a ROS package: a folder of that name in or above a search path, or above the robot's own folder."""
        if package in ("", ".", ".."):
            raise SceneError(element.where, f"the package {package!r}", expected="package://name/file")
        places = [self._folder, *self._folder.parents, *self._search]
        folders = [p for p in places if p.name == package] + [p / package for p in places if (p / package).is_dir()]
        if not folders:
            raise SceneError(
                element.where,
                f"there is no folder {package!r} above the robot's file or in the search paths",
                expected=f"the ROS package {package}",
                next_step="add the folder that holds it with --search-path",
            )
        return find_file(name, folders, folders, element.where)


def _length(element: Element, name: str) -> float:
    value = number(element, name)
    if value is None:
        raise SceneError(element.where, f"has no {name}", expected=f'{name}="..." in metres')
    _positive(element, name, np.array([value]))
    return value


def _positive(element: Element, name: str, values: np.ndarray | None) -> None:
    if values is None:
        raise SceneError(element.where, f"has no {name}", expected=f'{name}="..." in metres')
    if (values <= 0.0).any():
        raise SceneError(f"{element.where} {name}", f"got {values.tolist()}", expected="numbers above zero")


_TABLE = {
    "box": GeometryReader._box,
    "sphere": GeometryReader._sphere,
    "cylinder": GeometryReader._cylinder,
    "capsule": GeometryReader._capsule,
    "mesh": GeometryReader._mesh,
}
