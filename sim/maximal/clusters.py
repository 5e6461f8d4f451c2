"""Which joints of a model form trees of bodies, which close loops, and in which order kernels walk them.

A node is a body that a joint holds and that can move; its tree joint is the first enabled joint whose child it is. A
body that carries joints but has none of its own is the root of a tree that floats; kinematic bodies stand for the
world. Joints that would give a body a second way to the root close loops. Trees that loops connect are one cluster,
and a cluster is the work of one thread: clusters do not act on each other through joints.

Scratch numbers of equal clusters are interleaved as those of `sim.articulation.trees`.
"""

import numpy as np

import engine as en
from sim.articulation.joint_types import JOINT_DISTANCE
from sim.articulation.trees import KinematicTrees, blocks, joint_dofs, sorted_trees
from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.device_arrays import device_array
from sim.maximal.closures import Closures

ROWS = 6
"""Rows of a joint: no two bodies have more directions in which to move against each other."""


@en.struct
class ClusterTable:
    """Where the nodes of each cluster stand, and where its scratch begins.

    first: per cluster, its first position, and one more entry for the end. body, joint: per position; joint -1 at
    floating roots. ancestor: per position, the position within the cluster of the parent body, -1 where the world or a
    kinematic body holds it. row_at: per position, its first row within the cluster. node_base, row_base, lane: per
    cluster. place: per body, its position within its cluster, -1 for bodies that are no node. loop_first: per cluster,
    its first closure (`sim.maximal.closures`), and the end.
    """

    first: en.array(dtype=int)
    body: en.array(dtype=int)
    joint: en.array(dtype=int)
    ancestor: en.array(dtype=int)
    row_at: en.array(dtype=int)
    node_base: en.array(dtype=int)
    row_base: en.array(dtype=int)
    lane: en.array(dtype=int)
    place: en.array(dtype=int)
    loop_first: en.array(dtype=int)


class Clusters:
    """The clusters of a model.

    Attributes:
        count: Number of clusters.
        lanes: Clusters in a block of scratch.
        table: ``ClusterTable`` on the model's device.
        node_items: Scratch items of nodes, padding included; likewise row_items.
        tree_joint: For each body, the joint that holds it in its tree, or -1, host int array [body_count].
        label: A number for each body that is the same throughout its cluster, host int array [body_count].
        closures: What holds bodies together besides.
    """

    def __init__(self, model, every_row: bool):
        """Sorts the joints; ``every_row`` makes room for all directions of a joint instead of its free ones."""
        self.lanes = KinematicTrees.block_size(model.device, in_lanes=False)
        names = ("type", "parent", "child", "axis_dim", "enabled", "linear_compliance", "angular_compliance")
        host = {name: getattr(model, f"joint_{name}").numpy() for name in names}
        fixed = (model.body_flags.numpy() & BODY_FLAG_KINEMATIC) != 0
        self.tree_joint, loops = split_joints(host, fixed)
        self.closures = Closures(model, loops, self.tree_joint, fixed)
        bodies = movable_bodies(host, self.closures.bodies, fixed)
        joints = np.unique(self.tree_joint[self.tree_joint >= 0])
        pairs = np.concatenate([np.stack([host["parent"], host["child"]], axis=1)[joints], self.closures.bodies])
        self.label = cluster_labels(pairs, fixed)
        self._sort(model, host, bodies, self.label[bodies], fixed, row_counts(host, every_row))

    def _sort(self, model, host, bodies, label, fixed, rows) -> None:
        node = np.full(model.body_count + 1, -1, dtype=np.int64)
        node[bodies] = np.arange(len(bodies))
        joint = self.tree_joint[bodies]
        parent = np.append(host["parent"], -1)[joint]  # joint -1 reads the last entry
        parent = np.where((parent >= 0) & ~fixed[np.maximum(parent, 0)], parent, -1)
        ancestor = node[parent]
        kind = np.append(host["type"], -1)[joint]
        count = np.append(rows, ROWS)[joint]  # a floating root may move in all directions
        depth = depths(ancestor)
        # A cluster with loops is nobody's copy as far as its loops go; only the items of nodes must agree. Where copies
        # lie does not matter, so all stand at zero.
        make, numbers = np.column_stack([kind, count]), np.zeros((len(bodies), 1), dtype=np.int64)
        order, first, shape = sorted_trees(label, depth, ancestor, make, numbers)
        self.count = len(first) - 1
        size = np.diff(first)
        start = np.repeat(first[:-1], size)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order)) - start
        total = np.cumsum(count[order]) - count[order]
        row_at = total - total[start] if len(order) else total
        row_count = np.add.reduceat(count[order], first[:-1]) if self.count else np.zeros(0, int)
        node_base, lane, self.node_items = blocks(shape, size, self.lanes)
        row_base, _, self.row_items = blocks(shape, row_count, self.lanes)
        place_of_body = np.full(model.body_count, -1, dtype=np.int64)
        place_of_body[bodies] = place
        cluster_of_node = np.empty(len(order), dtype=np.int64)
        cluster_of_node[order] = np.repeat(np.arange(self.count), size)
        loop_first = self._sort_closures(model, node, cluster_of_node)
        self.table = ClusterTable()
        for name, values in (
            ("first", first), ("body", bodies[order]), ("joint", joint[order]),
            ("ancestor", np.where(ancestor[order] >= 0, place[ancestor[order]], -1)), ("row_at", row_at),
            ("node_base", node_base), ("row_base", row_base), ("lane", lane), ("place", place_of_body),
            ("loop_first", loop_first),
        ):  # fmt: skip
            setattr(self.table, name, device_array(values, "int32", model.device))

    def _sort_closures(self, model, node, cluster_of_node) -> np.ndarray:
        """Brings the closures in the order of clusters; returns where each cluster's begin."""
        ends = node[self.closures.bodies]
        cluster = cluster_of_node[ends.max(axis=1)] if len(ends) else np.zeros(0, dtype=np.int64)
        self.closures.finish(model, np.argsort(cluster, kind="stable"))
        return np.append(0, np.cumsum(np.bincount(cluster, minlength=self.count)))


