#version 330 core
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec4 color;
flat in float mirrored;
uniform sampler2D image;
uniform vec4 image_scale;
uniform vec4 image_bias;
uniform vec4 base;       // colour of the material, w = 1 to use it instead of the display colour
uniform vec4 look;       // metallic, roughness, opacity, opacity threshold
uniform vec4 emissive;   // w = 1: an image replaces the colour; 2: it is sRGB-encoded
out vec4 pixel;

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
    vec3 n = normalize(normal);
    if (gl_FrontFacing == (mirrored < 0.0)) n = -n;
    // Variants instead of branches: software GL runs both sides of a branch.
#if defined(SHOW_NORMALS)
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
