"""Joint elements as joint records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.geometry.rotation import IDENTITY_TRANSFORM
from usd_io.errors import SceneError
from usd_io.records import EqualityRecord, JointAxisRecord, JointRecord
from usd_io.urdf.poses import origin
from usd_io.urdf.tree import UrdfJoint
from usd_io.xml.attributes import direction, number, numbers, required
from usd_io.xml.element import Element

KINDS = {
    "fixed": "fixed",
    "revolute": "axes",
    "continuous": "axes",
    "prismatic": "axes",
    "planar": "axes",
    "floating": "free",
    "spherical": "ball",
}
"""URDF joint types (``spherical`` is an extension of some programs) to kinds of records."""


def joint_record(
    joint: UrdfJoint,
    path: str,
    parent: str | None,
    child: str,
    X_parent: np.ndarray,
    warn: Callable[[Element, str], None],
) -> JointRecord:
    """The record of a joint between two links; ``X_parent`` is the joint's place in the parent body."""
    element = joint.element
    kind = element.attributes.get("type", "")
    if kind not in KINDS:
        raise SceneError(f"{element.where} type", f"got {kind!r}", expected=" or ".join(KINDS))
    damping, friction = _dynamics(element)
    record = JointRecord(path, KINDS[kind], parent, child, X_parent, IDENTITY_TRANSFORM)
    if record.kind in ("free", "ball"):
        record.damping, record.friction = damping, friction
    if record.kind == "axes":
        record.axes = [
            JointAxisRecord(each, axis, *_limits(element, kind), damping=damping, friction=friction, name=joint.name)
            for each, axis in _axes(element, kind)
        ]
    if element.only("safety_controller") is not None:
        warn(element, "soft limits of safety controllers are not simulated")
    return record


def mimic_record(
    joint: UrdfJoint, record: JointRecord, records: dict[str, JointRecord], path: str
) -> EqualityRecord | None:
    """The coupling of a joint with ``mimic``: position = multiplier * position of the other joint + offset.

    Raises:
        SceneError: The other joint does not exist, is the same one, or either of them has not one axis.
    """
    element = joint.element.only("mimic")
    if element is None:
        return None
    other = required(element, "joint", "name of another joint")
    if other == joint.name or other not in records:
        known = ", ".join(name for name in list(records)[:10] if name != joint.name)
        expected = (
            f"another joint: {known}" if known else "another joint, but the file has none; remove the mimic element"
        )
        raise SceneError(element.where, f"it follows the joint {other!r}", expected=expected)
    for each in (record, records[other]):
        if len(each.axes) != 1:
            raise SceneError(
                element.where, f"the joint {each.path.rsplit('/', 1)[1]!r} has {len(each.axes)} axes", expected="one"
            )
    coef = (number(element, "offset", 0.0), number(element, "multiplier", 1.0))
    return EqualityRecord(path, "joint", axes=((record.path, 0), (records[other].path, 0)), coef=coef)


def joint_origin(joint: UrdfJoint) -> np.ndarray:
    """Pose of the joint, and of the child link at zero, in the parent link."""
    return origin(joint.element)


def _axes(element: Element, kind: str) -> list[tuple[str, np.ndarray]]:
    child = element.only("axis")
    axis = np.array([1.0, 0.0, 0.0]) if child is None else numbers(child, "xyz", (1.0, 0.0, 0.0), count=3)
    axis = direction(child or element, "xyz", axis)
    if kind != "planar":
        return [("linear" if kind == "prismatic" else "angular", axis)]
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first)
    return [("linear", first), ("linear", np.cross(axis, first)), ("angular", axis)]


def _limits(element: Element, kind: str) -> tuple[float | None, float | None]:
    if kind not in ("revolute", "prismatic"):
        return None, None
    child = element.only("limit")
    if child is None:
        raise SceneError(
            element.where,
            f"a {kind} joint without limit",
            expected='<limit lower upper effort velocity/>, or type="continuous"',
        )
    lower, upper = (
        None if child.attributes.get(name, "").strip().lower() in unlimited else number(child, name, 0.0)
        for name, unlimited in (("lower", ("-inf", "-infinity")), ("upper", ("inf", "+inf", "infinity")))
    )
    if lower is not None and upper is not None and lower > upper:
        raise SceneError(child.where, f"lower {lower:g} above upper {upper:g}", expected="lower <= upper")
    return lower, upper


def _dynamics(element: Element) -> tuple[float, float]:
    child = element.only("dynamics")
    if child is None:
        return 0.0, 0.0
    return number(child, "damping", 0.0, low=0.0), number(child, "friction", 0.0, low=0.0)
