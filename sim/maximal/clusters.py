"""Which joints of a model form trees of bodies, which close loops, and in which order kernels walk them.

A node is a body that a joint holds and that can move; its tree joint is the first enabled joint whose child it is. A
body that carries joints but has none of its own is the root of a tree that floats; kinematic bodies stand for the
world. Joints that would give a body a second way to the root close loops. Trees that loops connect are one cluster;
clusters do not act on each other through joints. A cluster is the work of one thread on a CPU. On a GPU it is that of
several neighbouring ones: nodes of one depth at the same time, or all nodes where they do not depend on each other.
"""

import numpy as np

import engine as en
from engine.taping import active_tape
from sim.articulation.joint_types import JOINT_DISTANCE
from sim.articulation.trees import joint_dofs
from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.device_arrays import device_array
from sim.maximal.closures import Closures

ROWS = 6
"""Rows of a joint: no two bodies have more directions in which to move against each other."""


LANES = 32
"""Threads that share a cluster on a GPU, at most: those of a warp, which may wait for each other at no cost."""

_MOST_THREADS = 1 << 16
"""Threads beyond which a GPU has no use for more: clusters then get as few as their branches can use."""


@en.struct
class ClusterTable:
    """Where the nodes of each cluster stand; positions count through all clusters, nodes of one depth lie together.

    first: per cluster, its first position, and one more entry for the end. level: per cluster, its first entry in
    level_first, and the end. level_first: per depth of a cluster, its first position, and the end. body, joint: per
    position; joint -1 at floating roots. depth: per position. ancestor: per position, that of the parent body, -1 where the world or a
    kinematic body holds it. child_first, child_last: per position, the first of those that it is the ancestor of, and
    the one after the last. row_at: per position, its first row. place: per body, its position, -1 for bodies that are no
    node. loop_first: per cluster, its first closure (`sim.maximal.closures`), and the end.
    """

    first: en.array(dtype=int)
    level: en.array(dtype=int)
    level_first: en.array(dtype=int)
    body: en.array(dtype=int)
    joint: en.array(dtype=int)
    depth: en.array(dtype=int)
    ancestor: en.array(dtype=int)
    child_first: en.array(dtype=int)
    child_last: en.array(dtype=int)
    row_at: en.array(dtype=int)
    place: en.array(dtype=int)
    loop_first: en.array(dtype=int)


