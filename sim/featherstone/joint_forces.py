"""Generalised forces at a joint: drives, limits, springs, damping; and how they enter the step implicitly.

A step leads from q through the middle q + dt/2 qd to the end. Forces that are stiff are taken where the step ends
(drives, limits, damping), springs where implicit midpoint has them: then a spring keeps its energy, and
nothing here bounds the step. Dry friction is a constraint row instead (``sim.featherstone.constraint_rows``). In the equation for the acceleration x of one degree of freedom, force(x) = given - extra x.
"""

import engine as en
from sim.articulation.joint_motion import BALL, is_free, quat_at
from sim.articulation.joint_table import JointTable
from sim.articulation.joint_types import JOINT_MODE_FORCE, JOINT_MODE_TARGET_VELOCITY

FORCE_MODE = en.constant(JOINT_MODE_FORCE)
VELOCITY_MODE = en.constant(JOINT_MODE_TARGET_VELOCITY)


@en.struct
class JointForceTable:
    """Drives, limits and passive forces; see ``Model`` for the arrays."""

    mode: en.array(dtype=int)
    target_ke: en.array(dtype=float)
    target_kd: en.array(dtype=float)
    target_qd: en.array(dtype=float)
    effort_limit: en.array(dtype=float)
    limit_lower: en.array(dtype=float)
    limit_upper: en.array(dtype=float)
    limit_ke: en.array(dtype=float)
    limit_kd: en.array(dtype=float)
    armature: en.array(dtype=float)
    damping: en.array(dtype=float)
    stiffness: en.array(dtype=float)
    spring_ref: en.array(dtype=float)


FIELDS = (
    "target_ke", "target_kd", "target_qd", "effort_limit", "limit_lower", "limit_upper", "limit_ke", "limit_kd",
    "armature", "damping", "stiffness", "spring_ref",
)  # fmt: skip
FORCE_ARRAYS = ("joint_axis_mode", *(f"joint_{name}" for name in FIELDS))


def joint_force_table(model) -> JointForceTable:
    """The table of a model's joint forces."""
    table = JointForceTable()
    for name in FIELDS:
        setattr(table, name, getattr(model, f"joint_{name}"))
    table.mode = model.joint_axis_mode
    return table


@en.func
def drive_force(forces: JointForceTable, axis: int, act: float, q: float, qd: float, dt: float):
    """Force of a drive at position q and velocity qd, and what it takes off per unit of acceleration over dt."""
    mode = forces.mode[axis]
    given = act
    extra = 0.0
    if mode != FORCE_MODE:
        ke = forces.target_ke[axis]
        kd = forces.target_kd[axis]
        if mode == VELOCITY_MODE:
            given = ke * (act - qd)
            extra = ke * dt
        else:
            ahead = q + 0.5 * dt * qd
            given = ke * (act - ahead) + kd * (forces.target_qd[axis] - qd)
            extra = dt * (kd + 0.5 * dt * ke)
    limit = forces.effort_limit[axis]
    if en.abs(given) > limit:
        given = en.clamp(given, -limit, limit)
        extra = 0.0
    return given, extra


@en.func
def limit_force(forces: JointForceTable, axis: int, q: float, qd: float, dt: float):
    """Force of a compliant limit that the step's end lies beyond, and its share per unit of acceleration."""
    given = 0.0
    extra = 0.0
    ahead = q + 0.5 * dt * qd
    beyond = en.min(ahead - forces.limit_lower[axis], 0.0) + en.max(ahead - forces.limit_upper[axis], 0.0)
    if beyond != 0.0:
        ke = forces.limit_ke[axis]
        kd = forces.limit_kd[axis]
        # damping slows what comes in, but a limit never pulls on what leaves
        if beyond * (ke * beyond + kd * qd) > 0.0:
            given = -ke * beyond - kd * qd
            extra = dt * (kd + 0.5 * dt * ke)
    return given, extra


@en.func
def ball_deflection(joints: JointTable, j: int, q: en.array(dtype=float), i: int) -> float:
    """Component i of the rotation vector [rad] of a ball joint."""
    r = quat_at(q, joints.q_start[j])
    if r[3] < 0.0:
        r = -r
    v = en.vec3(r[0], r[1], r[2])
    s = en.length(v)
    scale = 2.0
    if s > 1.0e-6:
        scale = 2.0 * en.atan2(s, r[3]) / s
    return v[i] * scale


@en.func
def joint_force(
    joints: JointTable,
    forces: JointForceTable,
    j: int,
    i: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    dt: float,
):
    """Force at degree of freedom i of a joint with mid-step coordinates q, and its share per unit of acceleration."""
    dof = joints.qd_start[j] + i
    speed = qd[dof]
    given = 0.0
    extra = forces.armature[dof]
    if applied:
        given = applied[dof]
    damping = forces.damping[dof]
    given = given - damping * speed
    extra = extra + dt * damping
    kind = joints.type[j]
    k = forces.stiffness[dof]
    if kind == BALL:
        if k > 0.0:
            given = given - k * ball_deflection(joints, j, q, i)
            extra = extra + 0.25 * dt * dt * k
    elif not is_free(kind):
        axis = joints.axis_start[j] + i
        position = q[joints.q_start[j] + i]
        given = given - k * (position - forces.spring_ref[dof])
        extra = extra + 0.25 * dt * dt * k
        drive, drive_extra = drive_force(forces, axis, act[axis], position, speed, dt)
        stop, stop_extra = limit_force(forces, axis, position, speed, dt)
        given = given + drive + stop
        extra = extra + drive_extra + stop_extra
    return given, extra
