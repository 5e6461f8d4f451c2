"""Joints between bodies, and articulations."""

import numpy as np

from sim.articulation.joint_types import (
    JOINT_BALL,
    JOINT_COMPOUND,
    JOINT_D6,
    JOINT_DISTANCE,
    JOINT_FIXED,
    JOINT_FREE,
    JOINT_LAYOUTS,
    JOINT_MODE_FORCE,
    JOINT_MODE_TARGET_POSITION,
    JOINT_NAMES,
    JOINT_PRISMATIC,
    JOINT_REVOLUTE,
    JOINT_UNIVERSAL,
    MODES,
    UNLIMITED,
    JointAxis,
)
from sim.errors import SimError
from sim.geometry.rotation import transform_inverse, transform_multiply
from sim.inputs import as_count, as_number, as_transform, as_vector


class JointBuilder:
    """The joint part of ``ModelBuilder``.

    A joint holds the frame ``child_xform`` of its child body to the frame ``parent_xform`` of its parent (body -1 is the
    world). Arguments that every ``add_joint_*`` has:

    * ``parent``, ``child``: Body indices; parent -1 is the world.
    * ``parent_xform``, ``child_xform``: Joint frames in the bodies' frames; None means identity.
    * ``linear_compliance`` [m/N], ``angular_compliance`` [rad/(N m)]: softness of the constraint, for solvers in
      maximal coordinates.
    * ``armature``: Inertia added to each axis [kg or kg m^2].
    * ``collision_filter_parent``: Whether shapes of the parent and the child never touch.
    * ``enabled``: Whether the joint acts, for solvers in maximal coordinates.
    * ``name``: None means ``joint_<index>``.
    """

    default_joint_limit_ke = 100.0
    default_joint_limit_kd = 1.0

    @property
    def joint_count(self) -> int:
        """Number of joints so far."""
        return len(self.joint_type)

    @property
    def joint_axis_count(self) -> int:
        """Number of joint axes so far."""
        return len(self.joint_axis)

    @property
    def joint_coord_count(self) -> int:
        """Number of position coordinates so far."""
        return len(self.joint_q)

    @property
    def joint_dof_count(self) -> int:
        """Number of degrees of freedom so far."""
        return len(self.joint_qd)

    @property
    def articulation_count(self) -> int:
        """Number of articulations begun so far."""
        return len(self.articulation_start)

    def add_articulation(self) -> int:
        """Begins an articulation: the joints added from now on belong to it. Returns its index.

        Without any call, every tree of connected bodies becomes an articulation when the model is simulated.
        """
        self.articulation_start.append(self.joint_count)
        return self.articulation_count - 1

    def add_joint(
        self,
        joint_type: int,
        parent: int,
        child: int,
        linear_axes: list[JointAxis] | None = None,
        angular_axes: list[JointAxis] | None = None,
        name: str | None = None,
        parent_xform=None,
        child_xform=None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        collision_filter_parent: bool = True,
        enabled: bool = True,
        *,
        damping: float = 0.0,
        stiffness: float = 0.0,
        friction: float = 0.0,
    ) -> int:
        """Adds a joint of any type and returns its index; see the class for the arguments.

        Args:
            joint_type: One of ``JOINT_*``.
            parent: Parent body.
            child: Child body.
            linear_axes: Axes of translation, applied first.
            angular_axes: Axes of rotation, each carried along by those before it.
            name: Name.
            parent_xform: Joint frame in the parent's.
            child_xform: Joint frame in the child's.
            linear_compliance: See the class, as for all that follow.
            angular_compliance: Angular compliance.
            armature: Armature.
            collision_filter_parent: No collision between parent and child.
            enabled: Whether it acts.
            damping: Passive damping of joints without axes (ball, free); axes bring their own.
            stiffness: Spring of a ball joint towards its zero pose [N m/rad].
            friction: Dry friction of joints without axes.

        Raises:
            SimError: Unknown type or body, a wrong number of axes, a zero axis, crossed limits, NaN.
        """
        index = self.joint_count
        name = f"joint_{index}" if name is None else str(name)
        layout = JOINT_LAYOUTS.get(joint_type)
        if layout is None:
            raise SimError("add_joint()", f"joint_type = {joint_type!r}", ", ".join(map(str, JOINT_LAYOUTS)))
        where = f"add_joint_{JOINT_NAMES[joint_type]}({name!r})"
        parent, child = self._joint_bodies(parent, child, where)
        linear, angular = list(linear_axes or ()), list(angular_axes or ())
        _check_axis_count(layout, len(linear), len(angular), where)
        axes = [_checked_axis(axis, f"{where} axis {i}") for i, axis in enumerate([*linear, *angular])]
        X_p = as_transform(parent_xform, where, "parent_xform")
        X_c = as_transform(child_xform, where, "child_xform")
        compliance = [as_number(c, where, "compliance", minimum=0.0) for c in (linear_compliance, angular_compliance)]
        shared = [as_number(v, where, w, minimum=0.0) for v, w in (
            (armature, "armature"), (damping, "damping"), (stiffness, "stiffness"), (friction, "friction"))]  # fmt: skip

        self.joint_type.append(joint_type)
        self.joint_parent.append(parent)
        self.joint_child.append(child)
        self.joint_X_p.append(X_p)
        self.joint_X_c.append(X_c)
        self.joint_q_start.append(self.joint_coord_count)
        self.joint_qd_start.append(self.joint_dof_count)
        self.joint_axis_start.append(self.joint_axis_count)
        self.joint_axis_dim.append((len(linear), len(angular)))
        self.joint_linear_compliance.append(compliance[0])
        self.joint_angular_compliance.append(compliance[1])
        self.joint_distance_range.append((-1.0, -1.0))
        self.joint_ball_limit.append((-1.0, -1.0, -1.0))
        self.joint_enabled.append(enabled)
        self.joint_collision_filter_parent.append(collision_filter_parent)
        self.joint_name.append(name)
        for axis in axes:
            self._append_axis(axis, shared[0])
        self.joint_q.extend(layout.free_q)
        self._append_dofs(layout.dofs, shared)
        if joint_type in (JOINT_FREE, JOINT_DISTANCE):
            start = self.joint_coord_count - 7
            self.joint_q[start:] = self._relative_pose(parent, child, X_p, X_c)
        return index

    def _joint_bodies(self, parent: int, child: int, where: str) -> tuple[int, int]:
        parent = as_count(parent, where, "parent", minimum=-1)
        child = as_count(child, where, "child", minimum=0)
        for body, role in ((parent, "parent"), (child, "child")):
            if body >= self.body_count:
                raise SimError(where, f"{role} = {body}", f"one of {self.body_count} bodies", "call add_body() first")
        if parent == child:
            raise SimError(where, f"parent = child = {child}", "two different bodies")
        return parent, child

    def _append_axis(self, axis: JointAxis, armature: float) -> None:
        lower, upper = (float(np.clip(v, -UNLIMITED, UNLIMITED)) for v in (axis.limit_lower, axis.limit_upper))
        start = 0.0 if lower <= 0.0 <= upper else 0.5 * (lower + upper)
        action = axis.action
        if action is None:
            action = start if axis.mode == JOINT_MODE_TARGET_POSITION else 0.0
        self.joint_axis.append(axis.axis / np.linalg.norm(axis.axis))
        self.joint_limit_lower.append(lower)
        self.joint_limit_upper.append(upper)
        self.joint_limit_ke.append(axis.limit_ke)
        self.joint_limit_kd.append(axis.limit_kd)
        self.joint_axis_mode.append(axis.mode)
        self.joint_target_ke.append(axis.target_ke)
        self.joint_target_kd.append(axis.target_kd)
        self.joint_target_qd.append(axis.target_qd)
        self.joint_effort_limit.append(min(axis.effort_limit, UNLIMITED))
        self.joint_act.append(action)
        self.joint_q.append(start)
        own = armature if axis.armature is None else axis.armature
        self._append_dofs(1, (own, axis.damping, axis.stiffness, axis.friction), axis.spring_ref)

    def _append_dofs(self, count: int, shared, spring_ref: float = 0.0) -> None:
        names = ("joint_armature", "joint_damping", "joint_stiffness", "joint_friction")
        for _ in range(count):
            self.joint_qd.append(0.0)
            self.joint_spring_ref.append(spring_ref)
            for column, value in zip(names, shared, strict=True):
                getattr(self, column).append(value)

    def _relative_pose(self, parent: int, child: int, X_p: np.ndarray, X_c: np.ndarray) -> np.ndarray:
        """Pose of the child's joint frame in the parent's, with the bodies where they are now."""
        X_wpj = X_p if parent < 0 else transform_multiply(self.body_q[parent], X_p)
        return transform_multiply(transform_inverse(X_wpj), transform_multiply(self.body_q[child], X_c))

    def add_joint_revolute(
        self,
        parent: int,
        child: int,
        parent_xform=None,
        child_xform=None,
        axis=(1.0, 0.0, 0.0),
        target: float | None = None,
        target_ke: float = 0.0,
        target_kd: float = 0.0,
        mode: int = JOINT_MODE_FORCE,
        limit_lower: float = -2.0 * np.pi,
        limit_upper: float = 2.0 * np.pi,
        limit_ke: float | None = None,
        limit_kd: float | None = None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
        **axis_options,
    ) -> int:
        """Adds a hinge: one rotation about ``axis`` [rad]. See ``JointAxis`` for limits, drive and ``axis_options``."""
        ke, kd = self._limit_gains(limit_ke, limit_kd)
        one = JointAxis(axis, limit_lower, limit_upper, ke, kd, target, target_ke, target_kd, mode, **axis_options)
        return self.add_joint(
            JOINT_REVOLUTE, parent, child, None, [one], name, parent_xform, child_xform, linear_compliance,
            angular_compliance, armature, collision_filter_parent, enabled,
        )  # fmt: skip

    def add_joint_prismatic(
        self,
        parent: int,
        child: int,
        parent_xform=None,
        child_xform=None,
        axis=(1.0, 0.0, 0.0),
        target: float | None = None,
        target_ke: float = 0.0,
        target_kd: float = 0.0,
        mode: int = JOINT_MODE_FORCE,
        limit_lower: float = -1e4,
        limit_upper: float = 1e4,
        limit_ke: float | None = None,
        limit_kd: float | None = None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
        **axis_options,
    ) -> int:
        """Adds a slider: one translation along ``axis`` [m]. See ``JointAxis`` for limits, drive and ``axis_options``."""
        ke, kd = self._limit_gains(limit_ke, limit_kd)
        one = JointAxis(axis, limit_lower, limit_upper, ke, kd, target, target_ke, target_kd, mode, **axis_options)
        return self.add_joint(
            JOINT_PRISMATIC, parent, child, [one], None, name, parent_xform, child_xform, linear_compliance,
            angular_compliance, armature, collision_filter_parent, enabled,
        )  # fmt: skip

    def add_joint_ball(
        self,
        parent: int,
        child: int,
        parent_xform=None,
        child_xform=None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
        *,
        cone: tuple[float, float] | None = None,
        angle_limit: float | None = None,
        **dof_options,
    ) -> int:
        """Adds a ball joint: a quaternion in ``joint_q``, an angular velocity [rad/s] in the parent's joint frame in
        ``joint_qd``. ``dof_options`` are damping, stiffness and friction of ``add_joint``.

        Args:
            parent: See the class, as for all up to ``enabled``.
            child: Child.
            parent_xform: Joint frame in the parent's.
            child_xform: Joint frame in the child's.
            linear_compliance: Linear compliance.
            angular_compliance: Angular compliance.
            armature: Armature.
            name: Name.
            collision_filter_parent: No collision between parent and child.
            enabled: Whether it acts.
            cone: How far the child's x axis may swing away about the parent's y and z axes [rad].
            angle_limit: Largest rotation away from the zero pose, about any axis [rad].
            dof_options: Passive forces.
        """
        joint = self.add_joint(
            JOINT_BALL, parent, child, None, None, name, parent_xform, child_xform, linear_compliance,
            angular_compliance, armature, collision_filter_parent, enabled, **dof_options,
        )  # fmt: skip
        limits = [*(cone or (-1.0, -1.0)), -1.0 if angle_limit is None else angle_limit]
        self.joint_ball_limit[joint] = [as_number(v, "add_joint_ball()", "limit") for v in limits]
        return joint

    def add_joint_fixed(
        self,
        parent: int,
        child: int,
        parent_xform=None,
        child_xform=None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
    ) -> int:
        """Adds a joint without freedom: the child's joint frame stays on the parent's."""
        return self.add_joint(
            JOINT_FIXED, parent, child, None, None, name, parent_xform, child_xform, linear_compliance,
            angular_compliance, armature, collision_filter_parent, enabled,
        )  # fmt: skip

    def add_joint_free(
        self,
        child: int,
        parent_xform=None,
        child_xform=None,
        armature: float = 0.0,
        parent: int = -1,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
        **dof_options,
    ) -> int:
        """Adds six degrees of freedom, starting where the child is now.

        ``joint_q``: position [m] and quaternion of the child's joint frame in the parent's. ``joint_qd``: angular
        velocity [rad/s], then velocity of the child's joint frame's origin [m/s], both along the parent's joint axes.
        """
        return self.add_joint(
            JOINT_FREE, parent, child, None, None, name, parent_xform, child_xform, 0.0, 0.0, armature,
            collision_filter_parent, enabled, **dof_options,
        )  # fmt: skip

    def add_joint_distance(
        self,
        parent: int,
        child: int,
        parent_xform=None,
        child_xform=None,
        min_distance: float = -1.0,
        max_distance: float = 1.0,
        compliance: float = 0.0,
        collision_filter_parent: bool = True,
        enabled: bool = True,
        *,
        name: str | None = None,
    ) -> int:
        """Adds a rope or rod between two points: their distance stays in [min_distance, max_distance] (negative: free).

        The coordinates are those of a free joint.
        """
        ends = [as_number(v, "add_joint_distance()", "distance") for v in (min_distance, max_distance)]
        joint = self.add_joint(
            JOINT_DISTANCE, parent, child, None, None, name, parent_xform, child_xform, compliance, 0.0, 0.0,
            collision_filter_parent, enabled,
        )  # fmt: skip
        self.joint_distance_range[joint] = ends
        return joint

    def add_joint_universal(
        self,
        parent: int,
        child: int,
        axis_0: JointAxis,
        axis_1: JointAxis,
        parent_xform=None,
        child_xform=None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
    ) -> int:
        """Adds two rotations: about ``axis_0``, then about ``axis_1`` as the first one has turned it."""
        return self.add_joint(
            JOINT_UNIVERSAL, parent, child, None, [_as_axis(axis_0), _as_axis(axis_1)], name, parent_xform, child_xform,
            linear_compliance, angular_compliance, armature, collision_filter_parent, enabled,
        )  # fmt: skip

    def add_joint_compound(
        self,
        parent: int,
        child: int,
        axis_0: JointAxis,
        axis_1: JointAxis,
        axis_2: JointAxis,
        parent_xform=None,
        child_xform=None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        name: str | None = None,
        collision_filter_parent: bool = True,
        enabled: bool = True,
    ) -> int:
        """Adds three rotations, each about its axis as those before it have turned it."""
        axes = [_as_axis(axis) for axis in (axis_0, axis_1, axis_2)]
        return self.add_joint(
            JOINT_COMPOUND, parent, child, None, axes, name, parent_xform, child_xform, linear_compliance,
            angular_compliance, armature, collision_filter_parent, enabled,
        )  # fmt: skip

    def add_joint_d6(
        self,
        parent: int,
        child: int,
        linear_axes: list[JointAxis] | None = None,
        angular_axes: list[JointAxis] | None = None,
        name: str | None = None,
        parent_xform=None,
        child_xform=None,
        linear_compliance: float = 0.0,
        angular_compliance: float = 0.0,
        armature: float = 1e-2,
        collision_filter_parent: bool = True,
        enabled: bool = True,
    ) -> int:
        """Adds a joint of up to three translations and, after them, up to three rotations."""
        return self.add_joint(
            JOINT_D6, parent, child, [_as_axis(a) for a in linear_axes or ()], [_as_axis(a) for a in angular_axes or ()],
            name, parent_xform, child_xform, linear_compliance, angular_compliance, armature, collision_filter_parent,
            enabled,
        )  # fmt: skip

    def _limit_gains(self, ke: float | None, kd: float | None) -> tuple[float, float]:
        return (
            self.default_joint_limit_ke if ke is None else ke,
            self.default_joint_limit_kd if kd is None else kd,
        )


