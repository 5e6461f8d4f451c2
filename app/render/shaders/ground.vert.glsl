#version 330 core
#include "frame.glsl"
in vec2 in_corner;
uniform float extent;
uniform float height;
out vec3 position;
out vec2 place;
out vec2 from_center;

void main() {
    vec3 u = vec3(up.z, up.x, up.y), v = cross(up.xyz, u);
    vec3 center = scene.xyz - up.xyz * dot(scene.xyz, up.xyz) + up.xyz * height;
    position = center + extent * (in_corner.x * u + in_corner.y * v);
    place = vec2(dot(position, u), dot(position, v));
    from_center = in_corner;
    gl_Position = view_projection * vec4(position, 1.0);
}
