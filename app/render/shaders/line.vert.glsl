#version 330 core
// A line as a quad of a width in pixels.
#include "frame.glsl"
in vec2 in_corner;      // x: 0 start .. 1 end, y: -1 .. 1 across
in vec3 in_start;
in vec3 in_end;
in vec4 in_line_color;
uniform float width;
uniform mat4 projection_used;
out vec4 color;
out float across;
flat out float half_width;

void main() {
    vec4 a = projection_used * vec4(in_start, 1.0), b = projection_used * vec4(in_end, 1.0);
    const float near = 1e-4;
    // Ends behind the viewer are cut off where the line passes the eye.
    if (a.w < near && b.w < near) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
    if (a.w < near) a = mix(b, a, (b.w - near) / (b.w - a.w));
    if (b.w < near) b = mix(a, b, (a.w - near) / (a.w - b.w));
    vec2 pa = a.xy / a.w * viewport.xy, pb = b.xy / b.w * viewport.xy;
    vec2 along = pb - pa;
    along = length(along) > 1e-6 ? normalize(along) : vec2(1.0, 0.0);
    half_width = 0.5 * width + 0.75;
    vec2 side = vec2(-along.y, along.x) * in_corner.y + along * (in_corner.x * 2.0 - 1.0) * 0.5;
    vec4 p = in_corner.x < 0.5 ? a : b;
    p.xy += side * half_width * 2.0 * viewport.zw * p.w;
    p.z -= 2e-4 * p.w;   // in front of the surface it lies on
    across = in_corner.y * half_width;
    color = in_line_color;
    gl_Position = p;
}
