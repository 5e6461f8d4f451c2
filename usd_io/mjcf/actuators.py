"""Actuators on joints as drives; what they act on otherwise is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from usd_io.mjcf.defaults import ACTUATORS
from usd_io.mjcf.document import Document
from usd_io.records import DriveRecord, JointAxisRecord
from usd_io.xml.attributes import choice, number, numbers
from usd_io.xml.element import Element


@dataclass
class Law:
    """Force of an actuator: ``gain control + bias + by_length length + by_velocity velocity``, before the gear."""

    gain: float = 1.0
    bias: float = 0.0
    by_length: float = 0.0
    by_velocity: float = 0.0


def apply_actuators(
    document: Document,
    axes: dict[str, tuple[JointAxisRecord, float]],
    warn: Callable[[Element, str], None],
    *,
    prefix: str = "",
    suffix: str = "",
) -> None:
    """Gives each joint axis the drive of its actuator, controls being zero as MuJoCo starts them.

    ``axes`` holds axis and ref [m or rad] by joint name.
    """
    for section in document.root.each("actuator"):
        for element in section.children:
            if element.tag not in ACTUATORS:
                warn(element, f"<{element.tag}> in <actuator> is not supported; left out")
                continue
            values = document.merged(element)
            target = values.get("joint", values.get("jointinparent"))
            law = _LAWS.get(element.tag, lambda e, v: None)(element, values)
            if target is None or law is None:
                what = f"actuators <{element.tag}>" if law is None else "actuators on something else than a joint"
                warn(element, f"{what} are not supported; left out")
                continue
            axis, ref = axes.get(f"{prefix}{target}{suffix}", (None, 0.0))
            if axis is None:
                warn(element, f"the joint {target!r} has no single axis (or does not exist); left out")
                continue
            _add(axis, ref, element, values, law)


def _add(axis: JointAxisRecord, ref: float, element: Element, values, law: Law) -> None:
    gear = float(numbers(element, "gear", (1.0,), source=values)[0])
    stiffness, damping = -law.by_length * gear * gear, -law.by_velocity * gear * gear
    if stiffness < 0.0 or damping < 0.0 or (stiffness == 0.0 and damping == 0.0):
        return  # A motor: no force at zero control.
    limits = numbers(element, "forcerange", count=2, source=values)
    said = choice(element, "forcelimited", ("true", "false", "auto"), "auto", source=values)
    limit = None if limits is None or said == "false" else float(abs(limits).max() * abs(gear))
    # The actuator's length is gear times the joint's position, which counts from zero and not from ref.
    target = (law.bias * gear / stiffness if stiffness > 0.0 else 0.0) - ref
    known = axis.drive or DriveRecord()
    axis.drive = DriveRecord(
        stiffness=known.stiffness + stiffness,
        damping=known.damping + damping,
        target=target,
        max_force=limit if known.max_force is None else known.max_force,
    )


def _motor(element: Element, values) -> Law:
    return Law()


def _position(element: Element, values) -> Law:
    kp = number(element, "kp", 1.0, source=values)
    return Law(kp, 0.0, -kp, -number(element, "kv", 0.0, source=values))


def _velocity(element: Element, values) -> Law:
    kv = number(element, "kv", 1.0, source=values)
    return Law(kv, 0.0, 0.0, -kv)


def _damper(element: Element, values) -> Law:
    return Law(0.0)


def _general(element: Element, values) -> Law | None:
    gain_kind = choice(element, "gaintype", ("fixed", "affine", "muscle", "user"), "fixed", source=values)
    bias_kind = choice(element, "biastype", ("none", "affine", "muscle", "user"), "none", source=values)
    if gain_kind != "fixed" or bias_kind not in ("none", "affine"):
        return None
    gain = float(numbers(element, "gainprm", (1.0,), source=values)[0])
    bias = [*numbers(element, "biasprm", (0.0,), source=values)[:3].tolist(), 0.0, 0.0, 0.0]
    return Law(gain, *bias[:3]) if bias_kind == "affine" else Law(gain)


_LAWS = {
    "motor": _motor,
    "position": _position,
    "velocity": _velocity,
    "damper": _damper,
    "general": _general,
}