class Clusters:
    """The clusters of a model.

    Attributes:
        count: Number of clusters.
        table: ``ClusterTable`` on the model's device.
        node_count: Number of nodes; row_count: of rows; joint_count: of joints that hold nodes.
        tree_joint: For each body, the joint that holds it in its tree, or -1, host int array [body_count].
        label: A number for each body that is the same throughout its cluster, host int array [body_count].
        closures: What holds bodies together besides.
    """

    def __init__(self, model, every_row: bool):
        """Sorts the joints; ``every_row`` makes room for all directions of a joint instead of its free ones."""
        names = ("type", "parent", "child", "axis_dim", "enabled", "linear_compliance", "angular_compliance")
        host = {name: getattr(model, f"joint_{name}").numpy() for name in names}
        fixed = (model.body_flags.numpy() & BODY_FLAG_KINEMATIC) != 0
        self.tree_joint, loops = split_joints(host, fixed)
        self.closures = Closures(model, loops, self.tree_joint, fixed)
        bodies = movable_bodies(host, self.closures.bodies, fixed)
        joints = np.unique(self.tree_joint[self.tree_joint >= 0])
        pairs = np.concatenate([np.stack([host["parent"], host["child"]], axis=1)[joints], self.closures.bodies])
        self.label = cluster_labels(pairs, fixed)
        self._sort(model, host, bodies, fixed, row_counts(host, every_row))

    def _sort(self, model, host, bodies, fixed, rows) -> None:
        joint = self.tree_joint[bodies]
        parent = np.append(host["parent"], -1)[joint]  # joint -1 reads the last entry
        parent = np.where((parent >= 0) & ~fixed[np.maximum(parent, 0)], parent, -1)
        order, depth, ancestor = by_depth(bodies, parent, self.label)
        bodies, joint, label = bodies[order], joint[order], self.label[bodies[order]]
        place = np.full(model.body_count, -1, dtype=np.int64)
        place[bodies] = np.arange(len(bodies))
        count = np.append(rows, ROWS)[joint]  # a floating root may move in all directions
        first = starts(label)
        level_first = starts(np.column_stack([label, depth]))
        children = np.bincount(ancestor[ancestor >= 0], minlength=len(bodies))
        child_first = np.zeros(len(bodies), dtype=np.int64)
        last = np.flatnonzero(ancestor >= 0)[::-1]
        child_first[ancestor[last]] = last  # of several writes the last one stays: that of the first child
        self.count, self.node_count, self.row_count = len(first) - 1, len(bodies), int(count.sum())
        self.joint_count = int((joint >= 0).sum())
        self._widths = np.diff(first), np.diff(level_first)
        loop_first = self._sort_closures(model, place, np.repeat(np.arange(self.count), np.diff(first)))
        self.table = ClusterTable()
        for name, values in (
            ("first", first), ("level", np.searchsorted(level_first, first)), ("level_first", level_first),
            ("body", bodies), ("joint", joint), ("depth", depth), ("ancestor", ancestor), ("child_first", child_first),
            ("child_last", child_first + children), ("row_at", np.cumsum(count) - count), ("place", place),
            ("loop_first", loop_first),
        ):  # fmt: skip
            setattr(self.table, name, device_array(values, "int32", model.device))

    def width(self, device) -> int:
        """Threads that share a cluster in a launch now: one on a CPU, and where a tape wants to go backward."""
        if not device.is_cuda or not self.count or active_tape() is not None:
            return 1
        nodes, level = (1 << int(sizes.max() - 1).bit_length() for sizes in self._widths)
        return min(LANES, nodes if nodes * self.count <= _MOST_THREADS else level)

    def _sort_closures(self, model, place, cluster_of_node) -> np.ndarray:
        """Brings the closures in the order of clusters; returns where each cluster's begin."""
        ends = np.append(place, -1)[self.closures.bodies]
        cluster = cluster_of_node[ends.max(axis=1)] if len(ends) else np.zeros(0, dtype=np.int64)
        self.closures.finish(model, np.argsort(cluster, kind="stable"))
        return np.append(0, np.cumsum(np.bincount(cluster, minlength=self.count)))


def starts(keys: np.ndarray) -> np.ndarray:
    """Where each run of equal rows begins, and the end."""
    changes = keys[1:] != keys[:-1]
    new = np.flatnonzero(changes if keys.ndim == 1 else changes.any(axis=1)) + 1
    return np.concatenate([np.zeros(min(len(keys), 1), dtype=np.int64), new, [len(keys)]])


def by_depth(bodies: np.ndarray, parent: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cluster by cluster, from the roots outward, so that the children of a node lie together.

    Args:
        bodies: The nodes.
        parent: Body that each hangs on, -1 for roots.
        label: Cluster of each body of the model.

    Returns:
        The node at each position, its depth, and the position of its ancestor.
    """
    node = np.full(len(label) + 1, -1, dtype=np.int64)
    node[bodies] = np.arange(len(bodies))
    above = node[parent]
    depth = depths(above)
    rank = np.zeros(len(bodies), dtype=np.int64)
    for d in range(int(depth.max(initial=0)) + 1):
        members = np.flatnonzero(depth == d)
        order = np.lexsort((bodies[members], rank[above[members]] if d else bodies[members], label[bodies[members]]))
        rank[members[order]] = np.arange(len(members))
    order = np.lexsort((rank, depth, label[bodies]))
    position = np.empty(len(order) + 1, dtype=np.int64)
    position[order], position[-1] = np.arange(len(order)), -1
    return order, depth[order], position[above[order]]


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
