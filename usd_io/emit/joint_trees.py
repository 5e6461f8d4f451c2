"""Which joints make up trees, from the world outward, and which way round each one points.

Files connect bodies in any order and direction. Here every body gets one joint that moves it; bodies that nothing connects
to the world float. The other joints close loops: those that a file says to be outside of articulations, and of each circle the
one that says least about forces (no drive, no limit).
"""

from __future__ import annotations

import numpy as np

from usd_io.records import JointRecord, SceneRecord

IDENTITY = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def spanning_trees(scene: SceneRecord) -> tuple[list[JointRecord], list[JointRecord]]:
    """Joints that move bodies, and joints that close loops.

    The first list has parents first and each tree in one piece, a joint turned round where it points inward.
    """
    trees = _Trees(scene)
    trees.grow(None)
    for body in _roots(scene):
        if body not in trees.visited:
            kinematic = trees.kinematic.get(body, False)
            name = "held" if kinematic else "free"
            X_wb = trees.poses[body] if kinematic else IDENTITY
            trees.take(JointRecord(f"{body}/{name}", "fixed" if kinematic else "free", None, body, X_wb, IDENTITY))
            trees.grow(body)
    return trees.ordered, trees.loops


def _roots(scene: SceneRecord) -> list[str]:
    """Bodies that joints and constraints touch, in the order in which they should become roots of floating trees."""
    ends = [end for j in scene.joints for end in (j.parent_path, j.child_path)]
    ends += [end for e in scene.equalities for end in e.bodies]
    touched = dict.fromkeys(end for end in ends if end is not None)
    children = {j.child_path for j in scene.joints}
    kinematic = {b.path for b in scene.bodies if b.kinematic}

    def rank(body: str) -> int:
        if body in kinematic:
            return 0
        if any(body == root or body.startswith(f"{root}/") for root in scene.articulation_roots):
            return 1 if body in scene.articulation_roots else 2
        return 3 if body not in children else 4

    return sorted(touched, key=rank)


class _Trees:
    def __init__(self, scene: SceneRecord):
        self.scene = scene
        self.poses = {b.path: b.X_wb for b in scene.bodies}
        self.kinematic = {b.path: b.kinematic for b in scene.bodies}
        self.visited: set[str | None] = {None}
        self.ordered: list[JointRecord] = []
        self._at: dict[str | None, list[JointRecord]] = {}
        self._used: set[int] = set()
        inner = _without_circles(scene.joints, self.kinematic)
        self.loops = [joint for joint in scene.joints if id(joint) not in inner]
        for joint in scene.joints:
            if id(joint) in inner:
                for end in (joint.parent_path, joint.child_path):
                    self._at.setdefault(end, []).append(joint)
        # A kinematic body is a fixed place, whatever is joined to it.
        ends = dict.fromkeys(end for joint in scene.joints for end in (joint.parent_path, joint.child_path))
        for body in [end for end in ends if self.kinematic.get(end, False)]:
            held = JointRecord(f"{body}/held", "fixed", None, body, self.poses[body], IDENTITY)
            for end in (None, body):
                self._at.setdefault(end, []).insert(0, held)

    def take(self, joint: JointRecord) -> None:
        """Adds a joint that moves a new body."""
        self.visited.add(joint.child_path)
        self.ordered.append(joint)

    def grow(self, start: str | None) -> None:
        """Adds everything that hangs on a body, depth first."""
        waiting = [(start, joint) for joint in reversed(self._at.get(start, []))]
        while waiting:
            here, joint = waiting.pop()
            if id(joint) in self._used:
                continue
            self._used.add(id(joint))
            outward = joint if joint.parent_path == here else joint.turned_round()
            if outward is None or outward.child_path in self.visited:
                self.loops.append(joint)
            else:
                self.take(outward)
                child = outward.child_path
                waiting.extend((child, below) for below in reversed(self._at.get(child, [])))


def _without_circles(joints: list[JointRecord], kinematic: dict[str, bool]) -> set[int]:
    """Ids of joints that connect everything without a circle, those with the most to say about forces first."""
    head: dict[str | None, str | None] = {}

    def find(end: str | None) -> str | None:
        end = None if kinematic.get(end, False) else end
        while head.get(end, end) != end:
            head[end] = head.get(head[end], head[end])  # Half the way next time: chains may be long.
            end = head[end]
        return end

    chosen = set()
    for joint in sorted((j for j in joints if not j.outside_tree), key=_rank):
        a, b = find(joint.parent_path), find(joint.child_path)
        if a != b:
            # The world is None and stays a head.
            if a is None:
                a, b = b, a
            head[a] = b
            chosen.add(id(joint))
    return chosen


def _rank(joint: JointRecord) -> int:
    if joint.kind == "distance":
        return 3
    limited = any(axis.lower is not None or axis.upper is not None for axis in joint.axes)
    return 0 if any(axis.drive is not None for axis in joint.axes) else 1 if limited else 2
