"""Filtered pairs and collision groups as pairs of shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from usd_io.records import SceneRecord, SceneWarning

MAX_PAIRS = 20_000_000


def emit_filters(scene: SceneRecord, builder: Any, shapes: dict[str, np.ndarray]) -> None:
    """Adds the pairs of shapes that do not collide; ``shapes`` are those of each collider. Pairs with deformables cannot be filtered: the scene is warned."""
    deformable = {d.path for d in scene.deformables} | {d.body_path for d in scene.deformables}
    pairs = []
    for a, b in scene.filtered_pairs:
        mine, theirs = (_shapes_of(scene, p, shapes) for p in (a, b))
        if (len(mine) == 0 or len(theirs) == 0) and ({a, b} & deformable):
            _warn(scene, a, f"collisions between {a} and {b} are not filtered: deformables collide with everything")
        pairs.append(_product(mine, theirs))
    pairs += _group_pairs(scene, shapes, deformable)
    pairs = [p for p in pairs if len(p)]
    total = sum(map(len, pairs))
    if total > MAX_PAIRS:
        _warn(scene, "/", f"collision groups filter {total} pairs of shapes, more than {MAX_PAIRS}; they are ignored")
    elif pairs:
        rows = np.unique(np.concatenate(pairs), axis=0)
        builder.shape_collision_filter_pairs.update(rows)


def _group_pairs(scene: SceneRecord, shapes: dict[str, np.ndarray], deformable: set[str]) -> list[np.ndarray]:
    members = {}
    for group in scene.collision_groups:
        members[group.path] = _joined(shapes[p] for p in group.members if p in shapes)
        if group.filtered_groups and group.members & deformable:
            _warn(scene, group.path, "deformables in a filtered collision group collide all the same")
    return [
        _product(members[group.path], members.get(other, np.zeros(0, np.int32)))
        for group in scene.collision_groups
        for other in group.filtered_groups
    ]


def _shapes_of(scene: SceneRecord, path: str, shapes: dict[str, np.ndarray]) -> np.ndarray:
    """Shapes of the collider or body at a path, or of all below it (point instances included)."""
    below = (path.rstrip("/") + "/", path + "[")
    return _joined(
        shapes[c.path]
        for c in scene.colliders
        if path in (c.path, c.body_path) or c.path.startswith(below) or (c.body_path or "").startswith(below)
    )


def _joined(rows) -> np.ndarray:
    return np.unique(np.concatenate([np.zeros(0, np.int32), *rows])).astype(np.int32)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    rows = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.sort(rows[rows[:, 0] != rows[:, 1]], axis=1)


def _warn(scene: SceneRecord, path: str, message: str) -> None:
    scene.warnings.append(SceneWarning(path, message))
