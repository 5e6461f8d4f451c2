#version 330 core
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
#include "read_maps.glsl"
#ifdef DEFERRED
#ifdef NORMAL_MAP
in vec3 position;
#endif
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
    vec4 l = look;
#ifdef OPACITY_MAP
    l.z = number_of(opacity_image, opacity_uv, opacity_scale, opacity_bias, opacity_pick);
    if (l.z < l.w) discard;
    if (l.w > 0.0) l.z = 1.0;
#endif
#ifdef METALLIC_MAP
    l.x = number_of(metallic_image, metallic_uv, metallic_scale, metallic_bias, metallic_pick);
#endif
#ifdef ROUGHNESS_MAP
    l.y = number_of(roughness_image, roughness_uv, roughness_scale, roughness_bias, roughness_pick);
#endif
    vec4 albedo = vec4(base.w > 0.5 ? base.rgb : color.rgb, l.z * (base.w > 0.5 ? 1.0 : color.a));
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
#ifdef NORMAL_MAP
    n = bent_normal(n, position);
#endif
#ifdef OCCLUSION_MAP
    albedo.rgb *= mix(1.0, number_of(occlusion_image, occlusion_uv, occlusion_scale, occlusion_bias, occlusion_pick), 0.7);  // of the light all around, which is most of it in the shade
#endif
    // Variants instead of branches: software GL runs both sides of a branch.
#if defined(DEFERRED)
    float both = 32.0 * floor(clamp(l.x, 0.0, 1.0) * 7.0 + 0.5) + floor(clamp(l.y, 0.0, 1.0) * 31.0 + 0.5);
    pixel = vec4(sqrt(albedo.rgb), both / 255.0);
    geometry = vec4(n, normal_away.w);
#elif defined(SHOW_NORMALS)
    pixel = vec4(0.5 + 0.5 * n, 1.0);
#elif defined(SHOW_COLOR)
    pixel = vec4(srgb_encoded(albedo.rgb), 1.0);
#else
    vec3 v = towards_viewer(position);
    vec3 glow = emissive.rgb;
#ifdef EMISSIVE_MAP
    glow = texel_of(emissive_image, emissive_uv, emissive_scale, emissive_bias).rgb;
    if (emissive_srgb) glow = srgb_decoded(glow);
#endif
    Surface s = Surface(position, n, albedo.rgb, l.x, clamp(l.y, 0.06, 1.0), glow);
    vec3 light = lighting(s, v);
    pixel = vec4(shown(light) * albedo.a, albedo.a);
#endif
}
