"""Joint records into builder calls, tree by tree from the roots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import sim
from sim.geometry.rotation import rotation_matrix, transform_points
from usd_io.emit.joint_trees import spanning_trees
from usd_io.records import BodyRecord, JointAxisRecord, JointRecord, SceneRecord, SceneWarning

LIMIT_TIME = 0.02
"""[s] in which a limit without stiffness of its own pushes back, critically damped, what hangs on the joint."""


def emit_joints(scene: SceneRecord, builder: Any, bodies: dict[str, int]) -> dict[str, int]:
    """Adds all joints, an articulation for each root; see ``joint_trees`` for which ones.

    Returns:
        Joint path to joint index.
    """
    if not scene.joints and not scene.equalities:
        return {}
    ordered, loops = spanning_trees(scene)
    loads = joint_loads(scene, ordered)
    result = {}
    for joint in ordered:
        if joint.parent_path is None:
            builder.add_articulation()
        result[joint.path] = _emit(joint, builder, bodies, loads[joint.path])
    for joint in loops:
        # It must not be the first joint that its child knows of, else it would move it.
        outward = joint if joint.child_path is not None else joint.turned_round()
        if outward is None:
            message = "the axes of a joint from a body to the world cannot be taken the other way round; left out"
            scene.warnings.append(SceneWarning(joint.path, message))
            continue
        _note_idle(scene, joint)
        result[joint.path] = _emit(outward, builder, bodies, [0.0] * len(joint.axes))
    return result


def _note_idle(scene: SceneRecord, joint: JointRecord) -> None:
    """Names what a joint says that does not act, because the joint closes a loop."""
    said = [
        what
        for what, there in (
            ("drive", any(a.drive is not None for a in joint.axes)),
            ("limits", any(a.lower is not None or a.upper is not None for a in joint.axes)),
            ("springs", any(a.stiffness for a in joint.axes) or bool(joint.stiffness)),
            ("damping", any(a.damping for a in joint.axes) or bool(joint.damping)),
            ("friction", any(a.friction for a in joint.axes) or bool(joint.friction)),
            ("armature", any(a.armature for a in joint.axes) or bool(joint.armature)),
        )
        if there
    ]
    if said:
        message = f"the joint closes a loop, so its {', '.join(said)} are not simulated"
        scene.warnings.append(SceneWarning(joint.path, message))


def joint_loads(scene: SceneRecord, ordered: list[JointRecord]) -> dict[str, list[float]]:
    """Mass [kg] or moment of inertia [kg m^2] that each axis carries, bodies being where they start."""
    carried = {b.path: _Load.of(b) for b in scene.bodies}
    for joint in reversed(ordered):
        if joint.parent_path is not None:
            carried[joint.parent_path].add(carried[joint.child_path])
    poses = {b.path: b.X_wb for b in scene.bodies}
    loads = {}
    for joint in ordered:
        X_wc = poses[joint.child_path]
        turn = _rotation(X_wc) @ _rotation(joint.X_cj)
        anchor = transform_points(X_wc, joint.X_cj[:3])
        part = carried[joint.child_path]
        loads[joint.path] = [axis.armature + part.about(axis, turn @ axis.axis, anchor) for axis in joint.axes]
    return loads


@dataclass
class _Load:
    """Mass moments of some bodies about the world's origin, in the world's axes; they add up."""

    mass: float
    first: np.ndarray
    """Sum of mass times position [kg m]."""
    second: np.ndarray
    """Sum of mass times position times position [kg m^2], [3, 3]."""
    inertia: np.ndarray
    """Sum of the bodies' inertias about their own centres of mass."""

    @classmethod
    def of(cls, body: BodyRecord) -> _Load:
        x, R = transform_points(body.X_wb, body.com), _rotation(body.X_wb)
        return cls(body.mass, body.mass * x, body.mass * np.outer(x, x), R @ body.inertia @ R.T)

    def add(self, other: _Load) -> None:
        self.mass += other.mass
        self.first = self.first + other.first
        self.second = self.second + other.second
        self.inertia = self.inertia + other.inertia

    def about(self, axis: JointAxisRecord, direction: np.ndarray, anchor: np.ndarray) -> float:
        """Inertia against motion along an axis through ``anchor``."""
        if axis.kind == "linear":
            return self.mass
        across = np.outer(self.first, anchor)
        spread = self.second - across - across.T + self.mass * np.outer(anchor, anchor)
        own = direction @ self.inertia @ direction
        return float(own + (direction @ direction) * np.trace(spread) - direction @ spread @ direction)


