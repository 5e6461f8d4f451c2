"""Actuators on joints: servos as drives, others as they are; what does not act on a joint is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from usd_io.mjcf.defaults import ACTUATORS
from usd_io.mjcf.document import Document
from usd_io.mjcf.joints import AxisPlace
from usd_io.records import ActuatorRecord, DriveRecord
from usd_io.xml.attributes import choice, number, numbers
from usd_io.xml.element import Element

UNEVEN = "an uneven force range is simulated as the larger of its ends, either way"


@dataclass
class Law:
    """Force of an actuator: ``gain control + bias + by_length length + by_velocity velocity``, before the gear."""

    gain: float = 1.0
    bias: float = 0.0
    by_length: float = 0.0
    by_velocity: float = 0.0
    damping_ratio: float = 0.0
    """Damping in units of the critical one, which depends on what hangs on the joint."""

    @property
    def is_drive(self) -> bool:
        """Whether it pulls towards a position or a speed, as a drive does."""
        return self.by_length <= 0.0 and self.by_velocity <= 0.0 and (self.by_length < 0.0 or self.by_velocity < 0.0)


@dataclass
class _Sum:
    """What all actuators of one axis come to, in terms of the joint."""

    place: AxisPlace
    count: int = 0
    force: float = 0.0
    stiffness: float = 0.0
    damping: float = 0.0
    limits: list[float] = field(default_factory=list)
    ratios: list[tuple[float, float]] = field(default_factory=list)
    """Stiffness and damping ratio of actuators that say one."""


class ActuatorReader:
    """Reads the actuators of a model and all attached ones, then gives each axis its drive.

    Attributes:
        records: Actuators that are no drives.
    """

    def __init__(self, axes: Mapping[str, AxisPlace], path: Callable[[str], str], warn: Callable[[Element, str], None]):
        """Starts empty.

        Args:
            axes: Hinges and slides by name.
            path: Makes paths of names.
            warn: Takes what is not simulated.
        """
        self._axes, self._path, self._warn = axes, path, warn
        self.records: list[ActuatorRecord] = []
        self._sums: dict[tuple[str, int], _Sum] = {}

    def read(self, document: Document, *, prefix: str = "", suffix: str = "", ctrl: np.ndarray | None = None) -> None:
        """Adds the actuators of one model. ``ctrl`` holds their controls, zero without it as MuJoCo starts them."""
        elements = [element for section in document.root.each("actuator") for element in section.children]
        for i, element in enumerate(elements):
            if element.tag not in ACTUATORS:
                self._warn(element, f"<{element.tag}> in <actuator> is not supported; left out")
                continue
            values = document.merged(element)
            target = values.get("joint", values.get("jointinparent"))
            law = _LAWS.get(element.tag, lambda e, v: None)(element, values)
            if target is None or law is None:
                what = f"actuators <{element.tag}>" if law is None else "actuators on something else than a joint"
                self._warn(element, f"{what} are not supported; left out")
                continue
            place = self._axes.get(f"{prefix}{target}{suffix}")
            if place is None:
                self._warn(element, f"the joint {target!r} has no single axis (or does not exist); left out")
                continue
            control = float(ctrl[i]) if ctrl is not None and i < len(ctrl) else 0.0
            if law.is_drive:
                self._add(place, element, values, law, control)
                continue
            name = f"{prefix}{values.get('name') or f'{target}_{element.tag}'}{suffix}"
            self.records.append(_record(self._path(name), place, element, values, law, control))

    def _add(self, place: AxisPlace, element: Element, values, law: Law, control: float) -> None:
        gear = float(numbers(element, "gear", (1.0,), source=values)[0])
        limits = _range(element, values, "ctrl")
        control = control if limits is None else float(np.clip(control, *limits))
        stiffness, damping = -law.by_length * gear * gear, -law.by_velocity * gear * gear
        total = self._sums.setdefault((place.joint, place.index), _Sum(place))
        total.count += 1
        total.force += (law.gain * control + law.bias) * gear
        total.stiffness += stiffness
        total.damping += damping
        if law.damping_ratio > 0.0:
            total.ratios.append((stiffness, law.damping_ratio))
        limits = _range(element, values, "force")
        if limits is not None:
            if limits[0] != -limits[1]:
                self._warn(element, UNEVEN)
            total.limits.append(max(abs(limits[0]), abs(limits[1])) * abs(gear))

    def finish(self, loads: Callable[[], dict[str, list[float]]]) -> None:
        """Sets the drives; ``loads`` gives the mass or inertia on each axis by joint path, where a ratio needs it."""
        carried = loads() if any(total.ratios for total in self._sums.values()) else {}
        for (joint, index), total in self._sums.items():
            axis = total.place.axis
            for stiffness, ratio in total.ratios:
                total.damping += ratio * 2.0 * np.sqrt(stiffness * carried[joint][index])
            # An actuator's length is gear times the joint's position, which counts from zero and not from ref.
            drive = DriveRecord(
                stiffness=total.stiffness,
                damping=total.damping,
                target=total.force / total.stiffness - total.place.ref if total.stiffness > 0.0 else 0.0,
                target_velocity=total.force / total.damping if total.stiffness == 0.0 else 0.0,
                max_force=sum(total.limits) if total.limits else None,
            )
            axis.drive = drive
        self._limit_joints()

    def _limit_joints(self) -> None:
        """Holds actuators within what their joint allows all of them together: exact where there is one."""
        on_axis: dict[tuple[str, int], list[ActuatorRecord]] = {}
        for record in self.records:
            on_axis.setdefault(record.axis, []).append(record)
        for place in self._axes.values():
            at, limits = (place.joint, place.index), place.force_range
            records, drive = on_axis.get(at, []), place.axis.drive
            if limits is None or not (records or drive):
                continue
            if len(records) + (drive is not None) > 1 or (drive is not None and self._sums[at].count > 1):
                self._warn(place.element, "the force range of several actuators of a joint together is not applied")
            elif drive is not None:
                if limits[0] != -limits[1]:
                    self._warn(place.element, UNEVEN)
                most = max(abs(limits[0]), abs(limits[1]))
                place.axis.drive = replace(
                    drive, max_force=min(most, np.inf if drive.max_force is None else drive.max_force)
                )
            elif records[0].gear != 0.0:
                own = records[0].force_range or (-np.inf, np.inf)
                low, high = sorted(end / records[0].gear for end in limits)
                records[0].force_range = (min(max(low, own[0]), own[1]), max(min(high, own[1]), own[0]))


def _record(path: str, place: AxisPlace, element: Element, values, law: Law, control: float) -> ActuatorRecord:
    gear = float(numbers(element, "gear", (1.0,), source=values)[0])
    # The file counts positions from zero, the record from where the model is drawn.
    bias = (law.bias + law.by_length * gear * place.ref, law.by_length, law.by_velocity)
    ranges = _range(element, values, "ctrl"), _range(element, values, "force")
    return ActuatorRecord(path, (place.joint, place.index), gear, law.gain, bias, *ranges, control)


def _range(element: Element, values, what: str) -> tuple[float, float] | None:
    """``ctrlrange`` or ``forcerange``, None where it does not hold."""
    limits = numbers(element, f"{what}range", count=2, source=values)
    said = choice(element, f"{what}limited", ("true", "false", "auto"), "auto", source=values)
    if limits is None or said == "false" or limits[0] >= limits[1]:
        return None
    return float(limits[0]), float(limits[1])


def _motor(element: Element, values) -> Law:
    return Law()


def _position(element: Element, values) -> Law:
    kp = number(element, "kp", 1.0, source=values)
    kv, ratio = number(element, "kv", 0.0, source=values), number(element, "dampratio", 0.0, source=values)
    return Law(kp, 0.0, -kp, -kv, ratio)


def _velocity(element: Element, values) -> Law:
    kv = number(element, "kv", 1.0, source=values)
    return Law(kv, 0.0, 0.0, -kv)


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
    # Without control a damper does nothing: its damping is the control times kv.
    "damper": lambda element, values: Law(0.0),
    "general": _general,
}
