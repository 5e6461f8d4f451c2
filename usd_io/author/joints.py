"""Joint records as UsdPhysics joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pxr import Gf, Sdf, Usd, UsdPhysics

from sim.geometry.rotation import quat_multiply
from usd_io.author.frames import aligned_axes
from usd_io.read.frames import quaternion_from_matrix
from usd_io.records import JointAxisRecord, JointRecord, SceneRecord, SceneWarning

DEGREES = 180.0 / np.pi
PASSIVE = ("armature", "damping", "stiffness", "friction")
SINGLE = {"linear": UsdPhysics.PrismaticJoint, "angular": UsdPhysics.RevoluteJoint}


@dataclass(frozen=True)
class AuthoredAxis:
    """What became of an axis of a record: USD's name for it, and whether it points the same way (1) or not (-1)."""

    dof: str
    sign: float


def author_joint(stage: Usd.Stage, scene: SceneRecord, record: JointRecord) -> list[AuthoredAxis]:
    """Defines the joint at its path; returns its axes, none if it could not be authored.

    A root that moves freely needs no joint; what USD cannot say is added to warnings.
    """
    if record.kind == "free" and record.parent_path is None:
        return []
    schema, turn, aligned = _SCHEMAS.get(record.kind, UsdPhysics.Joint), np.array([0.0, 0.0, 0.0, 1.0]), None
    if record.kind == "axes":
        aligned = aligned_axes(record.axes)
        if aligned is None:
            scene.warnings.append(
                SceneWarning(record.path, "its axes are not perpendicular, which USD cannot say; left out")
            )
            return []
        turn = quaternion_from_matrix(aligned.rotation)
        schema = SINGLE[record.axes[0].kind] if len(record.axes) == 1 else UsdPhysics.Joint
    joint = schema.Define(stage, record.path)
    for side, (path, X) in enumerate(((record.parent_path, record.X_pj), (record.child_path, record.X_cj))):
        if path is not None:
            (joint.CreateBody1Rel if side else joint.CreateBody0Rel)().SetTargets([path])
        x, y, z, w = quat_multiply(np.asarray(X[3:], float), turn).tolist()
        (joint.CreateLocalPos1Attr if side else joint.CreateLocalPos0Attr)(Gf.Vec3f(*np.asarray(X[:3]).tolist()))
        (joint.CreateLocalRot1Attr if side else joint.CreateLocalRot0Attr)(Gf.Quatf(w, x, y, z))
    joint.CreateCollisionEnabledAttr(not record.filter_collision)
    if record.outside_tree:
        joint.CreateExcludeFromArticulationAttr(True)
    if record.kind == "distance":
        joint.CreateMinDistanceAttr(record.distance[0])
        joint.CreateMaxDistanceAttr(record.distance[1])
    if record.kind in ("ball", "free"):
        _passive(joint.GetPrim(), record, "ball")
    if record.kind == "ball":
        _ball_range(joint, record)
    if aligned is None:
        return []
    if len(record.axes) == 1:
        _single_axis(joint, record.axes[0], "XYZ"[aligned.column[0]], aligned.sign[0])
        return [AuthoredAxis(record.axes[0].kind, aligned.sign[0])]
    return _generic_axes(joint.GetPrim(), record.axes, aligned)


def _ball_range(joint: UsdPhysics.SphericalJoint, record: JointRecord) -> None:
    """A cone about x; USD counts its angles towards y and z, the record about y and z."""
    joint.CreateAxisAttr("X")
    if record.cone is not None:
        about_y, about_z = (c * DEGREES if c >= 0.0 else -1.0 for c in record.cone)
        joint.CreateConeAngle0LimitAttr(about_z)
        joint.CreateConeAngle1LimitAttr(about_y)
    if record.angle_limit is not None:
        joint.GetPrim().CreateAttribute("simrun:ball:angleLimit", Sdf.ValueTypeNames.Float).Set(record.angle_limit)


