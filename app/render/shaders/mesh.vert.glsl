#version 330 core
#include "frame.glsl"
#include "instance.glsl"
#include "maps.glsl"
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_color;
uniform mat3 uv_transform;
uniform float point_size;
#ifdef DEFERRED
// Few values a vertex: software GL prepares each of them for every triangle.
out vec4 normal_away;   // normal, and distance along the view
#else
out vec3 position;
out vec3 normal;
flat out float mirrored;
#endif
out vec2 uv;
#ifdef HAS_MAPS
out vec2 map_uv;        // as authored; each map has its own transform
#endif
#if defined(NORMAL_MAP) && defined(DEFERRED)
out vec3 position;
#endif
out vec4 color;         // DEFERRED: w tells mirrored matrices

void main() {
    if ((in_id.z & HIDDEN) != 0u) { gl_Position = NOWHERE; return; }
    vec3 world = to_world(in_position);
    uv = (uv_transform * vec3(in_uv, 1.0)).xy;
#ifdef HAS_MAPS
    map_uv = in_uv;
#endif
#if defined(NORMAL_MAP) && defined(DEFERRED)
    position = world;
#endif
    color = in_color * in_instance_color;
    gl_PointSize = point_size;
    gl_Position = view_projection * vec4(world, 1.0);
#ifdef DEFERRED
    normal_away = vec4(normal_to_world(in_normal), dot(eye.xyz - world, back.xyz));
    color.w = handedness();
#else
    position = world;
    normal = normal_to_world(in_normal);
    mirrored = handedness();
#endif
}
