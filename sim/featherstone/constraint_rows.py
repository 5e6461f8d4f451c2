"""Which constraint rows a model has: one scalar equation or inequality each, found once on the host.

A row acts between two degrees of freedom (dry friction, coupled coordinates) or between a frame on one body and a frame
on another (loops, welds, ranges of ball and distance joints). Trees that rows connect form an island, whose rows are
solved together. Rows without bounds come first in it.
"""

import numpy as np

import engine as en
from sim.articulation.joint_types import (
    EQUALITY_CONNECT,
    EQUALITY_JOINT,
    EQUALITY_WELD,
    JOINT_BALL,
    JOINT_DISTANCE,
    JOINT_FREE,
)
from sim.device_arrays import device_array
from sim.errors import SimError
from sim.geometry.rotation import IDENTITY_TRANSFORM

FRICTION, COUPLE, SLIDE, ALIGN, PERPENDICULAR, ROTATE, DISTANCE, SWING, TWIST, RANGE = range(10)
"""Kinds of rows; see ``sim.featherstone.row_kernels`` for their equations."""

UNBOUNDED = (COUPLE, SLIDE, ALIGN, PERPENDICULAR, ROTATE)
FIELDS: dict[str, tuple[tuple[int, ...], str]] = {
    "kind": ((), "int32"),
    "bodies": ((2,), "int32"),
    "dofs": ((2,), "int32"),
    "X_1": ((7,), "transform"),
    "X_2": ((7,), "transform"),
    "along": ((3,), "vec3"),
    "across": ((3,), "vec3"),
    "coef": ((5,), "float32"),
    "span": ((2,), "float32"),
    "compliance": ((), "float32"),
    "group": ((), "int32"),
}
_EMPTY = {"bodies": -1, "dofs": -1, "X_1": IDENTITY_TRANSFORM, "X_2": IDENTITY_TRANSFORM}


@en.struct
class RowTable:
    """Rows, and the islands that they form.

    kind: what a row says. tree, item: per row and side, the tree and the position in it that the side's body is moved by
    (or its degree of freedom belongs to), -1 for none. dof, coord: per row and side, the degree of freedom within its tree and its
    coordinate. X_1, X_2: frames in the two bodies, or in the world. along, across: unit vectors in the joint frames. coef: numbers of
    the row. span: the range of RANGE. group: rows of one constraint and one unit, which lie
    side by side. friction_dof: the degree of freedom whose dry friction the row is. island: per row. at: where its numbers
    begin, one a degree of freedom of the island. force_at: where its scratch wrenches begin, one a joint of its trees.
    row_first, free_rows, size, dof_first: per island, its first row (and the end), its rows without bounds, its degrees of freedom,
    where they are listed. solve_at: where its matrix begins. island_dof: those, in the model. tree_offset: per tree,
    its first degree of freedom within the island. tree_island: per tree, -1 for none.
    """

    kind: en.array(dtype=int)
    tree: en.array2d(dtype=int)
    item: en.array2d(dtype=int)
    dof: en.array2d(dtype=int)
    coord: en.array2d(dtype=int)
    X_1: en.array(dtype=en.transform)
    X_2: en.array(dtype=en.transform)
    along: en.array(dtype=en.vec3)
    across: en.array(dtype=en.vec3)
    coef: en.array2d(dtype=float)
    span: en.array2d(dtype=float)
    compliance: en.array(dtype=float)
    group: en.array(dtype=int)
    friction_dof: en.array(dtype=int)
    island: en.array(dtype=int)
    at: en.array(dtype=int)
    force_at: en.array(dtype=int)
    row_first: en.array(dtype=int)
    free_rows: en.array(dtype=int)
    size: en.array(dtype=int)
    dof_first: en.array(dtype=int)
    solve_at: en.array(dtype=int)
    island_dof: en.array(dtype=int)
    tree_offset: en.array(dtype=int)
    tree_island: en.array(dtype=int)