def split_joints(host, fixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The joint that holds each body in its tree (-1: none), and the joints that close loops."""
    tree_joint = np.full(len(fixed), -1, dtype=np.int64)
    top = np.arange(len(fixed))

    def root(body: int) -> int:
        while top[body] != body:
            top[body] = top[top[body]]
            body = top[body]
        return body

    loops = []
    for joint in np.flatnonzero(host["enabled"]):
        parent, child = int(host["parent"][joint]), int(host["child"][joint])
        held = parent < 0 or fixed[parent]
        if fixed[child]:
            if not held:
                loops.append(joint)
            continue
        if tree_joint[child] >= 0 or (not held and root(parent) == child):
            loops.append(joint)
            continue
        tree_joint[child] = joint
        if not held:
            top[child] = root(parent)
    return tree_joint, np.array(loops, dtype=np.int64)


def movable_bodies(host, closed: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Bodies that an enabled joint or a closure holds and that are not kinematic, ascending."""
    active = host["enabled"] != 0
    ends = np.concatenate([host["parent"][active], host["child"][active], closed.ravel()]).astype(np.int64)
    ends = np.unique(ends[ends >= 0])
    return ends[~fixed[ends]]


def cluster_labels(pairs: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """A number for every body that is the same throughout its cluster and ascends with the cluster's first body.

    Args:
        pairs: Bodies that are held together, -1 for the world, shape [n, 2].
        fixed: Which bodies are kinematic.
    """
    label = np.arange(len(fixed))
    a, b = pairs.T
    both = (a >= 0) & (b >= 0)
    both[both] &= ~fixed[a[both]] & ~fixed[b[both]]
    a, b = a[both], b[both]
    while True:
        before = label.copy()
        low = np.minimum(label[a], label[b])
        np.minimum.at(label, a, low)
        np.minimum.at(label, b, low)
        label = label[label]
        if np.array_equal(label, before):
            return label


def depths(ancestor: np.ndarray) -> np.ndarray:
    """How many nodes stand above each."""
    depth, above = np.zeros(len(ancestor), dtype=np.int64), ancestor.copy()
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, ancestor[above], -1)
    return depth


def row_counts(host, every_row: bool) -> np.ndarray:
    """Rows of each joint: its degrees of freedom, or all directions where locked ones are compliant or vary."""
    dofs = joint_dofs(host["type"], host["axis_dim"])
    soft = (host["linear_compliance"] > 0.0) | (host["angular_compliance"] > 0.0) | (host["type"] == JOINT_DISTANCE)
    return np.where(soft | every_row, ROWS, dofs)
