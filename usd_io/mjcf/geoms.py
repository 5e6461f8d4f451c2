"""Geoms: shape, place, mass and look of one ``geom`` element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.geometry.rotation import rotation_matrix
from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.mjcf.height_fields import height_field
from usd_io.mjcf.mesh_assets import MeshAsset, MeshAssets
from usd_io.mjcf.poses import orientation, z_towards
from usd_io.mjcf.textures import material_color
from usd_io.read.shape_mass import MassProperties, unit_density_mass
from usd_io.shape_records import (
    Box,
    Capsule,
    Cylinder,
    MeshShape,
    Plane,
    Shape,
    Sphere,
)
from usd_io.xml.attributes import choice, number, numbers
from usd_io.xml.colors import linear_color
from usd_io.xml.element import Element
from usd_io.xml.ellipsoid import COLLIDING, SEEN, ellipsoid_mesh

TYPES = ("plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh", "sdf")
Solid = Callable[[], MassProperties | None]
SPIN = "condim 4 and 6: contacts resist sliding, but not spinning and rolling"
LAST_VISIBLE_GROUP = 2
"""MuJoCo's viewer shows groups 0 to 2 from the start; collision geometry is usually kept above."""


@dataclass
class Geom:
    """One geom.

    Attributes:
        name: Its name, may be empty.
        element: Where it was read.
        X_bg: Frame in the body's frame.
        drawn: The shape as it is seen; None for what is not supported.
        collides: The shape as it collides.
        solid: Gives mass properties of the shape at 1 kg/m^3 in its own frame, None for one without volume.
        said_mass: Its mass [kg], where the file says so.
        density: [kg/m^3], where the file does not say its mass.
        contype: Bits, see MJCF; likewise conaffinity.
        friction: Sliding friction coefficient.
        condim: Dimension of its contacts: 1 without friction, 3 against sliding, 4 against spinning, 6 against rolling.
        priority: The geom of the higher one decides about a contact.
        color: Linear red, green, blue, and opacity.
        group: Its group.
        paired: Whether an explicit contact pair names it.
    """

    name: str
    element: Element
    X_bg: np.ndarray
    drawn: Shape | None
    collides: Shape | None
    solid: Solid
    said_mass: float | None
    density: float
    contype: int
    conaffinity: int
    friction: float
    condim: int
    priority: int
    color: tuple[float, ...]
    group: int
    paired: bool = False

    @cached_property
    def mass(self) -> MassProperties | None:
        """Mass properties in the body's frame; None without mass. (Most meshes belong to bodies that say their own.)"""
        solid = self.solid()
        if solid is None:
            return None
        factor = self.density if self.said_mass is None else self.said_mass / solid.mass
        return solid.scaled(factor).moved(rotation_matrix(self.X_bg[3:]), self.X_bg[:3])


class GeomReader:
    """Reads geoms of any document."""

    def __init__(self, meshes: MeshAssets, warn: Callable[[Element, str], None]):
        self._meshes, self._warn = meshes, warn
        self._shapes: dict[tuple, MeshShape] = {}

    def read(self, document: Document, element: Element, childclass: str) -> Geom:
        """One geom in the frame it is written in."""
        values = document.merged(element, childclass)
        kind = choice(
            element, "type", TYPES, "mesh" if "mesh" in values and "type" not in values else "sphere", source=values
        )
        size = numbers(element, "size", (), source=values, count=(0, 3))
        X = np.concatenate(
            [
                numbers(element, "pos", (0.0, 0.0, 0.0), count=3, source=values),
                orientation(element, values, document.compiler),
            ]
        )
        if "fromto" in values:
            X, size = _between(element, kind, values, size)
        drawn, collides, solid = self._shape(document, element, kind, size, values)
        if (condim := read_condim(element, values)) > 3:
            self._warn(element, SPIN)
        return Geom(
            name=values.get("name", ""),
            element=element,
            X_bg=X,
            drawn=drawn,
            collides=collides,
            solid=solid,
            said_mass=number(element, "mass", None, low=0.0, source=values),
            density=number(element, "density", 1000.0, low=0.0, source=values),
            contype=_bits(element, "contype", values),
            conaffinity=_bits(element, "conaffinity", values),
            friction=read_friction(element, values),
            condim=condim,
            priority=int(number(element, "priority", 0, source=values)),
            color=_color(document, element, values),
            group=int(number(element, "group", 0, source=values)),
            paired=values.get("name", "") in document.paired,
        )

    def _shape(self, document, element, kind, size, values) -> tuple[Shape | None, Shape | None, Solid]:
        if kind in _PRIMITIVES:
            needed, make = _PRIMITIVES[kind]
            if "mesh" in values:
                self._warn(element, f"a {kind} fitted to a mesh is simulated as the mesh")
                return self._mesh(document, element, values)
            if len(size) < needed or (size[:needed] <= 0.0).any():
                raise SceneError(
                    f"{element.where} size", f"got {size.tolist()}", expected=f"{needed} positive numbers for a {kind}"
                )
            shape, solid = make(size)
            if kind == "ellipsoid":
                key = (kind, tuple(size[:3]))
                shape = self._shapes.setdefault(key, shape)
                colliding = self._shapes.setdefault((*key, "collides"), ellipsoid_mesh(size[:3], *COLLIDING))
                return shape, colliding, solid
            return shape, shape, solid
        if kind == "plane":
            plane = Plane()
            return plane, plane, _no_volume
        if kind == "mesh":
            return self._mesh(document, element, values)
        if kind == "hfield":
            return self._height_field(document, element, values)
        self._warn(element, f"geoms of type {kind} are not supported; left out")
        return None, None, _no_volume

    def _height_field(self, document, element, values):
        asset = document.assets.get(("hfield", values.get("hfield", "")))
        if asset is None:
            raise SceneError(element.where, f"there is no hfield {values.get('hfield')!r}", expected="an asset's name")
        if id(asset) not in self._shapes:
            self._shapes[id(asset)] = height_field(document, asset)
        shape = self._shapes[id(asset)]
        return shape, shape, _no_volume

    def _mesh(self, document, element, values):
        if "mesh" not in values:
            raise SceneError(element.where, "a mesh geom without mesh", expected='mesh="name of an asset"')
        asset = self._meshes.get(document, values["mesh"], element.where)
        # Most meshes are only seen, and a hull takes longest of all.
        collides = (
            number(element, "contype", 1, source=values)
            or number(element, "conaffinity", 1, source=values)
            or values.get("name", "") in document.paired
        )
        return (
            self._mesh_shape(asset, hull=False),
            self._mesh_shape(asset, hull=True) if collides else None,
            lambda: asset.solid,
        )

    def _mesh_shape(self, asset: MeshAsset, *, hull: bool) -> MeshShape | None:
        key = (id(asset), hull)
        if key not in self._shapes:
            points, triangles = (asset.points, asset.triangles) if not hull else (asset.hull or (None, None))
            if points is None:
                return None
            self._shapes[key] = MeshShape(points.astype(np.float32), triangles.astype(np.int32), convex=hull)
        return self._shapes[key]


