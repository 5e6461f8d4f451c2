#version 330 core
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
#include "ray.glsl"
uniform vec4 base;
uniform vec4 look;
uniform vec4 emissive;
out vec4 pixel;

void main() {
    vec3 at, n;
    if (!ray_hit(at, n)) discard;
    vec4 albedo = vec4(base.w > 0.5 ? base.rgb : color.rgb, look.z * (base.w > 0.5 ? 1.0 : color.a));
    // Variants instead of branches: software GL runs both sides of a branch.
#if defined(SHOW_NORMALS)
    pixel = vec4(0.5 + 0.5 * n, 1.0);
#elif defined(SHOW_COLOR)
    pixel = vec4(srgb_encoded(albedo.rgb), 1.0);
#else
    Surface s = Surface(at, n, albedo.rgb, look.x, clamp(look.y, 0.06, 1.0), emissive.rgb);
    vec3 light = lighting(s, towards_viewer(at));
    pixel = vec4(shown(light) * albedo.a, albedo.a);
#endif
}
