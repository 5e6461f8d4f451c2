"""Relative velocity of the two bodies of a joint, at a point."""

import engine as en
from sim.articulation.joint_table import JointTable


@en.func
def relative_velocity_at(
    joints: JointTable,
    j: int,
    point: en.vec3,
    frame: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
):
    """Angular [rad/s] and linear [m/s] velocity of the child relative to the parent at a world point, bodies as in ``frame``."""
    c = joints.child[j]
    p = joints.parent[j]
    w = en.spatial_top(body_qd[c])
    v = en.spatial_bottom(body_qd[c]) + en.cross(w, point - en.transform_point(frame[c], body_com[c]))
    if p >= 0:
        w_p = en.spatial_top(body_qd[p])
        v = v - en.spatial_bottom(body_qd[p]) - en.cross(w_p, point - en.transform_point(frame[p], body_com[p]))
        w = w - w_p
    return w, v
