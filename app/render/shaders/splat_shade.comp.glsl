#version 430 core
// What each pixel shows of the spheres that own its samples: the mean colour, how far away, and which samples.
layout(local_size_x = 8, local_size_y = 8) in;
#define PIXEL_PLACE vec2(gl_GlobalInvocationID.xy)
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
#include "splat.glsl"
layout(rgba8, binding = 0) writeonly uniform image2D colors;
layout(rg32f, binding = 1) writeonly uniform image2D places_seen;   // depth, and a mask of samples
uniform vec4 base;
uniform vec4 look;
uniform vec4 emissive;
uniform mat4 to_world;   // from eye space
uniform int side;        // samples a pixel, across and high

vec3 color_at(uint i, ivec2 at, out float depth) {
    Sphere s = sphere_at(i);
    vec3 start, direction, point;
    ray_of(at, start, direction);
    meets(s, start, direction, point);
    depth = clamp(window_depth(point.z), 0.0, 1.0);
    vec3 n = mat3(to_world) * ((point - s.center) / s.radius);
    vec3 world = (to_world * vec4(point, 1.0)).xyz;
    vec4 own = vec4(unpackHalf2x16(statics[5u * i]), unpackHalf2x16(statics[5u * i + 1u]));
    vec3 albedo = base.w > 0.5 ? base.rgb : own.rgb;
#if defined(SHOW_NORMALS)
    return 0.5 + 0.5 * n;
#elif defined(SHOW_COLOR)
    return srgb_encoded(albedo);
#else
    Surface surface = Surface(world, n, albedo, look.x, clamp(look.y, 0.06, 1.0), emissive.rgb);
    return shown(lighting(surface, towards_viewer(world)));
#endif
}

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy), first = at * side;
    if (first.x >= grid.x || first.y >= grid.y) return;
    vec3 sum = vec3(0.0);
    float seen = 0.0, least = 1.0, mask = 0.0;
    uint before = 0xffffffffu;
    for (int k = 0; k < side * side; ++k) {
        ivec2 sample_at = first + ivec2(k % side, k / side);
        uint i = owners[sample_at.y * grid.x + sample_at.x];
        if (i == 0xffffffffu) continue;
        float depth;
        sum += color_at(i, sample_at, depth);
        least = min(least, depth);
        seen += 1.0;
        mask += float(1 << k);
    }
    imageStore(colors, at, vec4(sum / max(seen, 1.0), 1.0));
    imageStore(places_seen, at, vec4(least, mask, 0.0, 0.0));
}
