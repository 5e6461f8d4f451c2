"""Colours of robot files: numbers for the screen, where USD's are amounts of light."""

from __future__ import annotations

import numpy as np


def linear_color(rgba: np.ndarray) -> tuple[float, ...]:
    """Linear red, green, blue, and opacity as it is, of a colour as robot files write it (sRGB, IEC 61966-2-1)."""
    rgba = np.clip(np.asarray(rgba, float), 0.0, 1.0)
    light = np.where(rgba <= 0.04045, rgba / 12.92, ((rgba + 0.055) / 1.055) ** 2.4)
    return (*(float(v) for v in light[:3]), *(float(v) for v in rgba[3:]))