def _single_axis(joint, axis: JointAxisRecord, letter: str, sign: float) -> None:
    joint.CreateAxisAttr(letter)
    low, high = _limits(axis, sign)
    unit = _unit(axis)
    joint.CreateLowerLimitAttr(-np.inf if low is None else low * unit)
    joint.CreateUpperLimitAttr(np.inf if high is None else high * unit)
    _drive(joint.GetPrim(), axis, axis.kind, sign)
    _passive(joint.GetPrim(), axis, axis.kind, sign)


def _generic_axes(prim: Usd.Prim, axes: list[JointAxisRecord], aligned) -> list[AuthoredAxis]:
    names = [
        f"{'rot' if a.kind == 'angular' else 'trans'}{'XYZ'[c]}" for a, c in zip(axes, aligned.column, strict=True)
    ]
    for kind in ("trans", "rot"):
        for letter in "XYZ":
            if f"{kind}{letter}" not in names:
                _limit(prim, f"{kind}{letter}", 1.0, -1.0)  # low above high means locked
    for name, axis, sign in zip(names, axes, aligned.sign, strict=True):
        low, high = _limits(axis, sign)
        unit = _unit(axis)
        if low is not None or high is not None:
            _limit(prim, name, -np.inf if low is None else low * unit, np.inf if high is None else high * unit)
        _drive(prim, axis, name, sign)
        _passive(prim, axis, name, sign)
    return [AuthoredAxis(name, sign) for name, sign in zip(names, aligned.sign, strict=True)]


def _limit(prim: Usd.Prim, name: str, low: float, high: float) -> None:
    limit = UsdPhysics.LimitAPI.Apply(prim, name)
    limit.CreateLowAttr(low)
    limit.CreateHighAttr(high)


def _limits(axis: JointAxisRecord, sign: float) -> tuple[float | None, float | None]:
    """Limits along the USD axis, which may point the other way."""
    if sign > 0.0:
        return axis.lower, axis.upper
    return (None if axis.upper is None else -axis.upper), (None if axis.lower is None else -axis.lower)


def _unit(axis: JointAxisRecord) -> float:
    return DEGREES if axis.kind == "angular" else 1.0


def _drive(prim: Usd.Prim, axis: JointAxisRecord, name: str, sign: float) -> None:
    if axis.drive is None:
        return
    if axis.drive.force:
        prim.CreateAttribute(f"simrun:{name}:force", Sdf.ValueTypeNames.Float).Set(sign * axis.drive.force)
    drive, unit = UsdPhysics.DriveAPI.Apply(prim, name), _unit(axis)
    drive.CreateTypeAttr("acceleration" if axis.drive.acceleration else "force")
    drive.CreateStiffnessAttr(axis.drive.stiffness / unit)
    drive.CreateDampingAttr(axis.drive.damping / unit)
    drive.CreateTargetPositionAttr(sign * axis.drive.target * unit)
    drive.CreateTargetVelocityAttr(sign * axis.drive.target_velocity * unit)
    if axis.drive.max_force is not None:
        drive.CreateMaxForceAttr(axis.drive.max_force)


def _passive(prim: Usd.Prim, record: JointAxisRecord | JointRecord, name: str, sign: float = 1.0) -> None:
    """What UsdPhysics has no attribute for, under our own names, SI and per radian."""
    values = {field: getattr(record, field) for field in PASSIVE}
    values["springRef"] = sign * getattr(record, "spring_ref", 0.0)
    rates = getattr(record, "limit_rates", None)
    if rates is not None:
        attribute = prim.CreateAttribute(f"simrun:{name}:limitRates", Sdf.ValueTypeNames.Double2)
        attribute.Set(Gf.Vec2d(*rates))
    for field, value in values.items():
        if value:
            prim.CreateAttribute(f"simrun:{name}:{field}", Sdf.ValueTypeNames.Float).Set(value)


_SCHEMAS = {
    "fixed": UsdPhysics.FixedJoint,
    "ball": UsdPhysics.SphericalJoint,
    "distance": UsdPhysics.DistanceJoint,
}
