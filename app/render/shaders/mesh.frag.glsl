#version 330 core
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
#ifdef DEFERRED
in vec4 normal_away;
layout(location = 1) out vec4 geometry;
#else
in vec3 position;
in vec3 normal;
flat in float mirrored;
#endif
in vec2 uv;
in vec4 color;
uniform sampler2D image;
uniform vec4 image_scale;
uniform vec4 image_bias;
uniform vec4 base;       // colour of the material, w = 1 to use it instead of the display colour
uniform vec4 look;       // metallic, roughness, opacity, opacity threshold
uniform vec4 emissive;   // w = 1: an image replaces the colour; 2: it is sRGB-encoded
layout(location = 0) out vec4 pixel;

void main() {
    vec4 albedo = vec4(base.w > 0.5 ? base.rgb : color.rgb, look.z * (base.w > 0.5 ? 1.0 : color.a));
#ifdef TEXTURED
    {
        vec4 texel = texture(image, uv);
        if (emissive.w > 1.5) texel.rgb = srgb_decoded(texel.rgb);
        texel = texel * image_scale + image_bias;
        albedo.rgb = texel.rgb;
        if (look.w > 0.0) {
            if (texel.a < look.w) discard;
        } else {
            albedo.a *= texel.a;
        }
    }
#endif
#ifdef DEFERRED
    vec3 n = normalize(normal_away.xyz);
    float mirrored = color.w;
#else
    vec3 n = normalize(normal);
#endif
    if (gl_FrontFacing == (mirrored < 0.0)) n = -n;
    // Variants instead of branches: software GL runs both sides of a branch.
#if defined(DEFERRED)
    float both = 32.0 * floor(clamp(look.x, 0.0, 1.0) * 7.0 + 0.5) + floor(clamp(look.y, 0.0, 1.0) * 31.0 + 0.5);
    pixel = vec4(sqrt(albedo.rgb), both / 255.0);
    geometry = vec4(n, normal_away.w);
#elif defined(SHOW_NORMALS)
    pixel = vec4(0.5 + 0.5 * n, 1.0);
#elif defined(SHOW_COLOR)
    pixel = vec4(srgb_encoded(albedo.rgb), 1.0);
#else
    vec3 v = towards_viewer(position);
    Surface s = Surface(position, n, albedo.rgb, look.x, clamp(look.y, 0.06, 1.0), emissive.rgb);
    vec3 light = lighting(s, v);
    pixel = vec4(shown(light) * albedo.a, albedo.a);
#endif
}
