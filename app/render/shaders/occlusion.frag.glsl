#version 330 core
// How closed in a place is, from the depths around it (McGuire, Mara, Luebke: Scalable Ambient Obscurance, 2012).
#include "frame.glsl"
in vec2 place;
uniform sampler2D depths;
uniform mat4 to_world;      // from clip space
uniform float reach;        // [m]
out vec4 pixel;

const int COUNT = 14;

vec3 world_at(ivec2 at) {
    float depth = texelFetch(depths, at, 0).r;
    vec4 p = to_world * vec4((vec2(at) + 0.5) * viewport.zw * 2.0 - 1.0, 2.0 * depth - 1.0, 1.0);
    return p.xyz / p.w;
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy), last = ivec2(viewport.xy) - 1;
    if (texelFetch(depths, at, 0).r >= 1.0) { pixel = vec4(1.0); return; }
    vec3 p = world_at(at);
    // The smaller step on each axis stays on the surface at its edges.
    vec3 dx = world_at(min(at + ivec2(2, 0), last)) - p, ex = p - world_at(max(at - ivec2(2, 0), ivec2(0)));
    vec3 dy = world_at(min(at + ivec2(0, 2), last)) - p, ey = p - world_at(max(at - ivec2(0, 2), ivec2(0)));
    vec3 n = cross(dot(dx, dx) < dot(ex, ex) ? dx : ex, dot(dy, dy) < dot(ey, ey) ? dy : ey);
    float size = length(n);
    if (size < 1e-20) { pixel = vec4(1.0); return; }
    n /= size;
    float pixel_size = 0.5 * min(length(dx), length(ex)) + 1e-12;
    float away = length(p - eye.xyz), near_by = min(reach, 0.035 * away);
    float spread = clamp(near_by / pixel_size, 3.0, 60.0);
    float turn = float((at.x % 4) + 4 * (at.y % 4)) * 0.39269908;
    // Depths have 24 bits; what they cannot tell is not there.
    float unsure = 4.0 * away * away / (max(back.w, 1e-9) * 16777216.0);
    float sum = 0.0, r2 = near_by * near_by;
    for (int i = 0; i < COUNT; ++i) {
        float r = (float(i) + 0.5) / float(COUNT) * spread, a = float(i) * 2.3999632 + turn;
        ivec2 q = clamp(at + ivec2(round(r * vec2(cos(a), sin(a)))), ivec2(0), last);
        vec3 v = world_at(q) - p;
        float vv = dot(v, v), f = max(1.0 - vv / r2, 0.0);
        sum += f * f * f * max(dot(v, n) - 0.03 * near_by - unsure, 0.0) / (vv + 0.003 * r2);
    }
    pixel = vec4(clamp(1.0 - sum * near_by * 1.3 / float(COUNT), 0.0, 1.0));
}
