// A surface under the lights of the frame: Lambert and GGX for each, a two-colour sky or an image around.
#include "dome.glsl"
uniform sampler2DShadow shadow_map;

#ifndef PIXEL_PLACE
#define PIXEL_PLACE gl_FragCoord.xy
#endif

struct Surface {
    vec3 position;
    vec3 normal;
    vec3 albedo;
    float metallic;
    float roughness;
    vec3 emissive;
};

const float PI = 3.14159265;

float lit_fraction(vec3 position, vec3 normal, vec3 to_light, int i) {
#ifndef SHADOWS
    return 1.0;
#else
    // Step off the surface along its normal, more where light grazes, so that it does not shade itself.
    float slope = clamp(1.0 - dot(normal, to_light), 0.0, 1.0);
    vec4 at = shadow_matrix[i] * vec4(position + normal * shadow[i].y * (1.0 + 2.4 * slope), 1.0);
    vec3 place = at.xyz;
    if (any(lessThan(place, vec3(0.0))) || any(greaterThan(place, vec3(1.0)))) return 1.0;
    // The maps of several lights stand side by side.
    const float across = 1.0 / float(SHADOWS);
    vec2 texel = 1.0 / vec2(textureSize(shadow_map, 0));
    float left = float(i) * across + 0.5 * texel.x, right = float(i + 1) * across - 0.5 * texel.x;
    place.x = clamp((place.x + float(i)) * across, left, right);
#ifdef LEAN
    return texture(shadow_map, place);
#else
    // A disc of samples along a golden-angle spiral, turned by a hash of the pixel: blur without bands.
    float turn = fract(52.9829189 * fract(dot(PIXEL_PLACE, vec2(0.06711056, 0.00583715)))) * 6.2831853;
    // The outer ones come first: where they agree, the others would, too.
    float sum = 0.0;
    for (int k = 15; k >= 0; --k) {
        if (k == 9 && (sum < 0.01 || sum > 5.99)) return sum / 6.0;
        float a = float(k) * 2.3999632 + turn;
        vec2 off = sqrt((float(k) + 0.5) / 16.0) * shadow[i].w * texel * vec2(cos(a), sin(a));
        sum += texture(shadow_map, vec3(clamp(place.x + off.x, left, right), place.y + off.y, place.z));
    }
    return sum / 16.0;
#endif
#endif
}

vec3 sky_light(float upward) {
    return mix(earth.xyz, sky.xyz, 0.5 + 0.5 * clamp(upward, -1.0, 1.0));
}

// Light from all around that a white surface facing n gives back.
vec3 diffuse_sky(vec3 n) {
#ifdef DOME
    return dome_diffuse(n);
#else
    return sky_light(dot(n, up.xyz));
#endif
}

// Direction to a light and what arrives at a place. LIGHTS and LOCAL_LIGHTS are known when this is compiled: software GL
// pays for every index and branch that is not.
vec3 light_at(int i, vec3 position, out vec3 irradiance) {
    vec3 l = light_place[i].xyz;
    irradiance = light_color[i].rgb;
#ifdef LOCAL_LIGHTS
    if (light_place[i].w > 0.5) {
        l -= position;
        float d2 = max(dot(l, l), light_color[i].w * light_color[i].w);
        l = normalize(l);
        irradiance /= d2;
    }
    float along = dot(-l, light_axis[i].xyz);
    if (light_axis[i].w > 0.5) irradiance *= max(along, 0.0);
    irradiance *= clamp((along - light_cone[i].x) * light_cone[i].y, 0.0, 1.0);
#endif
    return l;
}

#ifdef LEAN

