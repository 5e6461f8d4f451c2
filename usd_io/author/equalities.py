"""Equality records on a stage: as joints outside of articulations, coupled axes as attributes of the joint that follows."""

from __future__ import annotations

from pxr import Sdf, Usd

from usd_io.author.joints import AuthoredAxis, author_joint
from usd_io.records import EqualityRecord, JointRecord, SceneRecord, SceneWarning

KINDS = {"connect": "ball", "weld": "fixed"}


def author_equality(
    stage: Usd.Stage, scene: SceneRecord, record: EqualityRecord, axes: dict[tuple[str, int], AuthoredAxis]
) -> None:
    """Authors a constraint; ``axes`` says what became of each joint axis."""
    if record.kind == "joint":
        _couple(stage, scene, record, axes)
        return
    ends = [*record.bodies], [record.X_1, record.X_2]
    if ends[0][1] is None:  # a joint's child is a body
        ends = ends[0][::-1], ends[1][::-1]
    joint = JointRecord(record.path, KINDS[record.kind], *ends[0], *ends[1], filter_collision=False, outside_tree=True)
    author_joint(stage, scene, joint)
    prim = stage.GetPrimAtPath(record.path)
    prim.CreateAttribute("simrun:equality", Sdf.ValueTypeNames.Token).Set(record.kind)
    if not record.enabled:
        prim.GetAttribute("physics:jointEnabled").Set(False)


def _couple(stage: Usd.Stage, scene: SceneRecord, record: EqualityRecord, axes) -> None:
    first, second = record.axes
    mine, source = axes.get(first), None if second is None else axes.get(second)
    if not record.enabled:
        return
    if mine is None or (second is not None and source is None):
        scene.warnings.append(SceneWarning(record.path, "one of its joints is not on the stage; left out"))
        return
    sign = 1.0 if source is None else source.sign
    coef = [mine.sign * c * sign**k for k, c in enumerate(record.coef)]
    prim = stage.GetPrimAtPath(first[0])
    if prim.GetAttribute(f"simrun:{mine.dof}:coef"):
        scene.warnings.append(
            SceneWarning(record.path, "its joint is coupled already; a stage holds one coupling, left out")
        )
        return
    if any(record.span):
        span = sorted(mine.sign * end for end in record.span)
        prim.CreateAttribute(f"simrun:{mine.dof}:span", Sdf.ValueTypeNames.FloatArray).Set(span)
    prim.CreateAttribute(f"simrun:{mine.dof}:coef", Sdf.ValueTypeNames.FloatArray).Set(coef)
    if source is not None:
        prim.CreateRelationship(f"simrun:{mine.dof}:follows").SetTargets([second[0]])
        prim.CreateAttribute(f"simrun:{mine.dof}:followsAxis", Sdf.ValueTypeNames.Token).Set(source.dof)
