"""Which joints make up trees, from the world outward, and which way round each one points.

Files connect bodies in any order and direction. Here every body gets one joint that moves it; joints that would close
a loop are named and left out, bodies that nothing connects to the world float.
"""

from __future__ import annotations

import numpy as np

from usd_io.records import JointRecord, SceneRecord, SceneWarning

IDENTITY = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def spanning_trees(scene: SceneRecord) -> list[JointRecord]:
    """The joints to simulate, parents first, each tree in one piece; a joint turned round where it points inward."""
    trees = _Trees(scene)
    trees.grow(None)
    for body in _roots(scene):
        if body not in trees.visited:
            kinematic = trees.kinematic.get(body, False)
            name = "held" if kinematic else "free"
            X_wb = trees.poses[body] if kinematic else IDENTITY
            trees.take(JointRecord(f"{body}/{name}", "fixed" if kinematic else "free", None, body, X_wb, IDENTITY))
            trees.grow(body)
    return trees.ordered


def _roots(scene: SceneRecord) -> list[str]:
    """Bodies that joints touch, in the order in which they should become roots of floating trees."""
    touched = dict.fromkeys(p for j in scene.joints for p in (j.parent_path, j.child_path) if p is not None)
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
        for joint in scene.joints:
            if joint.outside_tree:
                self._leave_out(joint, "it is excluded from articulations, and loops are not simulated yet")
                continue
            for end in (joint.parent_path, joint.child_path):
                self._at.setdefault(end, []).append(joint)
        # A kinematic body is a fixed place, whatever is joined to it.
        for body in [end for end in self._at if self.kinematic.get(end, False)]:
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
            if outward is None:
                self._leave_out(joint, "it has several axes and points from the tip to the root")
            elif outward.child_path in self.visited:
                self._leave_out(joint, "it closes a loop; loops are not simulated yet")
            else:
                self.take(outward)
                child = outward.child_path
                waiting.extend((child, below) for below in reversed(self._at.get(child, [])))

    def _leave_out(self, joint: JointRecord, why: str) -> None:
        self.scene.warnings.append(SceneWarning(joint.path, f"this joint is left out: {why}"))
