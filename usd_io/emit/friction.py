"""How the friction of two colliders combines, into builder calls."""

from __future__ import annotations

from typing import Any

from usd_io.emit.shapes import ShapeEmitter
from usd_io.records import SceneRecord


def emit_friction(scene: SceneRecord, builder: Any, shapes: dict[str, int]) -> None:
    """Adds rules and coefficients of pairs; ``shapes`` are the first ones of each collider."""
    all_of = {}
    for collider in scene.colliders:
        first = shapes[collider.path]
        all_of[collider.path] = range(first, first + ShapeEmitter.count(collider))
        combine = collider.material.friction_combine or "average"
        if combine != "average" or collider.priority or collider.frictionless:
            for shape in all_of[collider.path]:
                builder.set_shape_friction_rule(
                    shape, combine, priority=collider.priority, frictionless=collider.frictionless
                )
    for (a, b), mu in scene.pair_frictions.items():
        for one in all_of.get(a, ()):
            for other in all_of.get(b, ()):
                builder.add_friction_pair(one, other, mu)
