#version 330 core
#include "frame.glsl"
in vec2 in_corner;      // 0 .. 1
in vec4 in_box;         // left, top, width, height in pixels from the top left
in vec4 in_texels;      // the same in the atlas, 0 .. 1
in vec4 in_line_color;
out vec2 uv;
out vec4 color;
void main() {
    vec2 pixel_place = in_box.xy + in_corner * in_box.zw;
    uv = in_texels.xy + in_corner * in_texels.zw;
    color = in_line_color;
    gl_Position = vec4(pixel_place.x * 2.0 * viewport.z - 1.0, 1.0 - pixel_place.y * 2.0 * viewport.w, 0.0, 1.0);
}
