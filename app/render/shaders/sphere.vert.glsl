#version 330 core
// A sphere as one quad towards the viewer (or the light), just large enough.
#include "frame.glsl"
#define HIDDEN 1u
in vec2 in_corner;        // of a square -1 .. 1
in vec3 in_start;
in float in_radius;
in vec4 in_instance_color;
in uvec3 in_id;
uniform mat4 model;
uniform mat4 projection_used;
uniform uint needed;
uniform vec4 seen_from;   // xyz and 1, or direction towards the viewer and 0
flat out vec3 a;
flat out float radius;
flat out vec4 color;
flat out uvec2 id;
flat out float strength;
out vec3 position;

void main() {
    strength = (in_id.z & 2u) != 0u ? 1.0 : 0.5;
    if ((in_id.z & HIDDEN) != 0u || (needed != 0u && (in_id.z & needed) == 0u)) {
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        return;
    }
    a = (model * vec4(in_start, 1.0)).xyz;
    radius = in_radius;
    color = in_instance_color;
    id = in_id.xy;
    vec3 to_eye = seen_from.w > 0.5 ? seen_from.xyz - a : seen_from.xyz;
    float away = max(length(to_eye), 1e-9);
    vec3 z = to_eye / away;
    vec3 x = normalize(cross(abs(z.x) < 0.7 ? vec3(1.0, 0.0, 0.0) : vec3(0.0, 1.0, 0.0), z));
    vec3 y = cross(z, x);
    // In perspective the outline is the tangent cone: its circle seen at the centre's distance is a little larger.
    float size = seen_from.w > 0.5 && away > 1.0001 * radius ? radius * away / sqrt(away * away - radius * radius) : radius;
    position = a + size * (in_corner.x * x + in_corner.y * y);
    gl_Position = projection_used * vec4(position, 1.0);
}
