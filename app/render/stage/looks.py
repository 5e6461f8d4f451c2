"""Materials of a stage: UsdPreviewSurface with its textures, and what is near enough to it."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from pxr import Ar, Gf, Sdf, Usd, UsdShade

from app.render.materials import MAPS, ImageMap, Material, Texture

LARGEST_TEXTURE = 4096
# Inputs of the shaders that are drawn, by what they mean: UsdPreviewSurface, and the common ones of Omniverse.
INPUTS = {
    "diffuse": ("diffuseColor", "diffuse_color_constant", "diffuse_tint", "base_color", "baseColor"),
    "texture": ("diffuseColor", "diffuse_texture", "base_color"),
    "metallic": ("metallic", "metallic_constant", "metalness"),
    "roughness": ("roughness", "reflection_roughness_constant", "specular_roughness"),
    "opacity": ("opacity", "opacity_constant"),
    "emissive": ("emissiveColor", "emissive_color"),
    "opacity_threshold": ("opacityThreshold", "opacity_threshold"),
    "normal": ("normal", "normalmap_texture"),
    "occlusion": ("occlusion", "ao_texture"),
}
# The same, where images have inputs of their own.
IMAGES = {
    "roughness": ("roughness", "reflectionroughness_texture"),
    "metallic": ("metallic", "metallic_texture"),
    "opacity": ("opacity", "opacity_texture"),
    "emissive": ("emissiveColor", "emissive_color_texture"),
    "normal": INPUTS["normal"],
    "occlusion": INPUTS["occlusion"],
}
_WRAPS = {"repeat": True, "mirror": True, "clamp": False, "black": False, "useMetadata": True}


@dataclass
class Look:
    """A material and the primvar its texture coordinates come from."""

    index: int
    uv_name: str = "st"


class LookReader:
    """Reads each material once.

    Attributes:
        materials: what was read; number 0 is the default.
        notes: what could not be drawn as authored.
    """

    def __init__(self, stage: Usd.Stage, time: Usd.TimeCode):
        self._stage, self._time = stage, time
        self.materials: list[Material] = [Material()]
        self.notes: list[tuple[str, str]] = []
        self._looks: dict[Sdf.Path, Look] = {}
        self._textures: dict[tuple, Texture | None] = {}

    def look(self, prim: Usd.Prim) -> Look:
        """The material that is bound to a prim (or subset), the default if none is."""
        material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial(UsdShade.Tokens.preview)
        if not material:
            return Look(0)
        path = material.GetPath()
        if path not in self._looks:
            self._looks[path] = self._read(material)
        return self._looks[path]

    def _read(self, material: UsdShade.Material) -> Look:
        shader = material.ComputeSurfaceSource()[0] or material.ComputeSurfaceSource("mdl")[0]
        if not shader:
            return Look(0)  # a physics material, for one
        read = _ShaderInputs(shader, self._time)
        out = Material(name=str(material.GetPath()))
        diffuse = read.value("diffuse", None)
        out.diffuse = None if diffuse is None else _color(diffuse)
        look = Look(len(self.materials))
        source = read.texture("texture")
        if source is not None:
            self._attach_texture(out, look, source, material)
        elif read.primvar_name("diffuse") == "displayColor":
            out.diffuse = None
        elif out.diffuse is None:
            out.diffuse = (0.18, 0.18, 0.18) if read.identifier == "UsdPreviewSurface" else None
        out.metallic = float(np.clip(read.value("metallic", 0.0), 0.0, 1.0))
        out.roughness = float(np.clip(read.value("roughness", 0.5), 0.0, 1.0))
        out.opacity = float(np.clip(read.value("opacity", 1.0), 0.0, 1.0))
        out.opacity_threshold = float(read.value("opacity_threshold", 0.0))
        emissive = read.value("emissive", None)
        if emissive is not None and read.value_of("enable_emission", True):
            out.emissive = _color(emissive)
        self._attach_maps(out, look, read, source, material)
        self.materials.append(out)
        return look

    def _attach_maps(
        self,
        out: Material,
        look: Look,
        read: _ShaderInputs,
        color: UsdShade.Shader | _AssetOnly | None,
        material: UsdShade.Material,
    ) -> None:
        """The images besides the colour's."""
        path = str(material.GetPath())
        sees_through = False
        for name in MAPS:
            found = read.image(name)
            if found is None or (name == "emissive" and not read.value_of("enable_emission", True)):
                continue
            node, channel = found
            same = isinstance(node, UsdShade.Shader) and isinstance(color, UsdShade.Shader)
            if name == "opacity" and same and node.GetPath() == color.GetPath() and channel == 3:
                sees_through = True  # the alpha of the colour's own image
                continue
            texture = self._texture(node, path, colors=name == "emissive")
            if texture is None:
                continue
            uv_name, transform = _texture_coordinates(node, self._time)
            if out.texture is None and not out.maps:
                look.uv_name = uv_name
            elif uv_name != look.uv_name:
                self.notes.append((path, f"its {name} map has texture coordinates of its own; {look.uv_name} is taken"))
            out.maps[name] = ImageMap(texture, channel, texture.coordinates(transform))
        if out.texture is not None and not sees_through and isinstance(color, UsdShade.Shader):
            # An image's alpha means nothing unless the opacity is connected to it.
            scale, bias = (*out.texture.scale[:3], 0.0), (*out.texture.bias[:3], 1.0)
            out.texture = replace(out.texture, scale=scale, bias=bias)

    def _attach_texture(self, out: Material, look: Look, node: UsdShade.Shader, material: UsdShade.Material) -> None:
        out.texture = self._texture(node, str(material.GetPath()), colors=True)
        if out.texture is None:
            fallback = _ShaderInputs(node, self._time).value_of("fallback", None)
            if out.diffuse is None:
                out.diffuse = _color(fallback) if fallback is not None else (0.5, 0.5, 0.5)
        look.uv_name, transform = _texture_coordinates(node, self._time)
        out.uv_transform = transform if out.texture is None else out.texture.coordinates(transform)

    def _texture(self, node: UsdShade.Shader | _AssetOnly, path: str, *, colors: bool) -> Texture | None:
        """The image of a node, read once; None, with a note, if it cannot be."""
        reader = _ShaderInputs(node, self._time)
        asset = node.asset if isinstance(node, _AssetOnly) else reader.value_of("file", None)
        if asset is None or not (asset.path or asset.resolvedPath):
            self.notes.append((path, "a texture without a file; the material's colour is shown"))
            return None
        space = str(reader.value_of("sourceColorSpace", "auto"))
        srgb = space == "sRGB" or (colors and space != "raw")
        wraps = tuple(str(reader.value_of(w, "useMetadata")) for w in ("wrapS", "wrapT"))
        scale = tuple(float(v) for v in reader.value_of("scale", (1.0, 1.0, 1.0, 1.0)))
        bias = tuple(float(v) for v in reader.value_of("bias", (0.0, 0.0, 0.0, 0.0)))
        key = (asset.resolvedPath or asset.path, srgb, wraps)
        if key not in self._textures:
            self._textures[key] = self._load(asset, path, srgb, wraps, str(key))
        found = self._textures[key]
        return None if found is None else replace(found, scale=scale, bias=bias)

    def _load(self, asset: Sdf.AssetPath, path: str, srgb: bool, wraps: tuple[str, ...], name: str) -> Texture | None:
        try:
            pixels = read_image(asset)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            self.notes.append((path, f"texture {asset.path} cannot be read ({reason}); a plain colour is shown"))
            return None
        mirror = [w == "mirror" for w in wraps]
        repeat = tuple(_WRAPS.get(w, True) for w in wraps)
        return Texture(name, _mirrored(pixels, mirror), srgb, repeat, spread=tuple(1 + m for m in mirror))


