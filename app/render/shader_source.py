"""GLSL from the files beside this one: includes put in, switches defined."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.render.materials import MAPS

if TYPE_CHECKING:
    import moderngl

FOLDER = Path(__file__).parent / "shaders"


def shader_source(name: str, defines: tuple[str, ...] = ()) -> str:
    """Text of the shader `name`, each include once, with `defines` switched on."""
    text = _expanded(name, set())
    version, rest = text.split("\n", 1)
    return "\n".join([version, *(f"#define {each}" for each in defines), rest])


def _expanded(name: str, seen: set[str]) -> str:
    def include(match: re.Match) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return _expanded(match[1], seen)

    return re.sub(r'^#include "([^"]+)"$', include, _file_text(name), flags=re.MULTILINE)


@cache
def _file_text(name: str) -> str:
    return (FOLDER / name).read_text()


class Programs:
    """Compiled shader pairs of one context, made when first asked for.

    Args:
        context: the GL context.
        lean: shade sparingly: one sample of the shadow map, highlights of one light (software GL).
    """

    def __init__(self, context: moderngl.Context, *, lean: bool):
        self._context, self.lean = context, lean
        self._defines = ("LEAN",) if lean else ()
        self._made: dict[tuple[str, str, tuple[str, ...]], moderngl.Program | moderngl.ComputeShader] = {}

    def get(self, vertex: str, fragment: str, *defines: str) -> moderngl.Program:
        """The program of `vertex`.vert.glsl and `fragment`.frag.glsl, its frame block and samplers bound."""
        key = (vertex, fragment, defines)
        if key not in self._made:
            switches = (*self._defines, *defines)
            program = self._context.program(
                vertex_shader=shader_source(f"{vertex}.vert.glsl", switches),
                fragment_shader=shader_source(f"{fragment}.frag.glsl", switches),
            )
            self._made[key] = _bound(program)
        return self._made[key]

    def compute(self, name: str, *defines: str) -> moderngl.ComputeShader:
        """The compute shader `name`.comp.glsl, bound likewise; needs OpenGL 4.3."""
        key = (name, "", defines)
        if key not in self._made:
            text = shader_source(f"{name}.comp.glsl", (*self._defines, *defines))
            self._made[key] = _bound(self._context.compute_shader(text))
        return self._made[key]


def _bound(program: moderngl.Program | moderngl.ComputeShader) -> moderngl.Program | moderngl.ComputeShader:
    if "Frame" in program:
        program["Frame"].binding = 0
    for unit, name in SAMPLERS.items():
        if name in program:
            program[name].value = unit
    return program


FIRST_MAP = 11
"""Texture unit of the first of `scene.MAPS`."""
DOME_UNIT = FIRST_MAP + len(MAPS)
SAMPLERS = {
    0: "image",
    1: "shadow_map",
    2: "mask",
    3: "picture",
    4: "atlas",
    5: "depths",
    6: "occlusion",
    7: "splat_colors",
    8: "splat_places",
    9: "surface_albedo",
    10: "surface_geometry",
    **{unit: f"{name}_image" for unit, name in enumerate(MAPS, FIRST_MAP)},
    DOME_UNIT: "dome_image",
}
"""Texture units."""


def set_uniforms(program: moderngl.Program | moderngl.ComputeShader, **values: object) -> None:
    """Sets those of the uniforms that the program has: the compiler drops what it does not use."""
    for name, value in values.items():
        member = program.get(name, None)  # asking `in` looks through all of them
        if member is not None:
            if hasattr(value, "astype"):
                member.write(value.T.astype("f4").tobytes() if value.ndim == 2 else value.astype("f4").tobytes())
            else:
                member.value = value
