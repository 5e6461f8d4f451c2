// Properties of a surface that images give, and the normal that a normal map bends.
#include "maps.glsl"
#ifdef HAS_MAPS
in vec2 map_uv;

vec4 texel_of(sampler2D map, mat3 transform, vec4 scale, vec4 bias) {
    return texture(map, (transform * vec3(map_uv, 1.0)).xy) * scale + bias;
}

float number_of(sampler2D map, mat3 transform, vec4 scale, vec4 bias, vec4 pick) {
    return clamp(dot(texel_of(map, transform, scale, bias), pick), 0.0, 1.0);
}
#endif
#ifdef NORMAL_MAP
uniform sampler2D normal_image;
uniform mat3 normal_uv;
uniform vec4 normal_scale;
uniform vec4 normal_bias;
#endif
#ifdef ROUGHNESS_MAP
uniform sampler2D roughness_image;
uniform mat3 roughness_uv;
uniform vec4 roughness_scale;
uniform vec4 roughness_bias;
uniform vec4 roughness_pick;
#endif
#ifdef METALLIC_MAP
uniform sampler2D metallic_image;
uniform mat3 metallic_uv;
uniform vec4 metallic_scale;
uniform vec4 metallic_bias;
uniform vec4 metallic_pick;
#endif
#ifdef OPACITY_MAP
uniform sampler2D opacity_image;
uniform mat3 opacity_uv;
uniform vec4 opacity_scale;
uniform vec4 opacity_bias;
uniform vec4 opacity_pick;
#endif
#ifdef OCCLUSION_MAP
uniform sampler2D occlusion_image;
uniform mat3 occlusion_uv;
uniform vec4 occlusion_scale;
uniform vec4 occlusion_bias;
uniform vec4 occlusion_pick;
#endif
#ifdef EMISSIVE_MAP
uniform sampler2D emissive_image;
uniform mat3 emissive_uv;
uniform vec4 emissive_scale;
uniform vec4 emissive_bias;
uniform bool emissive_srgb;
#endif

#ifdef NORMAL_MAP
// The directions in which texture coordinates grow come from derivatives (Mikkelsen: Bump Mapping Unparametrized Surfaces,
// 2010), so no tangents are needed.
vec3 bent_normal(vec3 n, vec3 at) {
    vec2 place = (normal_uv * vec3(map_uv, 1.0)).xy;
    vec3 dx = dFdx(at), dy = dFdy(at), across = cross(dy, n), along = cross(n, dx);
    vec2 ux = dFdx(place), uy = dFdy(place);
    vec3 t = across * ux.x + along * uy.x, b = across * ux.y + along * uy.y;
    float size = max(dot(t, t), dot(b, b));
    if (size < 1e-30) return n;
    vec3 m = texel_of(normal_image, normal_uv, normal_scale, normal_bias).xyz;
    float inverse_size = inversesqrt(size) * (dot(dx, across) < 0.0 ? -1.0 : 1.0);
    return normalize((m.x * t + m.y * b) * inverse_size + m.z * n);
}
#endif
