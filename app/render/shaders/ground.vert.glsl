#version 330 core
#include "frame.glsl"
in vec2 in_corner;
uniform float extent;
uniform float height;
uniform vec4 part;     // of the whole, -1 .. 1: low and high corner
out vec3 position;
out vec2 place;
out vec2 from_center;

void main() {
    vec2 corner = mix(part.xy, part.zw, 0.5 + 0.5 * in_corner);
    vec3 u = vec3(up.z, up.x, up.y), v = cross(up.xyz, u);
    vec3 center = scene.xyz - up.xyz * dot(scene.xyz, up.xyz) + up.xyz * height;
    position = center + extent * (corner.x * u + corner.y * v);
    place = vec2(dot(position, u), dot(position, v));
    from_center = corner;
    gl_Position = view_projection * vec4(position, 1.0);
}
