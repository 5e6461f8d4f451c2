"""What is selected, and which part of the simulation it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from usd_io import SceneBindings


@dataclass(frozen=True)
class SimulatedPart:
    """What the solver knows of a prim.

    Attributes:
        path: prim that the part belongs to; at or above the one asked for.
        body: index of the rigid body, -1 for none.
        particles: the particles of the cloth, soft body or particle set; None for none.
        shape: index of the collision shape of the very prim asked for, -1 for none.
        joint: index of the joint of the very prim asked for, -1 for none.
    """

    path: str
    body: int = -1
    particles: range | None = None
    shape: int = -1
    joint: int = -1


def find_part(bindings: SceneBindings, path: str) -> SimulatedPart | None:
    """The part of the simulation that a prim belongs to; None for what only stands around."""
    shape, joint = bindings.shapes.get(path, -1), bindings.joints.get(path, -1)
    best = ""
    body, particles = -1, None
    for binding in bindings.bodies:
        if is_at_or_below(path, binding.path) and len(binding.path) > len(best):
            best, body, particles = binding.path, binding.index, None
    for binding in bindings.particles:
        if is_at_or_below(path, binding.path) and len(binding.path) > len(best):
            best, body, particles = binding.path, -1, range(binding.start, binding.start + binding.count)
    if not best and shape < 0 and joint < 0:
        return None
    return SimulatedPart(best or path, body, particles, shape, joint)


def is_at_or_below(path: str, ancestor: str) -> bool:
    """Whether a prim is another one or inside it."""
    return path == ancestor or path.startswith(ancestor.rstrip("/") + "/")


class Selection:
    """One prim, or nothing; observable."""

    def __init__(self):
        """Nothing is selected."""
        self.path: str | None = None
        self.instance = -1
        self._subscribers: list[Callable[[], None]] = []

    def set(self, path: str | None, instance: int = -1) -> None:
        """Select a prim (an instance of it), or nothing."""
        if (path, instance) != (self.path, self.instance):
            self.path, self.instance = path, instance
            for callback in tuple(self._subscribers):
                callback()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every change; returns the function that ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)
