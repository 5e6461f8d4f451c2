"""A ``key`` of the model as the state that a simulation starts from."""

from __future__ import annotations

import numpy as np

from sim.geometry.rotation import (
    IDENTITY_TRANSFORM,
    quat_from_axis_angle,
    quat_multiply,
    rotate,
    transform_inverse,
    transform_multiply,
)
from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.records import JointRecord, SceneRecord
from usd_io.xml.attributes import numbers
from usd_io.xml.element import Element

SIZES = {"free": (7, 6), "ball": (4, 3), "fixed": (0, 0)}
"""Numbers of qpos and qvel."""


def find_key(document: Document, name: str) -> Element:
    """The key of a name (or of a number, in the order of the file).

    Raises:
        SceneError: There is none; names those that there are.
    """
    keys = [key for section in document.root.each("keyframe") for key in section.each("key")]
    for key in keys:
        if key.attributes.get("name") == name:
            return key
    if name.isdecimal() and int(name) < len(keys):
        return keys[int(name)]
    known = ", ".join(key.attributes.get("name") or str(i) for i, key in enumerate(keys))
    raise SceneError(
        str(document.root.file), f"there is no keyframe {name!r}", expected=f"one of {known}" if known else "a <key>"
    )


def apply_key(key: Element, record: SceneRecord, refs: dict[tuple[str, int], float]) -> None:
    """Puts joints and bodies where a key has them. ``refs`` holds the ref of each axis by joint path and number.

    Raises:
        SceneError: The key does not fit the model.
    """
    nq = sum(SIZES.get(j.kind, (len(j.axes),))[0] for j in record.joints)
    nv = sum(SIZES.get(j.kind, (0, len(j.axes)))[1] for j in record.joints)
    qpos, qvel = numbers(key, "qpos"), numbers(key, "qvel", np.zeros(nv))
    for name, values, count in (("qpos", qpos, nq), ("qvel", qvel, nv)):
        if values is not None and len(values) != count:
            raise SceneError(f"{key.where} {name}", f"{len(values)} numbers", expected=f"{count}, as the model has")
    at = vel = 0
    for joint in record.joints:
        size = SIZES.get(joint.kind, (len(joint.axes), len(joint.axes)))
        q = None if qpos is None else qpos[at : at + size[0]]
        _start(joint, q, qvel[vel : vel + size[1]], refs, key)
        at, vel = at + size[0], vel + size[1]
    _place_bodies(record)


def _start(joint: JointRecord, q: np.ndarray | None, qd: np.ndarray, refs, key: Element) -> None:
    if joint.kind == "axes":
        for i, axis in enumerate(joint.axes):
            axis.velocity = float(qd[i])
            if q is not None:
                axis.position = float(q[i]) - refs[joint.path, i]
        return
    if joint.kind == "fixed":
        return
    turn = IDENTITY_TRANSFORM[3:] if q is None else _quaternion(q[-4:], key)
    if joint.kind == "ball":
        joint.start_q, joint.start_qd = (None if q is None else turn), rotate(turn, qd)
        return
    joint.start_q = None if q is None else np.concatenate([q[:3], turn])
    joint.start_qd = np.concatenate([rotate(turn, qd[3:]), qd[:3]])


def _quaternion(wxyz: np.ndarray, key: Element) -> np.ndarray:
    length = np.linalg.norm(wxyz)
    if length < 1e-9:
        raise SceneError(f"{key.where} qpos", f"the quaternion {wxyz.tolist()}", expected="one of length 1")
    w, x, y, z = wxyz / length
    return np.array([x, y, z, w])


def _place_bodies(record: SceneRecord) -> None:
    """Forward kinematics; joints come parents first."""
    bodies = {body.path: body for body in record.bodies}
    for joint in record.joints:
        body = bodies[joint.child_path]
        if joint.kind == "free" and joint.start_q is None:
            continue
        X_wp = IDENTITY_TRANSFORM if joint.parent_path is None else bodies[joint.parent_path].X_wb
        X_wj = transform_multiply(transform_multiply(X_wp, joint.X_pj), joint_pose(joint))
        body.X_wb = transform_multiply(X_wj, transform_inverse(joint.X_cj))


def joint_pose(joint: JointRecord) -> np.ndarray:
    """Pose of the child's joint frame in the parent's at the start."""
    X = np.array(IDENTITY_TRANSFORM)
    if joint.kind == "free" and joint.start_q is not None:
        return np.array(joint.start_q)
    if joint.kind == "ball" and joint.start_q is not None:
        X[3:] = joint.start_q
    for axis in joint.axes:
        if axis.kind == "linear":
            X[:3] += axis.axis * axis.position
        else:
            X[3:] = quat_multiply(X[3:], quat_from_axis_angle(axis.axis, axis.position))
    return X