def _as_axis(value) -> JointAxis:
    return value if isinstance(value, JointAxis) else JointAxis(value)


def _check_axis_count(layout, linear: int, angular: int, where: str) -> None:
    if layout.axes is None:
        if linear > 3 or angular > 3:
            raise SimError(where, f"{linear} linear and {angular} angular axes", "at most three of each")
    elif (linear, angular) != layout.axes:
        raise SimError(where, f"{linear} linear and {angular} angular axes", "{} and {}".format(*layout.axes))


def _checked_axis(axis: JointAxis, where: str) -> JointAxis:
    direction = as_vector(axis.axis, 3, where, "axis")
    if np.linalg.norm(direction) < 1e-9:
        raise SimError(where, f"axis = {direction.tolist()}", "a vector of non-zero length")
    if axis.mode not in MODES:
        raise SimError(where, f"mode = {axis.mode!r}", f"one of {', '.join(map(str, MODES))}")
    for what in ("limit_lower", "limit_upper", "effort_limit"):
        if np.isnan(getattr(axis, what)):
            raise SimError(where, f"{what} = nan", "a number")
    if axis.limit_lower > axis.limit_upper:
        raise SimError(where, f"limits [{axis.limit_lower}, {axis.limit_upper}]", "lower <= upper")
    for what in ("limit_ke", "limit_kd", "target_ke", "target_kd", "damping", "stiffness", "friction"):
        as_number(getattr(axis, what), where, what, minimum=0.0)
    if axis.effort_limit < 0.0:
        raise SimError(where, f"effort_limit = {axis.effort_limit}", "at least 0")
    for what in ("action", "target_qd", "spring_ref", "armature"):
        if getattr(axis, what) is not None:
            as_number(getattr(axis, what), where, what, minimum=0.0 if what == "armature" else None)
    return axis
