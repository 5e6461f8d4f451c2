"""UsdPhysics joints: frames, limits, drives, and the attributes of simulators that carry what the schema lacks.

A joint frame is given in the space of the prim it names, so scale there moves its position. Angles and angular gains
are per degree in USD and per radian in the records.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pxr import Usd

from sim.geometry.rotation import rotation_matrix
from usd_io.limit_rates import limit_rates
from usd_io.read.equalities import read_equalities
from usd_io.read.frames import matrix_from_quaternion, split_rotation, transform7
from usd_io.read.placement import Placement
from usd_io.read.reading import Reading
from usd_io.read.traversal import PhysicsPrims, owner_path
from usd_io.read.values import array, boolean, quaternion, scalar, token, unbounded, vector
from usd_io.records import DriveRecord, EqualityRecord, JointAxisRecord, JointRecord

DEGREES = 180.0 / np.pi
DOFS = (("linear", "trans"), ("angular", "rot"))
ENDLESS = 1e9
"""[m or degrees]; larger limits mean none."""

# What other programs write on joints, first come first served: name, factor to SI of an angular and a linear axis.
_EXTRA: dict[str, tuple[tuple[str, bool], ...]] = {
    "armature": (("physxJoint:armature", False), ("newton:armature", False), ("mjc:armature", False)),
    "friction": (("physxJoint:jointFriction", False), ("newton:friction", False), ("mjc:frictionloss", False)),
    "damping": (("newton:damping", False), ("mjc:damping", True)),
    "stiffness": (("mjc:stiffness", True),),
}
"""Field to attribute names, and whether the value counts per degree."""


class JointReader:
    """Reads the joints of a stage."""

    def __init__(self, reading: Reading, found: PhysicsPrims, placement: Placement, frames: dict[str, np.ndarray]):
        self._reading, self._found, self._placement, self._frames = reading, found, placement, frames
        self._dofs: dict[str, list[str]] = {}

    def read(self) -> tuple[list[JointRecord], list[EqualityRecord]]:
        """Records of the enabled joints that connect something, and of equality constraints."""
        records = [record for record in map(self._read, self._found.joints) if record is not None]
        return read_equalities(self._reading, self._found.joints, records, self._dofs)

    def _read(self, prim: Usd.Prim) -> JointRecord | None:
        reading, path = self._reading, prim.GetPath().pathString
        if not boolean(reading, prim, "physics:jointEnabled", True):
            return None
        (parent, X_p), (child, X_c) = self._end(prim, 0), self._end(prim, 1)
        if parent is None and child is None:
            reading.log.add(path, "a joint without a rigid body; left out", kind="joint of nothing")
            return None
        if parent == child:
            reading.log.add(path, f"both ends are {child}; left out", kind="joint to itself")
            return None
        self._note_unused(prim)
        record = JointRecord(path, "fixed", parent, child, X_p, X_c)
        record.filter_collision = not boolean(reading, prim, "physics:collisionEnabled", False)
        record.outside_tree = boolean(reading, prim, "physics:excludeFromArticulation", False)
        kind = prim.GetTypeName()
        _READERS.get(kind, JointReader._generic)(self, prim, record)
        if record.child_path is None:
            record = record.turned_round() or record
        return record

    def _end(self, prim: Usd.Prim, side: int) -> tuple[str | None, np.ndarray]:
        """Body of one end (None for the world) and the joint frame in it (in the world)."""
        reading = self._reading
        relationship = prim.GetRelationship(f"physics:body{side}")
        targets = relationship.GetForwardedTargets() if relationship else []
        target = reading.stage.GetPrimAtPath(targets[0]) if targets else None
        if targets and not target:
            reading.log.add(prim.GetPath().pathString, f"physics:body{side} names {targets[0]}, which does not exist")
        position = vector(reading, prim, f"physics:localPos{side}")
        turn = quaternion(reading, prim, f"physics:localRot{side}")
        position = np.zeros(3) if position is None else position
        R = np.eye(3) if turn is None else matrix_from_quaternion(turn)
        if not target:
            return None, transform7(R, position * reading.meters)
        world = self._placement.world_matrix(target)
        rotation, _ = split_rotation(world[:3, :3])
        point, R = world[:3, :3] @ position + world[:3, 3], rotation @ R
        body = owner_path(target, self._frames)
        if body is None:
            return None, transform7(R, point * reading.meters)
        frame = self._frames[body]
        local = frame[:3, :3].T @ (point - frame[:3, 3])
        return body, transform7(frame[:3, :3].T @ R, local * reading.meters)

    def _fixed(self, prim: Usd.Prim, record: JointRecord) -> None:
        record.kind = "fixed"

    def _revolute(self, prim: Usd.Prim, record: JointRecord) -> None:
        record.kind = "axes"
        record.axes = [
            self._axis(prim, "angular", self._direction(prim), "physics:lowerLimit", "physics:upperLimit", "angular")
        ]
        self._dofs[record.path] = ["angular"]

    def _prismatic(self, prim: Usd.Prim, record: JointRecord) -> None:
        record.kind = "axes"
        record.axes = [
            self._axis(prim, "linear", self._direction(prim), "physics:lowerLimit", "physics:upperLimit", "linear")
        ]
        self._dofs[record.path] = ["linear"]

    def _spherical(self, prim: Usd.Prim, record: JointRecord) -> None:
        record.kind = "ball"
        towards_next, towards_last = (scalar(self._reading, prim, f"physics:coneAngle{i}Limit", -1.0) for i in (0, 1))
        if max(towards_next, towards_last) >= 0.0:
            # The record's cone is about x: turn both joint frames so that x is the axis, y the next one.
            turn = np.roll(np.eye(3), int(np.argmax(self._direction(prim))), axis=0)
            for name in ("X_pj", "X_cj"):
                X = getattr(record, name)
                setattr(record, name, transform7(rotation_matrix(X[3:]) @ turn, X[:3]))
            record.cone = tuple(float(np.radians(c)) if c >= 0.0 else -1.0 for c in (towards_last, towards_next))
        record.angle_limit = scalar(self._reading, prim, "simrun:ball:angleLimit", low=0.0)
        self._fill(prim, record, "ball", angular=True)

    def _distance(self, prim: Usd.Prim, record: JointRecord) -> None:
        record.kind = "distance"
        ends = (scalar(self._reading, prim, f"physics:{end}Distance", -1.0) for end in ("min", "max"))
        record.distance = tuple(e * self._reading.meters if e >= 0.0 else -1.0 for e in ends)

    def _generic(self, prim: Usd.Prim, record: JointRecord) -> None:
        """A joint of six degrees of freedom: what has a limit with low above high is locked."""
        plain, names = True, []
        for kind, prefix in DOFS:
            for i, letter in enumerate("XYZ"):
                name = f"{prefix}{letter}"
                axis = self._axis(
                    prim, kind, np.eye(3)[i], f"limit:{name}:physics:low", f"limit:{name}:physics:high", name
                )
                if axis.lower is not None and axis.upper is not None and axis.lower > axis.upper:
                    continue
                plain = plain and axis.lower is None and axis.upper is None and axis.drive is None
                record.axes.append(axis)
                names.append(name)
        self._dofs[record.path] = names
        if self._found.has(record.path, "PhysicsLimitAPI:distance"):
            self._reading.log.add(
                record.path, "distance limits of generic joints are not simulated", kind="distance limit"
            )
        kinds = [axis.kind for axis in record.axes]
        record.kind = "axes" if record.axes else "fixed"
        if plain and kinds.count("angular") == 3 and kinds.count("linear") in (0, 3):
            record.kind = "ball" if len(kinds) == 3 else "free"
            record.axes, self._dofs[record.path] = [], []

    def _direction(self, prim: Usd.Prim) -> np.ndarray:
        letter = token(self._reading, prim, "physics:axis", "X")
        return np.eye(3)["XYZ".index(letter)] if letter in ("X", "Y", "Z") else np.eye(3)[0]

    def _axis(self, prim: Usd.Prim, kind: str, axis: np.ndarray, low: str, high: str, dof: str) -> JointAxisRecord:
        reading = self._reading
        unit = 1.0 / DEGREES if kind == "angular" else reading.meters
        ends = []
        for name, sign in ((low, -1.0), (high, 1.0)):
            # Infinity on its own side is how USD says "no limit"; anything else that is not finite is an error.
            value = unbounded(reading, prim, name)
            endless = value is None or value == sign * np.inf or abs(value) > ENDLESS
            ends.append(None if endless else scalar(reading, prim, name) * unit)
        record = JointAxisRecord(kind, axis, *ends, name=prim.GetPath().pathString)
        record.drive = self._drive(prim, kind, dof, unit)
        gain = self._gain_unit(kind)
        for field, suffix in (("limit_stiffness", "stiffness"), ("limit_damping", "damping")):
            value = scalar(reading, prim, f"physxLimit:{dof}:{suffix}", low=0.0)
            if value:
                setattr(record, field, value * gain)
        record.limit_rates = self._limit_rates(prim, dof)
        self._fill(prim, record, dof, angular=kind == "angular")
        return record

    def _limit_rates(self, prim: Usd.Prim, dof: str) -> tuple[float, float] | None:
        """How stiff limits are for what they carry, as we write it or as MuJoCo does."""
        rates = vector(self._reading, prim, f"simrun:{dof}:limitRates", 2)
        if rates is not None:
            return float(rates[0]), float(rates[1])
        softness = array(self._reading, prim, "mjc:solreflimit")
        return None if softness is None or not len(softness) else limit_rates(softness)

    def _gain_unit(self, kind: str) -> float:
        """SI value of one force per position unit of the stage: per degree, or per stage length."""
        reading = self._reading
        return reading.inertia_unit * DEGREES if kind == "angular" else reading.kilograms

    def _drive(self, prim: Usd.Prim, kind: str, dof: str, unit: float) -> DriveRecord | None:
        reading, base = self._reading, f"drive:{dof}:physics"
        if not self._found.has(prim.GetPath().pathString, f"PhysicsDriveAPI:{dof}"):
            return None
        acceleration = token(reading, prim, f"{base}:type", "force") == "acceleration"
        gain = (DEGREES * unit if kind == "angular" else 1.0) if acceleration else self._gain_unit(kind)
        gain = DEGREES if acceleration and kind == "angular" else gain
        limit = unbounded(reading, prim, f"{base}:maxForce")
        force = reading.inertia_unit if kind == "angular" else reading.kilograms * reading.meters
        endless = limit is None or limit == np.inf or acceleration
        return DriveRecord(
            stiffness=scalar(reading, prim, f"{base}:stiffness", 0.0, low=0.0) * gain,
            damping=scalar(reading, prim, f"{base}:damping", 0.0, low=0.0) * gain,
            target=scalar(reading, prim, f"{base}:targetPosition", 0.0) * unit,
            target_velocity=scalar(reading, prim, f"{base}:targetVelocity", 0.0) * unit,
            max_force=None if endless else scalar(reading, prim, f"{base}:maxForce", low=0.0) * force,
            acceleration=acceleration,
            force=scalar(reading, prim, f"simrun:{dof}:force", 0.0),
        )

    def _fill(self, prim: Usd.Prim, record, dof: str, *, angular: bool) -> None:
        """Passive forces and armature: from ``simrun:<dof>:…`` (SI, per radian), else from other programs' attributes."""
        reading = self._reading
        if isinstance(record, JointAxisRecord):
            record.spring_ref = scalar(reading, prim, f"simrun:{dof}:springRef", 0.0)
        mass = reading.inertia_unit if angular else reading.kilograms
        units = {"friction": mass if angular else mass * reading.meters}
        for field, names in _EXTRA.items():
            own = scalar(reading, prim, f"simrun:{dof}:{field}", low=0.0)
            if own is not None:
                setattr(record, field, own)
                continue
            for name, per_degree in names:
                value = scalar(reading, prim, name, low=0.0)
                if value is not None:
                    setattr(
                        record, field, value * units.get(field, mass) * (DEGREES if per_degree and angular else 1.0)
                    )
                    break

    def _note_unused(self, prim: Usd.Prim) -> None:
        reading, path = self._reading, prim.GetPath().pathString
        for name in ("physics:breakForce", "physics:breakTorque"):
            value = unbounded(reading, prim, name)
            if value is not None and np.isfinite(value) and value < 1e30:
                reading.log.add(path, f"{name} is ignored; joints do not break", kind=name)


_READERS: dict[str, Callable[[JointReader, Usd.Prim, JointRecord], None]] = {
    "PhysicsFixedJoint": JointReader._fixed,
    "PhysicsRevoluteJoint": JointReader._revolute,
    "PhysicsPrismaticJoint": JointReader._prismatic,
    "PhysicsSphericalJoint": JointReader._spherical,
    "PhysicsDistanceJoint": JointReader._distance,
}
