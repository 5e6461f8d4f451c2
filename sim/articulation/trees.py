"""Kinematic trees: the joints of a model sorted so that a kernel can walk them from the roots outward.

Every root joint (its parent is the world) begins a tree of its own: trees do not act on each other, so each is the
work of one thread. Trees of one kind lie together, and their scratch numbers are interleaved in blocks of ``lanes``
trees (structure of arrays over copies), so that neighbouring threads touch neighbouring memory. Component k of item j
of a tree is found at ``base * components + (j * components + k) * lanes + lane``.
"""

import numpy as np

import engine as en
from sim.articulation.copies import CPU_LANES, CopyGroup, copy_groups, split_evenly
from sim.articulation.joint_types import JOINT_FREE, JOINT_LAYOUTS
from sim.device_arrays import device_array
from sim.errors import SimError

CUDA_LANES = 32
"""Threads of a warp. On the CPU the numbers of a tree lie side by side unless copies of it run in SIMD lanes."""


_FEW_MAKES = 8


@en.struct
class TreeTable:
    """Where the joints of each tree stand, and where its scratch begins.

    first: per tree, its first position in ``order`` and one more entry for the end. order: per position, the joint.
    ancestor: per position, the position within the tree of the joint that moves the parent body, -1 at a root.
    dof_at: per position, the joint's first degree of freedom within the tree. joint_base, dof_base, lane: per tree. row: per tree, its number in the order
    of root joints: its row in mass matrices and Jacobians.
    """

    first: en.array(dtype=int)
    order: en.array(dtype=int)
    ancestor: en.array(dtype=int)
    dof_at: en.array(dtype=int)
    joint_base: en.array(dtype=int)
    dof_base: en.array(dtype=int)
    lane: en.array(dtype=int)
    row: en.array(dtype=int)


class KinematicTrees:
    """The trees of a model.

    Attributes:
        count: Number of trees.
        lanes: Trees in a block of scratch.
        table: ``TreeTable`` on the model's device.
        joint_items: Number of scratch items, one a joint, padding included; likewise dof_items.
        tree_of_joint: Tree of each joint, -1 for those that close loops, host int array [joint_count].
        place: Position of each joint in the table's ``order``, likewise.
        loops: The joints that close loops: their child is moved by an earlier joint. A host array.
        first: First position of each tree, and the end, a host array.
        row: Row of each tree in mass matrices and Jacobians, host int array [count].
        dof_count: Degrees of freedom of each tree, host int array [count].
        dof_at: First degree of freedom of the joint at each position, within the tree, a host array.
        loose_parents: Bodies that carry a joint but have none of their own, a host array.
        copies: ``CopyGroup`` of trees of one make that lie evenly spaced, a list.
        rest: The other trees, int32 on the model's device; None if there are no groups.
        rest_count: Their number.
        moves_all: Whether every body is moved by a tree.
    """

    def __init__(self, model):
        host = {name: getattr(model, f"joint_{name}").numpy() for name in ("type", "parent", "child", "axis_dim")}
        mover, self.loops = movers(host["child"], model.body_count)
        inner = np.delete(np.arange(len(host["child"])), self.loops)
        number = np.full(len(host["child"]) + 1, -1, dtype=np.int64)  # the last entry answers for -1
        number[inner] = np.arange(len(inner))
        dofs = joint_dofs(host["type"], host["axis_dim"])[inner]
        ancestor = number[mover[host["parent"][inner]]]
        root, depth = roots(ancestor, [model.joint_name[j] for j in inner])
        numbers = joint_numbers(model, host["child"])[inner]
        kind = np.column_stack([host["type"][inner], host["axis_dim"][inner], numbers - numbers[root]])
        order, first, shape = sorted_trees(root, depth, ancestor, kind, numbers)
        self.count, self.first = len(first) - 1, first
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        start = np.repeat(first[:-1], np.diff(first))
        local = np.where(ancestor[order] >= 0, place[ancestor[order]] - start, -1)
        total = np.cumsum(dofs[order]) - dofs[order]
        dof_at = total - total[start] if len(order) else total
        self.row = np.argsort(np.argsort(root[order[first[:-1]]])) if self.count else np.zeros(0, int)
        self.dof_count = np.add.reduceat(dofs[order], first[:-1]) if self.count else np.zeros(0, int)
        self.tree_of_joint, self.place = np.full((2, len(host["child"])), -1, dtype=np.int64)
        order = inner[order]
        self.tree_of_joint[order] = np.repeat(np.arange(self.count), np.diff(first))
        self.place[order] = np.arange(len(order))
        self.dof_at = dof_at
        self.moves_all = len(order) == model.body_count
        self._group(model.device, shape, joint_numbers(model, host["child"])[order[first[:-1]]])
        joint_base, lane, self.joint_items = blocks(shape, np.diff(first), self.lanes)
        dof_base, _, self.dof_items = blocks(shape, self.dof_count, self.lanes)
        self.loose_parents = np.unique(host["parent"][(host["parent"] >= 0) & (mover[host["parent"]] < 0)])
        self.table = TreeTable()
        for name, values in (
            ("first", first), ("order", order), ("ancestor", local), ("dof_at", dof_at),
            ("joint_base", joint_base), ("dof_base", dof_base), ("lane", lane),
            ("row", self.row),
        ):  # fmt: skip
            setattr(self.table, name, device_array(values, "int32", model.device))

    def _group(self, device, shape: np.ndarray, numbers: np.ndarray) -> None:
        """Finds the copies among the trees, and the others."""
        self.copies: list[CopyGroup] = copy_groups(shape, numbers, self.dof_count)
        self.lanes = self.block_size(device, bool(self.copies))
        grouped = [np.arange(g.tree, g.tree + g.copies) for g in self.copies]
        others = np.delete(np.arange(self.count), np.concatenate(grouped)) if grouped else None
        self.rest_count = self.count if others is None else len(others)
        self.rest = None if others is None else device_array(others, "int32", device)

    @staticmethod
    def block_size(device, in_lanes: bool) -> int:
        """Trees in a block of scratch on a device; ``in_lanes``: whether some of them run in lock-step."""
        if device is not None and device.is_cuda:
            return CUDA_LANES
        return CPU_LANES if in_lanes else 1


