"""Equality records into builder calls."""

from __future__ import annotations

from typing import Any

from usd_io.records import EqualityRecord, SceneRecord, SceneWarning


def emit_equalities(scene: SceneRecord, builder: Any, bodies: dict[str, int], joints: dict[str, int]) -> dict[str, int]:
    """Adds all equality constraints; returns path to index."""
    order = axis_order(scene)
    result = {}
    for record in scene.equalities:
        if any(axis is not None and axis[0] not in joints for axis in record.axes or ()):
            scene.warnings.append(SceneWarning(record.path, "couples a joint that was left out; left out as well"))
        else:
            result[record.path] = _emit(record, builder, bodies, joints, order)
    return result


def axis_order(scene: SceneRecord) -> dict[tuple[str, int], int]:
    """Number of each axis of a record (by joint path) among the builder's, which have translations first."""
    order = {}
    for joint in scene.joints:
        kinds = [axis.kind for axis in joint.axes]
        linear = kinds.count("linear")
        for i, kind in enumerate(kinds):
            before = kinds[:i].count(kind)
            order[joint.path, i] = before if kind == "linear" else linear + before
    return order


def _emit(record: EqualityRecord, builder: Any, bodies, joints, order) -> int:
    shared = {"name": record.path, "enabled": record.enabled}
    if record.kind == "joint":
        first, second = record.axes
        source, source_axis = (-1, 0) if second is None else (joints[second[0]], order[second])
        return builder.add_equality_joint(
            joints[first[0]], source, record.coef, axis=order[first], source_axis=source_axis,
            lower=record.span[0], upper=record.span[1], **shared,
        )  # fmt: skip
    ends = [-1 if path is None else bodies[path] for path in record.bodies]
    if record.kind == "connect":
        return builder.add_equality_connect(*ends, record.X_1[:3], record.X_2[:3], **shared)
    return builder.add_equality_weld(*ends, record.X_1, record.X_2, **shared)
