"""The joint arrays of a model as one kernel argument."""

import engine as en


@en.struct
class JointTable:
    """What kinematics needs of every joint; see ``Model`` for the meaning of the arrays."""

    type: en.array(dtype=int)
    parent: en.array(dtype=int)
    child: en.array(dtype=int)
    X_p: en.array(dtype=en.transform)
    X_c: en.array(dtype=en.transform)
    q_start: en.array(dtype=int)
    qd_start: en.array(dtype=int)
    axis_start: en.array(dtype=int)
    axis_dim: en.array2d(dtype=int)
    axis: en.array(dtype=en.vec3)


def joint_table(model) -> JointTable:
    """The table of a model's joints; its arrays are the model's own."""
    table = JointTable()
    for name in ("type", "parent", "child", "X_p", "X_c", "q_start", "qd_start", "axis_start", "axis_dim", "axis"):
        setattr(table, name, getattr(model, "joint_axis" if name == "axis" else f"joint_{name}"))
    return table