def _between(element: Element, kind: str, values, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frame and size of an elongated geom that is given by its end points."""
    if kind not in ("capsule", "cylinder", "ellipsoid", "box"):
        raise SceneError(f"{element.where} fromto", f"on a {kind}", expected="a capsule, cylinder, ellipsoid or box")
    ends = numbers(element, "fromto", count=6, source=values)
    along = ends[:3] - ends[3:]
    length = float(np.linalg.norm(along))
    if length < 1e-12 or not len(size):
        raise SceneError(
            f"{element.where} fromto",
            f"ends {length:g} m apart, size {size.tolist()}",
            expected="two ends and a radius",
        )
    half = 0.5 * length
    size = np.array([size[0], half]) if kind in ("capsule", "cylinder") else np.array([size[0], size[0], half])
    return np.concatenate([0.5 * (ends[:3] + ends[3:]), z_towards(along / length)]), size


def _no_volume() -> None:
    return None


def _ellipsoid(size: np.ndarray) -> tuple[Shape, Solid]:
    a, b, c = size[:3]
    mass = 4.0 / 3.0 * np.pi * a * b * c
    moments = mass / 5.0 * np.array([b * b + c * c, a * a + c * c, a * a + b * b])
    return ellipsoid_mesh(size[:3], *SEEN), lambda: MassProperties(mass, np.zeros(3), np.diag(moments))


def _solid(shape: Shape) -> tuple[Shape, Solid]:
    return shape, lambda: unit_density_mass(shape)


_PRIMITIVES = {
    "sphere": (1, lambda s: _solid(Sphere(float(s[0])))),
    "capsule": (2, lambda s: _solid(Capsule(float(s[0]), float(s[1])))),
    "cylinder": (2, lambda s: _solid(Cylinder(float(s[0]), float(s[1])))),
    "box": (3, lambda s: _solid(Box(tuple(float(x) for x in s)))),
    "ellipsoid": (3, _ellipsoid),
}


def _bits(element: Element, name: str, values: Mapping[str, str]) -> int:
    """A mask of 32 bits; -1 has all of them."""
    return int(number(element, name, 1, source=values)) & 0xFFFFFFFF


def read_condim(element: Element, values: Mapping[str, str]) -> int:
    """Dimension of the contacts of a geom or pair."""
    condim = number(element, "condim", 3, source=values)
    if condim not in (1, 3, 4, 6):
        raise SceneError(f"{element.where} condim", f"got {values.get('condim')!r}", expected="1, 3, 4 or 6")
    return int(condim)


def read_friction(element: Element, values: Mapping[str, str]) -> float:
    """Coefficient of sliding friction of a geom or pair."""
    mu = float(numbers(element, "friction", (1.0,), source=values)[0])
    if mu < 0.0:
        raise SceneError(f"{element.where} friction", f"got {mu:g}", expected="at least 0")
    return mu


def _color(document: Document, element: Element, values: Mapping[str, str]) -> tuple[float, ...]:
    material = document.assets.get(("material", values.get("material", "")))
    rgba = None
    if "rgba" in values:
        rgba = numbers(element, "rgba", count=4, source=values)
    elif material is not None:
        rgba = material_color(document, material)
    return linear_color(rgba if rgba is not None else np.array((0.5, 0.5, 0.5, 1.0)))
