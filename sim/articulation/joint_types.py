"""Joint types and drive modes: their numbers, and how many coordinates each has."""

from dataclasses import dataclass

import numpy as np

JOINT_PRISMATIC = 0
JOINT_REVOLUTE = 1
JOINT_BALL = 2
JOINT_FIXED = 3
JOINT_FREE = 4
JOINT_COMPOUND = 5
JOINT_UNIVERSAL = 6
JOINT_DISTANCE = 7
JOINT_D6 = 8

EQUALITY_CONNECT = 0
EQUALITY_WELD = 1
EQUALITY_JOINT = 2

JOINT_MODE_FORCE = 0
JOINT_MODE_TARGET_POSITION = 1
JOINT_MODE_TARGET_VELOCITY = 2

JOINT_NAMES = {
    JOINT_PRISMATIC: "prismatic",
    JOINT_REVOLUTE: "revolute",
    JOINT_BALL: "ball",
    JOINT_FIXED: "fixed",
    JOINT_FREE: "free",
    JOINT_COMPOUND: "compound",
    JOINT_UNIVERSAL: "universal",
    JOINT_DISTANCE: "distance",
    JOINT_D6: "d6",
}

UNLIMITED = 1.0e10
"""Stored where a limit is infinite: far beyond any angle or position, and still a number that float32 holds."""


@dataclass(frozen=True)
class JointLayout:
    """Coordinates of a joint type.

    Attributes:
        axes: (linear, angular) numbers of axes, None where any number up to three of each is allowed.
        free_q: Initial coordinates of joints that are not described by axes.
        dofs: Velocity coordinates of joints that are not described by axes.
    """

    axes: tuple[int, int] | None = (0, 0)
    free_q: tuple[float, ...] = ()
    dofs: int = 0


POSE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
JOINT_LAYOUTS = {
    JOINT_PRISMATIC: JointLayout((1, 0)),
    JOINT_REVOLUTE: JointLayout((0, 1)),
    JOINT_BALL: JointLayout((0, 0), (0.0, 0.0, 0.0, 1.0), 3),
    JOINT_FIXED: JointLayout((0, 0)),
    JOINT_FREE: JointLayout((0, 0), POSE, 6),
    JOINT_COMPOUND: JointLayout((0, 3)),
    JOINT_UNIVERSAL: JointLayout((0, 2)),
    JOINT_DISTANCE: JointLayout((0, 0), POSE, 6),
    JOINT_D6: JointLayout(None),
}

MODES = {JOINT_MODE_FORCE: "force", JOINT_MODE_TARGET_POSITION: "position", JOINT_MODE_TARGET_VELOCITY: "velocity"}


class JointAxis:
    """One axis of a joint, with its limit and its drive.

    Attributes:
        axis: Unit vector in the joint frames, shape [3].
        limit_lower: Lower limit [m or rad]; infinite for none.
        limit_upper: Upper limit [m or rad].
        limit_ke: Stiffness of the limits [N/m or N m/rad].
        limit_kd: Damping while beyond a limit.
        action: Initial entry of ``Control.joint_act``: force, or the drive's target, by ``mode``.
        target_ke: Stiffness of the drive (of a velocity drive: force per velocity error).
        target_kd: Damping of a position drive.
        target_qd: Velocity target of a position drive's damping [m/s or rad/s].
        mode: ``JOINT_MODE_FORCE``, ``JOINT_MODE_TARGET_POSITION`` or ``JOINT_MODE_TARGET_VELOCITY``.
        effort_limit: Largest force of the drive [N or N m].
        armature: Inertia added to this axis [kg or kg m^2]; None means the joint's.
        damping: Passive damping [N s/m or N m s/rad].
        stiffness: Stiffness of a passive spring [N/m or N m/rad].
        spring_ref: Where the spring is at rest [m or rad].
        friction: Dry friction [N or N m].
    """

    def __init__(
        self,
        axis,
        limit_lower: float = -np.inf,
        limit_upper: float = np.inf,
        limit_ke: float = 100.0,
        limit_kd: float = 10.0,
        action: float | None = None,
        target_ke: float = 0.0,
        target_kd: float = 0.0,
        mode: int = JOINT_MODE_FORCE,
        *,
        target_qd: float = 0.0,
        effort_limit: float = np.inf,
        armature: float | None = None,
        damping: float = 0.0,
        stiffness: float = 0.0,
        spring_ref: float = 0.0,
        friction: float = 0.0,
    ):
        if isinstance(axis, JointAxis):
            self.__dict__.update(axis.__dict__)
            return
        self.axis = np.asarray(axis, dtype=np.float64)
        self.limit_lower, self.limit_upper = limit_lower, limit_upper
        self.limit_ke, self.limit_kd = limit_ke, limit_kd
        self.action = action
        self.target_ke, self.target_kd, self.target_qd = target_ke, target_kd, target_qd
        self.mode = mode
        self.effort_limit = effort_limit
        self.armature = armature
        self.damping, self.friction = damping, friction
        self.stiffness, self.spring_ref = stiffness, spring_ref
