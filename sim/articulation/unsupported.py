"""Says once when a solver leaves a model's joints out."""

import warnings

from sim.errors import SimWarning


def note_joints(model, solver: str) -> None:
    """Warns, once a model, that ``solver`` moves bodies as if they had no joints."""
    if model.joint_count and not model.joints_noted:
        model.joints_noted = True
        warnings.warn(
            f"{solver} does not simulate joints yet: the model's {model.joint_count} joints are left out, and their "
            "bodies move freely; use FeatherstoneIntegrator",
            SimWarning,
            stacklevel=4,
        )
