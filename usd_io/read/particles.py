"""Particles: Points with PhysicsParticleSetAPI or PhysicsDeformableBodyAPI."""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd

from usd_io.read.cable import widths_in_metres
from usd_io.read.reading import Reading
from usd_io.records import ParticleRecord


def read_particles(reading: Reading, prim: Usd.Prim, common: dict[str, Any]) -> ParticleRecord:
    """The record; ``widths`` are diameters."""
    widths = widths_in_metres(reading, prim, common)
    if widths is not None and not widths.all():
        reading.log.add(prim.GetPath().pathString, "some widths are 0; the default radius is used for all")
        widths = None
    return ParticleRecord(**common, radii=None if widths is None else np.ascontiguousarray(0.5 * widths))
