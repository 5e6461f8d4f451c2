#version 330 core
// Spheres and capsules as boxes in which the fragment shader casts rays. An instance has two ends; a sphere has one twice.
#include "frame.glsl"
#define HIDDEN 1u
in vec3 in_corner;        // of a box -1 .. 1
in vec3 in_start;
in vec3 in_end;
in float in_radius;
in vec4 in_instance_color;
in uvec3 in_id;
uniform mat4 model;
uniform mat4 projection_used;   // of this pass: view, light or pick
uniform uint needed;            // flags that must be set, for the outline
flat out vec3 a;
flat out vec3 b;
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
    b = (model * vec4(in_end, 1.0)).xyz;
    radius = in_radius;
    color = in_instance_color;
    id = in_id.xy;
    vec3 along = b - a;
    float len = length(along);
    vec3 z = len > 1e-9 ? along / len : vec3(0.0, 0.0, 1.0);
    vec3 x = normalize(cross(abs(z.x) < 0.7 ? vec3(1.0, 0.0, 0.0) : vec3(0.0, 1.0, 0.0), z));
    vec3 y = cross(z, x);
    position = 0.5 * (a + b) + radius * (in_corner.x * x + in_corner.y * y) + in_corner.z * (0.5 * len + radius) * z;
    gl_Position = projection_used * vec4(position, 1.0);
}
