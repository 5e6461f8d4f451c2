"""Which pairs do not collide: filtered pairs and collision groups."""

from __future__ import annotations

from itertools import combinations

from pxr import Usd, UsdPhysics

from usd_io.read.reading import Reading
from usd_io.read.traversal import PhysicsPrims
from usd_io.read.values import boolean
from usd_io.records import CollisionGroupRecord, SceneRecord

SELF_COLLISION = ("physxArticulation:enabledSelfCollisions", "newton:selfCollisionEnabled")


def read_filtered_pairs(reading: Reading, found: PhysicsPrims) -> list[tuple[str, str]]:
    """Pairs of prim paths named by PhysicsFilteredPairsAPI, each once."""
    pairs = []
    for prim in found.filtered:
        relationship = prim.GetRelationship("physics:filteredPairs")
        mine = prim.GetPath().pathString
        for target in relationship.GetForwardedTargets() if relationship else ():
            if not reading.stage.GetPrimAtPath(target):
                reading.log.add(mine, f"physics:filteredPairs names {target}, which does not exist")
                continue
            pairs.append(tuple(sorted((mine, target.pathString))))
    return sorted(set(pairs))


def articulated_pairs(reading: Reading, record: SceneRecord) -> list[tuple[str, str]]:
    """Pairs of bodies of articulations whose own bodies do not touch each other, as PhysX and Newton say on their roots."""
    neighbours: dict[str, set[str]] = {}
    for joint in record.joints:
        if joint.parent_path is not None and joint.child_path is not None:
            neighbours.setdefault(joint.parent_path, set()).add(joint.child_path)
            neighbours.setdefault(joint.child_path, set()).add(joint.parent_path)
    pairs = []
    for root in record.articulation_roots:
        prim = reading.stage.GetPrimAtPath(root)
        if all(boolean(reading, prim, name, True) for name in SELF_COLLISION):
            continue
        mine = {b.path for b in record.bodies if b.path == root or b.path.startswith(f"{root}/")}
        mine |= {j.child_path for j in record.joints if j.path == root and j.child_path is not None}
        waiting = list(mine)
        while waiting:
            fresh = neighbours.get(waiting.pop(), set()) - mine
            mine |= fresh
            waiting.extend(fresh)
        pairs.extend(combinations(sorted(mine), 2))
    return pairs


def read_groups(reading: Reading, found: PhysicsPrims, collidable: list[str]) -> list[CollisionGroupRecord]:
    """Collision groups with members resolved among the collidable prim paths.

    USD's own table settles ``mergeGroup`` and ``invertFilteredGroups``; groups merge where their names agree.
    """
    if not found.groups:
        return []
    table = UsdPhysics.CollisionGroup.ComputeCollisionGroupTable(reading.stage)
    paths = [g.GetPath() for g in found.groups]
    records = []
    for prim in found.groups:
        query = Usd.CollectionAPI(prim, "colliders").ComputeMembershipQuery()
        path = prim.GetPath()
        members = frozenset(p for p in collidable if query.IsPathIncluded(p.split("[")[0]))
        filtered = frozenset(o.pathString for o in paths if not table.IsCollisionEnabled(path, o))
        records.append(CollisionGroupRecord(path.pathString, members, filtered))
    return records
