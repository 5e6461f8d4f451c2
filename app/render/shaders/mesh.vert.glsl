#version 330 core
#include "frame.glsl"
#include "instance.glsl"
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_color;
uniform mat3 uv_transform;
uniform float point_size;
out vec3 position;
out vec3 normal;
out vec2 uv;
out vec4 color;
flat out float mirrored;

void main() {
    if ((in_id.z & HIDDEN) != 0u) { gl_Position = NOWHERE; return; }
    position = to_world(in_position);
    normal = normal_to_world(in_normal);
    mirrored = handedness();
    uv = (uv_transform * vec3(in_uv, 1.0)).xy;
    color = in_color * in_instance_color;
    gl_PointSize = point_size;
    gl_Position = view_projection * vec4(position, 1.0);
}