class ConstraintRows:
    """The rows of a model.

    Attributes:
        count: How many there are; islands: how many islands they form.
        table: ``RowTable`` on the model's device.
        moved_trees: Trees that belong to an island.
        loops: Joints that close loops.
    """

    def __init__(self, model):
        trees = model.kinematic_trees
        rows = collect_rows(model)
        tree, item, dof, coord = _places(model, trees, rows["bodies"], rows["dofs"])
        island_of_tree = _islands(trees.count, tree)
        island = island_of_tree[tree.max(axis=1)] if len(tree) else np.zeros(0, int)
        bounded = ~np.isin(rows["kind"], UNBOUNDED)
        order = np.lexsort((rows["group"], bounded, island))
        rows = {name: values[order] for name, values in rows.items()}
        tree, item, dof, coord = tree[order], item[order], dof[order], coord[order]
        island, bounded = island[order], bounded[order]
        self.count = len(order)
        self.islands = int(island_of_tree.max(initial=-1)) + 1
        self.loops = trees.loops
        row_first = np.searchsorted(island, np.arange(self.islands + 1))
        free_rows = np.bincount(island[~bounded], minlength=self.islands)
        members = np.flatnonzero(island_of_tree >= 0)
        members = members[np.argsort(island_of_tree[members], kind="stable")]
        size = np.bincount(island_of_tree[members], trees.dof_count[members], self.islands).astype(int)
        dof_first = np.append(0, np.cumsum(size))
        tree_offset = np.zeros(trees.count, dtype=np.int64)
        before = np.cumsum(trees.dof_count[members]) - trees.dof_count[members]
        tree_offset[members] = before - dof_first[island_of_tree[members]]
        at = np.cumsum(size[island]) - size[island]
        joints = np.diff(trees.first)
        joints = np.where(tree >= 0, joints[tree], 0)
        wrenches = joints[:, 0] + np.where(tree[:, 0] == tree[:, 1], 0, joints[:, 1])
        square = np.diff(row_first) ** 2
        self.vector_words, self.wrench_words = int(size[island].sum()), int(wrenches.sum()) * 6
        self.square_words = int(square.sum())
        self.moved_trees = members
        table = self.table = RowTable()
        values = {
            **{name: rows[name] for name in ("kind", "X_1", "X_2", "along", "across", "coef", "span", "compliance", "group")},
            "tree": tree, "item": item, "dof": dof, "coord": coord, "friction_dof": rows["dofs"][:, 0],
            "island": island, "at": at, "force_at": (np.cumsum(wrenches) - wrenches) * 6, "row_first": row_first,
            "free_rows": free_rows, "size": size, "dof_first": dof_first, "solve_at": np.cumsum(square) - square,
            "island_dof": _dofs_of_trees(model, trees, members), "tree_offset": tree_offset, "tree_island": island_of_tree,
        }  # fmt: skip
        for name, array in values.items():
            setattr(table, name, device_array(array, FIELDS.get(name, ((), "int32"))[1], model.device))
        self.tree_list = device_array(members, "int32", model.device)
        self.loop_list = device_array(self.loops, "int32", model.device)


def collect_rows(model) -> dict[str, np.ndarray]:
    """All rows of a model, as columns of ``FIELDS``."""
    parts = [_friction_rows(model), *_equality_rows(model), *_loop_rows(model), *_range_rows(model)]
    count = 0
    for part in parts:  # numbers of groups are their own within each part
        part["group"], count = part["group"] + count, count + part["group"].max(initial=-1) + 1
    return {
        name: np.concatenate([part[name] for part in parts] or [np.zeros((0, *shape))])
        for name, (shape, _) in FIELDS.items()
    }


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Parts whose groups have the same numbers, as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in FIELDS}


def _part(count: int, **columns) -> dict[str, np.ndarray]:
    part = {}
    for name, (shape, dtype) in FIELDS.items():
        values = np.zeros((count, *shape), dtype=np.int64 if dtype == "int32" else np.float64)
        values[...] = columns.get(name, np.arange(count) if name == "group" else _EMPTY.get(name, 0))
        part[name] = values
    return part


