"""Hands materials to shaders: their numbers as uniforms, their images as textures."""

from __future__ import annotations

import moderngl
import numpy as np

from app.render.materials import MAPS, ImageMap, Material, Texture
from app.render.shader_source import FIRST_MAP, set_uniforms


class MaterialBinder:
    """Sets what the programs of one context read of a material; keeps the textures of a scene."""

    def __init__(self, context: moderngl.Context, *, software: bool):
        self._context, self._software = context, software
        self._textures: dict[str, moderngl.Texture] = {}

    def variant(self, material: Material) -> tuple[str, ...]:
        """What a mesh's shader must be compiled with to show it."""
        images = ("TEXTURED",) if material.texture is not None else ()
        return (*images, *(f"{name.upper()}_MAP" for name in MAPS if name in material.maps))

    def bind(self, program: moderngl.Program, material: Material) -> None:
        """For meshes: numbers and images."""
        self.bind_numbers(program, material)
        for unit, name in enumerate(MAPS, FIRST_MAP):
            image = material.maps.get(name)
            if image is not None:
                self._texture(image.texture).use(unit)
                self._set_map(program, name, image)
        texture = material.texture
        uv = np.eye(3) if material.uv_transform is None else np.asarray(material.uv_transform)
        set_uniforms(program, uv_transform=uv)
        if texture is None:
            return
        self._texture(texture).use(0)
        set_uniforms(
            program,
            image_scale=texture.scale,
            image_bias=texture.bias,
            emissive=(*material.emissive, 2.0 if texture.srgb else 1.0),
        )

    @staticmethod
    def _set_map(program: moderngl.Program, name: str, image: ImageMap) -> None:
        scale, bias = np.array(image.texture.scale), np.array(image.texture.bias)
        if name == "normal" and (scale == 1.0).all() and not bias.any():
            scale, bias = 2.0 * scale, bias - 1.0  # numbers 0 .. 255 stand for -1 .. 1; some files forget to say so
        pick = np.zeros(4)
        pick[image.channel] = 1.0
        transform = np.eye(3) if image.uv_transform is None else np.asarray(image.uv_transform)
        set_uniforms(
            program,
            **{
                f"{name}_uv": transform,
                f"{name}_scale": tuple(map(float, scale)),
                f"{name}_bias": tuple(map(float, bias)),
                f"{name}_pick": tuple(map(float, pick)),
                f"{name}_srgb": image.texture.srgb,
            },
        )

    def bind_numbers(self, program: moderngl.Program | moderngl.ComputeShader, material: Material) -> None:
        """For what has no texture coordinates."""
        diffuse = (0.0, 0.0, 0.0, 0.0) if material.diffuse is None else (*material.diffuse, 1.0)
        set_uniforms(
            program,
            base=tuple(map(float, diffuse)),
            look=(material.metallic, material.roughness, material.opacity, material.opacity_threshold),
            emissive=(*material.emissive, 0.0),
        )

    def _texture(self, texture: Texture) -> moderngl.Texture:
        if texture.name not in self._textures:
            height, width = texture.pixels.shape[:2]
            # GL counts rows from the bottom, as texture coordinates do.
            made = self._context.texture((width, height), 4, np.ascontiguousarray(texture.pixels[::-1]).tobytes())
            made.build_mipmaps()
            made.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            made.anisotropy = 1.0 if self._software else 8.0
            made.repeat_x, made.repeat_y = texture.repeat
            self._textures[texture.name] = made
        return self._textures[texture.name]

    def release(self) -> None:
        """Give the textures back."""
        for each in self._textures.values():
            each.release()
        self._textures.clear()
