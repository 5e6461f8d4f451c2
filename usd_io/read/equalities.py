"""Coupled joints and equality constraints of a stage.

UsdPhysics has neither. Coupling is read from what other programs write on the joint that follows (``newton:mimic…``,
``physxMimicJoint:…``, ``mjc:coef…``) and from ``simrun:<dof>:follows``, which says the same in SI units for any axis.
"""

from __future__ import annotations

import numpy as np
from pxr import Usd

from usd_io.read.reading import Reading
from usd_io.read.values import array, boolean, scalar, token
from usd_io.records import EqualityRecord, JointRecord

KINDS = {"connect": "ball", "weld": "fixed"}
"""Equality constraints that are stored as joints, by the kind of joint."""


def read_equalities(
    reading: Reading, prims: list[Usd.Prim], joints: list[JointRecord], dofs: dict[str, list[str]]
) -> tuple[list[JointRecord], list[EqualityRecord]]:
    """Equality records of joint prims, and the joints that remain.

    Args:
        reading: The reading.
        prims: All joint prims.
        joints: Their records.
        dofs: USD's name of each axis (``angular``, ``rotX`` …) by joint path.
    """
    kept, result = [], []
    by_path = {prim.GetPath().pathString: prim for prim in prims}
    for joint in joints:
        kind = token(reading, by_path[joint.path], "simrun:equality", "")
        if KINDS.get(kind) == joint.kind:
            ends = (joint.parent_path, joint.child_path)
            result.append(EqualityRecord(joint.path, kind, ends, joint.X_pj, joint.X_cj))
        else:
            kept.append(joint)
    records = {joint.path: joint for joint in kept}
    for joint in kept:
        for index, dof in enumerate(dofs.get(joint.path, ())):
            coupling = _coupling(reading, by_path[joint.path], joint, index, dof)
            if coupling is None:
                continue
            target, other, coef = coupling
            source = None
            if target is not None:
                names = dofs.get(target, [])
                if target not in records or other not in names:
                    reading.log.add(joint.path, f"it follows {target}, which has no such axis; left out")
                    continue
                source = (target, names.index(other))
            path = f"{joint.path}/{dof}_follows"
            span = array(reading, by_path[joint.path], f"simrun:{dof}:span")
            span = (0.0, 0.0) if span is None or len(span) != 2 else (float(span[0]), float(span[1]))
            result.append(EqualityRecord(path, "joint", axes=((joint.path, index), source), coef=coef, span=span))
    return kept, result


def _coupling(reading: Reading, prim: Usd.Prim, joint: JointRecord, index: int, dof: str):
    """Path and axis of the joint that is followed, and the polynomial; None for an axis that follows none."""
    for read in (_own, _newton, _physx, _mujoco):
        found = read(reading, prim, joint, index, dof)
        if found is not None:
            return found
    return None


def _own(reading: Reading, prim: Usd.Prim, joint: JointRecord, index: int, dof: str):
    coef = array(reading, prim, f"simrun:{dof}:coef")
    if coef is None:
        return None
    return (
        _target(prim, f"simrun:{dof}:follows"),
        token(reading, prim, f"simrun:{dof}:followsAxis", ""),
        tuple(coef[:5].tolist()),
    )


def _newton(reading: Reading, prim: Usd.Prim, joint: JointRecord, index: int, dof: str):
    target = _target(prim, "newton:mimicJoint")
    if target is None or index or not boolean(reading, prim, "newton:mimicEnabled", True):
        return None
    offset = scalar(reading, prim, "newton:mimicCoef0", 0.0) * _unit(reading, joint, index)
    return target, _single(prim, target), (offset, scalar(reading, prim, "newton:mimicCoef1", 1.0))


def _physx(reading: Reading, prim: Usd.Prim, joint: JointRecord, index: int, dof: str):
    """PhysX keeps ``q + gearing reference + offset`` at zero."""
    for name in (dof, "rotX", "rotY", "rotZ"):
        base = f"physxMimicJoint:{name}"
        target = _target(prim, f"{base}:referenceJoint")
        if target is not None:
            offset = scalar(reading, prim, f"{base}:offset", 0.0) * _unit(reading, joint, index)
            axis = _single(prim, target) or token(reading, prim, f"{base}:referenceJointAxis", "")
            return target, axis, (-offset, -scalar(reading, prim, f"{base}:gearing", 1.0))
    return None


def _mujoco(reading: Reading, prim: Usd.Prim, joint: JointRecord, index: int, dof: str):
    target = _target(prim, "mjc:target")
    names = [f"mjc:coef{i}" for i in range(5)]
    if index or not any(prim.GetAttribute(name) for name in names):
        return None
    coef = tuple(scalar(reading, prim, name, default) for name, default in zip(names, (0, 1, 0, 0, 0), strict=True))
    return target, "" if target is None else _single(prim, target), coef


def _target(prim: Usd.Prim, name: str) -> str | None:
    relationship = prim.GetRelationship(name)
    targets = relationship.GetForwardedTargets() if relationship else []
    return targets[0].pathString if targets else None


def _single(prim: Usd.Prim, target: str) -> str:
    """The axis of a joint with one axis."""
    kind = prim.GetStage().GetPrimAtPath(target)
    return {"PhysicsRevoluteJoint": "angular", "PhysicsPrismaticJoint": "linear"}.get(
        kind.GetTypeName() if kind else "", ""
    )


def _unit(reading: Reading, joint: JointRecord, index: int) -> float:
    return np.pi / 180.0 if joint.axes[index].kind == "angular" else reading.meters
