"""``equality`` elements: bodies held together, joints that follow each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sim.geometry.rotation import IDENTITY_QUAT, IDENTITY_TRANSFORM, transform_inverse, transform_multiply
from usd_io.mjcf.document import Document
from usd_io.mjcf.joints import AxisPlace
from usd_io.records import EqualityRecord
from usd_io.xml.attributes import flag, numbers
from usd_io.xml.element import Element

SOFTNESS = "the softness of equality constraints (solref, solimp) is not used; they are rigid"
IDENTITY_POLYNOMIAL = (0.0, 1.0, 0.0, 0.0, 0.0)


@dataclass
class Known:
    """What equality elements may name.

    Attributes:
        bodies: Path of each body by name, ``world`` (None) included.
        poses: Pose in the world of each body by path.
        sites: Body path and frame in it, by name.
        axes: Hinges and slides by name.
    """

    bodies: Mapping[str, str | None]
    poses: Mapping[str | None, np.ndarray]
    sites: Mapping[str, tuple[str | None, np.ndarray]]
    axes: Mapping[str, AxisPlace]


def read_equalities(
    document: Document,
    known: Known,
    path: Callable[[str], str],
    warn: Callable[[Element, str], None],
    *,
    prefix: str = "",
    suffix: str = "",
) -> list[EqualityRecord]:
    """Records of all equality constraints of a model; what is not supported is named and left out."""
    reader = _Reader(known, warn, prefix, suffix)
    records = []
    for section in document.root.each("equality"):
        for element in section.children:
            values = document.merged(element)
            read = _READERS.get(element.tag)
            if read is None:
                warn(element, f"equality constraints of type <{element.tag}> are not simulated")
                continue
            record = read(reader, element, values)
            if record is None:
                continue
            record.path = path(reader.full(values.get("name", "")) or f"equality_{element.tag}")
            record.enabled = flag(element, "active", True, source=values)
            if any(name in values for name in ("solref", "solimp")):
                warn(element, SOFTNESS)
            records.append(record)
    return records


class _Reader:
    def __init__(self, known: Known, warn, prefix: str, suffix: str):
        self._known, self._warn, self._prefix, self._suffix = known, warn, prefix, suffix

    def full(self, name: str) -> str:
        return f"{self._prefix}{name}{self._suffix}" if name else ""

    def connect(self, element: Element, values) -> EqualityRecord | None:
        if "site1" in values:
            return self._sites(element, values, "connect")
        ends = self._bodies(element, values)
        if ends is None:
            return None
        X_1 = np.append(numbers(element, "anchor", (0.0, 0.0, 0.0), count=3, source=values), IDENTITY_QUAT)
        return EqualityRecord("", "connect", ends, X_1, self._seen_from(ends[1], ends[0], X_1))

    def weld(self, element: Element, values) -> EqualityRecord | None:
        if "site1" in values:
            return self._sites(element, values, "weld")
        ends = self._bodies(element, values)
        if ends is None:
            return None
        X_2 = np.append(numbers(element, "anchor", (0.0, 0.0, 0.0), count=3, source=values), IDENTITY_QUAT)
        given = numbers(element, "relpose", count=7, source=values)
        if given is None or not given[3:].any():  # a quaternion of zeros means the pose in which the model is drawn
            X_1 = self._seen_from(ends[0], ends[1], X_2)
        else:
            w, x, y, z = given[3:] / np.linalg.norm(given[3:])
            X_1 = np.array([*given[:3], x, y, z, w])  # where the anchor is to be in the first body
        return EqualityRecord("", "weld", ends, X_1, X_2)

    def joint(self, element: Element, values) -> EqualityRecord | None:
        places = []
        for attribute in ("joint1", "joint2"):
            name = self.full(values.get(attribute, ""))
            place = self._known.axes.get(name)
            if place is None and (name or attribute == "joint1"):
                self._warn(element, f"the joint {name!r} has no single axis (or does not exist); left out")
                return None
            places.append(None if place is None else (place.joint, place.index))
        if places[0] == places[1]:
            self._warn(element, "it couples a joint to itself; left out")
            return None
        coef = numbers(element, "polycoef", IDENTITY_POLYNOMIAL, count=(1, 5), source=values)
        return EqualityRecord("", "joint", axes=tuple(places), coef=tuple(coef.tolist()))

    def _bodies(self, element: Element, values) -> tuple[str | None, str | None] | None:
        names = [self.full(values.get("body1", "")), self.full(values.get("body2", "")) or "world"]
        for name in names:
            if name not in self._known.bodies:
                self._warn(element, f"there is no body {name!r}; left out")
                return None
        if names[0] == names[1]:
            self._warn(element, f"both ends are {names[0]!r}; left out")
            return None
        return self._known.bodies[names[0]], self._known.bodies[names[1]]

    def _sites(self, element: Element, values, kind: str) -> EqualityRecord | None:
        places = [self._known.sites.get(self.full(values.get(name, ""))) for name in ("site1", "site2")]
        if None in places or places[0][0] == places[1][0]:
            self._warn(element, "it does not name sites on two different bodies; left out")
            return None
        (body_1, X_1), (body_2, X_2) = places
        return EqualityRecord("", kind, (body_1, body_2), X_1, X_2)

    def _seen_from(self, body: str | None, other: str | None, X: np.ndarray) -> np.ndarray:
        """A frame of the other body in this one's, both where they are drawn."""
        poses = self._known.poses
        here = poses.get(body, IDENTITY_TRANSFORM)
        return transform_multiply(transform_inverse(here), transform_multiply(poses.get(other, IDENTITY_TRANSFORM), X))


_READERS = {"connect": _Reader.connect, "weld": _Reader.weld, "joint": _Reader.joint}
