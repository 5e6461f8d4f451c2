"""Sites, cameras and lights: kept where they are, for the stage."""

from __future__ import annotations

import numpy as np

from usd_io.errors import SceneError
from usd_io.marker_records import MarkerRecord
from usd_io.mjcf.document import Document
from usd_io.mjcf.lights import read_light
from usd_io.mjcf.poses import pose, z_towards
from usd_io.xml.attributes import number, numbers
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


_READERS = {"site": _site, "camera": _camera, "light": read_light}
