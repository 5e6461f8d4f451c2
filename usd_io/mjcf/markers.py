"""Sites, cameras and lights: kept where they are, for the stage."""

from __future__ import annotations

import numpy as np

from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.mjcf.poses import pose, z_towards
from usd_io.records import MarkerRecord
from usd_io.xml.attributes import choice, number, numbers
from usd_io.xml.element import Element

FOVY = 45.0
"""[degrees], MuJoCo's default; never in radians."""


def read_marker(document: Document, element: Element, childclass: str) -> MarkerRecord:
    """The record of a ``site``, ``camera`` or ``light``, in the frame it is written in, without path and body."""
    values = document.merged(element, childclass)
    return _READERS[element.tag](document, element, values)


def _site(document: Document, element: Element, values) -> MarkerRecord:
    ends = numbers(element, "fromto", count=6, source=values)
    if ends is not None:
        along = ends[3:] - ends[:3]
        if np.linalg.norm(along) < 1e-9:
            raise SceneError(f"{element.where} fromto", f"got {values['fromto']!r}", expected="two different points")
        X = np.concatenate([0.5 * (ends[:3] + ends[3:]), z_towards(along / np.linalg.norm(along))])
        return MarkerRecord("", "site", None, X)
    return MarkerRecord("", "site", None, pose(element, values, document.compiler))


def _camera(document: Document, element: Element, values) -> MarkerRecord:
    fov = np.radians(number(element, "fovy", FOVY, low=0.0, source=values))
    return MarkerRecord("", "camera", None, pose(element, values, document.compiler), vertical_fov=float(fov))


def _light(document: Document, element: Element, values) -> MarkerRecord:
    direction = numbers(element, "dir", (0.0, 0.0, -1.0), count=3, source=values)
    length = float(np.linalg.norm(direction))
    z = -direction / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
    X = np.concatenate([numbers(element, "pos", (0.0, 0.0, 0.0), count=3, source=values), z_towards(z)])
    kind = "directional" if values.get("directional") == "true" else values.get("type", "spot")
    kind = choice(element, "type", ("spot", "directional", "point", "image"), "spot", source={"type": kind})
    color = tuple(numbers(element, "diffuse", (0.7, 0.7, 0.7), count=3, source=values).tolist())
    cutoff = float(np.radians(number(element, "cutoff", FOVY, low=0.0, source=values)))
    return MarkerRecord("", kind, None, X, color=color, cutoff=cutoff)


_READERS = {"site": _site, "camera": _camera, "light": _light}