def _friction_rows(model) -> dict[str, np.ndarray]:
    dofs = np.flatnonzero(model.joint_friction.numpy() > 0.0) if model.joint_dof_count else np.zeros(0, int)
    inside = np.flatnonzero(model.kinematic_trees.tree_of_joint[_joint_of_dof(model, dofs)] >= 0)
    dofs = dofs[inside]
    return _part(len(dofs), kind=FRICTION, dofs=np.column_stack([dofs, np.full_like(dofs, -1)]))


def _equality_rows(model):
    if not model.equality_count:
        return
    kind, body = model.equality_type.numpy(), model.equality_body.numpy()
    X_1, X_2 = model.equality_X_1.numpy().reshape(-1, 7), model.equality_X_2.numpy().reshape(-1, 7)
    softness, on = model.equality_compliance.numpy(), model.equality_enabled.numpy() != 0
    chosen = on & (kind == EQUALITY_JOINT)
    span = model.equality_range.numpy().reshape(-1, 2)[chosen]
    yield _part(
        int(chosen.sum()), kind=np.where(span[:, 0] < span[:, 1], RANGE, COUPLE), span=span,
        dofs=model.equality_dof.numpy()[chosen], coef=model.equality_coef.numpy()[chosen], compliance=softness[chosen],
    )  # fmt: skip
    for row, kinds in ((SLIDE, (EQUALITY_CONNECT, EQUALITY_WELD)), (ROTATE, (EQUALITY_WELD,))):
        chosen = on & np.isin(kind, kinds)
        shared = {"kind": row, "bodies": body[chosen], "X_1": X_1[chosen], "X_2": X_2[chosen]}
        yield _joined(
            [_part(int(chosen.sum()), along=axis, compliance=softness[chosen], **shared) for axis in np.eye(3)]
        )


def _loop_rows(model):
    """What joints that close loops take away, along the axes that they leave out."""
    starts, dims = model.joint_axis_start.numpy(), model.joint_axis_dim.numpy()
    axes = model.joint_axis.numpy().reshape(-1, 3).astype(float) if model.joint_axis_count else np.zeros((0, 3))
    on = model.joint_enabled.numpy() != 0 if model.joint_count else []
    for j in model.kinematic_trees.loops:
        kind = int(model.joint_type.numpy()[j])
        if kind in (JOINT_FREE, JOINT_DISTANCE) or not on[j]:
            continue
        shared = {
            "bodies": (model.joint_parent.numpy()[j], model.joint_child.numpy()[j]),
            "X_1": model.joint_X_p.numpy().reshape(-1, 7)[j], "X_2": model.joint_X_c.numpy().reshape(-1, 7)[j],
        }  # fmt: skip
        linear, angular = (int(n) for n in dims[j])
        own = axes[starts[j] : starts[j] + linear + angular]
        locked = _complement(own[:linear])
        if len(locked):
            softness = model.joint_linear_compliance.numpy()[j]
            yield _part(len(locked), kind=SLIDE, along=locked, compliance=softness, group=0, **shared)
        softness = model.joint_angular_compliance.numpy()[j]
        if kind == JOINT_BALL or angular == 3:
            continue
        if angular == 2:
            yield _part(1, kind=PERPENDICULAR, along=own[linear], across=own[linear + 1], compliance=softness, **shared)
            continue
        locked, row = _complement(own[linear:]), ALIGN if angular else ROTATE
        axis = own[linear] if angular else locked
        yield _part(len(locked), kind=row, along=locked, across=axis, compliance=softness, group=0, **shared)


