"""Draws what Dear ImGui asks for, through the same moderngl context as the picture."""

from __future__ import annotations

import ctypes

import moderngl
import numpy as np
from imgui_bundle import imgui

VERTEX = """
#version 330
uniform vec4 area;
in vec2 in_position;
in vec2 in_uv;
in vec4 in_color;
out vec2 uv;
out vec4 color;
void main() {
    uv = in_uv;
    color = in_color;
    gl_Position = vec4((in_position - area.xy) / area.zw * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}
"""
FRAGMENT = """
#version 330
uniform sampler2D image;
in vec2 uv;
in vec4 color;
out vec4 result;
void main() { result = color * texture(image, uv); }
"""


class GuiRenderer:
    """Shader, buffers and textures of the panels."""

    def __init__(self, context: moderngl.Context):
        """Needs a current ImGui context; tells it what is possible here."""
        self._context = context
        self._program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._vertices = context.buffer(reserve=1 << 18, dynamic=True)
        self._indices = context.buffer(reserve=1 << 16, dynamic=True)
        self._array: moderngl.VertexArray | None = None
        self._textures: dict[int, moderngl.Texture] = {}
        io, platform = imgui.get_io(), imgui.get_platform_io()
        io.backend_flags |= imgui.BackendFlags_.renderer_has_textures
        limit = min(8192, int(context.info["GL_MAX_TEXTURE_SIZE"]))
        platform.renderer_texture_max_width = platform.renderer_texture_max_height = limit

    def draw(self, data: imgui.ImDrawData, target: moderngl.Framebuffer) -> None:
        """Draw a frame's lists into a framebuffer."""
        self._update_textures()
        scale_x, scale_y = data.framebuffer_scale
        width, height = int(data.display_size.x * scale_x), int(data.display_size.y * scale_y)
        if width < 1 or height < 1:
            return
        context = self._context
        target.use()
        context.viewport = (0, 0, width, height)
        context.enable_only(moderngl.BLEND)
        context.blend_func = (
            moderngl.SRC_ALPHA,
            moderngl.ONE_MINUS_SRC_ALPHA,
            moderngl.ONE,
            moderngl.ONE_MINUS_SRC_ALPHA,
        )
        self._program["area"] = (data.display_pos.x, data.display_pos.y, data.display_size.x, data.display_size.y)
        origin = data.display_pos
        for commands in data.cmd_lists:
            self._upload(commands)
            for command in commands.cmd_buffer:
                left, top, right, bottom = command.clip_rect
                x0, x1 = max(0, int((left - origin.x) * scale_x)), min(width, int((right - origin.x) * scale_x))
                y0, y1 = max(0, int((top - origin.y) * scale_y)), min(height, int((bottom - origin.y) * scale_y))
                texture = self._textures.get(command.tex_ref.get_tex_id())
                if x1 <= x0 or y1 <= y0 or texture is None or not command.elem_count:
                    continue
                target.scissor = (x0, height - y1, x1 - x0, y1 - y0)
                texture.use(0)
                self._array.render(moderngl.TRIANGLES, vertices=command.elem_count, first=command.idx_offset)
        target.scissor = None

    def release(self) -> None:
        """Give textures and buffers back."""
        for texture in self._textures.values():
            texture.release()
        self._textures.clear()

    def _upload(self, commands: imgui.ImDrawList) -> None:
        vertex_bytes = commands.vtx_buffer.size() * imgui.VERTEX_SIZE
        index_bytes = commands.idx_buffer.size() * imgui.INDEX_SIZE
        grown = False
        if vertex_bytes > self._vertices.size or index_bytes > self._indices.size:
            self._vertices.orphan(max(2 * vertex_bytes, self._vertices.size))
            self._indices.orphan(max(2 * index_bytes, self._indices.size))
            grown = True
        if self._array is None or grown:
            layout = "2f 2f 4f1"
            content = [(self._vertices, layout, "in_position", "in_uv", "in_color")]
            self._array = self._context.vertex_array(
                self._program, content, index_buffer=self._indices, index_element_size=imgui.INDEX_SIZE
            )
        if vertex_bytes:
            self._vertices.orphan()
            self._vertices.write(ctypes.string_at(commands.vtx_buffer.data_address(), vertex_bytes))
        if index_bytes:
            self._indices.orphan()
            self._indices.write(ctypes.string_at(commands.idx_buffer.data_address(), index_bytes))

    def _update_textures(self) -> None:
        status = imgui.ImTextureStatus
        for data in imgui.get_platform_io().textures:
            if data.status == status.want_create:
                pixels = np.ascontiguousarray(data.get_pixels_array())
                texture = self._context.texture((data.width, data.height), 4, pixels.tobytes())
                texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
                texture.repeat_x = texture.repeat_y = False
                self._textures[texture.glo] = texture
                data.set_tex_id(texture.glo)
                data.status = status.ok
            elif data.status == status.want_updates:
                texture = self._textures[data.tex_id]
                pixels = np.asarray(data.get_pixels_array()).reshape(data.height, data.width, 4)
                for part in data.updates:
                    block = np.ascontiguousarray(pixels[part.y : part.y + part.h, part.x : part.x + part.w])
                    texture.write(block.tobytes(), viewport=(part.x, part.y, part.w, part.h))
                data.status = status.ok
            elif data.status == status.want_destroy:
                texture = self._textures.pop(data.tex_id, None)
                if texture is not None:
                    texture.release()
                data.set_tex_id(0)
                data.status = status.destroyed
