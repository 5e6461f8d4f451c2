"""``tendon`` elements: limits on a weighted sum of one or two joint coordinates; all else of tendons is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.mjcf.joints import AxisPlace
from usd_io.records import EqualityRecord
from usd_io.xml.attributes import choice, number, numbers
from usd_io.xml.element import Element

LEFT_OUT = "tendons are simulated as limits on one or two joints only; this one does nothing"
PASSIVE_ATTRIBUTES = ("stiffness", "damping", "frictionloss", "armature")
PASSIVE = "stiffness, damping, friction and armature of tendons are not simulated"
SOFTNESS = "the softness of tendon limits (solreflimit, solimplimit) is not used; they are rigid"


def read_tendons(
    document: Document,
    axes: Mapping[str, AxisPlace],
    path: Callable[[str], str],
    warn: Callable[[Element, str], None],
    *,
    prefix: str = "",
    suffix: str = "",
) -> list[EqualityRecord]:
    """Records of the limits of all tendons of a model; what is not supported is named and left out.

    Args:
        document: The model.
        axes: Hinges and slides by name.
        path: Gives a free path for a name.
        warn: Takes what is not simulated.
        prefix: What the names of an attached model begin with.
        suffix: What they end with.
    """
    records = []
    for section in document.root.each("tendon"):
        for element in section.children:
            values = document.merged(element)
            if any(np.any(numbers(element, name, (0.0,), source=values)) for name in PASSIVE_ATTRIBUTES):
                warn(element, PASSIVE)
            places = _places(element, axes, prefix, suffix) if element.tag == "fixed" else None
            ends = _range(document, element, values)
            if places is None or ends is None:
                warn(element, LEFT_OUT)
                continue
            if values.keys() & {"solreflimit", "solimplimit"}:
                warn(element, SOFTNESS)
            name = values.get("name", "")
            records.append(_limit(path(f"{prefix}{name}{suffix}" if name else "tendon"), places, ends))
    return records


def _places(element: Element, axes, prefix: str, suffix: str) -> list[tuple[AxisPlace, float]] | None:
    """The joints of a tendon and how much each one counts; None unless these are one or two hinges or slides."""
    found: dict[str, tuple[AxisPlace, float]] = {}
    for joint in element.each("joint"):
        name = f"{prefix}{joint.attributes.get('joint', '')}{suffix}"
        if name not in axes:
            return None
        before = found[name][1] if name in found else 0.0
        found[name] = axes[name], before + number(joint, "coef", 0.0)
    result = [place for place in found.values() if place[1] != 0.0]
    return result if 1 <= len(result) <= 2 else None


def _range(document: Document, element: Element, values) -> np.ndarray | None:
    ends = numbers(element, "range", count=2, source=values)
    said = choice(element, "limited", ("true", "false", "auto"), "auto", source=values)
    if said == "false" or (ends is None and said == "auto"):
        return None
    if ends is None or ends[0] >= ends[1]:
        raise SceneError(
            f"{element.where} range", f"got {values.get('range')!r}", expected="a lower and a larger upper limit"
        )
    return None if said == "auto" and not document.compiler.autolimits else ends


def _limit(path: str, places: list[tuple[AxisPlace, float]], ends: np.ndarray) -> EqualityRecord:
    """``low <= sum of coef (q + ref) <= high`` as a range of the first coordinate beside the second."""
    first, scale = places[0]
    offset = sum(coef * place.ref for place, coef in places)
    span = sorted(float(end - offset) / scale for end in ends)
    source, slope = None, 0.0
    if len(places) == 2:
        source, slope = (places[1][0].joint, places[1][0].index), -places[1][1] / scale
    return EqualityRecord(
        path, "joint", axes=((first.joint, first.index), source), coef=(0.0, slope), span=(span[0], span[1])
    )
