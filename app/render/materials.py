"""Looks of surfaces: numbers and images, after UsdPreviewSurface. No GL, no USD."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Texture:
    """An image on a surface.

    Attributes:
        name: where it came from, for messages and to share it.
        pixels: [height, width, 4] uint8, top row first.
        srgb: whether the values are sRGB-encoded (colours) or plain numbers.
        repeat: whether it repeats, by axis.
        scale: multiplies what is read, [4].
        bias: added to it, [4].
        spread: times that the image holds the picture, by axis: 2 where its mirror image stands beside it.
    """

    name: str
    pixels: np.ndarray
    srgb: bool = True
    repeat: tuple[bool, bool] = (True, True)
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    bias: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    spread: tuple[int, int] = (1, 1)

    def coordinates(self, transform: np.ndarray | None) -> np.ndarray | None:
        """The transform [3, 3] of texture coordinates that finds the picture in the image; None for none."""
        if self.spread == (1, 1):
            return transform
        return np.diag([1.0 / self.spread[0], 1.0 / self.spread[1], 1.0]) @ (
            np.eye(3) if transform is None else transform
        )


MAPS = ("normal", "roughness", "metallic", "opacity", "occlusion", "emissive")
"""What of a material may come from an image besides its colour."""


@dataclass(frozen=True, eq=False)
class ImageMap:
    """An image that a property of a material is read from.

    Attributes:
        texture: the image.
        channel: 0 to 3 for red, green, blue, alpha, where one number is read.
        uv_transform: [3, 3] applied to texture coordinates, or None.
    """

    texture: Texture
    channel: int = 0
    uv_transform: np.ndarray | None = None


@dataclass(eq=False)
class Material:
    """The look of a surface, after UsdPreviewSurface.

    Attributes:
        name: prim path, or "" for the default.
        diffuse: linear colour, None to show the item's display colour.
        texture: image in place of the colour.
        metallic, roughness, opacity: 0 .. 1.
        emissive: linear colour given off.
        opacity_threshold: above 0, texels with less opacity are cut out instead of blended.
        uv_transform: [3, 3] applied to texture coordinates.
        maps: other images, by what they say (`MAPS`); they take the place of the number.
    """

    name: str = ""
    diffuse: tuple[float, float, float] | None = None
    texture: Texture | None = None
    metallic: float = 0.0
    roughness: float = 0.5
    opacity: float = 1.0
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    opacity_threshold: float = 0.0
    uv_transform: np.ndarray | None = None
    maps: dict[str, ImageMap] = field(default_factory=dict)

    @property
    def is_cut_out(self) -> bool:
        """Whether texels below a threshold are left out, instead of blended."""
        return self.opacity_threshold > 0.0

    @property
    def has_see_through_texels(self) -> bool:
        """Whether an image makes it see-through in places that are blended."""
        if self.is_cut_out:
            return False
        if "opacity" in self.maps:
            image = self.maps["opacity"]
            return bool((image.texture.pixels[..., image.channel] < 250).any())
        texture = self.texture
        return texture is not None and texture.scale[3] != 0.0 and bool((texture.pixels[..., 3] < 250).any())
