#version 330 core
// Light for surfaces that were gathered: see deferred_pass.py.
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
in vec3 start;
in vec3 ray;
uniform sampler2D surface_albedo;     // linear colour as its square root; metallic and roughness packed
uniform sampler2D surface_geometry;   // normal, distance along the view
out vec4 pixel;
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 albedo = texelFetch(surface_albedo, at, 0), geometry = texelFetch(surface_geometry, at, 0);
    float both = floor(albedo.a * 255.0 + 0.5), metallic = floor(both / 32.0);
    Surface s = Surface(
        start + geometry.w * ray, geometry.xyz, albedo.rgb * albedo.rgb, metallic / 7.0, max((both - 32.0 * metallic) / 31.0, 0.06), vec3(0.0));
    pixel = vec4(shown(lighting(s, -normalize(ray))), 1.0);
}
