"""The solver step a scene asks for, and the stiffness an explicit step can take."""

from __future__ import annotations

from usd_io.records import SceneRecord

DEFAULT_STEP = 1.0 / 1920.0
"""[s] where the scene says nothing about substeps: 32 at 60 frames a second."""
SAFE_FRACTION = 0.1
"""Defaults stay at this fraction of m/dt^2; an explicit step of a chain is stable below about 1/2."""


def solver_step(scene: SceneRecord) -> float:
    """Solver step [s] by the scene's own settings."""
    substeps = scene.settings.substeps
    return 1.0 / (scene.fps * substeps) if substeps else DEFAULT_STEP


def softest(stiffness: float, mass: float, dt: float) -> float:
    """A default stiffness [N/m], lowered to what a step of dt takes safely for particles of ``mass`` [kg]."""
    return min(stiffness, SAFE_FRACTION * mass / dt**2)


def note_stiffness(scene: SceneRecord, path: str, stiffness: float, mass: float, dt: float) -> str | None:
    """A message when an authored stiffness [N/m] is too stiff for the explicit solver's step; None when it is not."""
    if scene.settings.solver == "xpbd" or mass <= 0.0 or stiffness * dt**2 <= 0.5 * mass:
        return None
    needed = (2.0 * stiffness / mass) ** 0.5 / scene.fps
    return (
        f"stiffness {stiffness:.3g} N/m on particles of {mass:.2g} kg may be too stiff for steps of {dt:.2g} s; "
        f"if it blows up, use about {int(needed) + 1} substeps or --solver xpbd"
    )
