"""The tree of bodies: ``worldbody`` walked, with frames, replicas and attached models resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from sim.geometry.rotation import IDENTITY_TRANSFORM, transform_multiply
from usd_io.errors import SceneError
from usd_io.marker_records import MarkerRecord
from usd_io.mjcf.document import Document, open_document
from usd_io.mjcf.geoms import Geom, GeomReader
from usd_io.mjcf.markers import read_marker
from usd_io.mjcf.poses import orientation, pose
from usd_io.mjcf.unique_names import UniqueNames
from usd_io.xml.attributes import numbers, required
from usd_io.xml.element import Element

MOST_BODIES = 100_000
MOST_ELEMENTS = 400_000
"""Elements read, copies counted: nested replicas multiply."""
_SILENT = frozenset({"plugin"})
Placed = tuple[Element, "Body", "Scope"]


@dataclass(eq=False)
class Joint:
    """One joint element as placed in its body."""

    element: Element
    document: Document
    values: dict[str, str]
    name: str
    X_bf: np.ndarray
    """Frame that its position and axis are written in, in the body's frame."""


@dataclass(eq=False)
class Body:
    """One body.

    Attributes:
        name: Its name, prefixes and replica numbers included; may be empty.
        element: Where it was read.
        document: The model it belongs to.
        parent: None for the world.
        X_pb: Pose in the parent's frame.
        joints: Its joints in order.
        geoms: Its geoms.
        markers: Its sites, cameras and lights, names to records.
        inertial: Its ``inertial`` element.
        mocap: Whether it is moved from outside.
    """

    name: str
    element: Element
    document: Document
    parent: Body | None
    X_pb: np.ndarray
    joints: list[Joint] = field(default_factory=list)
    geoms: list[Geom] = field(default_factory=list)
    markers: list[tuple[str, MarkerRecord]] = field(default_factory=list)
    inertial: Element | None = None
    mocap: bool = False

    @property
    def stands(self) -> bool:
        """Whether no joint moves it."""
        body: Body | None = self
        while body is not None and not body.joints:
            body = body.parent
        return body is None


@dataclass(frozen=True)
class Scope:
    """What holds at a place of the walk: frame in the body's, default class, and what is put around names."""

    document: Document
    X: np.ndarray
    childclass: str = ""
    prefix: str = ""
    suffix: str = ""

    def name(self, name: str) -> str:
        """A name of the file as it is known in the whole model."""
        return f"{self.prefix}{name}{self.suffix}" if name else ""

    def moved(self, X: np.ndarray, **changes) -> Scope:
        """The scope inside a frame."""
        fields = {**self.__dict__, **changes}
        return Scope(**{**fields, "X": transform_multiply(self.X, X)})