def _rotation(X: np.ndarray) -> np.ndarray:
    return rotation_matrix(X[3:])


def _emit(joint: JointRecord, builder: Any, bodies: dict[str, int], loads: list[float]) -> int:
    parent = -1 if joint.parent_path is None else bodies[joint.parent_path]
    child = bodies[joint.child_path]
    shared = {"name": joint.path, "collision_filter_parent": joint.filter_collision}
    passive = {"damping": joint.damping, "friction": joint.friction, "armature": joint.armature}
    if joint.kind == "free":
        index = builder.add_joint_free(child, joint.X_pj, joint.X_cj, parent=parent, **shared, **passive)
        return _start(joint, builder, index)
    place = (parent, child, joint.X_pj, joint.X_cj)
    if joint.kind == "fixed":
        return builder.add_joint_fixed(*place, **shared)
    if joint.kind == "ball":
        limits = {"cone": joint.cone, "angle_limit": joint.angle_limit}
        index = builder.add_joint_ball(*place, stiffness=joint.stiffness, **limits, **shared, **passive)
        return _start(joint, builder, index)
    if joint.kind == "distance":
        return builder.add_joint_distance(*place, *joint.distance, **shared)
    axes = {"linear": [], "angular": []}
    for axis, load in zip(joint.axes, loads, strict=True):
        axes[axis.kind].append(_axis(axis, load))
    counts = (len(axes["linear"]), len(axes["angular"]))
    kind = {(1, 0): sim.JOINT_PRISMATIC, (0, 1): sim.JOINT_REVOLUTE}.get(counts, sim.JOINT_D6)
    index = builder.add_joint(
        kind, parent, child, axes["linear"], axes["angular"], parent_xform=joint.X_pj, child_xform=joint.X_cj, **shared
    )
    start, velocity = builder.joint_q_start[index], builder.joint_qd_start[index]
    for i, axis in enumerate([a for k in ("linear", "angular") for a in joint.axes if a.kind == k]):
        builder.joint_q[start + i] = axis.position
        builder.joint_qd[velocity + i] = axis.velocity
    return index


def _start(joint: JointRecord, builder: Any, index: int) -> int:
    """Initial coordinates of a free or ball joint."""
    for column, starts, values in (
        (builder.joint_q, builder.joint_q_start, joint.start_q),
        (builder.joint_qd, builder.joint_qd_start, joint.start_qd),
    ):
        if values is not None:
            column[starts[index] : starts[index] + len(values)] = values
    return index


def _axis(axis: JointAxisRecord, load: float) -> sim.JointAxis:
    drive = axis.drive
    driven = drive is not None and (drive.stiffness > 0.0 or drive.damping > 0.0 or not drive.force)
    scale = load if drive is not None and drive.acceleration else 1.0
    stiffness, damping = axis.limit_rates or (1.0 / LIMIT_TIME**2, 2.0 / LIMIT_TIME)
    ke = load * stiffness if axis.limit_stiffness is None else axis.limit_stiffness
    kd = load * damping if axis.limit_damping is None else axis.limit_damping
    return sim.JointAxis(
        axis.axis,
        -np.inf if axis.lower is None else axis.lower,
        np.inf if axis.upper is None else axis.upper,
        ke,
        kd,
        action=None if drive is None else drive.target if driven else drive.force,
        target_ke=0.0 if drive is None else drive.stiffness * scale,
        target_kd=0.0 if drive is None else drive.damping * scale,
        mode=sim.JOINT_MODE_TARGET_POSITION if driven else sim.JOINT_MODE_FORCE,
        target_qd=0.0 if drive is None else drive.target_velocity,
        effort_limit=np.inf if drive is None or drive.max_force is None else drive.max_force,
        armature=axis.armature,
        damping=axis.damping,
        stiffness=axis.stiffness,
        spring_ref=axis.spring_ref,
        friction=axis.friction,
    )
