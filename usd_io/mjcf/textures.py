"""Colours of MJCF materials: their own, times the mean of their texture. Patterns themselves are not drawn."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.xml.attributes import numbers
from usd_io.xml.element import Element

_MEANS = {
    "flat": lambda one, other: one,
    "checker": lambda one, other: 0.5 * (one + other),
    "gradient": lambda one, other: 0.5 * (one + other),
}
"""Of what MuJoCo makes from two colours."""


def material_color(document: Document, material: Element) -> np.ndarray:
    """Red, green, blue and opacity of a material element [4]."""
    values = document.merged(material)
    rgba = numbers(material, "rgba", (1.0, 1.0, 1.0, 1.0), count=4, source=values).copy()
    # Skies have no name, and are nobody's texture.
    name = values.get("texture", "")
    texture = document.assets.get(("texture", name)) if name else None
    if texture is not None:
        rgba[:3] *= _mean(document, texture)
    return rgba


def _mean(document: Document, texture: Element) -> np.ndarray:
    values = document.merged(texture)
    made = _MEANS.get(values.get("builtin", "none"))
    if made is not None:
        one = numbers(texture, "rgb1", (0.8, 0.8, 0.8), count=3, source=values)
        return made(one, numbers(texture, "rgb2", (0.5, 0.5, 0.5), count=3, source=values))
    file = values.get("file")
    if file is None:
        return np.ones(3)
    try:
        path = document.file(file, texture.where, subfolder=document.compiler.texturedir)
    except SceneError:
        return np.ones(3)  # nothing that is simulated needs it
    return np.array(_image_mean(path))


@cache
def _image_mean(path: Path) -> tuple[float, float, float]:
    """Of an image's pixels; white where it cannot be read, or nothing is there to read it with."""
    try:
        from PIL import Image

        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX), float)
    except (ImportError, OSError, ValueError):
        return 1.0, 1.0, 1.0
    return tuple(float(v) for v in pixels.reshape(-1, 3).mean(axis=0) / 255.0)
