"""Records of what is only looked at: sites, cameras and lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIGHT_KINDS = ("spot", "directional", "point", "image", "headlight")


@dataclass
class MarkerRecord:
    """A named place, camera or light on a body: kept for whoever looks at the stage, and not simulated."""

    path: str
    kind: str
    """``site``, ``camera``, or one of ``LIGHT_KINDS``: a ``headlight`` is the viewer's own."""
    body_path: str | None
    X_bs: np.ndarray
    """Frame in the body's, in the world when it has none. Cameras and lights look along -z."""
    vertical_fov: float = 0.0
    """Of a camera [rad]."""
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of a light: what a white surface that faces it shows at attenuation 1."""
    ambient: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """What a light adds everywhere."""
    attenuation: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Polynomial in the distance [m] that a light is divided by."""
    cutoff: float = 0.0
    """Half angle of a spot light's cone [rad]."""
    exponent: float = 0.0
    """Power of the cosine from a spot light's axis with which it fades."""
    casts_shadow: bool = True
    active: bool = True
    """Whether a light is on."""
    target: str = ""
    """Name of the body that a light is turned to."""
