"""Mesh assets: points and triangles, from a file or written out in the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.geometry.rotation import rotate
from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.mjcf.mesh_mass import KINDS, mesh_mass
from usd_io.read.shape_mass import MassProperties
from usd_io.xml.attributes import choice, numbers
from usd_io.xml.element import Element
from usd_io.xml.mesh_cache import kept_hull
from usd_io.xml.meshes import MeshFiles


@dataclass
class MeshAsset:
    """A mesh of a model in its own frame.

    Attributes:
        points: [n, 3] float64.
        triangles: [m, 3] int32, outward.
        inertia: How its mass counts, one of ``KINDS``.
    """

    points: np.ndarray
    triangles: np.ndarray
    inertia: str

    @cached_property
    def hull(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Convex hull, points and triangles; None for flat meshes. Made when something that collides asks for it."""
        return kept_hull(self.points)

    @cached_property
    def solid(self) -> MassProperties | None:
        """Mass properties of the solid at 1 kg/m^3."""
        return mesh_mass(self.points, self.triangles, lambda: self.hull, self.inertia)


class MeshAssets:
    """Meshes of all documents, each made once."""

    def __init__(self) -> None:
        self._files = MeshFiles()
        self._known: dict[int, MeshAsset] = {}

    def get(self, document: Document, name: str, where: str) -> MeshAsset:
        """The mesh asset that a geom names."""
        element = document.assets.get(("mesh", name))
        if element is None:
            names = ", ".join(n for tag, n in document.assets if tag == "mesh")[:200]
            raise SceneError(where, f"there is no mesh {name!r}", expected=f"one of {names or 'the mesh assets'}")
        if id(element) not in self._known:
            self._known[id(element)] = self._make(document, element)
        return self._known[id(element)]

    def _make(self, document: Document, element: Element) -> MeshAsset:
        values = document.merged(element)
        scale = numbers(element, "scale", (1.0, 1.0, 1.0), count=3, source=values)
        if "file" in values:
            file = document.file(values["file"], element.where, subfolder=document.compiler.meshdir)
            points, triangles = self._files.load(file, scale, element.where)
        else:
            points, triangles = _written_out(element, values, scale)
        if "refpos" in values or "refquat" in values:
            w, x, y, z = numbers(element, "refquat", (1.0, 0.0, 0.0, 0.0), count=4, source=values)
            back = np.array([-x, -y, -z, w]) / np.linalg.norm([w, x, y, z])
            points = rotate(back, points - numbers(element, "refpos", (0.0, 0.0, 0.0), count=3, source=values))
        return MeshAsset(points, triangles, choice(element, "inertia", KINDS, "legacy", source=values))


def _written_out(element: Element, values, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    vertex = numbers(element, "vertex", source=values)
    if vertex is None:
        raise SceneError(element.where, "a mesh without file and vertex", expected="one of them")
    if len(vertex) % 3 or len(vertex) < 12:
        raise SceneError(
            f"{element.where} vertex", f"{len(vertex)} numbers", expected="three for each of 4 or more points"
        )
    points = vertex.reshape(-1, 3) * scale
    face = numbers(element, "face", source=values)
    if face is None:
        hull = kept_hull(points)
        if hull is None:
            raise SceneError(f"{element.where} vertex", "points in a plane", expected="points around a volume")
        return hull
    triangles = face.astype(np.int32)
    if len(face) % 3 or (triangles != face).any() or triangles.min() < 0 or triangles.max() >= len(points):
        raise SceneError(f"{element.where} face", "indices that fit no vertex", expected=f"triples below {len(points)}")
    return points, triangles.reshape(-1, 3)