def read_image(asset: Sdf.AssetPath) -> np.ndarray:
    """Pixels uint8 [h, w, 4] of an image asset, also inside a package (.usdz).

    Raises:
        Exception: whatever the resolver or the decoder says.
    """
    from PIL import Image

    resolved = asset.resolvedPath or str(Ar.GetResolver().Resolve(asset.path))
    opened = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved)) if resolved else None
    if not opened:
        raise FileNotFoundError("no such file")
    with opened:
        data = bytes(opened.GetBuffer())
    with Image.open(io.BytesIO(data)) as image:
        if max(image.size) > LARGEST_TEXTURE:
            image.thumbnail((LARGEST_TEXTURE, LARGEST_TEXTURE))
        return np.asarray(image.convert("RGBA"))


@dataclass
class _AssetOnly:
    """A texture that is an input of the surface itself, not a node."""

    asset: Sdf.AssetPath


class _ShaderInputs:
    """Values and connections of a shader's inputs, by name or by meaning (`INPUTS`)."""

    def __init__(self, shader: UsdShade.Shader | _AssetOnly, time: Usd.TimeCode):
        self._shader, self._time = shader, time
        self.identifier = "" if isinstance(shader, _AssetOnly) else shader.GetIdAttr().Get() or ""

    def _sources(self, name: str) -> list:
        if isinstance(self._shader, _AssetOnly):
            return []
        found = self._shader.GetInput(name)
        return found.GetValueProducingAttributes() if found else []

    def value_of(self, name: str, default: object) -> object:
        """Value of an input, through interfaces; the default when it has none or comes from a node."""
        for attribute in self._sources(name):
            if UsdShade.Input.IsInput(attribute):
                value = attribute.Get(self._time)
                if value is not None:
                    return value
        return default

    def value(self, meaning: str, default: object) -> object:
        """Value of the first input with a meaning that has one."""
        for name in INPUTS[meaning]:
            value = self.value_of(name, None)
            if value is not None:
                return value
        return default

    def texture(self, meaning: str) -> UsdShade.Shader | _AssetOnly | None:
        """The texture node that an input comes from."""
        for name in INPUTS[meaning]:
            for attribute in self._sources(name):
                if UsdShade.Output.IsOutput(attribute):
                    node = UsdShade.Shader(attribute.GetPrim())
                    if node and node.GetIdAttr().Get() == "UsdUVTexture":
                        return node
                elif attribute.GetTypeName() == Sdf.ValueTypeNames.Asset:
                    asset = attribute.Get(self._time)
                    if asset and asset.path:
                        return _AssetOnly(asset)
        return None

    def image(self, meaning: str) -> tuple[UsdShade.Shader | _AssetOnly, int] | None:
        """The texture node that a property comes from, and which channel of it."""
        for name in IMAGES[meaning]:
            for attribute in self._sources(name):
                if UsdShade.Output.IsOutput(attribute):
                    node = UsdShade.Shader(attribute.GetPrim())
                    if node and node.GetIdAttr().Get() == "UsdUVTexture":
                        return node, max("rgba".find(attribute.GetBaseName()), 0)
                elif attribute.GetTypeName() == Sdf.ValueTypeNames.Asset:
                    asset = attribute.Get(self._time)
                    if asset and asset.path:
                        return _AssetOnly(asset), 0
        return None

    def primvar_name(self, meaning: str) -> str | None:
        """Name of the primvar that an input reads."""
        for name in INPUTS[meaning]:
            for attribute in self._sources(name):
                node = UsdShade.Shader(attribute.GetPrim())
                if node and str(node.GetIdAttr().Get() or "").startswith("UsdPrimvarReader"):
                    return str(_ShaderInputs(node, self._time).value_of("varname", ""))
        return None