class BodyWalk:
    """Walks a model.

    Attributes:
        bodies: All bodies but the world, parents first.
        world: Geoms of the world stand here.
        attached: Attached models with their prefixes, whose actuators and contacts count as well.
        names: Names of bodies, joints, geoms, sites, cameras, lights and frames.
    """

    def __init__(self, document: Document, geoms: GeomReader, warn: Callable[[Element, str], None]):
        self._geoms, self._warn = geoms, warn
        self._models: dict[int, Document] = {}
        self._elements = 0
        # Elements yet to be read, innermost last: trees may be deeper than Python's stack.
        self._waiting: list[Iterator[Placed]] = []
        self.names = UniqueNames()
        self.names.take("body", "world", document.root)
        self.bodies: list[Body] = []
        self.attached: list[tuple[Document, str, str]] = []
        self.world = Body("world", document.root, document, None, IDENTITY_TRANSFORM)
        for worldbody in document.root.each("worldbody"):
            if size_with_copies(worldbody) > MOST_ELEMENTS:
                raise SceneError(
                    worldbody.where, f"more than {MOST_ELEMENTS} elements, replicas counted", expected="fewer replicas"
                )
            scope = Scope(document, IDENTITY_TRANSFORM, worldbody.attributes.get("childclass", ""))
            self._children(worldbody, self.world, scope)
            self._read_waiting()

    def _children(self, element: Element, body: Body, scope: Scope) -> None:
        self._waiting.append((child, body, scope) for child in element.children)

    def _read_waiting(self) -> None:
        while self._waiting:
            placed = next(self._waiting[-1], None)
            if placed is None:
                self._waiting.pop()
                continue
            child, body, scope = placed
            self._elements += 1
            if self._elements > MOST_ELEMENTS:
                raise SceneError(child.where, f"more than {MOST_ELEMENTS} elements", expected="fewer replicas")
            reader = _READERS.get(child.tag)
            if reader is not None:
                reader(self, child, body, scope)
            elif child.tag not in _SILENT:
                self._warn(child, f"<{child.tag}> is not supported; left out")

    def _geom(self, element: Element, body: Body, scope: Scope) -> None:
        geom = self._geoms.read(scope.document, element, scope.childclass)
        geom.name = scope.name(geom.name)
        self.names.take("geom", geom.name, element)
        geom.X_bg = transform_multiply(scope.X, geom.X_bg)
        body.geoms.append(geom)

    def _joint(self, element: Element, body: Body, scope: Scope) -> None:
        if body is self.world:
            raise SceneError(element.where, "a joint of the world", expected="joints inside bodies")
        values = scope.document.merged(element, scope.childclass)
        if element.tag == "freejoint":
            values["type"] = "free"
        name = scope.name(values.get("name", ""))
        self.names.take("joint", name, element)
        body.joints.append(Joint(element, scope.document, values, name, scope.X))

    def _marker(self, element: Element, body: Body, scope: Scope) -> None:
        record = read_marker(scope.document, element, scope.childclass)
        record.X_bs = transform_multiply(scope.X, record.X_bs)
        record.target = scope.name(record.target)
        name = scope.name(element.attributes.get("name", ""))
        self.names.take(element.tag, name, element)
        body.markers.append((name, record))

    def _inertial(self, element: Element, body: Body, scope: Scope) -> None:
        if body.inertial is not None:
            raise SceneError(
                element.where, f"a second <inertial> (the first is on line {body.inertial.line})", expected="one a body"
            )
        body.inertial = element

    def _body(self, element: Element, parent: Body, scope: Scope) -> None:
        if len(self.bodies) >= MOST_BODIES:
            raise SceneError(element.where, f"more than {MOST_BODIES} bodies", expected="fewer replicas")
        X_pb = transform_multiply(scope.X, pose(element, element.attributes, scope.document.compiler))
        name = scope.name(element.attributes.get("name", ""))
        self.names.take("body", name, element)
        body = Body(name, element, scope.document, parent, X_pb, mocap=element.attributes.get("mocap") == "true")
        self.bodies.append(body)
        childclass = element.attributes.get("childclass", scope.childclass)
        inside = Scope(scope.document, IDENTITY_TRANSFORM, childclass, scope.prefix, scope.suffix)
        self._children(element, body, inside)

    def _frame(self, element: Element, body: Body, scope: Scope) -> None:
        self.names.take("frame", scope.name(element.attributes.get("name", "")), element)
        X = pose(element, element.attributes, scope.document.compiler)
        childclass = element.attributes.get("childclass", scope.childclass)
        self._children(element, body, scope.moved(X, childclass=childclass))

    def _replicate(self, element: Element, body: Body, scope: Scope) -> None:
        copies = replicas(element, scope.document)
        scopes = (scope.moved(X, suffix=suffix + scope.suffix) for X, suffix in copies)
        self._waiting.append((child, body, inside) for inside in scopes for child in element.children)

    def _attach(self, element: Element, body: Body, scope: Scope) -> None:
        inner = self._model(scope.document, element)
        prefix = scope.prefix + element.attributes.get("prefix", "")
        inside = Scope(inner, scope.X, "", prefix, scope.suffix)
        if (inner, prefix, scope.suffix) not in self.attached:
            self.attached.append((inner, prefix, scope.suffix))
        wanted = element.attributes.get("body")
        worlds = list(inner.root.each("worldbody"))
        if wanted is None:
            self._waiting.append((child, body, inside) for world in worlds for child in world.children)
            return
        found = next(
            (e for w in worlds for e in w.walk() if e.tag == "body" and e.attributes.get("name") == wanted), None
        )
        if found is None:
            raise SceneError(element.where, f"there is no body {wanted!r} in the model", expected="one of its bodies")
        self._body(found, body, inside)

    def _model(self, outer: Document, element: Element) -> Document:
        """The model that an ``attach`` names: an asset's name is, if not given, that of the model in its file."""
        wanted = required(element, "model", "name of a model asset")
        for (tag, name), asset in outer.assets.items():
            if tag == "model" and name == wanted:
                return self._document(outer, asset)
        for (tag, _), asset in outer.assets.items():
            if tag == "model" and "name" not in asset.attributes and self._document(outer, asset).name == wanted:
                return self._document(outer, asset)
        raise SceneError(element.where, f"there is no model {wanted!r}", expected="the name of a model asset")

    def _document(self, outer: Document, model: Element) -> Document:
        if id(model) not in self._models:
            file = outer.file(required(model, "file", "model.xml"), model.where)
            if len(self._models) > 50:
                raise SceneError(
                    model.where, "more than 50 attached model files", expected="models that do not attach each other"
                )
            self._models[id(model)] = open_document(file, outer.search)
        return self._models[id(model)]


def size_with_copies(element: Element) -> float:
    """Number of elements inside one, as often as replicas repeat them; what is no number counts once."""
    total, waiting = 0.0, [(element, 1.0)]
    while waiting:
        outer, copies = waiting.pop()
        count = outer.attributes.get("count", "") if outer.tag == "replicate" else ""
        copies *= max(int(count), 1) if count.isdecimal() else 1
        total += copies * len(outer.children)
        waiting.extend((child, copies) for child in outer.children)
    return total


def replicas(element: Element, document: Document) -> Iterator[tuple[np.ndarray, str]]:
    """Pose and name suffix of each copy of a ``replicate``: offset and rotation add up from copy to copy."""
    count = numbers(element, "count", count=1)
    if count is None or not 1 <= count[0] <= MOST_BODIES:
        raise SceneError(
            f"{element.where} count", f"got {element.attributes.get('count')}", expected="a whole number from 1 up"
        )
    offset = numbers(element, "offset", (0.0, 0.0, 0.0), count=3)
    step = np.concatenate([offset, orientation(element, element.attributes, document.compiler)])
    separator = element.attributes.get("sep", "")
    width = len(str(int(count[0]) - 1))
    X = IDENTITY_TRANSFORM
    for i in range(int(count[0])):
        yield X, f"{separator}{i:0{width}d}"
        X = transform_multiply(X, step)


_READERS = {
    "geom": BodyWalk._geom,
    "joint": BodyWalk._joint,
    "freejoint": BodyWalk._joint,
    "inertial": BodyWalk._inertial,
    "site": BodyWalk._marker,
    "camera": BodyWalk._marker,
    "light": BodyWalk._marker,
    "body": BodyWalk._body,
    "frame": BodyWalk._frame,
    "replicate": BodyWalk._replicate,
    "attach": BodyWalk._attach,
}