def joint_numbers(model, child: np.ndarray) -> np.ndarray:
    """Where each joint's numbers begin: columns joint, child body, coordinate, velocity, axis."""
    starts = (getattr(model, f"joint_{name}_start").numpy()[:-1] for name in ("q", "qd", "axis"))
    return np.column_stack([np.arange(len(child)), child, *starts]).astype(np.int64)


def joint_dofs(types: np.ndarray, axis_dim: np.ndarray) -> np.ndarray:
    """Degrees of freedom of each joint."""
    own = np.zeros(max(JOINT_LAYOUTS) + 1, dtype=np.int64)
    for kind, layout in JOINT_LAYOUTS.items():
        own[kind] = layout.dofs
    return own[types] + axis_dim.sum(axis=1)


def body_parts(model) -> np.ndarray:
    """One more than the number of joints that hold each body to another or to a place; free joints hold nothing."""
    if not model.joint_count:
        return np.ones(model.body_count)
    holds = (model.joint_enabled.numpy() != 0) & (model.joint_type.numpy() != JOINT_FREE)
    ends = np.concatenate([model.joint_parent.numpy()[holds], model.joint_child.numpy()[holds]])
    return 1.0 + np.bincount(ends[ends >= 0], minlength=model.body_count)


def movers(child: np.ndarray, body_count: int) -> tuple[np.ndarray, np.ndarray]:
    """The joint that moves each body, -1 for none (and for the world, the last entry); joints that close loops.

    Of several joints with one child the first one moves it, and the others close loops.
    """
    joints = np.arange(len(child))
    mover = np.full(body_count + 1, -1, dtype=np.int64)
    mover[child[::-1]] = joints[::-1]  # of several writes the last one stays
    return mover, np.flatnonzero(mover[child] != joints)


def roots(ancestor: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Root joint and depth of every joint.

    Raises:
        SimError: Joints follow each other in a circle.
    """
    root, depth = np.arange(len(ancestor)), np.zeros(len(ancestor), dtype=np.int64)
    above = ancestor.copy()
    for _ in range(len(ancestor) + 1):
        moving = above >= 0
        if not moving.any():
            return root, depth
        depth += moving
        root = np.where(moving, above, root)
        above = np.where(moving, ancestor[above], -1)
    circle = [names[j] for j in np.flatnonzero(above >= 0)[:10]]
    raise SimError(f"joints {', '.join(circle)}", "each moves the parent of the next, in a circle", "a tree of bodies")


def sorted_trees(root, depth, ancestor, kind, numbers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints tree by tree, parents first, equal trees together.

    Returns:
        The joint at each position, the first position of each tree (and the end), and for each tree a number that is
        the same for trees of equal make that lie evenly spaced (``sim.articulation.copies``).
    """
    index = np.arange(len(root))
    # The order in which joints were added is kept where it has parents first: then dofs keep their order as well.
    order = np.argsort(root, kind="stable") if (ancestor < index).all() else np.lexsort((index, depth, root))
    first = np.flatnonzero(np.append(True, np.diff(root[order]) != 0)) if len(order) else np.zeros(0, int)
    size = np.diff(np.append(first, len(order)))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    start = np.repeat(first, size)
    local = np.where(ancestor[order] >= 0, place[ancestor[order]] - start, -1)
    make = np.column_stack([local, kind[order]])
    shape = np.zeros(len(first), dtype=np.int64)
    known = 0
    for n in np.unique(size):
        same = np.flatnonzero(size == n)
        rows = make[first[same][:, None] + np.arange(n)].reshape(len(same), -1)
        label = equal_rows(rows)
        shape[same] = known + label
        known += int(label.max()) + 1
    shape = split_evenly(shape, numbers[order[first]])
    by_shape = np.argsort(shape, kind="stable")
    ends = np.append(0, np.cumsum(size[by_shape]))
    positions = np.arange(len(order)) + np.repeat(first[by_shape] - ends[:-1], size[by_shape])
    return order[positions], ends, shape[by_shape]


def equal_rows(rows: np.ndarray) -> np.ndarray:
    """A number for each row, the same for equal rows."""
    label = np.full(len(rows), -1, dtype=np.int64)
    for known in range(_FEW_MAKES):  # a look at each row for each make is faster than sorting rows, if makes are few
        left = np.flatnonzero(label < 0)
        if not len(left):
            return label
        label[left[(rows[left] == rows[left[0]]).all(axis=1)]] = known
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def blocks(shape: np.ndarray, items: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Where each tree's block of scratch begins, its lane in the block, and how many items there are in all."""
    base, lane = np.zeros(len(shape), dtype=np.int64), np.zeros(len(shape), dtype=np.int64)
    end = 0
    for s in range(int(shape.max(initial=-1)) + 1):
        members = np.flatnonzero(shape == s)
        copy = np.arange(len(members))
        n = int(items[members[0]])
        lane[members] = copy % lanes
        base[members] = end + (copy // lanes) * lanes * n
        end += -(-len(members) // lanes) * lanes * n
    return base, lane, end
