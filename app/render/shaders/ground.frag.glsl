#version 330 core
// The floor of the studio: a plain that catches shadows, with lines every `cell`, and a stronger one every ten.
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
in vec3 position;
in vec2 place;         // along the ground [m]
in vec2 from_center;   // -1 .. 1
uniform float cell;
uniform float extent;
uniform vec3 tint;          // colour of the floor, sRGB
uniform vec3 ink;           // colour of the lines
uniform float floor_opacity;
uniform float line_opacity;
uniform bool below;         // seen from underneath
out vec4 pixel;

// How much of a pixel a line of a lattice covers. `width` is the size of a pixel in cells, times the line's width in
// pixels; lines that lie closer than pixels fade away.
float line_at(vec2 q, vec2 width) {
    vec2 near = abs(fract(q - 0.5) - 0.5);
    vec2 a = clamp(1.0 - near / width, 0.0, 1.0) * clamp(1.4 - 2.8 * width, 0.0, 1.0);
    return max(a.x, a.y);
}

void main() {
    vec2 p = place;
    float fade = 1.0 - smoothstep(0.0625, 1.0, dot(from_center, from_center));
    // Seen at less than seven degrees, lines are as thin as pixels.
    if (eye.w > 0.5) {
        vec3 way = eye.xyz - position;
        float rise = dot(way, up.xyz);
        fade *= min(64.0 * rise * rise / dot(way, way), 1.0);
    }
    vec2 size = fwidth(p), q = p / cell, w = size * (1.2 / cell);
    float lines = max(0.45 * line_at(q, w), line_at(0.1 * q, 0.125 * w)) * line_opacity * fade;
    vec3 color = ink;
#ifdef WITH_AXES
    {
        float on_v = clamp(1.0 - abs(p.x) / (1.6 * size.x), 0.0, 1.0), on_u = clamp(1.0 - abs(p.y) / (1.6 * size.y), 0.0, 1.0);
        if (max(on_u, on_v) * fade > lines) {
            lines = max(on_u, on_v) * fade * 0.8;
            vec3 u = vec3(up.z, up.x, up.y), axis = on_u > on_v ? u : abs(cross(up.xyz, u));
            color = axis.x * vec3(0.87, 0.22, 0.24) + axis.y * vec3(0.36, 0.66, 0.19) + axis.z * vec3(0.20, 0.44, 0.88);
        }
    }
#endif
    if (below) { pixel = vec4(color, 1.0) * lines * 0.5; return; }

    float lit = 1.0;
#ifdef SHADOWS
    vec3 irradiance;
    for (int i = 0; i < SHADOWS; ++i)
        lit -= shadow[i].x * (1.0 - lit_fraction(position, up.xyz, light_at(i, position, irradiance), i));
#endif
    vec3 ground = tint * mix(0.62, 1.0, lit);
    // What lies beyond the floor's colour is only shadow: black with little opacity.
    float floor_alpha = floor_opacity * fade;
    float shade = (1.0 - lit) * 0.38 * (1.0 - floor_alpha) * fade;
    vec4 below = vec4(ground * floor_alpha, floor_alpha + shade * (1.0 - floor_alpha));
    pixel = mix(below, vec4(color * mix(0.75, 1.0, lit), 1.0), lines);
}
