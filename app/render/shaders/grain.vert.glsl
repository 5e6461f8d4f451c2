#version 330 core
// Spheres and capsules as boxes in which the fragment shader casts rays. An instance has two ends; a sphere has one twice.
#include "frame.glsl"
#include "ray_instance.glsl"
in vec3 in_corner;        // of a box -1 .. 1
in vec3 in_end;
flat out vec3 b;

void main() {
    if (!take_instance()) return;
    b = (model * vec4(in_end, 1.0)).xyz;
    vec3 along = b - a;
    float len = length(along);
    mat3 axes = frame_along(len > 1e-9 ? along / len : vec3(0.0, 0.0, 1.0));
    position = 0.5 * (a + b) + axes * vec3(radius * in_corner.xy, (0.5 * len + radius) * in_corner.z);
    gl_Position = projection_used * vec4(position, 1.0);
}
