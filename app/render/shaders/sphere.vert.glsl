#version 330 core
// A sphere as one quad towards the viewer (or the light), just large enough.
#include "frame.glsl"
#include "ray_instance.glsl"
in vec2 in_corner;        // of a square -1 .. 1
uniform vec4 seen_from;   // xyz and 1, or direction towards the viewer and 0

void main() {
    if (!take_instance()) return;
    vec3 to_eye = seen_from.w > 0.5 ? seen_from.xyz - a : seen_from.xyz;
    float away = max(length(to_eye), 1e-9);
    mat3 axes = frame_along(to_eye / away);
    // In perspective the outline is the tangent cone: its circle seen at the centre's distance is a little larger.
    float size = seen_from.w > 0.5 && away > 1.0001 * radius ? radius * away / sqrt(away * away - radius * radius) : radius;
    position = a + size * (axes * vec3(in_corner, 0.0));
    gl_Position = projection_used * vec4(position, 1.0);
}
