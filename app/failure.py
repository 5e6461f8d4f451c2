"""What a person is told about a simulation that left for infinity."""

from __future__ import annotations

import numpy as np

from app.errors import SimulationFailed
from app.settings import RunSettings
from sim.diagnostics import Divergence
from usd_io import SceneBindings

FAILURE_HINT = {
    "featherstone": "pass more --substeps or soften the contacts",
    "semi-implicit": "pass more --substeps, soften the materials, or try --solver xpbd",
    "xpbd": "pass more --substeps or --iterations",
}


def explain_divergence(
    divergence: Divergence, bindings: SceneBindings, settings: RunSettings, frame: int
) -> SimulationFailed:
    """The error that names the prim, the time and what to try.

    Args:
        divergence: which body or particle, and where it went.
        bindings: which prim became which body or range of particles.
        settings: how it was simulated.
        frame: the frame that failed.
    """
    path, point = prim_of(divergence, bindings)
    return SimulationFailed(
        prim_path=path,
        time=frame * settings.frame_dt,
        frame=frame,
        what=f"{point}{describe_motion(divergence)}",
        hint=FAILURE_HINT[settings.solver],
    )


def prim_of(divergence: Divergence, bindings: SceneBindings) -> tuple[str | None, str]:
    """Prim path of a diverged body or particle, and which of its points it is, in words."""
    index = divergence.index
    if divergence.kind == "body":
        return bindings.body_name(index), ""
    for each in bindings.particles:
        if each.start <= index < each.start + each.count:
            return each.path, f"point {index - each.start}, "
    return None, f"particle {index}, "


def describe_motion(divergence: Divergence) -> str:
    """Where a diverged particle or body is and how fast it moves, in words."""
    position = divergence.value[:3]
    # A body's value is its pose (7 numbers), then angular and linear velocity.
    velocity = divergence.value[3:6] if divergence.kind == "particle" else divergence.value[10:13]
    place = ", ".join(f"{x:.3g}" for x in position)
    speed = float(np.linalg.norm(velocity.astype(np.float64)))
    return f"position ({place}) m, speed {speed:.3g} m/s"