// Light reflected towards v. The first light has a highlight (the fit of GGX with its visibility by
// Karis and Lazarov); the others are diffuse.
vec3 lighting(Surface s, vec3 v) {
    vec3 f0 = mix(vec3(0.04), s.albedo, s.metallic);
    vec3 diffuse = s.albedo * ((1.0 - s.metallic) / PI), total = s.emissive, irradiance;
    float nv = max(dot(s.normal, v), 0.0), nu = dot(s.normal, up.xyz), a = s.roughness * s.roughness;
#if LIGHTS > 0
    vec3 l = light_at(0, s.position, irradiance);
    vec3 h = normalize(l + v);
    float nl = max(dot(s.normal, l), 0.0), nh = max(dot(s.normal, h), 0.0), lh = max(dot(l, h), 0.1);
    float d = (nh * nh * (a * a - 1.0) + 1.0) * lh;
    vec3 highlight = f0 * min(a * a / (d * d * (4.0 * s.roughness + 2.0) * PI), 16.0);
    total += (diffuse + highlight) * irradiance * (nl * lit_fraction(s.position, s.normal, l, 0));
#endif
#if LIGHTS > 1
    for (int i = 1; i < LIGHTS; ++i) {
        vec3 l = light_at(i, s.position, irradiance);
#if defined(SHADOWS) && SHADOWS > 1
        if (i < SHADOWS) irradiance *= lit_fraction(s.position, s.normal, l, i);
#endif
        total += diffuse * irradiance * max(dot(s.normal, l), 0.0);
    }
#endif
    total += diffuse * PI * diffuse_sky(s.normal);
    float m = 1.0 - nv, m2 = m * m;
    vec3 edge = f0 + (max(vec3(1.0 - s.roughness), f0) - f0) * (m2 * m2);
#ifdef DOME
    return total + edge * dome_mirrored(reflect(-v, s.normal), a);
#else
    return total + edge * sky_light(mix(2.0 * nv * nu - dot(v, up.xyz), nu, a));
#endif
}

#else

vec3 reflectance(vec3 f0, float cos_h) {
    float m = 1.0 - cos_h, m2 = m * m;
    return f0 + (1.0 - f0) * (m2 * m2 * m);
}

vec3 one_light(Surface s, vec3 v, vec3 f0, vec3 l, vec3 irradiance) {
    float nl = dot(s.normal, l);
    if (nl <= 0.0) return vec3(0.0);
    vec3 h = normalize(l + v);
    float nv = max(dot(s.normal, v), 1e-3), nh = max(dot(s.normal, h), 0.0), vh = max(dot(v, h), 0.0);
    float a = s.roughness * s.roughness, a2 = a * a;
    float d = nh * nh * (a2 - 1.0) + 1.0;
    float k = 0.5 * a;
    float visibility = 0.25 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k));
    vec3 f = reflectance(f0, vh);
    vec3 specular = f * min(a2 / (PI * d * d) * visibility, 16.0);
    vec3 diffuse = s.albedo * (1.0 - s.metallic) * (1.0 - f) / PI;
    return (diffuse + specular) * irradiance * nl;
}

// Light reflected towards v. The first lights cast shadows.
vec3 lighting(Surface s, vec3 v) {
    vec3 f0 = mix(vec3(0.04), s.albedo, s.metallic), total = s.emissive, irradiance;
    float nv = max(dot(s.normal, v), 0.0), nu = dot(s.normal, up.xyz);
#if LIGHTS > 0
    for (int i = 0; i < LIGHTS; ++i) {
        vec3 l = light_at(i, s.position, irradiance);
#ifdef SHADOWS
        if (i < SHADOWS) irradiance *= lit_fraction(s.position, s.normal, l, i);
#endif
        total += one_light(s, v, f0, l, irradiance);
    }
#endif
    // From all around: diffuse from the side the surface faces, mirrored with the split-sum fit of Karis (2014).
    total += s.albedo * (1.0 - s.metallic) * diffuse_sky(s.normal);
    vec4 r = s.roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a004 = min(r.x * r.x, exp2(-9.28 * nv)) * r.x + r.y;
    vec2 ab = vec2(-1.04, 1.04) * a004 + r.zw;
    float gloss = s.roughness * s.roughness;
#ifdef DOME
    total += (f0 * ab.x + ab.y) * dome_mirrored(reflect(-v, s.normal), gloss);
#else
    float mirrored = dot(reflect(-v, s.normal), up.xyz);
    total += (f0 * ab.x + ab.y) * sky_light(mix(mirrored, nu, gloss)) * mix(1.25, 1.0, s.roughness);
#endif
    return total;
}

#endif
