#version 330 core
#include "frame.glsl"
in vec2 in_corner;
in vec3 in_start;
in vec4 in_line_color;
uniform float width;
uniform mat4 projection_used;
out vec4 color;
out vec2 off;
flat out float half_width;
void main() {
    vec4 p = projection_used * vec4(in_start, 1.0);
    half_width = 0.5 * width + 0.75;
    off = in_corner * half_width;
    color = in_line_color;
    p.xy += off * 2.0 * viewport.zw * p.w;
    p.z -= 3e-4 * p.w;
    gl_Position = p;
}