def _range_rows(model):
    """Ranges of ball joints, and of distance joints wherever they stand."""
    if not model.joint_count:
        return
    kinds = model.joint_type.numpy()
    ends = {
        "bodies": np.column_stack([model.joint_parent.numpy(), model.joint_child.numpy()]),
        "X_1": model.joint_X_p.numpy().reshape(-1, 7), "X_2": model.joint_X_c.numpy().reshape(-1, 7),
    }  # fmt: skip

    def rows(kind: int, chosen: np.ndarray, values: np.ndarray):
        coef = np.zeros((len(chosen), 5))
        coef[:, : values.shape[1]] = values[chosen]
        return _part(len(chosen), kind=kind, coef=coef, **{name: end[chosen] for name, end in ends.items()})

    limits, ball = model.joint_ball_limit.numpy().reshape(-1, 3), kinds == JOINT_BALL
    yield rows(SWING, np.flatnonzero(ball & (limits[:, :2].max(axis=1) >= 0.0)), limits[:, :2])
    yield rows(TWIST, np.flatnonzero(ball & (limits[:, 2] >= 0.0)), limits[:, 2:])
    distance = model.joint_distance_range.numpy().reshape(-1, 2)
    ruled = np.flatnonzero((kinds == JOINT_DISTANCE) & (distance.max(axis=1) >= 0.0))
    yield rows(DISTANCE, ruled, distance)


def _complement(axes: np.ndarray) -> np.ndarray:
    """Unit vectors perpendicular to all axes and to each other."""
    if not len(axes):
        return np.eye(3)
    _, _, rows = np.linalg.svd(axes)
    return rows[len(axes) :]


def _joint_of_dof(model, dofs: np.ndarray) -> np.ndarray:
    return np.searchsorted(model.joint_qd_start.numpy(), dofs, side="right") - 1


def _places(model, trees, bodies: np.ndarray, dofs: np.ndarray):
    """Tree, position in it, degree of freedom in it and coordinate of both sides of all rows."""
    mover = np.full(model.body_count + 1, -1, dtype=np.int64)
    children = model.joint_child.numpy() if model.joint_count else np.zeros(0, int)
    inner = np.flatnonzero(trees.tree_of_joint >= 0)
    mover[children[inner]] = inner
    joint = np.where(dofs >= 0, _joint_of_dof(model, np.maximum(dofs, 0)), mover[bodies.astype(int)])
    tree = np.where(joint >= 0, trees.tree_of_joint[joint], -1) if model.joint_count else joint
    loose = bodies[(bodies >= 0) & (tree < 0)]
    if len(loose):
        raise SimError(
            f"body {model.body_name[int(loose[0])]!r}",
            "a constraint holds it, but no joint does",
            "every body of a constraint to be the child of a joint",
            "call add_joint_free(child=...) for a floating body",
        )
    place = np.where(joint >= 0, trees.place[joint], 0)
    item = np.where(tree >= 0, place - trees.first[tree], -1)
    start, q_start = (model.joint_qd_start.numpy()[joint], model.joint_q_start.numpy()[joint])
    local = np.where((dofs >= 0) & (tree >= 0), trees.dof_at[place] + dofs - start, -1)
    coord = np.where(dofs >= 0, q_start + dofs - start, -1)
    return tree, item, local, coord


def _islands(tree_count: int, tree: np.ndarray) -> np.ndarray:
    """Number of each tree's island, -1 for trees without rows."""
    label = np.arange(tree_count)
    both = tree[(tree >= 0).all(axis=1)]
    while len(both):
        low = np.minimum(label[both[:, 0]], label[both[:, 1]])
        before = label.copy()
        np.minimum.at(label, both[:, 0], low)
        np.minimum.at(label, both[:, 1], low)
        label = label[label]
        if np.array_equal(before, label):
            break
    result = np.full(tree_count, -1, dtype=np.int64)
    touched = np.unique(tree[tree >= 0])
    _, result[touched] = np.unique(label[touched], return_inverse=True)
    return result


def _dofs_of_trees(model, trees, members: np.ndarray) -> np.ndarray:
    """The model's degrees of freedom of these trees, one tree after the other, in the trees' own order."""
    starts, order = model.joint_qd_start.numpy(), trees.table.order.numpy()
    joints = [order[trees.first[t] : trees.first[t + 1]] for t in members]
    parts = [np.arange(starts[j], starts[j + 1]) for j in np.concatenate(joints or [np.zeros(0, int)])]
    return np.concatenate(parts or [np.zeros(0, int)])
