"""Lights of MJCF, the viewer's headlight among them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.geometry.rotation import IDENTITY_TRANSFORM, transform_inverse, transform_multiply
from usd_io.marker_records import MarkerRecord
from usd_io.mjcf.document import Document
from usd_io.mjcf.poses import z_towards
from usd_io.xml.attributes import choice, flag, number, numbers
from usd_io.xml.element import Element

CUTOFF, EXPONENT = 45.0, 10.0
"""MuJoCo's defaults of spot lights; the cutoff is in degrees, never in radians."""
MODES = ("fixed", "track", "trackcom", "targetbody", "targetbodycom")


def read_light(document: Document, element: Element, values: Mapping[str, str]) -> MarkerRecord:
    """The record of a ``light``, in the frame it is written in, without path and body."""
    direction = numbers(element, "dir", (0.0, 0.0, -1.0), count=3, source=values)
    length = float(np.linalg.norm(direction))
    z = -direction / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
    X = np.concatenate([numbers(element, "pos", (0.0, 0.0, 0.0), count=3, source=values), z_towards(z)])
    kind = "directional" if values.get("directional") == "true" else values.get("type", "spot")
    kind = choice(element, "type", ("spot", "directional", "point", "image"), "spot", source={"type": kind})
    mode = choice(element, "mode", MODES, "fixed", source=values)
    return MarkerRecord(
        "",
        kind,
        None,
        X,
        color=_triple(element, "diffuse", 0.7, values),
        ambient=_triple(element, "ambient", 0.0, values),
        attenuation=tuple(numbers(element, "attenuation", (1.0, 0.0, 0.0), count=3, source=values).tolist()),
        cutoff=float(np.radians(number(element, "cutoff", CUTOFF, low=0.0, source=values))),
        exponent=float(number(element, "exponent", EXPONENT, low=0.0, source=values)),
        casts_shadow=flag(element, "castshadow", True, source=values),
        active=flag(element, "active", True, source=values),
        target=values.get("target", "") if mode.startswith("target") else "",
    )


def read_headlight(document: Document) -> MarkerRecord:
    """The light at the camera, which MuJoCo has on unless a model says otherwise."""
    record = MarkerRecord("", "headlight", None, IDENTITY_TRANSFORM, color=(0.4,) * 3, ambient=(0.1,) * 3)
    for visual in document.root.each("visual"):
        for element in visual.each("headlight"):
            values = element.attributes
            record.color = _triple(element, "diffuse", record.color, values)
            record.ambient = _triple(element, "ambient", record.ambient, values)
            record.active = bool(number(element, "active", float(record.active), source=values))
    return record


def aim_lights(
    markers: list[MarkerRecord], poses: Mapping[str | None, np.ndarray], targets: Mapping[str, np.ndarray]
) -> None:
    """Turns lights with a target to it, as it stands: ``poses`` of bodies by path, ``targets`` by name."""
    for marker in markers:
        if marker.target not in targets:
            continue
        X_wl = transform_multiply(poses[marker.body_path], marker.X_bs)
        away = X_wl[:3] - targets[marker.target][:3]
        length = float(np.linalg.norm(away))
        if length > 1e-9:
            X_wl = np.concatenate([X_wl[:3], z_towards(away / length)])
            marker.X_bs = transform_multiply(transform_inverse(poses[marker.body_path]), X_wl)


def _triple(element: Element, name: str, default, values: Mapping[str, str]) -> tuple[float, float, float]:
    default = np.broadcast_to(default, 3)
    return tuple(numbers(element, name, default, count=3, source=values).tolist())