def _texture_coordinates(node: UsdShade.Shader | _AssetOnly, time: Usd.TimeCode) -> tuple[str, np.ndarray | None]:
    """Primvar and 3x3 transform of the coordinates that a texture node reads."""
    transform, name = None, "st"
    for _ in range(4):  # a transform or two, then the reader
        inputs = _ShaderInputs(node, time)
        sources = inputs._sources("st" if inputs.identifier == "UsdUVTexture" else "in")
        if not sources:
            break
        node = UsdShade.Shader(sources[0].GetPrim())
        if not node:
            break
        reader = _ShaderInputs(node, time)
        if reader.identifier == "UsdTransform2d":
            angle = np.radians(float(reader.value_of("rotation", 0.0)))
            sx, sy = reader.value_of("scale", (1.0, 1.0))
            tx, ty = reader.value_of("translation", (0.0, 0.0))
            c, s = np.cos(angle), np.sin(angle)
            step = np.array([[c * sx, -s * sy, tx], [s * sx, c * sy, ty], [0, 0, 1.0]])
            transform = step if transform is None else transform @ step
            continue
        name = str(reader.value_of("varname", "st")) or "st"
        break
    return name, transform


def _mirrored(pixels: np.ndarray, axes: list[bool]) -> np.ndarray:
    """The image with its mirror image beside and above, where it wraps so: coordinates then count for half."""
    for axis, wanted in zip((1, 0), axes, strict=True):
        if wanted:
            both = (pixels, np.flip(pixels, axis))
            # Rows are counted from the top, coordinates from the bottom.
            pixels = np.concatenate(both if axis else both[::-1], axis)
    return pixels


def _color(value: object) -> tuple[float, float, float]:
    if isinstance(value, Gf.Vec3f | Gf.Vec3d | Gf.Vec4f | Gf.Vec4d | tuple):
        return tuple(max(float(v), 0.0) for v in tuple(value)[:3])
    return (float(value),) * 3
