"""Joints of a body as joint records: one where the axes meet in a point, a chain of weightless bodies where not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.geometry.rotation import IDENTITY_QUAT, rotate, transform_points
from usd_io.errors import SceneError
from usd_io.limit_rates import limit_rates
from usd_io.mjcf.bodies import Joint
from usd_io.records import JointAxisRecord
from usd_io.xml.attributes import choice, direction, number, numbers
from usd_io.xml.element import Element

TYPES = ("free", "ball", "slide", "hinge")
SAME_PLACE = 1e-9
"""[m]"""


@dataclass
class JointGroup:
    """Joints of a body that make up one joint record.

    Attributes:
        kind: As ``JointRecord.kind``.
        anchor: Where they are, body frame [m].
        joints: The joints.
        axes: Their axes, for kind ``axes``.
    """

    kind: str
    anchor: np.ndarray
    joints: list[Joint]
    axes: list[JointAxisRecord]


@dataclass(frozen=True)
class AxisPlace:
    """Where a hinge or slide of the file went.

    Attributes:
        axis: Its record.
        ref: Its position in the file's own count where the bodies are drawn [m or rad].
        joint: Path of its joint record.
        index: Its number among that record's axes.
        element: Where it was read.
        force_range: Range of the force that all its actuators together may give [N or N m].
    """

    axis: JointAxisRecord
    ref: float
    joint: str
    index: int
    element: Element
    force_range: tuple[float, float] | None = None


def group_joints(joints: list[Joint]) -> list[JointGroup]:
    """Joints in order, put together as long as they are translations and then rotations about one point."""
    groups: list[JointGroup] = []
    for joint in joints:
        kind = choice(joint.element, "type", TYPES, "hinge", source=joint.values)
        anchor = transform_points(
            joint.X_bf, numbers(joint.element, "pos", (0.0, 0.0, 0.0), count=3, source=joint.values)
        )
        if kind in ("free", "ball"):
            if kind == "free" and len(joints) > 1:
                raise SceneError(joint.element.where, "a free joint beside other joints", expected="a free joint alone")
            groups.append(JointGroup(kind, np.zeros(3) if kind == "free" else anchor, [joint], []))
            continue
        axis = read_axis(joint, kind)
        if not groups or not _fits(groups[-1], axis, anchor):
            groups.append(JointGroup("axes", anchor, [], []))
        group = groups[-1]
        if axis.kind == "angular":
            group.anchor = anchor
        group.joints.append(joint)
        group.axes.append(axis)
    return groups


def _fits(group: JointGroup, axis: JointAxisRecord, anchor: np.ndarray) -> bool:
    if group.kind != "axes":
        return False
    kinds = [a.kind for a in group.axes]
    if kinds.count(axis.kind) == 3 or (axis.kind == "linear" and "angular" in kinds):
        return False
    return axis.kind == "linear" or "angular" not in kinds or bool(np.abs(anchor - group.anchor).max() < SAME_PLACE)


def read_axis(joint: Joint, kind: str) -> JointAxisRecord:
    """A hinge or slide; positions count from ``ref``, because bodies are drawn in that pose."""
    element, values, compiler = joint.element, joint.values, joint.document.compiler
    angular = kind == "hinge"
    convert = compiler.angle if angular else float
    axis = direction(element, "axis", numbers(element, "axis", (0.0, 0.0, 1.0), count=3, source=values))
    ref = convert(number(element, "ref", 0.0, source=values))
    lower = upper = None
    limits = joint_range(joint)
    if limits is not None:
        lower, upper = (convert(v) - ref for v in limits)
    softness = numbers(element, "solreflimit", count=(1, 2), source=values)
    return JointAxisRecord(
        kind="angular" if angular else "linear",
        axis=rotate(joint.X_bf[3:], axis),
        lower=lower,
        upper=upper,
        limit_rates=None if softness is None or limits is None else limit_rates(softness),
        damping=number(element, "damping", 0.0, low=0.0, source=values),
        stiffness=number(element, "stiffness", 0.0, low=0.0, source=values),
        spring_ref=convert(number(element, "springref", 0.0, source=values)) - ref,
        friction=number(element, "frictionloss", 0.0, low=0.0, source=values),
        armature=number(element, "armature", 0.0, low=0.0, source=values),
        name=joint.name,
    )


def force_range(joint: Joint) -> tuple[float, float] | None:
    """Range of the force of all actuators of a joint, None for any."""
    limits = numbers(joint.element, "actuatorfrcrange", count=2, source=joint.values)
    said = choice(joint.element, "actuatorfrclimited", ("true", "false", "auto"), "auto", source=joint.values)
    return None if limits is None or said == "false" or limits[0] >= limits[1] else (float(limits[0]), float(limits[1]))


def joint_range(joint: Joint) -> np.ndarray | None:
    """Limits as written in the file, None for a joint without."""
    element, values = joint.element, joint.values
    limits = numbers(element, "range", count=2, source=values)
    said = choice(element, "limited", ("true", "false", "auto"), "auto", source=values)
    if said == "auto":
        limited = limits is not None and joint.document.compiler.autolimits
        if limits is not None and not joint.document.compiler.autolimits:
            raise SceneError(element.where, "a range without limited", expected='limited="true", or autolimits')
    else:
        limited = said == "true"
    if not limited:
        return None
    if limits is None or limits[0] >= limits[1]:
        raise SceneError(
            f"{element.where} range", f"got {values.get('range')!r}", expected="a lower and a larger upper limit"
        )
    return limits


def anchor_frame(anchor: np.ndarray) -> np.ndarray:
    """A joint frame at a point, along the body's axes."""
    return np.concatenate([anchor, IDENTITY_QUAT])
