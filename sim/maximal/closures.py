"""What holds bodies of a cluster together besides its trees: joints that close loops, and equality constraints.

Connections and welds are ball and fixed joints for the kernels; a coupling relates two degrees of freedom.
"""

import numpy as np

import engine as en
from sim.articulation.joint_table import JointTable
from sim.articulation.joint_types import (
    EQUALITY_CONNECT,
    EQUALITY_JOINT,
    EQUALITY_WELD,
    JOINT_BALL,
    JOINT_FIXED,
)
from sim.device_arrays import device_array
from sim.maximal.joint_rows import ConstraintTable

COUPLING = -1
"""Kind of a closure that relates two degrees of freedom."""

_AS_JOINT = {EQUALITY_CONNECT: JOINT_BALL, EQUALITY_WELD: JOINT_FIXED, EQUALITY_JOINT: COUPLING}


@en.struct
class CouplingTable:
    """Couplings q = coef[0] + coef[1] s + ... of coordinates, per closure.

    joint: the joint that follows, and that which it follows, -1 for none. dof: which of their degrees of freedom.
    span: how far they may be apart from that, 0 and 0 for not at all. compliance: [m/N or rad/(N m)].
    """

    joint: en.array2d(dtype=int)
    dof: en.array2d(dtype=int)
    coef: en.array2d(dtype=float)
    span: en.array2d(dtype=float)
    compliance: en.array(dtype=float)


class Closures:
    """The closures of a model.

    Attributes:
        bodies: The two bodies of each, -1 for the world, host int array [count, 2].
        count: Number of closures.
        coupled: Whether there are couplings among them.
        table: Their frames and axes as a ``JointTable``.
        constraints: Their ``ConstraintTable``.
        couplings: ``CouplingTable``.
        joint: The joint that each one is, -1 for equality constraints, int [count].
    """

    def __init__(self, model, loops: np.ndarray, tree_joint: np.ndarray, fixed: np.ndarray):
        """Lists loop joints and enabled equality constraints; ``finish`` makes the tables once their order is known."""
        columns = {name: getattr(model, f"joint_{name}").numpy()[loops] for name in (
            "type", "parent", "child", "X_p", "X_c", "axis_dim", "linear_compliance", "angular_compliance",
            "distance_range")}  # fmt: skip
        for name in ("q_start", "qd_start", "axis_start"):
            columns[name] = getattr(model, f"joint_{name}").numpy()[loops]
        columns["ball_limit"] = np.full((len(loops), 3), -1.0)  # ranges of loops are left out
        columns["joint"] = loops
        columns["follows"] = np.full((len(loops), 2), -1)
        columns["dof"] = np.zeros((len(loops), 2), dtype=np.int64)
        columns["coef"] = np.zeros((len(loops), 5))
        columns["span"] = np.zeros((len(loops), 2))
        equalities = equality_columns(model, tree_joint, fixed)
        self._host = {name: np.concatenate([columns[name], equalities[name]]) for name in columns}
        self.count = len(self._host["type"])
        self.coupled = bool((self._host["type"] == COUPLING).any())
        self.bodies = np.stack([self._host["parent"], self._host["child"]], axis=1).astype(np.int64)

    def finish(self, model, order: np.ndarray) -> None:
        """Makes the tables, closures in the given order."""
        self.bodies = self.bodies[order]
        host = {name: values[order] for name, values in self._host.items()}

        def on_device(name: str, dtype: str):
            values = host[name]
            if not len(values):  # kernels want arrays, even if they never look into them
                values = np.zeros((1, *values.shape[1:]))
            return device_array(values, dtype, model.device)

        self.table, self.constraints, self.couplings = JointTable(), ConstraintTable(), CouplingTable()
        for name in ("type", "parent", "child", "q_start", "qd_start", "axis_start", "axis_dim"):
            setattr(self.table, name, on_device(name, "int32"))
        for name in ("X_p", "X_c"):
            setattr(self.table, name, on_device(name, "transform"))
        self.table.axis = model.joint_axis
        for name in ("linear_compliance", "angular_compliance", "distance_range", "ball_limit"):
            setattr(self.constraints, name, on_device(name, "float32"))
        self.couplings.joint, self.couplings.dof = on_device("follows", "int32"), on_device("dof", "int32")
        self.couplings.coef, self.couplings.span = on_device("coef", "float32"), on_device("span", "float32")
        self.couplings.compliance = self.constraints.linear_compliance
        self.joint = on_device("joint", "int32")


def equality_columns(model, tree_joint: np.ndarray, fixed: np.ndarray) -> dict[str, np.ndarray]:
    """Enabled equality constraints as rows of closures.

    Left out are couplings of joints that stand in no tree, and what holds nothing that can move.
    """
    kind, body = model.equality_type.numpy(), model.equality_body.numpy().reshape(-1, 2)
    dofs = model.equality_dof.numpy().reshape(-1, 2)
    start, child = model.joint_qd_start.numpy(), model.joint_child.numpy()
    joint = np.where(dofs >= 0, np.searchsorted(start, dofs, side="right") - 1, -1)
    in_tree = np.isin(joint, np.append(tree_joint[tree_joint >= 0], -1)).all(axis=1)
    coupled = kind == EQUALITY_JOINT
    moved = np.where(joint >= 0, np.append(child, -1)[joint], -1)
    ends = np.where(coupled[:, None], moved, body)
    movable = (np.append(~fixed, False)[ends]).any(axis=1)
    chosen = (model.equality_enabled.numpy() != 0) & (~coupled | in_tree) & movable
    ends = ends[chosen]
    n = int(chosen.sum())
    softness = model.equality_compliance.numpy()[chosen]
    # The kernels' joints have a movable child: what is held to the world is turned round.
    turned = (ends[:, 1] < 0) & (kind[chosen] != EQUALITY_JOINT)
    X_1, X_2 = model.equality_X_1.numpy()[chosen], model.equality_X_2.numpy()[chosen]
    zeros = np.zeros(n, dtype=np.int64)
    return {
        "type": np.array([_AS_JOINT[k] for k in kind[chosen].tolist()], dtype=np.int64),
        "parent": np.where(turned, ends[:, 1], ends[:, 0]),
        "child": np.where(turned, ends[:, 0], ends[:, 1]),
        "X_p": np.where(turned[:, None], X_2, X_1),
        "X_c": np.where(turned[:, None], X_1, X_2),
        "axis_dim": np.zeros((n, 2), dtype=np.int64),
        "linear_compliance": softness,
        "angular_compliance": softness,
        "distance_range": np.full((n, 2), -1.0),
        "ball_limit": np.full((n, 3), -1.0),
        "q_start": zeros,
        "qd_start": zeros,
        "axis_start": zeros,
        "joint": np.full(n, -1),
        "follows": joint[chosen],
        "dof": (dofs - np.where(joint >= 0, start[joint], 0))[chosen],
        "coef": model.equality_coef.numpy().reshape(-1, 5)[chosen],
        "span": model.equality_range.numpy().reshape(-1, 2)[chosen],
    }
