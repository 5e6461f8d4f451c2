#version 330 core
// The floor of the studio: a plain that catches shadows, with lines every `cell`, and a stronger one every ten.
#include "frame.glsl"
#include "tone.glsl"
#include "light.glsl"
in vec3 position;
uniform float cell;
uniform float extent;
uniform vec3 tint;          // colour of the floor, sRGB
uniform vec3 ink;           // colour of the lines
uniform float floor_opacity;
uniform float line_opacity;
uniform int with_axes;
out vec4 pixel;

float line_at(vec2 p, float step_, float width) {
    vec2 q = p / step_, w = fwidth(q) * width;
    vec2 near = abs(fract(q - 0.5) - 0.5);
    vec2 a = 1.0 - smoothstep(vec2(0.0), w * 1.0, near);
    // Lines that lie closer than pixels become an even tone.
    a = mix(a, vec2(0.0), smoothstep(0.15, 0.5, w));
    return max(a.x, a.y);
}

void main() {
    vec3 u = vec3(up.z, up.x, up.y), v = cross(up.xyz, u);
    vec2 p = vec2(dot(position, u), dot(position, v));
    vec3 to_viewer = towards_viewer(position);
    float facing = dot(to_viewer, up.xyz);
    vec3 center = scene.xyz;
    float away = length(position - (center - up.xyz * (dot(center, up.xyz) - dot(position, up.xyz))));
    float fade = 1.0 - smoothstep(0.25 * extent, extent, away);
    fade *= smoothstep(0.0, 0.12, abs(facing));

    float lines = max(0.45 * line_at(p, cell, 1.2), line_at(p, 10.0 * cell, 1.5)) * line_opacity * fade;
    vec3 color = ink;
    if (with_axes == 1) {
        vec2 w = fwidth(p) * 1.6;
        float on_v = 1.0 - smoothstep(0.0, w.x, abs(p.x)), on_u = 1.0 - smoothstep(0.0, w.y, abs(p.y));
        if (max(on_u, on_v) * fade > lines) {
            lines = max(on_u, on_v) * fade * 0.8;
            vec3 axis = on_u > on_v ? abs(u) : abs(v);
            color = axis.x * vec3(0.87, 0.22, 0.24) + axis.y * vec3(0.36, 0.66, 0.19) + axis.z * vec3(0.20, 0.44, 0.88);
        }
    }
    if (facing < 0.0) { pixel = vec4(color, 1.0) * lines * 0.5; return; }

    float lit = 1.0;
    if (shadow.x > 0.5) {
        int caster = int(shadow.z);
        vec3 l = light_place[caster].xyz;
        if (light_place[caster].w > 0.5) l = normalize(l - position);
        lit = lit_fraction(position, up.xyz, l);
    }
    vec3 ground = tint * mix(0.62, 1.0, lit);
    // What lies beyond the floor's colour is only shadow: black with little opacity.
    float floor_alpha = floor_opacity * fade;
    float shade = (1.0 - lit) * 0.38 * (1.0 - floor_alpha) * fade;
    vec4 below = vec4(ground * floor_alpha, floor_alpha + shade * (1.0 - floor_alpha));
    pixel = mix(below, vec4(color * mix(0.75, 1.0, lit), 1.0), lines);
}
