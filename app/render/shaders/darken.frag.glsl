#version 330 core
// Multiplies the picture by the occlusion, averaged over the 4 x 4 pixels whose samples complete each other.
#include "frame.glsl"
in vec2 place;
uniform sampler2D occlusion;
uniform sampler2D depths;
out vec4 pixel;

float away(float depth) {  // monotonic in the distance, enough to tell surfaces apart
    return 1.0 / max(1.0 - depth, 1e-7);
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy), last = ivec2(viewport.xy) - 1;
    float here = away(texelFetch(depths, at, 0).r), sum = 0.0, weight = 0.0;
    for (int y = -2; y < 2; ++y) for (int x = -2; x < 2; ++x) {
        ivec2 q = clamp(at + ivec2(x, y), ivec2(0), last);
        float w = abs(away(texelFetch(depths, q, 0).r) - here) < 0.02 * here ? 1.0 : 0.001;
        sum += w * texelFetch(occlusion, q, 0).r;
        weight += w;
    }
    pixel = vec4(vec3(mix(0.25, 1.0, sum / weight)), 1.0);
}
