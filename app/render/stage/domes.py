"""Images on the dome lights of a stage."""

from __future__ import annotations

import io

import numpy as np
from pxr import Ar, Sdf, Usd, UsdGeom

from app.render.dome import DomeImage
from app.render.stage.radiance import MAGIC, read_radiance

FORMATS = ("automatic", "latlong")
LARGEST_IMAGE = 4096
"""Pixels across; wider images are averaged down."""
Z_POLE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From an image whose pole is +y to one whose pole is +z: longitude 0 is then -y (UsdLux, DomeLight_1)."""


def read_dome(prim: Usd.Prim, time: Usd.TimeCode, notes: list[tuple[str, str]]) -> DomeImage | None:
    """The image of a dome light; None for one without, and, with a note, for one that cannot be shown."""
    asset = prim.GetAttribute("inputs:texture:file").Get(time)
    if asset is None or not (asset.path or asset.resolvedPath):
        return None
    path, instead = prim.GetPath().pathString, "the dome gives light of one colour"
    layout = str(prim.GetAttribute("inputs:texture:format").Get(time) or FORMATS[0])
    if layout not in FORMATS:
        notes.append((path, f"its texture's format is {layout}; expected {' or '.join(FORMATS)}; {instead}"))
        return None
    try:
        pixels = read_light_image(asset)
    except Exception as error:  # the resolver and decoders raise many kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        notes.append((path, f"texture {asset.path} cannot be read ({reason}); {instead}"))
        return None
    return DomeImage(asset.resolvedPath or asset.path, pixels, Z_POLE if _has_z_pole(prim) else np.eye(3))


def _has_z_pole(prim: Usd.Prim) -> bool:
    if prim.GetTypeName() != "DomeLight_1":
        return False  # its pole is +y; an operation of its transform turns it up where that is wanted
    axis = str(prim.GetAttribute("poleAxis").Get() or "scene")
    return (str(UsdGeom.GetStageUpAxis(prim.GetStage())) if axis == "scene" else axis) == "Z"


def read_light_image(asset: Sdf.AssetPath) -> np.ndarray:
    """Linear colours [h, w, 3] float32 of an image asset, also inside a package (.usdz).

    Raises:
        Exception: whatever the resolver or the decoder says.
    """
    resolved = asset.resolvedPath or str(Ar.GetResolver().Resolve(asset.path))
    opened = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved)) if resolved else None
    if not opened:
        raise FileNotFoundError("no such file")
    with opened:
        data = bytes(opened.GetBuffer())
    pixels = read_radiance(data) if data.startswith(MAGIC) else _decoded(data)
    while pixels.shape[1] > LARGEST_IMAGE and min(pixels.shape[:2]) > 1:
        height, width = (n // 2 * 2 for n in pixels.shape[:2])
        pixels = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    return np.ascontiguousarray(pixels, np.float32)


def _decoded(data: bytes) -> np.ndarray:
    """Of formats that hold sRGB-encoded colours of eight bits."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            encoded = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        raise ValueError("its format is not known here; expected .hdr (Radiance), .png or .jpg") from None
    value = np.arange(256) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return linear[encoded]
